"""The thread that follows changes: what keeps it from that, the allowance, and what it tells people."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from sfsync.cli import listen_stream
from sfsync.cli.listen_stream import StreamThread
from sfsync.cli.stream_metrics import StreamCollector
from sfsync.cli.stream_state import StreamMode, StreamState
from sfsync.config.org import OrgSettings
from sfsync.model.hint import Batch, Hint, HintKind, Origin, StreamEnd
from sfsync.planning.stream import Act, Next


@dataclass
class Reader:
    """Counts what it is asked."""

    asked: list[str] = field(default_factory=list)

    def step(self) -> float:
        self.asked.append("step")
        return 0.0

    def leave(self) -> None:
        self.asked.append("leave")

    def forget(self) -> None:
        self.asked.append("forget")


@dataclass
class Scene:
    thread: StreamThread
    state: StreamState
    said: list[str]
    hints: list[int]


def scene(**org: str) -> Scene:
    config = SimpleNamespace(org=OrgSettings(client_id="c", **org))
    state, said, hints = StreamState(), [], []
    thread = StreamThread(
        SimpleNamespace(), config, ["contact", "lead"], state, lambda: hints.append(1), said.append
    )
    return Scene(thread, state, said, hints)


def own(count: int) -> Batch:
    hints = tuple(
        Hint("contact", ("003000000000001AAA",), HintKind.CREATE, Origin("sfsync"))
        for _ in range(count)
    )
    return Batch(b"p", hints, count)


def test_without_the_packages_it_says_so_once_and_polls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listen_stream, "has_extra", lambda: False)
    there = scene()
    there.thread.start()
    assert (there.state.mode, there.state.hint) == (
        StreamMode.POLLING,
        "pip install 'sfsync[realtime]'",
    )
    assert there.said == [
        "polling instead: the packages for change events are not installed; pip install 'sfsync[realtime]'"
    ]
    there.thread.stop()


def test_a_login_of_this_machine_is_never_sent_elsewhere():
    there = scene(login_url="http://127.0.0.1:8700")
    there.thread.start()
    assert there.state.mode is StreamMode.POLLING
    assert "org.pubsub is not" in there.said[0]
    there.thread.stop()


def test_a_message_is_told_once_and_wakes_whoever_reads():
    there = scene()
    there.thread.took(Batch(b"p"))
    there.thread.took(Batch(b"p", (Hint("contact", (), HintKind.OVERFLOW),), 1, ("payload",)))
    assert there.said == ["following changes of contact, lead as they happen"]
    assert there.state.is_streaming
    assert there.hints == [1]
    told = there.state.as_dict()
    assert (told["hints"], told["oddities"], told["messages"]) == (
        {"overflow": 1},
        {"payload": 1},
        2,
    )


def test_breaks_are_told_once_until_it_is_back():
    there = scene()
    broken = Next(Act.RETRY, 1.0, "the connection broke off")
    for _ in range(5):
        there.thread.ended(StreamEnd("", "UNAVAILABLE"), broken)
    there.thread.took(Batch(b"p"))
    assert len(there.said) == 2
    assert there.state.as_dict()["ends"] == {"unavailable": 5}


def test_a_spent_allowance_leaves_the_stream_before_it_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
):
    there, reader = scene(), Reader()
    there.thread._asked = True
    monkeypatch.setattr(there.thread, "_look_at_allowance", lambda _mirror: None)
    monkeypatch.setattr(listen_stream, "LOOK_AGAIN_SECONDS", 0.01)
    there.state.mode = StreamMode.STREAMING
    there.thread._allowance.told(20_000, 25_000, time.monotonic())
    assert there.thread._step(reader, None) == 0.0
    assert reader.asked == ["leave"]
    assert "allowance" in there.state.reason
    there.thread._allowance.told(10_000, 25_000, time.monotonic())
    there.thread._step(reader, None)
    assert reader.asked == ["leave", "step"]


def test_own_writes_that_come_back_in_numbers_are_followed_by_a_pull_instead(
    monkeypatch: pytest.MonkeyPatch,
):
    there, reader = scene(), Reader()
    there.thread._asked = True
    monkeypatch.setattr(there.thread, "_look_at_allowance", lambda _mirror: None)
    there.thread._allowance.told(0, 10_000, time.monotonic())
    for _ in range(2):
        there.thread.took(own(100))
    assert there.thread._step(reader, None) == listen_stream.PUSH_SECONDS
    assert reader.asked == ["forget"]
    assert there.state.mode is StreamMode.POLLING
    there.thread._step(reader, None)
    assert reader.asked == ["forget", "step"]


def test_where_the_org_tells_nothing_of_what_is_followed_it_polls_and_asks_again_later():
    there, reader = scene(), Reader()
    there.thread._asked, there.thread._told_of = True, ()
    assert there.thread._step(reader, None) == listen_stream.LOOK_AGAIN_SECONDS
    assert (reader.asked, there.state.mode, there.thread._asked) == (
        ["leave"],
        StreamMode.POLLING,
        False,
    )


def test_whatever_it_meets_it_goes_on(monkeypatch: pytest.MonkeyPatch):
    there = scene()
    tries: list[int] = []

    def strange() -> None:
        tries.append(1)
        if len(tries) == 3:
            there.thread._stop.set()
        raise RuntimeError("a secret")

    monkeypatch.setattr(listen_stream, "TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr(there.thread, "_follow", strange)
    there.thread._run()
    assert len(tries) == 3
    assert there.said == [
        "polling instead: following changes met what it did not expect (RuntimeError)"
    ]


def test_prometheus_reads_it_without_an_id():
    there = scene()
    there.thread.took(own(1))
    there.state.share = 0.5
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in StreamCollector(there.state).collect()
        for sample in family.samples
    }
    assert samples["sfsync_stream_hints_total", "create"] == 1
    assert samples["sfsync_stream_mode", "streaming"] == 1
    assert samples["sfsync_delivered_events_share",] == 0.5
    assert ("sfsync_stream_message_age_seconds",) in samples
    assert not any("003" in part for key in samples for part in key)
