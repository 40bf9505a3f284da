"""Following the stream: each message becomes durable hints, each end leads to a next beginning. It decides nothing itself.

    position -> open -> read -> keep (Ids and position, one transaction) -> read ...

Where there is no position the stream begins with what happens from now on, and every object is read once the first
message has told a position: what happened before is found by that, what happens after by the stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sfsync.engine.ports import ChangeStream, Hints
from sfsync.failpoints import reach
from sfsync.model.hint import Batch, Hint, HintKind, StreamEnd
from sfsync.planning.stream import Act, Course, Next

FOREIGN_POSITION = "foreign_position"
"""An oddity: what is stored is another org's position."""


class StreamNews(Protocol):
    """Is told how the stream goes."""

    def met(self, oddity: str) -> None:
        """Something that should not be there, named as it is counted."""
        ...

    def took(self, batch: Batch) -> None:
        """A message came, and what it names is durable."""
        ...

    def ended(self, end: StreamEnd, then: Next) -> None:
        """The stream ended, and this comes next."""
        ...


@dataclass(slots=True)
class StreamReader:
    """One channel, followed step by step.

    Attributes:
        channel: its name, under which the position is kept.
        org_id: whose stream it is; the position of another org is none.
        objects: the configuration's names of what is followed.
        clock: seconds that never go back.
    """

    stream: ChangeStream
    hints: Hints
    course: Course
    news: StreamNews
    channel: str
    org_id: str
    objects: Sequence[str]
    clock: Callable[[], float] = time.monotonic
    _is_open: bool = field(default=False, init=False)
    _began_anew: bool = field(default=False, init=False)
    _first_at: float | None = field(default=None, init=False)
    _last_at: float = field(default=0.0, init=False)

    def step(self) -> float:
        """Open the stream, or take one message and keep what it names.

        Returns:
            How many seconds to wait before the next step.

        Raises:
            AuthError: there is no working login.
            SfsyncError: the mirror cannot keep it; the stream is left, and the next step goes on from what is stored.
        """
        if not self._is_open:
            self._open()
            return 0.0
        got = self.stream.read()
        if isinstance(got, StreamEnd):
            return self._ended(got)
        try:
            self._keep(got)
        except BaseException:
            self.leave()
            raise
        return 0.0

    def leave(self) -> None:
        """Leave the stream; the next step opens it from the stored position."""
        self._is_open = False
        self.stream.end()

    def forget(self) -> None:
        """Leave the stream so that it begins anew, with what happens then: what is missed is read by a pull."""
        self.leave()
        self.hints.lose_position(self.channel, self._whole(HintKind.START))

    def _open(self) -> None:
        position = self.hints.position(self.channel, self.org_id)
        self._began_anew = position is None
        if position is None and self.hints.has_foreign_position(self.channel, self.org_id):
            self.news.met(FOREIGN_POSITION)
        self._first_at = None
        self.stream.open(position)
        self._is_open = True

    def _keep(self, batch: Batch) -> None:
        if self._began_anew and batch.position:
            batch = replace(batch, hints=(*self._whole(HintKind.START), *batch.hints))
        self.hints.keep(self.channel, self.org_id, batch)
        reach("stream.kept")
        if batch.position:
            self._began_anew = False
        self._last_at = self.clock()
        if self._first_at is None:
            self._first_at = self._last_at
        self.news.took(batch)

    def _ended(self, end: StreamEnd) -> float:
        self.leave()
        lived = 0.0 if self._first_at is None else max(self._last_at - self._first_at, 0.001)
        then = self.course.ended(end, lived_seconds=lived)
        if then.act is Act.START_ANEW:
            self.hints.lose_position(self.channel, self._whole(HintKind.EXPIRED))
            reach("stream.position_lost")
        self.news.ended(end, then)
        return then.wait_seconds

    def _whole(self, kind: HintKind) -> tuple[Hint, ...]:
        return tuple(Hint(name, (), kind) for name in self.objects)
