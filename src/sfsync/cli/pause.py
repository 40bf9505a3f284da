"""pause and resume: the switch for every writing command."""

from __future__ import annotations

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun


def pause(cli: Cli, *, dry_run: DryRun = False) -> Answer:
    """Switch every writing command off, for this mirror, until `sfsync resume`."""
    from sfsync.cli.clock import now
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(cli, configuration(cli)) as mirror:
        there = mirror.state.note("paused")
        since = there or now()
        if not dry_run:
            mirror.state.keep_note("paused", since)
    told = f"Paused since {since}." if there or not dry_run else "It would be paused from now on."
    return Answer(
        {"paused_since": since if there or not dry_run else None, "dry_run": dry_run},
        lambda console: console.print(told),
    )


def resume(cli: Cli, *, dry_run: DryRun = False) -> Answer:
    """Switch writing on again after `sfsync pause`."""
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(cli, configuration(cli)) as mirror:
        since = mirror.state.note("paused")
        if not dry_run:
            mirror.state.keep_note("paused", "")
    does = "It would be resumed" if dry_run else "Resumed"
    told = f"{does}; it was paused since {since}." if since else "It was not paused."
    return Answer(
        {"was_paused_since": since or None, "dry_run": dry_run}, lambda console: console.print(told)
    )
