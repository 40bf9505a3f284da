"""sync: pull, push and queued activity in one run."""

from __future__ import annotations

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, Objects, SkipIfLocked
from sfsync.cli.run_report import run_verb


def sync(
    cli: Cli,
    *,
    objects: Objects = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Pull, then push, then log the activity that is queued: the line for cron.

    Then endpoints of `webhooks` are told what changed, where no listener does that.

    Examples:
      sfsync sync
      sfsync sync --skip-if-locked --quiet
    """
    from sfsync.cli.outgoing import beginning, delivering
    from sfsync.cli.wiring import configuration
    from sfsync.engine.sync import sync as run_sync

    config = configuration(cli)
    answer = run_verb(
        cli,
        beginning(lambda session: run_sync(session.run, objects or ())),
        dry_run=dry_run,
        allow_mass_change=allow_mass_change,
        skip_if_locked=skip_if_locked,
        config=config,
    )
    return delivering(cli, config, answer)
