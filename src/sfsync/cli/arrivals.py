"""What is handed in goes into the inbox, and what a run takes in comes from there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.intake.event_files import NumberedEvent
    from sfsync.mirror.inbox import Entry, Inbox
    from sfsync.model.arrival import Arrival, Unreadable

LINES_PER_ENTRY = 1000
"""Lines that one entry of the inbox holds, and that one transaction of the mirror takes in."""


@contextmanager
def open_inbox(config: Config) -> Iterator[Inbox]:
    """The inbox of the profile's mirror; made where there is none."""
    from sfsync.cli.clock import now
    from sfsync.mirror.inbox import Inbox, inbox_path

    with Inbox(inbox_path(config.mirror_path), now=now) as inbox:
        yield inbox


def hand_in(config: Config, items: Iterable[NumberedEvent | Unreadable], origin: str) -> int:
    """Keep events durably, without the run lock; how many events there were.

    Raises:
        InputError: the file cannot be read to its end; what was read before is kept.
        InboxFull: there is no room for all of them; what came before is kept.
    """
    from sfsync.engine.run import batched
    from sfsync.intake.packed_lines import arrival_of, pack
    from sfsync.mirror.inbox import Entry

    count = 0
    with open_inbox(config) as inbox:
        for batch in batched(items, LINES_PER_ENTRY):
            arrival = arrival_of(batch, origin)
            inbox.keep(Entry(0, origin, "lines", pack(arrival), events=len(batch)))
            count += len(arrival.events)
    return count


def waiting_arrivals(config: Config, *, dry_run: bool = False) -> Iterator[Arrival]:
    """What waits in the inbox, oldest first. An arrival has been taken once the next one is asked for."""
    from sfsync.mirror.inbox import inbox_path

    if not inbox_path(config.mirror_path).exists():
        return
    with open_inbox(config) as inbox:
        for entry in inbox.waiting():
            yield _arrival(entry)
            if not dry_run:
                inbox.taken(entry)


def _arrival(entry: Entry) -> Arrival:
    from sfsync.intake.packed_lines import unpack

    return unpack(entry.body, entry.origin)
