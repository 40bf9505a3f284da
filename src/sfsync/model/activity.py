"""What an email event does, as values: the person it is about, the Task it becomes, what changes in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sfsync.model.consent import Statement
from sfsync.model.event import EmailEvent
from sfsync.model.record import LocalId, SalesforceId, Value


@dataclass(frozen=True, slots=True)
class Person:
    """A row of the mirror that has an event's address.

    Attributes:
        values: the row's mapped columns.
        deleted: the row is soft-deleted: the person is known, and nobody is to be made anew.
    """

    object: str
    local_id: LocalId
    salesforce_id: SalesforceId | None
    values: Mapping[str, Value] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A Task to be created, all but its person's Salesforce Id.

    Attributes:
        key: unique for ever; the event's id, or one for the campaign's first.
        subject: for people who read ``activities``.
        fields: ``{sf_field: JSON value}``.
    """

    key: str
    subject: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class UnnamedTask:
    """A queued Task whose campaign got its name after the Task was written.

    Attributes:
        event: with the name.
        person: ``None`` where the row is gone.
    """

    activity_id: int
    key: str
    event: EmailEvent
    person: Person | None


LEFT_OUT: Final = "left out: a machine's"
"""The note of an event that the rules leave out."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What handling one event does to the mirror.

    Attributes:
        person: whom it is about; ``None`` where the event goes to quarantine.
        new_person: a row to insert first (object, column -> value), where nobody has the address.
        set_values: column -> value to write.
        add_values: column -> how much to add.
        task: the Task to queue, if any.
        statements: what the event says of consent, whatever becomes of the rest.
        waits: the person is deleted: the event waits until the record is restored.
        left_out: it is a machine's, and the rules leave those out: it does nothing.
        problem: ``(code, message, hint)`` for quarantine.
    """

    event: EmailEvent
    person: Person | None = None
    new_person: tuple[str, Mapping[str, Value]] | None = None
    set_values: Mapping[str, Value] = field(default_factory=dict)
    add_values: Mapping[str, int] = field(default_factory=dict)
    task: TaskDraft | None = None
    statements: tuple[Statement, ...] = ()
    waits: bool = False
    left_out: bool = False
    problem: tuple[str, str, str] | None = None
