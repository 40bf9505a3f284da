"""What one subscriber gets of the log: the events they may see, through the fault plan.

Source: docs/salesforce.md §14.3-14.5.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from local_org.events.bus import Bus
from local_org.events.change_event import NO_RECORD, ChangeEvent, encoded
from local_org.events.channels import entities_of, is_single
from local_org.events.event_log import Kept
from local_org.events.layout import Layout
from local_org.faults import Fault, FaultPlan
from local_org.pubsub.refusals import Refused, status_named
from local_org.state.org import OrgState

_UNKNOWN_SCHEMA = "AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True, slots=True)
class Item:
    """One step of a stream.

    Args:
        kept: the event; more than one where they come in one answer; none where there is trouble.
        not_before: until when it waits, by the monotonic clock; infinite for ever.
        refused: what ends the stream here.
    """

    kept: tuple[Kept, ...] = ()
    not_before: float = 0.0
    refused: Refused | None = None


class Outgoing:
    """The items a subscriber of a topic is to get, from a position on.

    Args:
        bus: where events come from.
        faults: what goes wrong.
        topic: the topic subscribed to.
        user_id: as whom.
        position: behind this one.
    """

    def __init__(
        self, bus: Bus, faults: FaultPlan, topic: str, user_id: str, position: int
    ) -> None:
        self._bus = bus
        self._faults = faults
        self._topic = topic
        self._user_id = user_id
        self._position = position
        self._items: deque[Item] = deque()
        self._held: Kept | None = None
        self._held_until = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way that the log has already given."""
        return not self._items and self._held is None

    def next_item(self) -> Item | None:
        """What comes next, left where it is; None where there is nothing.

        Raises:
            Refused: where the user may no longer subscribe.
        """
        if not self._items:
            self._fetch()
        if not self._items and self._held is not None and time.monotonic() >= self._held_until:
            self._items.append(Item((self._held,)))  # no event came to change places with
            self._held = None
        return self._items[0] if self._items else None

    def drop_item(self) -> None:
        """Go on behind the next item."""
        self._items.popleft()

    def quiet_position(self) -> int | None:
        """A position ahead of everything so far, if there is nothing the subscriber could miss."""
        if not self.is_idle:
            return None
        entities = seen_entities(self._bus.state, self._topic, self._user_id)
        now = self._bus.state.clock.seconds()
        return self._bus.log.mark_if_quiet(self._position, entities, now)

    def _fetch(self) -> None:
        self._bus.release()
        now = self._bus.state.clock.seconds()
        entities = seen_entities(self._bus.state, self._topic, self._user_id)
        for kept in self._bus.log.after(self._position, entities, 1, now):
            self._position = kept.position
            self._take(kept)

    def _take(self, kept: Kept) -> None:
        """Send an event through the fault plan."""
        hitting = self._faults.of_event(self._topic)
        event = self._as_seen(kept)
        for fault in hitting:
            event = self._apply(fault, event)
        swap = next((fault for fault in hitting if fault.fault == "reorder"), None)
        if swap is not None and self._held is None:
            self._held, self._held_until = event, time.monotonic() + _wait_seconds(swap)
        elif self._held is not None:
            self._items.append(Item((event, self._held)))
            self._held = None
        else:
            self._items.append(Item((event,)))

    def _apply(self, fault: Fault, event: Kept) -> Kept:
        """What a fault makes of an event; trouble of the stream comes before it."""
        if fault.fault == "stream_drop":
            self._items.append(Item(refused=named_refusal(fault, None)))
        elif fault.fault in {"late", "stream_silent"}:
            self._items.append(Item(not_before=time.monotonic() + _wait_seconds(fault)))
        elif fault.fault == "duplicate":
            again = (event.entity, event.event_id, event.schema_id, event.payload)
            self._bus.log.append([again], self._bus.state.clock.seconds())
        elif fault.fault == "undecodable":
            if fault.args.get("schema"):
                return replace(event, schema_id=_UNKNOWN_SCHEMA)
            return replace(event, payload=event.payload[: len(event.payload) // 3])
        elif fault.fault == "schema_change":
            return self._with_new_schema(fault, event)
        elif fault.fault in _TOLD:
            told, layout = self._bus.event(event)
            return replace(event, payload=encoded(_TOLD[fault.fault](told), layout))
        return event

    def _with_new_schema(self, fault: Fault, event: Kept) -> Kept:
        name = str(fault.args.get("field", "Pronouns"))
        told, _ = self._bus.event(event)
        layout = self._bus.add_field(event.entity, name, int(fault.args.get("position", 2)))
        return replace(event, schema_id=layout.schema_id, payload=encoded(told, layout))

    def _as_seen(self, kept: Kept) -> Kept:
        """The event without what field-level security hides from the user."""
        hidden = self._bus.hidden(kept.entity, self._user_id)
        if not hidden:
            return kept
        event, layout = self._bus.event(kept)
        return replace(kept, payload=_without(event, layout, hidden))


def _without(event: ChangeEvent, layout: Layout, hidden: frozenset[str]) -> bytes:
    return encoded(event.without(hidden), layout)


def _overflow(event: ChangeEvent) -> ChangeEvent:
    return event.as_gap("GAP_OVERFLOW", [NO_RECORD])


def _wildcard(event: ChangeEvent) -> ChangeEvent:
    return event.as_gap("UPDATE", [event.header.record_ids[0][:3] + "*"])


_TOLD: dict[str, Callable[[ChangeEvent], ChangeEvent]] = {
    "gap": ChangeEvent.as_gap,
    "overflow": _overflow,
    "wildcard": _wildcard,
}


def _wait_seconds(fault: Fault) -> float:
    for_ever = float("inf") if fault.fault == "stream_silent" else 1.0
    return float(fault.args.get("seconds", for_ever))


def named_refusal(fault: Fault, code: str | None) -> Refused:
    """The refusal that a fault's arguments describe.

    Args:
        fault: whose ``code``, ``status`` and ``message`` count.
        code: its code, where it names none.
    """
    args = fault.args
    return Refused(args.get("code", code), status_named(args.get("status")), args.get("message"))


def may_subscribe(state: OrgState, sobject: str, user_id: str) -> bool:
    """Whether a user may hear of all of an object's records: sharing does not count."""
    access = state.access(user_id)
    if access.may("ViewAllData", "ModifyAllData"):
        return True
    # Task has no rights of its own (docs/salesforce.md §14.2).
    return sobject != "Task" and "ViewAllRecords" in access.objects.get(sobject.lower(), ())


def seen_entities(state: OrgState, topic: str, user_id: str) -> frozenset[str]:
    """The objects of a topic that a user hears of.

    Raises:
        Refused: where the topic is gone, or is one object's own and the user may not hear of it.
    """
    with state.lock:
        entities = entities_of(state, topic)
        if entities is None:
            raise Refused("topic.not.found")
        seen = frozenset(each for each in entities if may_subscribe(state, each, user_id))
    if is_single(topic) and not seen:
        raise Refused("subscription.topic.cannot.subscribe")
    return seen
