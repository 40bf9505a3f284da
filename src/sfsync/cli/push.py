"""push: send what was edited in the mirror to Salesforce."""

from __future__ import annotations

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, Objects, SkipIfLocked
from sfsync.cli.run_report import run_verb


def push(
    cli: Cli,
    *,
    objects: Objects = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Send what was edited in the mirror to Salesforce: the changed fields, nothing else.

    Examples:
      sfsync push --dry-run
      sfsync push --object contact
    """
    from sfsync.engine.push import push as run_push

    return run_verb(
        cli,
        lambda session: run_push(session.run, objects or ()),
        dry_run=dry_run,
        allow_mass_change=allow_mass_change,
        skip_if_locked=skip_if_locked,
    )
