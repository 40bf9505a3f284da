"""The process that follows the org's change events, in a world: what is read of the stream, and how its laws are judged.

A position is stored no earlier than the Ids it covers, wherever the process dies. And once the stream was read in peace, a
tick has brought in everything that a full pull would find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sfsync.engine.follow import follow
from sfsync.engine.push import push
from sfsync.engine.push_activity import push_activity
from sfsync.engine.run import Run
from sfsync.engine.stream_reader import StreamReader
from sfsync.mirror.store import SqliteMirror
from sfsync.model.hint import Batch, StreamEnd
from sfsync.planning.stream import Course, Next
from sfsync.selftest.consent_law import ConsentLaw
from sfsync.selftest.schedule import FOLLOWED

if TYPE_CHECKING:
    from sfsync.selftest.org_stream import OrgStream

CHANNEL: Final = "/data/PenguinMails_Sync__chn"
MOST_STEPS: Final = 400
"""More than any stream of a schedule needs to come to its end."""

_WAITING = "SELECT object, salesforce_id FROM _stream_hints"
_WHOLE_WAIT = "SELECT DISTINCT object FROM _stream_hints WHERE salesforce_id = ''"
_WATERMARKS = "SELECT object, at FROM _watermarks"


class _News:
    """Nobody has to be told."""

    def met(self, oddity: str) -> None:
        """Something that should not be there."""

    def took(self, batch: Batch) -> None:
        """A message came."""

    def ended(self, end: StreamEnd, then: Next) -> None:
        """The stream ended."""


@dataclass
class StreamSteps:
    """What follows the stream, where the scene has one; without one, its steps do nothing.

    Attributes:
        look: what any SQLite tool sees in the mirror.
        fail: is told what does not hold.
    """

    look: Callable[..., list[Any]]
    fail: Callable[[str, str], None]
    stream: OrgStream | None = None
    org_id: str = ""
    is_reading: bool = False
    _reader: StreamReader | None = field(default=None, init=False)
    _whole: set[str] = field(default_factory=set, init=False)

    def begin(self, mirror: SqliteMirror, stream: OrgStream | None, law: ConsentLaw) -> None:
        """The mirror is at rest, and its stream has been followed so far."""
        self.stream = stream
        if stream is not None:
            stream.on_lost = law.forget_unheard
            mirror.hints.keep(CHANNEL, self.org_id, Batch(stream.first))

    # -- steps
    def stream_trouble(self, kind: str, times: int) -> str:
        """Something goes wrong with the stream from now on."""
        if self.stream is None:
            return ""
        self.stream.begin_trouble(kind, times)
        return f"{kind}, {times} times"

    def stream_trouble_ends(self) -> str:
        """The stream is well."""
        if self.stream is None or not self.stream.trouble.total():
            return ""
        self.stream.end_trouble()
        return "the stream is well"

    # -- what the process does
    def read(self, mirror: SqliteMirror, most: int = MOST_STEPS) -> str:
        """Read the stream until nothing more comes, or so many steps."""
        if self.stream is None:
            return ""
        reader = self._reader_on(self.stream, mirror)
        self.stream.begin_reading()
        self.is_reading = True
        steps = 0
        while steps < most and not self.stream.is_quiet:
            reader.step()
            steps += 1
        if steps == MOST_STEPS:
            self.fail("followed", f"the stream does not come to its end in {steps} steps")
        self.is_reading = False
        self._whole |= {name for (name,) in self.look(_WHOLE_WAIT)}
        return f"{steps} steps"

    def leave(self, mirror: SqliteMirror) -> str:
        """Leave the stream so that it begins anew."""
        if self.stream is None:
            return ""
        self._reader_on(self.stream, mirror).forget()
        return "a large push"

    def _reader_on(self, stream: OrgStream, mirror: SqliteMirror) -> StreamReader:
        """The reader of this process, which may have opened the mirror anew."""
        if self._reader is None:
            self._reader = StreamReader(
                stream, mirror.hints, Course(lambda: 1.0), _News(), CHANNEL, self.org_id, FOLLOWED
            )  # fmt: skip
        self._reader.hints = mirror.hints
        return self._reader

    def follow(self, run: Run) -> None:
        """Read the stream and carry out what it names; nothing else may be read where it says which records."""
        self._whole.clear()
        self.read(run.mirror)  # type: ignore[arg-type]
        before = dict(self.look(_WATERMARKS))
        follow(run, FOLLOWED)
        after = dict(self.look(_WATERMARKS))
        for name in FOLLOWED:
            if name not in self._whole and before.get(name) != after.get(name):
                self.fail("followed", f"a tick has pulled every {name}, and nothing said it had to")

    def tick(self, run: Run) -> None:
        """As ``listen`` does: what is named, then what was edited here, then what waits."""
        self.follow(run)
        push(run, FOLLOWED)
        push_activity(run)

    # -- the laws
    def after_run(self, *, died: bool) -> None:
        """Look at the position that is stored now."""
        if self.stream is not None:
            for sentence in self._position_kept(self.stream):
                self.fail("position", sentence)
        self.is_reading = False
        if died:
            self._reader = None

    def _position_kept(self, stream: OrgStream) -> Iterator[str]:
        if stream.unasked:
            stream.unasked = []
            yield "the stream began with what the org had kept, not with now"
        found = self.look("SELECT position FROM _stream_positions WHERE channel = ?", CHANNEL)
        if not found or self._reader is None:
            return
        kept = int.from_bytes(found[0][0])
        given = [int.from_bytes(each.position) for each in stream.given]
        if kept > max([stream.opened_at, *given]):
            yield "the position is ahead of what was read"
        if self.is_reading:
            yield from self._ids_missing(stream, kept)

    def _ids_missing(self, stream: OrgStream, position: int) -> Iterator[str]:
        """As nothing was taken away since the reading began, all that the position covers has to wait."""
        waiting = set(self.look(_WAITING))
        for batch in stream.given:
            if int.from_bytes(batch.position) <= position:
                for each in sorted(set(_named(batch)) - waiting):
                    yield f"the position covers {each}, which is nowhere"


def _named(batch: Batch) -> Iterator[tuple[str, str]]:
    for hint in batch.hints:
        yield from ((hint.object, each) for each in hint.ids or ("",))
