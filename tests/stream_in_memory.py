"""A stream of changes in memory: what happens in a ``FakeOrg`` becomes hints, with the stream's own trouble on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sfsync.model.hint import Batch, Hint, HintKind, StreamEnd
from sfsync.model.objects import BY_SOBJECT
from sfsync.planning.stream import Next
from tests.fakes import FakeOrg

OF_PREFIX = {kind.prefix: kind.name for kind in BY_SOBJECT.values() if kind.is_people}


@dataclass
class StreamInMemory:
    """Satisfies ``engine.ports.ChangeStream``.

    Attributes:
        log: everything that was ever told, in order; a position is how much of it was read.
        ends: what the next reads are answered with instead.
        kept_from: positions before it are dead.
        opened: the positions that it was opened with.
    """

    org: FakeOrg
    log: list[Hint] = field(default_factory=list)
    ends: list[StreamEnd] = field(default_factory=list)
    kept_from: int = 0
    batch_size: int = 2
    opened: list[bytes | None] = field(default_factory=list)
    _next: int = 0
    _seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = self._now()

    def _now(self) -> dict[str, dict[str, Any]]:
        return {record: dict(raw) for record, raw in self.org.records.items()}

    def publish(self, kind: HintKind | None = None) -> list[Hint]:
        """Tell what changed since the last time; as ``kind``, where that is said."""
        now, told = self._now(), []
        for record, raw in now.items():
            before = self._seen.get(record)
            name = OF_PREFIX.get(record[:3])
            if name is not None and raw != before:
                told.append(Hint(name, (record,), kind or _kind(before, raw)))
        self._seen = now
        self.log += told
        return told

    def forget_everything(self) -> None:
        """What was told so far is kept no longer."""
        self.kept_from = len(self.log)

    # -- the port ----------------------------------------------------------------------------------
    def open(self, position: bytes | None) -> None:
        self.opened.append(position)
        self._next = len(self.log) if position is None else int(position)
        if self._next < self.kept_from:
            self.ends.insert(0, StreamEnd("subscription.fetch.replayid.corrupted"))

    def read(self) -> Batch | StreamEnd:
        if self.ends:
            return self.ends.pop(0)
        hints = self.log[self._next : self._next + self.batch_size]
        self._next += len(hints)
        return Batch(str(self._next).encode(), tuple(hints), len(hints))

    def end(self) -> None:
        pass


def _kind(before: dict[str, Any] | None, raw: dict[str, Any]) -> HintKind:
    if before is None:
        return HintKind.CREATE
    if raw.get("IsDeleted") != before.get("IsDeleted"):
        return HintKind.DELETE if raw.get("IsDeleted") else HintKind.UNDELETE
    return HintKind.UPDATE


@dataclass
class News:
    """Keeps what it is told."""

    batches: list[Batch] = field(default_factory=list)
    ends: list[tuple[StreamEnd, Next]] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)

    def met(self, oddity: str) -> None:
        self.oddities.append(oddity)

    def took(self, batch: Batch) -> None:
        self.batches.append(batch)

    def ended(self, end: StreamEnd, then: Next) -> None:
        self.ends.append((end, then))
