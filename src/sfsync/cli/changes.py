"""changes: what changed in the mirror, oldest first, one JSON document a line, for other programs."""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import MirrorBusy, UsageError

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.row_change import FeedCursor, RowChange

NOW = "now"
PAGE = 500
"""Lines read, and written, at once."""

LOOK_SECONDS = 0.25
"""How often ``--follow`` looks whether another program has written."""


def changes(
    cli: Cli,
    *,
    since: Annotated[
        str,
        typer.Option(
            metavar="CURSOR",
            help="Only what came after this line, by its `cursor`; `now`: only what comes.",
            show_default="from the oldest line that is kept",
        ),
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until it is stopped.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="End after so many lines.")
    ] = None,
    only: Annotated[
        str,
        typer.Option(
            "--object",
            metavar="NAME",
            help="Only rows of this object.",
            autocompletion=completion.objects,
        ),
    ] = "",
) -> Answer:
    """Print what changed in the mirror, whoever changed it, oldest first: one JSON document a line.

    Each line has a cursor, from which --since goes on. Waits for no run, and asks nobody but the mirror.

    Examples:
      sfsync changes --since now --follow
      sfsync changes --since c1-1a2b3c4d-1021 --object contact
    """
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    refuse_unknown(config, [only] if only else [])
    with open_mirror(config) as mirror:
        place = _beginning(mirror, since)
        for lines in _pages(mirror, place, limit, only, follow=follow):
            for line in lines:
                sys.stdout.write(json.dumps(line.as_dict()) + "\n")
            sys.stdout.flush()
    return Answer(is_written=True)


def refuse_unknown(config: Config, names: Sequence[str]) -> None:
    """Stop at an object that is not mapped.

    Raises:
        UsageError: one of them is none.
    """
    from sfsync.document.problems import suggestion

    known = list(config.mapping.objects)
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no object {name!r}{suggestion(name, known)}",
                hint=f"There are: {', '.join(known)}",
            )


def _beginning(mirror: SqliteMirror, since: str) -> FeedCursor:
    if not since:
        return mirror.changes.oldest()
    if since == NOW:
        return mirror.changes.latest()
    return mirror.changes.place_of(since)


def _pages(
    mirror: SqliteMirror, place: FeedCursor, limit: int | None, only: str, *, follow: bool
) -> Iterator[list[RowChange]]:
    left = limit
    while left is None or left > 0:
        version = mirror.changes.version()
        try:
            lines = mirror.changes.page(place, PAGE if left is None else min(PAGE, left), only)
        except MirrorBusy:
            if not follow:
                raise
            continue  # a transaction that takes long to be written
        if lines:
            yield lines
            place = lines[-1].cursor
            left = None if left is None else left - len(lines)
        elif follow:
            _wait_for_another(mirror, version)
        else:
            return


def _wait_for_another(mirror: SqliteMirror, version: int) -> None:
    """Wait until some other program has written to the mirror.

    Raises:
        BrokenPipeError: nobody reads stdout any more.
    """
    while True:
        time.sleep(LOOK_SECONDS)
        if _reader_has_gone():
            raise BrokenPipeError
        with suppress(MirrorBusy):  # a long transaction: look again
            if mirror.changes.version() != version:
                return


def _reader_has_gone() -> bool:
    """Whether stdout is a pipe whose other end is closed."""
    watcher = select.poll()
    watcher.register(sys.stdout, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in watcher.poll(0))
