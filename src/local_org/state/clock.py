"""The org's own time."""

import time
from collections.abc import Callable


class Clock:
    """The org's own time: the real one, moved ahead at will."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self.offset_seconds = 0.0

    def seconds(self) -> float:
        """Seconds since 1970, with their fraction."""
        return self._source() + self.offset_seconds

    def advance(self, seconds: float) -> None:
        """Move the org's time ahead (or back)."""
        self.offset_seconds += seconds
