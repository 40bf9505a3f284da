"""A period in steps that a chart can show: days, or weeks, months, years where there would be too many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

MOST_STEPS = 62
"""Points of a chart: two months of days, fourteen months of weeks, five years of months."""


def _week(day: date) -> str:
    return (day - timedelta(days=day.weekday())).isoformat()


_LABELS: Mapping[str, Callable[[date], str]] = {
    "day": date.isoformat,
    "week": _week,
    "month": lambda day: f"{day:%Y-%m}",
    "year": lambda day: f"{day.year}",
}
"""The finest first."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A period, cut.

    Attributes:
        unit: ``day``, ``week`` (its Monday is its label), ``month`` or ``year``.
        labels: of all steps, also those in which nothing happened.
        by_day: ``{"2026-01-20": "2026-01-19"}``, the label of each day.
    """

    unit: str
    labels: tuple[str, ...]
    by_day: Mapping[str, str]

    def folded(self, by_day: Mapping[str, int]) -> list[int]:
        """Sums for each step; what is no day of the period is left out.

        >>> steps("2026-01-20", "2026-01-22").folded({"2026-01-21": 3})
        [0, 3, 0]
        """
        sums = dict.fromkeys(self.labels, 0)
        for day, number in by_day.items():
            if day in self.by_day:
                sums[self.by_day[day]] += number
        return list(sums.values())


def steps(first: str, last: str) -> Steps:
    """All days from the first to the last, in the finest unit that is not too fine.

    >>> steps("2026-01-01", "2026-03-31").labels[:2]
    ('2025-12-29', '2026-01-05')
    """
    days = _days(date.fromisoformat(first), date.fromisoformat(last))
    for unit, label in _LABELS.items():
        by_day = {day.isoformat(): label(day) for day in days}
        cut = Steps(unit, tuple(dict.fromkeys(by_day.values())), by_day)
        if len(cut.labels) <= MOST_STEPS:
            break
    return cut


def _days(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
