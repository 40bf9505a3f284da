"""One Subscribe stream: gives what is asked for as it comes, and says that it is alive.

Source: docs/salesforce.md §14.5.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from local_org.events.bus import Bus
from local_org.events.event_log import Kept
from local_org.faults import FaultPlan
from local_org.pubsub.demand import Demand
from local_org.pubsub.messages import (
    CUSTOM,
    EARLIEST,
    ConsumerEvent,
    FetchResponse,
    ProducerEvent,
    replay_id,
)
from local_org.pubsub.outgoing import Outgoing, named_refusal, seen_entities
from local_org.pubsub.refusals import Refused

_MOST_MESSAGE_BYTES = 3_000_000
_MOST_AT_ONCE = 25
_LOOK_SECONDS = 0.25
_LEAST_SECONDS = 0.01
_REPLAY_ID_BYTES = 8


class Subscription:
    """One stream of a subscriber.

    Args:
        bus: where events come from.
        faults: what goes wrong.
        user_id: who subscribes.
        rpc_id: what the stream is called.
        requests: the subscriber's requests.
        is_open: whether the call and the server are still there.
    """

    def __init__(
        self,
        bus: Bus,
        faults: FaultPlan,
        user_id: str,
        rpc_id: str,
        requests: Iterator[Any],
        is_open: Callable[[], bool],
    ) -> None:
        self._bus = bus
        self._faults = faults
        self._user_id = user_id
        self._rpc_id = rpc_id
        self._is_open = is_open
        self._new = threading.Event()
        self._streams_broken = bus.streams_broken
        self._random = random.Random(rpc_id)  # noqa: S311 - uneven batches, not secrecy
        self._demand = Demand(requests, self.wake)

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        self._new.set()

    def responses(self) -> Iterator[Any]:
        """The stream's answers.

        Raises:
            Refused: what ends it, unless the subscriber leaves.
        """
        self._bus.listen(self.wake)
        try:
            yield from self._responses()
        finally:
            self._bus.forget(self.wake)

    def _responses(self) -> Iterator[Any]:
        request = self._first_request()
        if request is None:
            return
        outgoing = self._opened(request)
        spoke_at = busy_at = time.monotonic()
        while self._is_open():
            self._new.clear()
            self._check()
            now = time.monotonic()
            if self._demand.pending > 0:
                busy_at = now
                response = self._next_response(outgoing)
                if response is None and now - spoke_at >= self._keepalive_seconds:
                    response = self._empty_response(outgoing)
                if response is not None:
                    yield response
                    spoke_at = time.monotonic()
                    continue
            elif self._demand.ended or now - busy_at >= self._idle_seconds:
                return
            self._new.wait(self._patience(spoke_at, busy_at, outgoing))

    @property
    def _keepalive_seconds(self) -> float:
        return max(_LEAST_SECONDS, self._bus.state.settings.event_keepalive_seconds)

    @property
    def _idle_seconds(self) -> float:
        return self._bus.state.settings.event_idle_seconds

    def _first_request(self) -> Any:
        while self._demand.first is None and not self._demand.ended and self._is_open():
            self._new.clear()
            if self._demand.first is None:
                self._new.wait(_LOOK_SECONDS)
        return self._demand.first

    def _check(self) -> None:
        if self._demand.refused is not None:
            raise self._demand.refused
        if self._bus.streams_broken != self._streams_broken:
            raise Refused(None)

    # -- how it begins

    def _opened(self, request: Any) -> Outgoing:
        topic = request.topic_name
        if not topic:
            raise Refused("topic.validation.empty")
        for fault in self._faults.of_call("Subscribe", topic):
            if fault.fault == "reset_stream":
                self._bus.reset()
                self._streams_broken = self._bus.streams_broken
            elif fault.fault != "expire_positions":
                raise named_refusal(fault, CALL_FAULTS[fault.fault])
            elif request.replay_preset == CUSTOM:
                raise Refused("subscription.fetch.replayid.corrupted")
        seen_entities(self._bus.state, topic, self._user_id)
        self._check()
        self._allowance()
        return Outgoing(self._bus, self._faults, topic, self._user_id, self._position(request))

    def _position(self, request: Any) -> int:
        """Behind which position the stream begins."""
        now = self._bus.state.clock.seconds()
        if request.replay_preset == EARLIEST:
            return 0
        if request.replay_preset != CUSTOM:
            return self._bus.log.mark(now)
        if not request.replay_id:
            raise Refused("subscription.fetch.replayid.validation.failed")
        position = int.from_bytes(request.replay_id, "big")
        whole = len(request.replay_id) == _REPLAY_ID_BYTES
        if not whole or position >= 1 << 63 or not self._bus.log.knows(position, now):
            raise Refused("subscription.fetch.replayid.corrupted")
        return position

    def _allowance(self) -> int:
        """How many events may still be delivered to anybody.

        Raises:
            Refused: where it is none.
        """
        state = self._bus.state
        left = state.settings.daily_event_deliveries - state.deliveries.used
        if left <= 0:
            raise Refused("subscription.limit.exceeded")
        return left

    # -- answers

    def _next_response(self, outgoing: Outgoing) -> Any:
        """Some of what there is, in uneven batches; None where there is nothing."""
        batch: list[Kept] = []
        size = 0
        wanted = self._random.randint(1, min(self._demand.pending, _MOST_AT_ONCE))
        while len(batch) < wanted and size < _MOST_MESSAGE_BYTES:
            item = outgoing.next_item()
            if item is None or item.not_before > time.monotonic():
                break
            if item.refused is not None:
                if batch:
                    break
                raise item.refused
            if item.kept:
                wanted = min(wanted, self._allowance())
            # Two events that changed places come in one answer, or a position would skip one.
            if batch and len(batch) + len(item.kept) > wanted:
                break
            outgoing.drop_item()
            batch += item.kept
            size += sum(len(each.payload) for each in item.kept)
        return self._response(batch) if batch else None

    def _response(self, batch: list[Kept]) -> Any:
        self._bus.state.deliveries.count(len(batch))
        latest = max(each.position for each in batch)
        return FetchResponse(
            events=[_consumer_event(each) for each in batch],
            latest_replay_id=replay_id(latest),
            rpc_id=self._rpc_id,
            pending_num_requested=max(0, self._demand.give(len(batch))),
        )

    def _empty_response(self, outgoing: Outgoing) -> Any:
        position = outgoing.quiet_position()
        if position is None:
            return None
        return FetchResponse(
            latest_replay_id=replay_id(position),
            rpc_id=self._rpc_id,
            pending_num_requested=self._demand.pending,
        )

    def _patience(self, spoke_at: float, busy_at: float, outgoing: Outgoing) -> float:
        """How long there is nothing to do, in seconds, unless somebody wakes the stream."""
        asked = self._demand.pending > 0
        due = spoke_at + self._keepalive_seconds if asked else busy_at + self._idle_seconds
        waits = not outgoing.is_idle or self._bus.holds_back
        return max(0.001, min(due - time.monotonic(), 0.02 if waits else _LOOK_SECONDS))


CALL_FAULTS = {
    "auth_error": "service.auth.error",
    "limit": "subscription.limit.exceeded",
    "unavailable": "service.unavailable",
    "stream_error": "subscription.internal.error",
}
"""The error code of each fault that refuses a call."""


def _consumer_event(kept: Kept) -> Any:
    event = ProducerEvent(id=kept.event_id, schema_id=kept.schema_id, payload=kept.payload)
    return ConsumerEvent(event=event, replay_id=replay_id(kept.position))
