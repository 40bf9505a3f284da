"""How many API calls were made, and which.

Source: docs/salesforce.md §9: requests count per org over a rolling 24 hours.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_DAY_SECONDS = 86_400
_KEPT_CALLS = 20_000


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request to the API."""

    at: int
    method: str
    path: str
    query: str
    status: int


class Meter:
    """Counts calls against the daily limit and remembers the latest.

    Args:
        now: the org's clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._times: deque[float] = deque()
        self.calls: deque[ApiCall] = deque(maxlen=_KEPT_CALLS)

    @property
    def used(self) -> int:
        """Calls counted in the last 24 hours."""
        since = self._now() - _DAY_SECONDS
        while self._times and self._times[0] < since:
            self._times.popleft()
        return len(self._times)

    def count(self, number: int = 1) -> None:
        """Count calls against the limit."""
        self._times.extend([self._now()] * number)

    def note(self, method: str, path: str, query: str, status: int) -> None:
        """Remember a call for whoever watches."""
        self.calls.append(ApiCall(int(self._now()), method, path, query, status))

    def reset(self) -> None:
        """Begin anew: nothing used, nothing remembered."""
        self._times.clear()
        self.calls.clear()

    def as_dict(self) -> dict[str, Any]:
        """What was used, in sum, by kind of call, and one by one."""
        kinds = Counter(f"{call.method} {call.path}" for call in self.calls)
        return {
            "used": self.used,
            "by_path": dict(kinds.most_common()),
            "calls": [asdict(call) for call in self.calls],
        }
