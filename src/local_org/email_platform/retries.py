"""When a delivery that failed is tried again, and how the platform thinks of the endpoint.

A failure is every answer but 2xx, 410 included, and none within five seconds: the documentation
knows no exception. Five retries, then the delivery is given up; only a replay sends it again.

Source: PenguinMails documentation, "Webhook System: Quick Start" (2025), "Retry and Reliability"
(2026).
"""

from dataclasses import dataclass
from typing import Final

SCHEDULES: Final = {
    "2025": (60.0, 300.0, 900.0, 3_600.0, 86_400.0),
    "2026": (300.0, 900.0, 3_600.0, 21_600.0, 86_400.0),
}
"""Seconds before each retry, by the year of the page that says so."""

PATIENCE_SECONDS: Final = 5.0
FAILING_AFTER: Final = 3
PAUSED_AFTER: Final = 100


def wait_before(schedule: str, attempts: int, speed: float) -> float | None:
    """Seconds from a failed attempt to the next; None where there is none.

    >>> wait_before("2025", 1, 60), wait_before("2026", 1, 60), wait_before("2025", 6, 60)
    (1.0, 5.0, None)

    Args:
        schedule: of ``SCHEDULES``.
        attempts: how many there have been.
        speed: how many times faster than the documentation says.
    """
    waits = SCHEDULES[schedule]
    return waits[attempts - 1] / speed if attempts <= len(waits) else None


@dataclass(slots=True)
class Endpoint:
    """What the platform thinks of whoever receives.

    Attributes:
        failures: how many attempts in a row have failed, of whatever deliveries.
        is_paused: nothing is sent until it is resumed, whatever becomes of what was under way.
    """

    failures: int = 0
    is_paused: bool = False

    @property
    def state(self) -> str:
        """``healthy``, ``failing`` or ``paused``."""
        if self.is_paused:
            return "paused"
        return "failing" if self.failures >= FAILING_AFTER else "healthy"

    def answered(self, *, well: bool) -> None:
        """An attempt has ended."""
        self.failures = 0 if well else self.failures + 1
        self.is_paused = self.is_paused or self.failures >= PAUSED_AFTER

    def resume(self) -> None:
        """Begin anew."""
        self.failures, self.is_paused = 0, False
