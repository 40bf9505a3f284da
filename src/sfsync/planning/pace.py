"""How often what the stream names is read: at once where little comes, and seldom where calls are scarce. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORTEST_SECONDS, USUAL_LONGEST_SECONDS, LONGEST_SECONDS = 1.0, 10.0, 60.0
SHARE_FOR_FOLLOWING: Final = 0.5
"""Of the calls that are left today, how much a day of following may take."""

DAY_SECONDS: Final = 86_400.0


@dataclass(slots=True)
class Pace:
    """Between two readings: a second after a quiet time, twice as long each time while changes keep coming."""

    _seconds: float = SHORTEST_SECONDS
    _longest: float = USUAL_LONGEST_SECONDS
    _read_at: float = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether what waits may be read now."""
        return now - self._read_at >= self._seconds

    def read(self, now: float, *, calls: int, calls_left: int | None) -> None:
        """It was read.

        Args:
            calls: how many API calls that took.
            calls_left: how many may still be made today; ``None`` where that is not known.
        """
        quiet = now - self._read_at > 3 * self._seconds
        self._longest = longest(calls, calls_left)
        self._seconds = SHORTEST_SECONDS if quiet else min(2 * self._seconds, self._longest)
        if calls_left is not None and self._longest >= LONGEST_SECONDS:
            self._seconds = LONGEST_SECONDS
        self._read_at = now

    def hold(self, now: float) -> None:
        """It could not be applied: nothing is gained by reading it again soon."""
        self._seconds, self._read_at = LONGEST_SECONDS, now


def longest(calls: int, calls_left: int | None) -> float:
    """The longest time between two readings while changes never end.

    >>> longest(1, 80_000), longest(1, 5_000), longest(2, 100)
    (10.0, 34.56, 60.0)
    """
    if calls_left is None:
        return USUAL_LONGEST_SECONDS
    affordable = max(calls_left * SHARE_FOR_FOLLOWING, 1.0)
    by_budget = DAY_SECONDS * max(calls, 1) / affordable
    return min(max(by_budget, USUAL_LONGEST_SECONDS), LONGEST_SECONDS)
