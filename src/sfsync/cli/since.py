"""WHEN on the command line: ``2026-01-20``, ``2026-01-20T10:00``, ``7d``, ``12h``, ``yesterday``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sfsync.errors import UsageError
from sfsync.model.cursor import iso

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

_AGO = re.compile(r"([0-9]{1,5})\s*([mhdw])")

_FORMS = "2026-01-20, 2026-01-20T10:00, 7d, 12h, 30m, 2w, today, yesterday"

_OLDEST = 1970


def parse_when(text: str, now: datetime) -> str:
    """An instant in the past, as ``2026-01-20T00:00:00Z``.

    A date is its first moment, and a time without a zone is meant, in the time zone of ``now``.

    Raises:
        UsageError: not one of the forms, or not in the past.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
    >>> parse_when("7d", noon), parse_when("yesterday", noon), parse_when("2026-01-01", noon)
    ('2026-01-13T12:00:00Z', '2026-01-19T00:00:00Z', '2026-01-01T00:00:00Z')
    """
    at = _instant(text.strip().lower(), now)
    if at is None or at.year < _OLDEST:
        raise UsageError(f"{text!r} is no time that sfsync understands", hint=f"Forms: {_FORMS}.")
    if at > now.astimezone(UTC):
        raise UsageError(f"{text} lies in the future", hint=f"Forms: {_FORMS}.")
    return iso(at)


def _instant(text: str, now: datetime) -> datetime | None:
    """The moment in UTC: so many hours ago are hours that have passed, whatever the clocks did."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    ago = _AGO.fullmatch(text)
    try:
        if text in ("today", "yesterday"):
            at = midnight - timedelta(days=text == "yesterday")
        elif ago:
            at = now.astimezone(UTC) - int(ago[1]) * _UNITS[ago[2]]
        else:
            at = datetime.fromisoformat(text.upper())
        return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
