"""What is handed in goes into the inbox, and what a run takes in comes from there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.mirror.inbox import Entry, Inbox
    from sfsync.model.arrival import Arrival

LISTENER = "listener"
"""Note: how the process that listens is."""

LINES_PER_ENTRY = 1000
"""Lines that one entry of the inbox holds, and that one transaction of the mirror takes in."""


@contextmanager
def open_inbox(config: Config) -> Iterator[Inbox]:
    """The inbox of the profile's mirror; made where there is none."""
    from sfsync.cli.clock import now
    from sfsync.mirror.inbox import Inbox, inbox_path

    path = inbox_path(config.mirror_path)
    with Inbox(path, now=now, limits=config.limits) as inbox:
        yield inbox


def inbox_state(config: Config) -> dict[str, Any]:
    """What waits in the inbox, for people: how many events, since when, how large it is, and how the process that listens is."""
    from sfsync.mirror.inbox import InboxState, inbox_path

    state, listener = InboxState(), ""
    if inbox_path(config.mirror_path).exists():
        with open_inbox(config) as inbox:
            state, listener = inbox.state(), inbox.noted(LISTENER)
    return {
        "events": state.events,
        "oldest_at": state.oldest_at or None,
        "bytes": state.bytes,
        "listener": json.loads(listener) if listener else None,
    }


def hand_in(config: Config, arrivals: Iterable[Arrival]) -> int:
    """Keep what was handed in durably, without the run lock; how many events that is.

    Raises:
        InputError: the file cannot be read to its end; what was read before is kept.
        InboxFull: there is no room for all of them; what came before is kept.
    """
    from sfsync.intake.packed_lines import pack
    from sfsync.mirror.inbox import Entry

    count = 0
    with ExitStack() as stack:
        inbox = None
        for arrival in arrivals:
            inbox = inbox or stack.enter_context(open_inbox(config))
            events = len(arrival.events) + len(arrival.contacts)
            held = max(events + len(arrival.unreadable), 1)
            inbox.keep(Entry(0, arrival.origin, "lines", pack(arrival), events=held))
            count += events
    return count


def waiting_arrivals(config: Config, *, dry_run: bool = False) -> Iterator[Arrival]:
    """What waits in the inbox, oldest first. An arrival has been taken once the next one is asked for."""
    from sfsync.mirror.inbox import inbox_path

    if not inbox_path(config.mirror_path).exists():
        return
    with open_inbox(config) as inbox:
        for entry in inbox.waiting():
            yield _with_values(config, _arrival(entry), entry.received_at)
            if not dry_run:
                inbox.taken(entry)


def _with_values(config: Config, arrival: Arrival, now: str) -> Arrival:
    if not arrival.contacts:
        return arrival
    from sfsync.intake.contact_edits import with_values

    return with_values(arrival, config.mapping, now=now)


def _arrival(entry: Entry) -> Arrival:
    from sfsync.intake.packed_lines import unpack

    if entry.kind == "lines":
        return unpack(entry.body, entry.origin)
    from sfsync.intake.service_files import arrival_of_delivery
    from sfsync.intake.sources.registry import SOURCES

    return arrival_of_delivery(entry.body, SOURCES[entry.origin], now=entry.received_at)
