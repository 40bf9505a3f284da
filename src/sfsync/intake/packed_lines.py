"""Lines of a file as one entry of the inbox, and back: what was read of them, not how they were written."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sfsync.intake.event_files import NumberedEvent
from sfsync.model.arrival import Arrival, ContactEdit, Unreadable
from sfsync.model.event import EmailEvent, EventType


def arrival_of(items: Sequence[NumberedEvent | Unreadable], origin: str) -> Arrival:
    """Events, and lines that cannot be read, in the order of their file."""
    events = [item for item in items if not isinstance(item, Unreadable)]
    return Arrival(
        origin,
        [event for _, event in events],
        [line for line, _ in events],
        [item for item in items if isinstance(item, Unreadable)],
    )


def pack(arrival: Arrival) -> bytes:
    """As JSON."""
    events = [
        _packed(line, event) for line, event in zip(arrival.lines, arrival.events, strict=True)
    ]
    unreadable = [
        (each.line, each.reason, each.raw, each.column, each.event_id)
        for each in arrival.unreadable
    ]
    return json.dumps(
        {
            "events": events,
            "unreadable": unreadable,
            "campaigns": dict(arrival.campaigns),
            "skipped": arrival.skipped,
            "contacts": [_contact(each) for each in arrival.contacts],
        }
    ).encode()


def unpack(body: bytes, origin: str) -> Arrival:
    """The same arrival.

    >>> arrival = Arrival("events.jsonl", [], [], [Unreadable(3, "email: missing", "{}")])
    >>> unpack(pack(arrival), "events.jsonl") == arrival
    True
    """
    held = json.loads(body)
    return Arrival(
        origin,
        [_event(facts) for facts in held["events"]],
        [facts[0] for facts in held["events"]],
        [Unreadable(*facts) for facts in held["unreadable"]],
        held["campaigns"],
        held["skipped"],
        contacts=tuple(ContactEdit(*facts) for facts in held.get("contacts", ())),
    )


def _packed(line: int, event: EmailEvent) -> tuple[object, ...]:
    return (
        line,
        event.id,
        event.type.value,
        event.email,
        event.timestamp,
        event.campaign_id,
        event.campaign_name,
        event.link,
        event.is_machine,
        event.bounce,
        event.contact_id,
    )


def _contact(edit: ContactEdit) -> tuple[object, ...]:
    return (
        edit.email,
        dict(edit.columns),
        edit.id,
        edit.at,
        edit.contact_id,
        edit.is_new,
        edit.unclear,
    )


def _event(facts: Sequence[object]) -> EmailEvent:
    _, event_id, event_type, *others = facts
    return EmailEvent(str(event_id), EventType(event_type), *others)  # type: ignore[arg-type]
