"""How often what the stream names is read: at once, as long as that takes few calls; then as calls allow. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
SAVED_CALLS: Final = 10.0
"""API calls that a quiet time saves up: so many are made a second apart."""

CALLS_A_SECOND: Final = 1 / 6
"""How fast they are saved up; so a minute without an end of changes takes twenty calls at most."""

SHARE_FOR_FOLLOWING: Final = 0.5
"""Of the calls that are left today, how much a day of following may take."""

DAY_SECONDS: Final = 86_400.0


@dataclass(slots=True)
class Pace:
    """When to read again. Times are seconds of a clock that never goes back."""

    _saved: float = SAVED_CALLS
    _a_second: float = CALLS_A_SECOND
    _read_at: float = float("-inf")
    _held_until: float = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether what waits may be read now."""
        since = now - self._read_at
        if now < self._held_until or since < SHORTEST_SECONDS:
            return False
        return since >= LONGEST_SECONDS or self._saved_by(now) >= 1

    def read(self, now: float, *, calls: int, calls_left: int | None) -> None:
        """It was read.

        Args:
            calls: how many API calls that took.
            calls_left: how many may still be made today; ``None`` where that is not known.
        """
        self._saved = self._saved_by(now) - calls
        self._a_second = _affordable(calls_left)
        self._read_at = now

    def hold(self, now: float) -> None:
        """It could not be applied: nothing is gained by reading it again soon."""
        self._held_until = now + LONGEST_SECONDS

    def _saved_by(self, now: float) -> float:
        if self._read_at == float("-inf"):
            return self._saved
        return min(self._saved + (now - self._read_at) * self._a_second, SAVED_CALLS)


def _affordable(calls_left: int | None) -> float:
    if calls_left is None:
        return CALLS_A_SECOND
    return min(CALLS_A_SECOND, calls_left * SHARE_FOR_FOLLOWING / DAY_SECONDS)
