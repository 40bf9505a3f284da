"""What a subscriber has asked for: the requests of one Subscribe stream, read as they come.

Source: docs/salesforce.md §14.5 (flow control, what counts in the first request only).
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from local_org.pubsub.refusals import Refused

MOST_PENDING = 100


class Demand:
    """How many events a subscriber still wants.

    Args:
        requests: the stream's requests; read in a thread of its own, since that waits.
        wake: called after each of them.

    Attributes:
        first: the first request, which says what is subscribed to; None before it came.
        refused: why the stream ends, if a request was wrong.
        ended: whether no request comes any more.
    """

    def __init__(self, requests: Iterator[Any], wake: Callable[[], None]) -> None:
        self.first: Any = None
        self.refused: Refused | None = None
        self.ended = False
        self._pending = 0
        self._wake = wake
        self._lock = threading.Lock()
        thread = threading.Thread(
            target=self._read, args=(requests,), name="local-org-demand", daemon=True
        )
        thread.start()

    @property
    def pending(self) -> int:
        """How many events are still asked for."""
        return self._pending

    def give(self, number: int) -> int:
        """Count events as given; how many are still asked for then."""
        with self._lock:
            self._pending -= number
            return self._pending

    def _read(self, requests: Iterator[Any]) -> None:
        try:
            for request in requests:
                self._take(request)
                self._wake()
        except Exception:  # noqa: BLE001, S110 - the call has ended, however grpc tells that
            pass
        self.ended = True
        self._wake()

    def _take(self, request: Any) -> None:
        if self.first is not None and request.topic_name not in {"", self.first.topic_name}:
            self.refused = Refused("subscription.fetch.topic.mismatch")
        elif request.num_requested <= 0:
            self.refused = Refused("subscription.fetch.requested.events.invalid")
        elif request.auth_refresh:
            self.refused = Refused("service.auth.refresh.invalid")
        with self._lock:
            self._pending = min(MOST_PENDING, self._pending + max(0, request.num_requested))
        if self.first is None:
            self.first = request
