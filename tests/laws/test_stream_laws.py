"""R4: whatever the stream does (duplicates, other orders, gaps, breaks, dead positions, crashes), the end is a plain sync's."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sfsync.engine.follow import follow
from sfsync.engine.stream_reader import StreamReader
from sfsync.model.hint import Hint, HintKind, StreamEnd
from sfsync.planning.stream import Course
from tests.sides import ORG_ID, Sides, fast_folder
from tests.stream_in_memory import News, StreamInMemory

BOTH = ["contact", "lead"]
FIELDS = ("Title", "Phone")
ENDS = st.sampled_from(["", "silent", "service.unavailable", "subscription.internal.error"])
PICK = st.integers(0, 9)


class StreamMachine(RuleBasedStateMachine):
    """People at work in the org, a stream that is not to be trusted, and a process that follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=fast_folder())
        self.sides = Sides(Path(self.folder.name) / "mirror.db")
        self.made = 0

    def teardown(self) -> None:
        self.arrive_at_the_end()
        self.sides.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        for _ in range(3):
            self.create("Contact")
        self.create("Lead")
        self.sides.pull()
        self.stream = StreamInMemory(self.sides.org)
        self.start()

    def start(self) -> None:
        self.reader = StreamReader(
            self.stream, self.sides.mirror.hints, Course(lambda: 1.0), News(), "/data/S__chn", ORG_ID, BOTH
        )  # fmt: skip

    # -- people at work ----------------------------------------------------------------------------
    def live(self, sobject: str) -> list[str]:
        return [
            str(raw["Id"]) for raw in self.sides.org.live(sobject) if not raw.get("IsConverted")
        ]

    @rule(sobject=st.sampled_from(["Contact", "Lead"]))
    def create(self, sobject: str) -> None:
        self.made += 1
        more = {"Company": "Navy"} if sobject == "Lead" else {}
        self.sides.org.create(
            sobject, LastName=f"P{self.made}", Email=f"p{self.made}@x.example", **more
        )

    @rule(pick=PICK, field=st.sampled_from(FIELDS), value=st.sampled_from(["a", "b", None]))
    def edit_there(self, pick: int, field: str, value: str | None) -> None:
        people = self.live("Contact") + self.live("Lead")
        if people:
            self.sides.pass_time(1)
            self.sides.org.edit(people[pick % len(people)], **{field: value})

    @rule(pick=PICK, value=st.sampled_from(["x", "y"]))
    def edit_here(self, pick: int, value: str) -> None:
        ids = [row[0] for row in self.sides.look("SELECT id FROM contacts ORDER BY id")]
        if ids:
            self.sides.edit(
                "UPDATE contacts SET phone = ? WHERE id = ?", value, ids[pick % len(ids)]
            )

    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        people = self.live("Contact")
        if len(people) > 1:
            self.sides.org.delete(people[pick % len(people)])

    @rule(pick=PICK)
    def restore(self, pick: int) -> None:
        gone = [
            record
            for record, raw in self.sides.org.records.items()
            if record.startswith("003") and raw.get("IsDeleted") and not raw.get("MasterRecordId")
        ]
        if gone:
            self.sides.org.undelete(gone[pick % len(gone)])

    @rule(pick=PICK)
    def merge(self, pick: int) -> None:
        people = self.live("Contact")
        if len(people) > 2:
            master, loser = people[pick % len(people)], people[(pick + 1) % len(people)]
            self.sides.org.merge(master, loser)

    @rule(pick=PICK)
    def convert(self, pick: int) -> None:
        leads = self.live("Lead")
        if leads:
            self.sides.org.convert(leads[pick % len(leads)])

    # -- the stream --------------------------------------------------------------------------------
    @rule()
    def tell(self) -> None:
        self.stream.publish()

    @rule()
    def tell_as_gaps(self) -> None:
        self.stream.publish(HintKind.GAP)

    @rule(kind=st.sampled_from([HintKind.OVERFLOW, HintKind.UNDECODABLE, HintKind.WILDCARD]))
    def tell_without_ids(self, kind: HintKind) -> None:
        told = self.stream.publish()
        if told:
            del self.stream.log[-len(told) :]
            self.stream.log += [Hint(name, (), kind) for name in {hint.object for hint in told}]

    @rule()
    def tell_again_and_in_another_order(self) -> None:
        self.stream.publish()
        self.stream.log += reversed(self.stream.log[-4:])

    @rule(code=ENDS)
    def break_off(self, code: str) -> None:
        self.stream.ends.append(StreamEnd(code, "UNAVAILABLE"))

    @rule()
    def forget_positions(self) -> None:
        self.stream.publish()
        self.stream.forget_everything()
        self.stream.ends.append(StreamEnd("", "UNAVAILABLE"))

    # -- the process -------------------------------------------------------------------------------
    @rule(steps=st.integers(1, 6))
    def read(self, steps: int) -> None:
        for _ in range(steps):
            self.reader.step()

    @rule()
    def follow(self) -> None:
        self.sides.run(lambda run: follow(run, BOTH))

    @rule()
    def sync_beside(self) -> None:
        self.sides.sync()

    @rule()
    def killed(self) -> None:
        self.sides.reopen()
        self.start()

    @rule()
    @precondition(lambda self: self.sides.org.records)
    def killed_while_following(self) -> None:
        """Everything was settled, and the hints were not taken away yet."""

        class KilledError(BaseException):
            pass

        def kill(*_: object) -> None:
            raise KilledError

        self.sides.mirror.hints.taken = kill  # type: ignore[method-assign]
        with suppress(KilledError):
            self.follow()
        self.killed()

    # -- the end -----------------------------------------------------------------------------------
    def arrive_at_the_end(self) -> None:
        """No more trouble: once the stream has been read to its end, a pull finds nothing that it did not."""
        if not hasattr(self, "stream"):
            return
        self.stream.publish()
        self.stream.ends.clear()
        for _ in range(len(self.stream.log) + 8):
            self.reader.step()
        self.follow()
        followed = self.sides.state()
        report = self.sides.pull(full=True)
        assert report.is_idle, report
        assert self.sides.state() == followed


def test_a_stream_in_any_trouble_ends_as_a_plain_sync() -> None:
    run_state_machine_as_test(
        StreamMachine, settings=settings(max_examples=25, stateful_step_count=20, deadline=None)
    )
