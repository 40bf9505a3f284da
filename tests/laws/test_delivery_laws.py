"""Outgoing webhooks: whatever receivers answer and whenever the sender dies, each change is told, lost by name, or given up by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.engine.deliver import Courier, deliver
from sfsync.mirror import deliveries
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import iso
from sfsync.model.delivery import Message, PostAnswer, Recipient
from sfsync.model.web_address import WebAddress
from sfsync.planning.deliveries import kinds_of
from tests.ready_mirror import write_ready_mirror
from tests.sides import fast_folder
from tests.unit.mirror.samples import edit, mapping, pull, remote

START = "2026-01-20T10:00:00Z"
STATUSES = (200, 200, 200, 204, 302, 404, 410, 429, 500, 503, 0)


class DiedError(Exception):
    """The sender's process is gone."""


@dataclass
class Receiver:
    """Answers as the schedule of faults says, then always takes what comes."""

    faults: list[tuple[int, bool]]
    taken: set[str] = field(default_factory=set)
    came: list[str] = field(default_factory=list)
    answers: list[tuple[Message, PostAnswer]] = field(default_factory=list)

    def start(self, message: Message) -> None:
        status, dies = self.faults.pop(0) if self.faults else (200, False)
        self.came.append(message.id)
        if 200 <= status < 300:
            self.taken.add(message.id)
        if dies:
            raise DiedError
        self.answers.append((message, PostAnswer(status)))

    def finished(self, seconds: float) -> list[tuple[Message, PostAnswer]]:
        del seconds
        found, self.answers = self.answers, []
        return found


@dataclass
class World:
    """A mirror, one endpoint, and time that passes."""

    mirror: SqliteMirror
    receiver: Receiver
    now: str = START

    def send(self) -> None:
        recipient = Recipient(
            "crm", WebAddress.parse("https://crm.example/"), ("whsec_",), kinds_of([])
        )
        self.receiver.answers.clear()
        courier = Courier(
            [recipient], self.mirror.deliveries, self.receiver, lambda: self.now, lambda: 0.5, 5
        )
        try:
            deliver(courier, seconds=60, clock=lambda: 0.0)
        except DiedError:
            return

    def later(self, seconds: int) -> None:
        self.now = iso(datetime.fromisoformat(self.now) + timedelta(seconds=seconds))

    def state(self) -> dict[str, Any]:
        (state,) = self.mirror.deliveries.overview(lambda _name: kinds_of([]))
        return state


steps = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), st.integers(1, 4)),
        st.tuples(st.just("pull"), st.integers(1, 12)),
        st.tuples(st.just("send"), st.sampled_from([0, 6, 400, 8_000, 90_000])),
        st.tuples(st.just("resume"), st.just(0)),
    ),
    max_size=14,
)
faults = st.lists(st.tuples(st.sampled_from(STATUSES), st.booleans()), max_size=30)


@settings(deadline=None, max_examples=40)
@given(steps, faults)
def test_every_change_is_told_or_counted_whatever_goes_wrong(
    done: list[tuple[str, int]], wrong: list[tuple[int, bool]]
) -> None:
    with (
        TemporaryDirectory(dir=fast_folder()) as folder,
        mock.patch.object(deliveries, "MOST_WAITING", 8),
    ):
        path = Path(folder) / "mirror.db"
        write_ready_mirror(path, mapping())
        with SqliteMirror(path, now=lambda: START, run_id="run-1") as mirror:
            mirror.prepare(mapping())
            world = World(mirror, Receiver(wrong))
            mirror._database.now = lambda: world.now
            mirror.deliveries.keep_only(["crm"])
            begin, given_up = mirror.changes.latest(), 0
            for number, (act, much) in enumerate(done):
                match act:
                    case "edit":
                        edit(mirror, f"UPDATE contacts SET phone = '{number}' WHERE id <= {much}")
                    case "pull":
                        pull(
                            mirror,
                            *(remote(each, phone=str(number)) for each in range(1, much + 1)),
                        )
                    case "send":
                        world.later(much)
                        world.send()
                    case _:
                        given_up += world.state()["given_up"]
                        mirror.deliveries.resume("crm")
            given_up += world.state()["given_up"]
            world.receiver.faults.clear()
            mirror.deliveries.resume("crm")
            world.send()
            told = {str(line.cursor) for line in mirror.changes.page(begin, 10_000)}
            missing = told - world.receiver.taken
            assert set(world.receiver.came) <= told
            assert (len(missing), world.state()["waiting"]) == (given_up, 0)
