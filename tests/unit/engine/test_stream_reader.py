"""Following the stream: positions after Ids, a beginning that leaves no gap, never what lies before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sfsync.engine.stream_reader import StreamReader
from sfsync.errors import MirrorBusy
from sfsync.model.hint import StreamEnd
from sfsync.planning.stream import Act, Course
from tests.sides import ORG_ID, Sides
from tests.stream_in_memory import News, StreamInMemory

CHANNEL = "/data/Sync__chn"


@pytest.fixture
def stream(sides: Sides) -> StreamInMemory:
    return StreamInMemory(sides.org)


@pytest.fixture
def news() -> News:
    return News()


@pytest.fixture
def reader(sides: Sides, stream: StreamInMemory, news: News) -> Callable[[], StreamReader]:
    def process() -> StreamReader:
        return StreamReader(
            stream, sides.mirror.hints, Course(lambda: 1.0), news, CHANNEL, ORG_ID, ["contact", "lead"]
        )  # fmt: skip

    return process


def person(sides: Sides, number: int = 1) -> str:
    return sides.org.create("Contact", LastName=f"P{number}", Email=f"p{number}@x.example")


def due(sides: Sides, name: str = "contact"):
    return sides.mirror.hints.due(name, 100)


def test_the_first_start_follows_from_now_on_and_has_everything_else_read(sides, stream, reader):
    person(sides)
    stream.publish()
    process = reader()
    assert [process.step(), process.step()] == [0.0, 0.0]
    assert stream.opened == [None]
    assert (due(sides).whole, due(sides).full, dict(due(sides).ids)) == (True, False, {})
    assert due(sides, "lead").whole
    assert sides.mirror.hints.position(CHANNEL, ORG_ID) == b"1"


def test_the_next_process_goes_on_from_the_stored_position(sides, stream, reader):
    process = reader()
    process.step(), process.step()
    ada = person(sides)
    stream.publish()
    process.step()
    assert set(due(sides).ids) == {ada}
    again = reader()
    again.step(), again.step()
    assert stream.opened == [None, b"1"]


def test_an_expired_position_is_a_full_reading_and_a_beginning_with_now(
    sides, stream, reader, news
):
    process = reader()
    process.step(), process.step()
    process.leave()
    for number in range(5):
        person(sides, number)
    stream.publish()
    stream.forget_everything()
    process.step()
    wait = process.step()
    [(_, then)] = news.ends
    assert (then.act, wait) == (Act.START_ANEW, 1.0)
    assert (due(sides).whole, due(sides).full) == (True, True)
    process.step(), process.step()
    assert stream.opened == [None, b"0", None]  # never everything that the org keeps
    assert due(sides).full


def test_killed_after_the_position_died_everything_is_read_all_the_same(sides, stream, reader):
    process = reader()
    process.step(), process.step()
    process.leave()
    person(sides)
    stream.publish()
    stream.forget_everything()
    process.step(), process.step()
    sides.reopen()  # before the stream has begun anew
    assert (due(sides).whole, due(sides).full) == (True, True)


def test_a_mirror_that_cannot_keep_a_message_loses_none(sides, stream, reader, monkeypatch):
    process = reader()
    process.step(), process.step()
    ada = person(sides)
    stream.publish()

    def busy(*_):
        raise MirrorBusy("the mirror is locked")

    with monkeypatch.context() as patched:
        patched.setattr(sides.mirror.hints, "keep", busy)
        with pytest.raises(MirrorBusy):
            process.step()
    process.step(), process.step()
    assert set(due(sides).ids) == {ada}
    assert stream.opened[-1] == b"0"


def test_an_end_is_followed_by_a_wait_and_the_stored_position(sides, stream, reader, news):
    process = reader()
    process.step(), process.step()
    stream.ends = [StreamEnd("", "UNAVAILABLE"), StreamEnd("silent")]
    assert process.step() == 1.0
    process.step()
    assert process.step() == 2.0
    process.step()
    assert stream.opened == [None, b"0", b"0"]
    assert [end.name for end, _ in news.ends] == ["unavailable", "silent"]


def test_forgetting_a_position_leaves_no_gap(sides, stream, reader):
    process = reader()
    process.step(), process.step()
    person(sides)
    stream.publish()
    process.forget()
    process.step()
    assert stream.opened == [None, None]
    assert due(sides).whole


def test_a_position_of_another_org_is_none_and_counted(sides, stream, reader, news):
    process = reader()
    process.step(), process.step()
    process.leave()
    process.org_id = "00D000000000009EAA"
    process.step()
    assert (stream.opened, news.oddities) == ([None, None], ["foreign_position"])
