"""pause and resume: the switch for every writing command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.errors import Paused

if TYPE_CHECKING:
    from sfsync.mirror.store import SqliteMirror


def refuse_if_paused(mirror: SqliteMirror) -> None:
    """Stop a command that writes while writing is switched off.

    Raises:
        Paused: it is.
    """
    since = mirror.state.note("paused")
    if since:
        raise Paused(f"sfsync is paused since {since}: nothing is written", hint="sfsync resume")


def pause(cli: Cli, *, dry_run: DryRun = False) -> Answer:
    """Switch every writing command off, for this mirror, until `sfsync resume`."""
    from sfsync.cli.clock import now
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(configuration(cli)) as mirror:
        since = mirror.state.note("paused")
        if not since and dry_run:
            return _pause_answer(None, "It would be paused from now on.", dry_run=dry_run)
        since = since or now()
        if not dry_run:
            mirror.state.keep_note("paused", since)
    return _pause_answer(since, f"Paused since {since}.", dry_run=dry_run)


def _pause_answer(since: str | None, sentence: str, *, dry_run: bool) -> Answer:
    return Answer(
        {"paused_since": since, "dry_run": dry_run}, lambda console: console.print(sentence)
    )


def resume(cli: Cli, *, dry_run: DryRun = False) -> Answer:
    """Switch writing on again after `sfsync pause`."""
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(configuration(cli)) as mirror:
        since = mirror.state.note("paused")
        if not dry_run:
            mirror.state.keep_note("paused", "")
    if not since:
        sentence = "It was not paused."
    elif dry_run:
        sentence = f"It would be resumed; it was paused since {since}."
    else:
        sentence = f"Resumed; it was paused since {since}."
    return Answer(
        {"was_paused_since": since or None, "dry_run": dry_run},
        lambda console: console.print(sentence),
    )
