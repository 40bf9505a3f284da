"""What the platform still owes its endpoint, and what became of what it sent. No thread, clock or network.

Times are seconds of a clock that only goes ahead; which one is the caller's business.
"""

import heapq
import itertools
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any, Final

from local_org.email_platform.happenings import Happening
from local_org.email_platform.retries import Endpoint, wait_before
from local_org.email_platform.settings import Habits

AT_ONCE: Final = 8
_LOGGED: Final = 1_000
_REMEMBERED: Final = 100_000


@dataclass(slots=True)
class Delivery:
    """An event on its way, once; a duplicate is a second one of the same event.

    Attributes:
        attempts: how many there have been.
    """

    event: Happening
    spelling: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, and how it was answered.

    Attributes:
        at: when, ``2026-01-20T10:00:00.000Z``.
        attempt: which one of this delivery, from 1.
        status: of the answer; None where there was none.
        answer: its beginning, or why there was none.
        seconds: how long it took.
        again_in_seconds: until the next attempt; None where there is none.
    """

    at: str
    delivery_id: str
    event_id: str
    type: str
    email: str
    spelling: str
    attempt: int
    status: int | None
    answer: str
    seconds: float
    again_in_seconds: float | None

    @property
    def went_well(self) -> bool:
        """Whether it was taken."""
        return is_taken(self.status)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def is_taken(status: int | None) -> bool:
    """Whether an answer means that the delivery was taken."""
    return status is not None and 200 <= status < 300


class Outbox:
    """Deliveries by when they are due.

    Attributes:
        endpoint: how the receiver is doing.
        events: those that happened, for a replay; the oldest are forgotten.
        attempts: the latest, the oldest first.
        counts: ``events``, ``attempts``, ``taken``, ``failed``, ``given_up``, since the start.
    """

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._due: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._under_way = 0
        self.endpoint = Endpoint()
        self.events: deque[Happening] = deque(maxlen=_REMEMBERED)
        self.attempts: deque[Attempt] = deque(maxlen=_LOGGED)
        self.counts: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many deliveries are owed, those under way included."""
        return len(self._due) + self._under_way

    def happened(self, event: Happening) -> None:
        """Remember an event."""
        self.events.append(event)
        self.counts["events"] += 1

    def owe(self, event: Happening, spelling: str, due: float) -> None:
        """Deliver an event at that time."""
        self._put(Delivery(event, spelling), due)

    def take(self, now: float) -> Delivery | None:
        """The next delivery that is due, unless the endpoint is paused or busy."""
        if self.seconds_to_next(now) != 0.0:
            return None
        self._under_way += 1
        return heapq.heappop(self._due)[2]

    def seconds_to_next(self, now: float) -> float | None:
        """How long until one may be sent; None where that takes something else to happen first."""
        is_held = self.endpoint.is_paused or self._under_way >= AT_ONCE
        if is_held or not self._due:
            return None
        return max(self._due[0][0] - now, 0.0)

    def answered(self, delivery: Delivery, status: int | None, now: float) -> float | None:
        """An attempt has ended.

        Returns:
            Seconds until the next; None where there is none.
        """
        self._under_way -= 1
        delivery.attempts += 1
        well = is_taken(status)
        self.endpoint.answered(well=well)
        self.counts.update(("attempts", "taken" if well else "failed"))
        if well:
            return None
        wait = wait_before(self._habits.schedule, delivery.attempts, self._habits.speed)
        if wait is None:
            self.counts["given_up"] += 1
            return None
        self._put(delivery, now + wait)
        return wait

    def between(self, since: float, until: float, kind: str = "") -> list[Happening]:
        """The events of a range of time, both ends included, and of a type where one is named."""
        return [
            event
            for event in self.events
            if since <= event.at <= until and kind in ("", event.type)
        ]

    def _put(self, delivery: Delivery, due: float) -> None:
        heapq.heappush(self._due, (due, next(self._order), delivery))
