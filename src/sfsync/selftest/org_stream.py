"""The local org's change events without gRPC: from its own log through sfsync's decoder, as ``engine.ports.ChangeStream``.

What can go wrong with such a stream is done here, at the place where it happens on the way: to an event's bytes, to a
message, to the subscription or to the log itself. The way over gRPC has tests of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from local_org.events.bus import Bus
from local_org.events.change_event import NO_RECORD, ChangeEvent, encoded
from local_org.events.event_log import EventLog, Kept
from local_org.records.event_channels import select
from local_org.state.org import OrgState
from sfsync.model.hint import CLOSED, SILENT, Batch, Hint, StreamEnd
from sfsync.salesforce.change_stream.decode import Decoder
from sfsync.selftest.people import SOBJECTS
from sfsync.selftest.schedule import FOLLOWED

EVENTS_A_MESSAGE: Final = 3
FIRST_OF_ALL: Final = bytes(8)
"""Stands for the preset EARLIEST, which sfsync must never ask for."""

_SEED: Final = 1
_EXPIRED: Final = StreamEnd("subscription.fetch.replayid.corrupted", "INVALID_ARGUMENT")
_ENDS: Final = {
    "drop": StreamEnd(CLOSED),
    "late": StreamEnd(SILENT),
    "unavailable": StreamEnd("service.unavailable", "UNAVAILABLE"),
    "refused login": StreamEnd("service.auth.error", "UNAUTHENTICATED"),
}
"""Trouble that ends the subscription."""

_TOLD: Final[dict[str, Callable[[ChangeEvent], ChangeEvent]]] = {
    "gap": ChangeEvent.as_gap,
    "overflow": lambda event: event.as_gap("GAP_OVERFLOW", [NO_RECORD]),
    "wildcard": lambda event: event.as_gap("UPDATE", [event.header.record_ids[0][:3] + "*"]),
}
"""Trouble that makes another event of it."""


@dataclass(slots=True)
class OrgStream:
    """One subscriber's stream.

    Attributes:
        first: the position at which the log begins.
        trouble: kind -> how many more events, messages or openings it concerns.
        occurred: how often each kind has occurred.
        given: the messages handed out since the reading began.
        opened_at: the position at which it began.
        is_quiet: the last message said that there is nothing more.
        unasked: positions of events that were delivered though they lay before the beginning.
        lost: events that were swallowed without a word.
        on_lost: called for each of them.
    """

    state: OrgState
    decoder: Decoder
    bus: Bus = field(init=False)
    first: bytes = field(init=False)
    trouble: Counter[str] = field(default_factory=Counter)
    occurred: Counter[str] = field(default_factory=Counter)
    given: list[Batch] = field(default_factory=list)
    opened_at: int = 0
    is_quiet: bool = False
    unasked: list[int] = field(default_factory=list)
    lost: int = 0
    on_lost: Callable[[], None] = lambda: None
    _at: int = 0
    _end: StreamEnd | None = None
    _begun_at: int = 0

    def __post_init__(self) -> None:
        select(self.state, SOBJECTS.values())
        self.bus = Bus(self.state, EventLog(_SEED))
        self.first = _bytes(self._mark())
        self._begun_at = int.from_bytes(self.first)

    # -- the port
    def open(self, position: bytes | None) -> None:
        """Subscribe; what is wrong with it is told by ``read``."""
        self.given, self.is_quiet, self._end = [], False, None
        if position in {None, FIRST_OF_ALL}:
            self._begun_at = self._mark()
            self._at = self._begun_at if position is None else 0
        else:
            self._at = int.from_bytes(position or b"")
            if self._strikes("expire") or not self.bus.log.knows(self._at, self._now()):
                self._end = _EXPIRED
        self.opened_at = self._at

    def read(self) -> Batch | StreamEnd:
        """The next message; an empty one where there is nothing."""
        self.is_quiet = False
        end = self._end or self._broken()
        if end is not None:
            return end
        self.bus.release()
        found = self.bus.log.after(self._at, SOBJECTS.values(), EVENTS_A_MESSAGE, self._now())
        batch = self._message(found) if found else self._empty()
        self.given.append(batch)
        return batch

    def end(self) -> None:
        """Leave the stream."""
        self._end = StreamEnd(CLOSED)

    def begin_reading(self) -> None:
        """What was handed out until now counts no more."""
        self.given, self.opened_at, self.is_quiet = [], self._at, False

    # -- what goes wrong
    def begin_trouble(self, kind: str, times: int) -> None:
        """So many of what it concerns go wrong."""
        if kind == "reset":
            self.occurred[kind] += 1
            self.bus.reset()
            self._end = StreamEnd("", "UNAVAILABLE")
            return
        self.trouble[kind] += times

    def end_trouble(self) -> None:
        """All is well again."""
        self.trouble.clear()

    def _strikes(self, kind: str) -> bool:
        if not self.trouble[kind]:
            return False
        self.trouble[kind] -= 1
        self.occurred[kind] += 1
        return True

    def _broken(self) -> StreamEnd | None:
        return next((end for kind, end in _ENDS.items() if self._strikes(kind)), None)

    # -- messages
    def _message(self, found: list[Kept]) -> Batch:
        self._at = found[-1].position
        self.unasked += [each.position for each in found if each.position < self._begun_at]
        if self._strikes("reorder"):
            found.reverse()
        hints: list[Hint] = []
        oddities: list[str] = []
        for kept in found:
            if self._strikes("lost"):
                self.lost += 1
                self.on_lost()
                continue
            event = self._on_its_way(kept)
            decoded = self.decoder.decode(event.schema_id, event.payload)
            hints += decoded.hints
            oddities += decoded.oddities
        return Batch(_bytes(self._at), tuple(hints), len(found), tuple(oddities))

    def _empty(self) -> Batch:
        """Its position is ahead of everything so far."""
        self.is_quiet = True
        self._at = self._mark()
        return Batch(_bytes(self._at))

    def _on_its_way(self, kept: Kept) -> Kept:
        if self._strikes("duplicate"):
            again = (kept.entity, kept.event_id, kept.schema_id, kept.payload)
            self.bus.log.append([again], self._now())
        for kind, change in _TOLD.items():
            if self._strikes(kind):
                event, layout = self.bus.event(kept)
                return replace(kept, payload=encoded(change(event), layout))
        if self._strikes("undecodable"):
            return replace(kept, payload=kept.payload[: len(kept.payload) // 3])
        return kept

    def _mark(self) -> int:
        return self.bus.log.mark(self._now())

    def _now(self) -> float:
        return self.state.clock.seconds()


class Decoding:
    """Decoders, which outlive the schedules: a schema is read once."""

    def __init__(self) -> None:
        self._stream: OrgStream | None = None
        self._decoder = Decoder(FOLLOWED, self._schema_json)

    def stream(self, state: OrgState) -> OrgStream:
        """A new stream of an org, whose log begins now."""
        self._stream = OrgStream(state, self._decoder)
        return self._stream

    def _schema_json(self, schema_id: str) -> str:
        found = None if self._stream is None else self._stream.bus.schema(schema_id)
        return "" if found is None else found.schema_json


def _bytes(position: int) -> bytes:
    return position.to_bytes(8)
