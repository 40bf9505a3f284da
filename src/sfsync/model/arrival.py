"""What senders hand in, read: the events, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sfsync.model.event import EmailEvent


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line of a file, or an event of a delivery, that says nothing usable.

    Attributes:
        line: counted from 1; 0 for what is no line of a file.
        reason: a sentence for people.
        raw: its beginning.
        column: which value is wrong, where it is one.
        event_id: the sender's id, where that could be read.
    """

    line: int
    reason: str
    raw: str = ""
    column: str = ""
    event_id: str = ""

    def __str__(self) -> str:
        """Where it is, and why it cannot be read."""
        where = f"line {self.line}" if self.line else "an event"
        return f"{where}: {f'{self.column}: ' if self.column else ''}{self.reason}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came in together: some lines of a file, one event by flags, or a delivery.

    Attributes:
        origin: the file's name, ``stdin``, ``flags``, or the email service.
        lines: which line each event is, counted from 1; empty where they are no lines.
        campaigns: id -> name, of the campaigns that the sender told of.
        skipped: events that say nothing of a person.
    """

    origin: str
    events: Sequence[EmailEvent] = ()
    lines: Sequence[int] = ()
    unreadable: Sequence[Unreadable] = ()
    campaigns: Mapping[str, str] = field(default_factory=dict)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an arrival in the mirror.

    Attributes:
        contradictions: events whose id is that of another event, of which they say something else.
        quarantined: how much of it is in quarantine.
    """

    new: int = 0
    duplicates: int = 0
    contradictions: Sequence[EmailEvent] = ()
    quarantined: int = 0
