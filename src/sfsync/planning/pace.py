"""How often what the stream names is read: at once, as long as that takes few calls; then as calls allow. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
SAVED_CALLS, CALLS_A_SECOND = 10.0, 1 / 6
"""API calls that a quiet minute saves up, and how fast: so a minute without an end of changes takes twenty at most."""

SAVED_FOR_THE_DAY: Final = 200.0
SHARE_FOR_FOLLOWING: Final = 0.5
"""Of the calls that are left today, how much a day of following may take; so many of them at once, at most."""

DAY_SECONDS: Final = 86_400.0


@dataclass(slots=True)
class Savings:
    """Calls that may be made now, and how many more each second brings."""

    most: float
    a_second: float
    calls: float

    def after(self, seconds: float) -> float:
        """How many there are after a time without any."""
        return min(self.calls + seconds * self.a_second, self.most)


@dataclass(slots=True)
class Pace:
    """When to read again: while the minute's calls and the day's last. Times are of a clock that never goes back."""

    _minute: Savings = field(
        default_factory=lambda: Savings(SAVED_CALLS, CALLS_A_SECOND, SAVED_CALLS)
    )
    _day: Savings = field(
        default_factory=lambda: Savings(SAVED_FOR_THE_DAY, CALLS_A_SECOND, SAVED_FOR_THE_DAY)
    )
    _read_at: float | None = None
    _held_until: float = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether what waits may be read now."""
        if now < self._held_until:
            return False
        if self._read_at is None:
            return True
        since = now - self._read_at
        if since < SHORTEST_SECONDS:
            return False
        return (
            since >= LONGEST_SECONDS or min(self._minute.after(since), self._day.after(since)) >= 1
        )

    def read(self, now: float, *, calls: int, calls_left: int | None) -> None:
        """It was read.

        Args:
            calls: how many API calls that took.
            calls_left: how many may still be made today; ``None`` where that is not known.
        """
        since = 0.0 if self._read_at is None else now - self._read_at
        for savings in (self._minute, self._day):
            savings.calls = savings.after(since) - calls
        if calls_left is not None:
            ours = calls_left * SHARE_FOR_FOLLOWING
            self._day.most = min(SAVED_FOR_THE_DAY, ours)
            self._day.a_second = ours / DAY_SECONDS
            self._day.calls = min(self._day.calls, ours)
        self._read_at = now

    def hold(self, now: float) -> None:
        """It could not be applied: nothing is gained by reading it again soon."""
        self._held_until = now + LONGEST_SECONDS
