"""From what a service says of one event to the event.

Who and when are checked as strictly as in a file. What only describes (campaign, link) is cut to
fit rather than refused: an opt-out is not lost to a strange campaign name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sfsync.intake.event_values import (
    MAX_ID,
    MAX_TEXT,
    BadValueError,
    checked_address,
    checked_time,
    needed,
)
from sfsync.model.address import folded
from sfsync.model.event import EmailEvent, EventType

_MAX_NAME: Final = 255


def at(value: Any, *path: str | int) -> Any:
    """What lies at a path of keys and list positions; ``None`` where it leads nowhere.

    >>> at({"mail": {"tags": {"campaign": ["c-7"]}}}, "mail", "tags", "campaign", 0)
    'c-7'
    """
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def label(value: object, limit: int = _MAX_NAME) -> str:
    r"""Text or a number as one printable line, cut to fit; anything else is empty.

    >>> label(" Jan\nuary "), label(7), label(None), label(["a"])
    ('January', '7', '', '')
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value).strip()[:limit]
    if text.isascii() and text.isprintable():
        return text
    return "".join(sign for sign in text if sign.isprintable())


def first_label(*values: object) -> str:
    """The first that says anything."""
    return next((text for value in values if (text := label(value))), "")


def kind_of(entry: Mapping[str, Any], key: str) -> str:
    """The service's own word for what happened.

    Raises:
        BadValueError: there is none.
    """
    return label(needed({"type": entry.get(key)}, "type"))


def event(
    kind: EventType,
    *,
    source: str,
    latest: str,
    email: object,
    when: object,
    id: object = "",  # noqa: A002  # as the event calls it
    message: object = "",
    campaign_id: str = "",
    campaign_name: str = "",
    link: object = "",
    is_machine: bool = False,
    bounce: str = "",
    contact_id: str = "",
) -> EmailEvent:
    """One event.

    Args:
        kind: what happened.
        source: the service's name, for ids that are derived.
        latest: the last time that is believed.
        email: one plain address, or one behind a name: ``Ada <ada@example.com>``.
        when: ISO 8601 with a zone, or seconds or milliseconds since 1970.
        id: the service's id of the event, where it has one.
        message: the service's id of the email, which tells events without an id apart.
        campaign_id: which campaign.
        campaign_name: what it is called.
        link: what was clicked.
        is_machine: the service says that no person did it.
        bounce: ``hard``, ``soft`` or empty.
        contact_id: who it is, as ``service:id``.

    Raises:
        BadValueError: of the address or the time.
    """
    address = checked_address(_plain(needed({"email": email}, "email")))
    timestamp, milliseconds = checked_time(when, needed({"timestamp": when}, "timestamp"), latest)
    where = label(link, MAX_TEXT)
    stated = _fitting_id(source, id)
    if not stated:
        instant = f"{timestamp}.{milliseconds:03d}"
        stated = _hashed(source, kind, folded(address), label(message, MAX_TEXT), instant, where)
    return EmailEvent(
        id=stated,
        type=kind,
        email=address,
        timestamp=timestamp,
        campaign_id=campaign_id,
        campaign_name=campaign_name,
        link=where,
        is_machine=is_machine,
        bounce=bounce,
        contact_id=contact_id,
    )


def day_of(when: object, latest: str) -> str:
    """The day of a time, ``2026-01-20``, in UTC.

    Raises:
        BadValueError: it is no time.
    """
    return checked_time(when, needed({"timestamp": when}, "timestamp"), latest)[0][:10]


def _plain(text: str) -> str:
    """The address without the name before it."""
    return text.rpartition("<")[2][:-1].strip() if text.endswith(">") else text


def _fitting_id(source: str, value: object) -> str:
    """An id as it is; as a hash where it is too long, or no line of text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value).strip()
    return text if len(text) <= MAX_ID and text.isprintable() else _hashed(source, text)


def _hashed(source: str, *facts: str) -> str:
    joined = "\x1f".join(facts).encode("utf-8", "surrogatepass")
    return f"{source}-{hashlib.sha256(joined).hexdigest()[:32]}"


def missing(column: str) -> BadValueError:
    """The error of a value that is not there."""
    return BadValueError(column, "missing")
