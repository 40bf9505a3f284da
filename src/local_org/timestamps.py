"""Times as the org keeps and writes them.

Inside, a moment is whole seconds since 1970 (UTC) and a day is ``YYYY-MM-DD``: Salesforce compares
both no finer. Outside, REST writes ``2026-01-20T10:00:00.000+0000`` and Bulk CSV
``2026-01-20T10:00:00.000Z``.

Source: docs/salesforce.md §2.1, §3, §5.2 and §6.1.
"""

import re
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?\Z")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


def rest_text(seconds: int) -> str:
    """The moment as a REST reply writes it.

    >>> rest_text(1768903200)
    '2026-01-20T10:00:00.000+0000'
    """
    return f"{_plain(seconds)}.000+0000"


def bulk_text(seconds: int) -> str:
    """The moment as a Bulk API CSV writes it."""
    return f"{_plain(seconds)}.000Z"


def _plain(seconds: int) -> str:
    day, rest = divmod(seconds, 86_400)
    return f"{_day(day)}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return date.fromordinal(_EPOCH_DAY + number).isoformat()


def day_of(seconds: int) -> str:
    """The UTC day of a moment."""
    return _day(seconds // 86_400)


def read_moment(text: str) -> int | None:
    """Read an ISO date and time; without an offset it is UTC. None where it is not one.

    >>> read_moment("2026-01-20T11:00:00.000+01:00"), read_moment("yesterday")
    (1768903200, None)
    """
    found = _MOMENT.match(text)
    if found is None:
        return None
    try:
        return int(
            datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3] or '+00:00'}").timestamp()
        )
    except ValueError:
        return None


def read_day(text: str) -> str | None:
    """Read a ``YYYY-MM-DD`` day, giving None where it is not one."""
    if not _DAY.match(text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def read_http_date(text: str) -> int | None:
    """Read the date of an HTTP header, None where it is not one."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (TypeError, ValueError, IndexError):
        return None
