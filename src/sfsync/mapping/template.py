"""The text of a logged Task: values with ``{names}`` in them, filled from an email event. Pure.

A value that *is* a name, or one ``{name}`` and nothing else, stands for that value alone; otherwise
it is text. ``{{`` and ``}}`` are braces. Names are looked up in a fixed list and put in as they
are: what an event holds is never itself read as a template.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from sfsync.document.problems import suggestion
from sfsync.model.event import EmailEvent
from sfsync.model.mapping import PERSON, ActivityMap
from sfsync.model.record import SalesforceId, Value

EVENT_NAMES: Final = (
    "action",
    "activity_type",
    "campaign_id",
    "campaign_name",
    "event_id",
    "event_timestamp",
)
"""What every event knows."""

NAMES: Final = (PERSON, "contact_name", *EVENT_NAMES)
"""What a Task may say."""

NO_CAMPAIGN: Final = "(no campaign)"

DATE_FIELDS: Final = frozenset({"ActivityDate"})
"""Fields that hold a calendar date: they get the event's day in the configured zone.

Source: docs/salesforce.md §7.3 (ActivityDate is a date, midnight UTC, never shifted).
"""

MAX_LENGTHS: Final[Mapping[str, int]] = {"Subject": 255, "Description": 32_000}
"""Source: docs/salesforce.md §7.3."""

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

Segment: TypeAlias = tuple[bool, str]
"""``(True, name)`` or ``(False, text)``."""


@lru_cache(maxsize=256)
def segments(template: str, known: tuple[str, ...] = NAMES) -> tuple[Segment, ...]:
    """Take a template apart.

    Raises:
        ValueError: an unknown name, or a lone brace; the sentence says which.

    >>> segments("Email: {campaign_name}")
    ((False, 'Email: '), (True, 'campaign_name'))
    >>> segments("contact_id")
    ((True, 'contact_id'),)
    """
    if template in known:
        return ((True, template),)
    parts: list[Segment] = []
    end = 0
    for match in _PART.finditer(template):
        parts.append((False, template[end : match.start()]))
        parts.append(_part(match, known))
        end = match.end()
    parts.append((False, template[end:]))
    return _joined(parts)


def _part(match: re.Match[str], known: tuple[str, ...]) -> Segment:
    found = match.group()
    if found in {"{{", "}}"}:
        return (False, found[0])
    name = match.group(1)
    if name is None:
        raise ValueError(f"a lone {found}; write {found * 2} for the character itself")
    if name not in known:
        raise ValueError(f"unknown name {{{name}}}{suggestion(name, known)}")
    return (True, name)


def _joined(parts: list[Segment]) -> tuple[Segment, ...]:
    joined: list[Segment] = []
    for is_name, content in parts:
        if is_name or not joined or joined[-1][0]:
            joined.append((is_name, content))
        else:
            joined[-1] = (False, joined[-1][1] + content)
    return tuple(part for part in joined if part[1])


def literal(template: str) -> str | None:
    """The fixed text of a template without names; ``None`` where it has any.

    >>> literal("Completed"), literal("contact_id")
    ('Completed', None)
    """
    parts = segments(template)
    return (
        None if any(is_name for is_name, _ in parts) else "".join(content for _, content in parts)
    )


def alone(template: str) -> str:
    """The name a template consists of; empty where it is text.

    >>> alone("{event_timestamp}"), alone("at {event_timestamp}")
    ('event_timestamp', '')
    """
    parts = segments(template)
    return parts[0][1] if len(parts) == 1 and parts[0][0] else ""


def local_date(timestamp: str, timezone: str) -> str:
    """The calendar day of an instant, there.

    >>> local_date("2026-01-20T23:30:00Z", "Europe/Berlin")
    '2026-01-21'
    """
    return datetime.fromisoformat(timestamp).astimezone(ZoneInfo(timezone)).date().isoformat()


def render_task(
    activity_map: ActivityMap,
    event: EmailEvent,
    *,
    contact_id: SalesforceId | None,
    contact_name: str,
    max_lengths: Mapping[str, int] = MAX_LENGTHS,
) -> dict[str, Value]:
    """The fields of the Task that tells this event.

    Args:
        activity_map: the configured fields.
        event: what happened.
        contact_id: the person; ``None`` leaves ``who_field`` out, to be added once the person is
        known.
        contact_name: how the person is called; without one the address stands for it.
        max_lengths: in UTF-16 units, by field; longer text ends in an ellipsis.

    Returns:
        ``{sf_field: JSON value}``.
    """
    known = _event_values(event) | {"contact_name": contact_name.strip() or event.email}
    task: dict[str, Value] = {}
    for name, template in activity_map.fields:
        single = alone(template)
        if single == PERSON:
            if contact_id is not None:
                task[name] = contact_id
        elif single == "event_timestamp":
            day = name in DATE_FIELDS
            task[name] = (
                local_date(event.timestamp, activity_map.timezone) if day else event.timestamp
            )
        else:
            task[name] = _fitted(name, _filled(segments(template), known), max_lengths)
    return task


def render_value(template: str, event: EmailEvent) -> str | None:
    """A rule's text value for an event; ``None`` where the event has nothing of what it names.

    >>> from sfsync.model.event import EventType
    >>> event = EmailEvent("e", EventType.SENT, "a@b.c", "2026-01-20T10:00:00Z", campaign_id="c-7")
    >>> render_value("{campaign_id}", event), render_value("Mailing {campaign_id}", event)
    ('c-7', 'Mailing c-7')
    """
    known = _event_values(event)
    parts = segments(template, EVENT_NAMES)
    names = [content for is_name, content in parts if is_name]
    if names and all(_is_unsaid(name, event) for name in names):
        return None
    return _filled(parts, known)


def _is_unsaid(name: str, event: EmailEvent) -> bool:
    if name == "campaign_id":
        return not event.campaign_id
    return name == "campaign_name" and not (event.campaign_name or event.campaign_id)


def _event_values(event: EmailEvent) -> dict[str, str]:
    return {
        "action": event.type.action,
        "activity_type": event.type.label,
        "campaign_id": event.campaign_id or NO_CAMPAIGN,
        "campaign_name": event.campaign_name or event.campaign_id or NO_CAMPAIGN,
        "event_id": event.id,
        "event_timestamp": event.timestamp,
    }


def _filled(parts: tuple[Segment, ...], known: Mapping[str, str]) -> str:
    return "".join(known.get(content, "") if is_name else content for is_name, content in parts)


def _fitted(name: str, text: str, max_lengths: Mapping[str, int]) -> str:
    if name == "Subject":
        text = " ".join(text.split())
    limit = max_lengths.get(name, 0)
    return shortened(text, limit) if limit > 0 else text


def shortened(text: str, limit: int) -> str:
    """Text of at most ``limit`` UTF-16 units, cut between characters as people see them, with an ellipsis.

    >>> shortened("January newsletter", 8)
    'January…'
    """
    if _units(text) <= limit:
        return text
    room, end = limit - 1, 0
    for index, character in enumerate(text):
        room -= _units(character)
        if room < 0:
            end = index
            break
    while end > 0 and _continues(text, end):
        end -= 1
    return text[:end].rstrip() + "…" if limit > 0 else ""


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _continues(text: str, index: int) -> bool:
    """Whether the character at ``index`` belongs to the one before: accents, emoji joiners, skin tones."""
    character = text[index]
    return (
        unicodedata.combining(character) != 0
        or character in "\u200d\ufe0e\ufe0f"
        or text[index - 1] == "\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
