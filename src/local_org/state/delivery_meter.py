"""How many change events were delivered, to all subscribers together.

Source: docs/salesforce.md §14.7: in any 24 hours.
"""

from collections import Counter
from collections.abc import Callable

_DAY_MINUTES = 1_440


class DeliveryMeter:
    """Counts deliveries by the minute.

    Args:
        now: the org's clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_minute: Counter[int] = Counter()

    @property
    def used(self) -> int:
        """What was delivered in the last 24 hours."""
        since = self._minute() - _DAY_MINUTES
        for minute in [each for each in self._by_minute if each <= since]:
            del self._by_minute[minute]
        return self._by_minute.total()

    def count(self, number: int) -> None:
        """Count deliveries."""
        self._by_minute[self._minute()] += number

    def reset(self) -> None:
        """Begin anew."""
        self._by_minute.clear()

    def _minute(self) -> int:
        return int(self._now() // 60)
