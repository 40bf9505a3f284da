"""What senders hand in, read: the events, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sfsync.model.event import EmailEvent
from sfsync.model.record import Values


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


KINDS_TOLD = 20
"""Kinds of reasons why lines cannot be read that one run tells."""


@dataclass(slots=True)
class UnreadableKind:
    """Lines that cannot be read for the same kind of reason: how many, and the first of them."""

    origin: str
    first: Unreadable
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "source": self.origin,
            "line": self.first.line or None,
            "column": self.first.column,
            "reason": self.first.reason,
            "raw": self.first.raw,
            "count": self.count,
        }

    def __str__(self) -> str:
        """The first of them in a sentence, and how many more there are."""
        more = f" ({self.count - 1} more of this kind)" if self.count > 1 else ""
        return f"{self.origin}, {self.first}{more}"


@dataclass(slots=True)
class UnreadableKinds:
    """What could not be read, by kind of reason, in the order of the first of each."""

    _kinds: dict[str, UnreadableKind] = field(default_factory=dict)

    def note(self, origin: str, line: Unreadable) -> None:
        """Count a line that cannot be read; of each kind of reason the first one is kept."""
        # a reason quotes the value that is wrong, so in a column all reasons are one kind
        kind = line.column or line.reason
        if kind in self._kinds:
            self._kinds[kind].count += 1
        elif len(self._kinds) < KINDS_TOLD:
            self._kinds[kind] = UnreadableKind(origin, line)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._kinds)

    def __iter__(self) -> Iterator[UnreadableKind]:
        """Each kind."""
        return iter(self._kinds.values())

    def as_list(self) -> list[dict[str, Any]]:
        """As JSON has them."""
        return [kind.as_dict() for kind in self]


@dataclass(frozen=True, slots=True)
class ContactEdit:
    """Somebody was added or changed at the service.

    Attributes:
        email: empty where only the service's own id says who it is.
        columns: ``{the service's field: text}``; empty text blanks.
        id: the event's.
        at: when it was, as the service writes it.
        contact_id: who it is, as ``service:id``; empty where nothing says.
        is_new: somebody was added.
        unclear: fields whose values make no sense.
        values: by object, what it says of the mirror's columns; empty until a mapping was held against it.
        creates: the object that somebody unknown becomes; empty for none.
    """

    email: str
    columns: Mapping[str, str]
    id: str = ""
    at: str = ""
    contact_id: str = ""
    is_new: bool = False
    unclear: tuple[str, ...] = ()
    values: Mapping[str, Values] = field(default_factory=dict)
    creates: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came in together: some lines of a file, one event by flags, or a delivery.

    Attributes:
        origin: the file's name, ``stdin``, ``flags``, or the email service.
        lines: which line each event is, counted from 1; empty where they are no lines.
        campaigns: id -> name, of the campaigns that the sender told of.
        skipped: events that say nothing of a person.
        contacts: people who were added or changed there.
        names_later: the sender tells what a campaign is called in an event of its own, maybe later.
    """

    origin: str
    events: Sequence[EmailEvent] = ()
    lines: Sequence[int] = ()
    unreadable: Sequence[Unreadable] = ()
    campaigns: Mapping[str, str] = field(default_factory=dict)
    skipped: int = 0
    names_later: bool = False
    contacts: Sequence[ContactEdit] = ()


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


@dataclass(frozen=True, slots=True)
class ContactsTaken:
    """What became of what a service said of people.

    Attributes:
        written: rows that were made or changed.
        duplicates: it was said before.
        unknown: nobody here is meant, and nobody is to be made.
    """

    written: int = 0
    duplicates: int = 0
    unknown: int = 0
