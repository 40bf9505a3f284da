"""Date literals such as ``TODAY`` and ``LAST_N_DAYS:7``: which days they mean.

Source: SOQL Reference, "Date Formats and Date Literals": weeks begin on Sunday; ``LAST_N_DAYS:n``
ends with today, ``LAST_N_WEEKS:n`` and its like end before the current period, ``NEXT_N_...`` begin
after it.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_LONG = {"DAYS": "DAY", "WEEKS": "WEEK", "MONTHS": "MONTH", "QUARTERS": "QUARTER", "YEARS": "YEAR"}


def _week(day: date, steps: int) -> date:
    return day - timedelta(days=(day.weekday() + 1) % 7) + timedelta(weeks=steps)


def _month(day: date, steps: int) -> date:
    months = day.year * 12 + day.month - 1 + steps
    return date(months // 12, months % 12 + 1, 1)


def _quarter(day: date, steps: int) -> date:
    return _month(date(day.year, (day.month - 1) // 3 * 3 + 1, 1), 3 * steps)


def _year(day: date, steps: int) -> date:
    return date(day.year + steps, 1, 1)


_BEGIN: dict[str, Callable[[date, int], date]] = {
    "DAY": lambda day, steps: day + timedelta(days=steps),
    "WEEK": _week,
    "MONTH": _month,
    "QUARTER": _quarter,
    "YEAR": _year,
}


def bounds(literal: str, now: datetime, zone: str) -> tuple[date, date]:
    """The first day a literal means, and the first day after it.

    >>> from datetime import UTC
    >>> bounds("LAST_N_DAYS:1", datetime(2026, 1, 20, 12, tzinfo=UTC), "UTC")
    (datetime.date(2026, 1, 19), datetime.date(2026, 1, 21))
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    single = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}.get(literal)
    if single is not None:
        first = today + timedelta(days=single)
        return first, first + timedelta(days=1)
    if literal.endswith("_90_DAYS"):
        literal = f"{literal.split('_', maxsplit=1)[0]}_N_DAYS:90"
    name, _, count = literal.partition(":")
    which, _, unit = name.partition("_")
    if count:
        return _counted(which, _LONG[unit.removeprefix("N_")], int(count), today)
    step = {"LAST": -1, "THIS": 0, "NEXT": 1}[which]
    return _BEGIN[unit](today, step), _BEGIN[unit](today, step + 1)


def _counted(which: str, unit: str, count: int, today: date) -> tuple[date, date]:
    begin = _BEGIN[unit]
    if which == "NEXT":
        return begin(today, 1), begin(today, count + 1)
    return begin(today, -count), begin(today, 1 if unit == "DAY" else 0)


def start_of(day: date, zone: str) -> int:
    """The moment a day begins there, in seconds."""
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp())
