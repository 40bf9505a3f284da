"""Rules on people at the email platform: who was added or changed there is imported or edited here."""

from __future__ import annotations

from typing import Any, Final

from sfsync.document.problems import Path, Problems, shown, suggestion
from sfsync.document.shapes import shaped
from sfsync.mapping.shapes import ContactRuleShape
from sfsync.model.mapping import RecordEvent

CONTACT_EVENTS: Final = {
    "contact_created": RecordEvent.CREATED,
    "contact_updated": RecordEvent.UPDATED,
}
"""What happens to people at the email platform; it calls all of them contacts."""

_ACTIONS: Final = {RecordEvent.CREATED: "import", RecordEvent.UPDATED: "update"}


def is_contact_rule(entry: object) -> bool:
    """Whether a line of ``penguinmails_to_salesforce`` is about people, not about emails."""
    return isinstance(entry, dict) and str(entry.get("on")) in CONTACT_EVENTS


def contact_rules(
    raw: list[Any], path: Path, name: str, problems: Problems
) -> tuple[RecordEvent, ...]:
    """Which changes of people are edits of this object's rows."""
    events: list[RecordEvent] = []
    for index, entry in enumerate(raw):
        if not is_contact_rule(entry):
            continue
        where = (*path, index)
        shape = shaped(ContactRuleShape, entry, where, problems)
        if shape is None:
            continue
        event = CONTACT_EVENTS[shape.on]
        action = f"{_ACTIONS[event]}_{name}"
        if shape.action != action:
            told = f"{shown(shape.action)} does not answer to {shape.on}{suggestion(shape.action, [action])}"
            problems.add((*where, "action"), told)
        elif event in events:
            problems.add(where, f"a second rule on {shape.on} would do nothing")
        events.append(event)
    return tuple(event for event in RecordEvent if event in events)
