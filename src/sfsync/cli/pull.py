"""pull: bring what changed in Salesforce into the mirror."""

from __future__ import annotations

from typing import Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, Objects, SkipIfLocked
from sfsync.cli.run_report import run_verb
from sfsync.errors import UsageError


def pull(
    cli: Cli,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="From this time instead of the watermark: 2026-01-20, 7d, 12h, yesterday.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything, and look for records that are gone.")
    ] = False,
    objects: Objects = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Bring what changed in Salesforce into the mirror.

    Without --since it goes on from where the last pull got to, and reads a little before that
    again, so that records committed late are not missed.

    Examples:
      sfsync pull
      sfsync pull --since 7d --object contact
      sfsync pull --full --dry-run
    """
    from sfsync.cli.clock import local_now
    from sfsync.cli.since import parse_when
    from sfsync.engine.pull import pull as run_pull

    if since and full:
        raise UsageError("--since and --full do not go together")
    start = parse_when(since, local_now()) if since else None
    return run_verb(
        cli,
        lambda session: run_pull(session.run, objects or (), since=start, full=full),
        dry_run=dry_run,
        allow_mass_change=allow_mass_change,
        skip_if_locked=skip_if_locked,
    )
