"""The values of one email event, checked: wherever it came from, a file, flags or a service.

One value that is wrong is a ``BadValueError`` with its column and a sentence. The clock is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from sfsync.document.problems import nearest, shown, suggestion
from sfsync.model.cursor import iso
from sfsync.model.event import EmailEvent, EventType, derived_id

EVENT_COLUMNS: Final = (
    "id",
    "type",
    "email",
    "campaign_id",
    "campaign_name",
    "timestamp",
    "link",
    "machine",
    "bounce",
)
MAX_TEXT: Final = 32_000
MAX_ID: Final = 255
OLDEST_YEAR: Final = 2000

_EMAIL = re.compile(r"[^@\s<>,;\"\x00-\x1f\x7f]+@[^@\s<>,;\"\x00-\x1f\x7f]+")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = re.compile(r"[0-9]{9,16}(?:\.[0-9]+)?")
_YES: Final = {
    "true": True,
    "yes": True,
    "1": True,
    "": False,
    "false": False,
    "no": False,
    "0": False,
}
_BOUNCES: Final = ("", "hard", "soft")


class BadValueError(ValueError):
    """One value is wrong: which, and why."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def column_key(name: str) -> str:
    """A column's name without capitals, blanks and signs.

    >>> column_key("Campaign ID")
    'campaign_id'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def latest_believed(now: str) -> str:
    """The last time that an event may state: a day after now, for clocks differ.

    >>> latest_believed("2026-01-20T10:00:00Z")
    '2026-01-21T10:00:00Z'
    """
    return iso(datetime.fromisoformat(now) + timedelta(days=1))


def text_of(entry: Mapping[str, Any], column: str) -> str:
    """A JSON value as trimmed text; null and absent are empty.

    Raises:
        BadValueError: it is neither text nor a number.
    """
    raw = entry.get(column)
    if raw.__class__ is str and raw.isascii():
        return raw.strip()  # nearly all, and this runs six times an event
    if raw is None:
        return ""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    if not isinstance(raw, str):
        raise BadValueError(column, f"expected text, found {shown(raw)}")
    if not raw.isascii():
        try:
            raw.encode()
        except UnicodeEncodeError as error:
            raise BadValueError(column, "holds half a character (a lone surrogate)") from error
    return raw.strip()


def event_from(entry: Mapping[str, Any], *, latest: str, zone: tzinfo | None = None) -> EmailEvent:
    """One event from its raw values, however they arrived.

    Args:
        entry: the columns of ``EVENT_COLUMNS``; others are not looked at.
        latest: the last time that is believed, ``2026-01-20T10:00:00Z``.
        zone: of a time that states none; without it such a time is refused.

    Raises:
        BadValueError: with the column and a sentence.
    """
    event_type = event_type_of(needed(entry, "type"))
    email = checked_address(needed(entry, "email"))
    raw = entry.get("timestamp")
    timestamp, milliseconds = checked_time(raw, needed(entry, "timestamp"), latest, zone)
    campaign_id = short(entry, "campaign_id", MAX_ID)
    campaign_name = short(entry, "campaign_name", MAX_TEXT)
    link = short(entry, "link", MAX_TEXT)
    event_id = short(entry, "id", MAX_ID)
    return EmailEvent(
        id=event_id
        or derived_id(
            event_type,
            email,
            campaign_id,
            timestamp,
            campaign_name=campaign_name,
            link=link,
            milliseconds=milliseconds,
        ),
        type=event_type,
        email=email,
        timestamp=timestamp,
        campaign_id=campaign_id,
        campaign_name=campaign_name,
        link=link,
        is_machine=_is_machine(entry),
        bounce=_bounce(entry),
    )


def _is_machine(entry: Mapping[str, Any]) -> bool:
    raw = entry.get("machine")
    if raw is None or isinstance(raw, bool):
        return bool(raw)
    found = _YES.get(text_of(entry, "machine").lower())
    if found is None:
        raise BadValueError("machine", f"{shown(raw)} is neither true nor false")
    return found


def _bounce(entry: Mapping[str, Any]) -> str:
    if entry.get("bounce") is None:
        return ""
    text = text_of(entry, "bounce").lower()
    if text not in _BOUNCES:
        raise BadValueError("bounce", f"{shown(text)} is neither hard nor soft")
    return text


def needed(entry: Mapping[str, Any], column: str) -> str:
    """The trimmed text of a value that has to be there.

    Raises:
        BadValueError: it is missing or empty.
    """
    text = text_of(entry, column)
    if text:
        return text
    if column not in entry:
        near = nearest(column, [name for name in entry if name not in EVENT_COLUMNS])
        raise BadValueError(
            column, f"missing (there is {near}; was that meant?)" if near else "missing"
        )
    raise BadValueError(column, "empty")


def short(entry: Mapping[str, Any], column: str, limit: int) -> str:
    """The trimmed text of a value; empty where there is none.

    Raises:
        BadValueError: it is longer than ``limit`` characters, or no text for people.
    """
    text = text_of(entry, column)
    if len(text) > limit:
        raise BadValueError(column, f"longer than {limit} characters")
    if not text.isprintable() and any(char < " " and char not in "\t\r\n" for char in text):
        raise BadValueError(column, "holds control characters")
    return text


_TYPES: Final = {
    **{event_type.value: event_type for event_type in EventType},
    **{event_type.action: event_type for event_type in EventType},
    "email_unsubscribed": EventType.UNSUBSCRIBED,
}


def event_type_of(text: str) -> EventType:
    """``email_opened``, ``opened`` and ``Email Opened`` are the same.

    Raises:
        BadValueError: there is no such type.
    """
    found = _TYPES.get(text) or _TYPES.get(column_key(text))
    if found is None:
        near = nearest(text, _TYPES)
        hint = f"; did you mean {_TYPES[near]}?" if near else suggestion("", [*EventType])
        raise BadValueError("type", f"no such event: {shown(text)}{hint}")
    return found


def checked_address(text: str) -> str:
    """One plain email address.

    Raises:
        BadValueError: it is none.
    """
    if len(text) > 254:
        raise BadValueError("email", "longer than 254 characters")
    if not _EMAIL.fullmatch(text):
        raise BadValueError("email", f"{shown(text)} is not one plain address like ada@example.com")
    return text


def checked_time(
    raw: object, text: str, latest: str, zone: tzinfo | None = None
) -> tuple[str, int]:
    """A time to the second, ``2026-01-20T10:00:00Z``, and its milliseconds.

    Args:
        raw: as it was stated; a number counts seconds or milliseconds since 1970.
        text: the same as trimmed text.
        latest: the last time that is believed.
        zone: of a time that states none; without it such a time is refused.

    Raises:
        BadValueError: it is no time, or one that cannot be.
    """
    if isinstance(raw, int | float) or _EPOCH.fullmatch(text):
        at = _from_epoch(text)
    else:
        at = _from_iso(text, zone)
    plain = len(text) == 20 and text[10] == "T" and text[19] == "Z"
    timestamp = text if plain else iso(at)
    if at.year < OLDEST_YEAR:
        raise BadValueError("timestamp", f"{shown(text)} lies before the year {OLDEST_YEAR}")
    if timestamp > latest:
        raise BadValueError("timestamp", f"{shown(text)} lies more than a day in the future")
    return timestamp, at.microsecond // 1000


def _from_epoch(text: str) -> datetime:
    try:
        number = float(text)
        seconds = number / 1000 if number >= 1e11 else number
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        told = f"{shown(text)} is neither seconds nor milliseconds since 1970"
        raise BadValueError("timestamp", told) from error


def _from_iso(text: str, zone: tzinfo | None) -> datetime:
    day = _ISO_DAY.match(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        day = None
    if day is None:
        raise BadValueError("timestamp", f"{shown(text)} is not a time like 2026-01-20T10:00:00Z")
    if len(text) == 10:
        raise BadValueError(
            "timestamp", f"{shown(text)} has no time of day; write it like {text}T10:00:00Z"
        )
    if at.tzinfo is None and zone is None:
        told = f"{shown(text)} has no time zone; add Z for UTC or an offset like +02:00"
        raise BadValueError("timestamp", told)
    try:
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise BadValueError("timestamp", f"{shown(text)} is no time of our calendar") from error
