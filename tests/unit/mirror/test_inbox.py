"""The inbox: kept before anybody is told so, bounded, private, and never short of what waits."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sfsync.errors import InboxFull, MirrorError
from sfsync.mirror.inbox import Entry, Inbox, InboxState, inbox_path
from sfsync.model.limits import Limits

NOW = "2026-01-20T10:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return inbox_path(tmp_path / "mirror.db")


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    with Inbox(path, now=lambda: NOW) as opened:
        yield opened


def lines(text: str = "{}", events: int = 1) -> Entry:
    return Entry(0, "events.jsonl", "lines", text.encode(), events=events)


def delivery(text: str, **headers: str) -> Entry:
    return Entry(0, "penguinmails", "delivery", text.encode(), headers)


def bodies(inbox: Inbox) -> list[str]:
    return [entry.body.decode() for entry in inbox.waiting()]


def test_what_is_kept_waits_in_the_order_it_came(inbox: Inbox, path: Path) -> None:
    inbox.keep(lines("a"), delivery("b", signature="sha256=1"))
    inbox.keep(lines("c", events=1000))
    with Inbox(path, now=lambda: NOW) as other:
        assert bodies(other) == ["a", "b", "c"]
        second = list(other.waiting())[1]
        assert (second.origin, second.kind) == ("penguinmails", "delivery")
        assert second.headers == {"signature": "sha256=1"}
        assert other.state() == InboxState(3, 1002, NOW, 3)


def test_what_was_taken_waits_no_more(inbox: Inbox) -> None:
    inbox.keep(lines("a"), delivery("b"), lines("c"))
    for entry in inbox.waiting():
        if entry.body != b"c":
            inbox.taken(entry)
    assert bodies(inbox) == ["c"]
    assert inbox.state() == InboxState(1, 1, NOW, 2)  # the delivery may be handed in again


def test_deliveries_may_be_handed_in_again_and_lines_are_gone(inbox: Inbox) -> None:
    inbox.keep(lines("a"), delivery("b"), delivery("c"))
    for entry in inbox.waiting():
        inbox.taken(entry)
    assert inbox.hand_in_again(since="2026-01-20T10:00:01Z") == 0
    assert inbox.hand_in_again(source="sendgrid") == 0
    assert inbox.hand_in_again(source="penguinmails", since=NOW) == 2
    assert bodies(inbox) == ["b", "c"]


def test_the_file_is_its_owners_alone(inbox: Inbox, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_comes_while_entries_are_read_is_for_the_next_time(inbox: Inbox) -> None:
    inbox.keep(lines("a"))
    seen = []
    for entry in inbox.waiting():
        seen.append(entry.body)
        inbox.keep(lines("later"))
    assert seen == [b"a"]


@pytest.mark.parametrize(
    ("limits", "what"), [(Limits(inbox_events=3), "3 events"), (Limits(inbox_bytes=3), "0 MB")]
)
def test_a_full_inbox_refuses_and_keeps_what_it_has(path: Path, limits: Limits, what: str) -> None:
    with Inbox(path, now=lambda: NOW, limits=limits) as inbox:
        inbox.keep(lines("a"), lines("b"), lines("c"))
        with pytest.raises(InboxFull, match=what):
            inbox.keep(lines("d"))
        assert bodies(inbox) == ["a", "b", "c"]
        inbox.taken(next(inbox.waiting()))
        inbox.keep(lines("d"))
        assert bodies(inbox) == ["b", "c", "d"]


def test_room_is_made_of_deliveries_that_were_taken(path: Path) -> None:
    with Inbox(path, now=lambda: NOW, limits=Limits(inbox_events=2)) as inbox:
        inbox.keep(delivery("a"), delivery("b"))
        inbox.taken(next(inbox.waiting()))
        inbox.keep(delivery("c"))
        assert bodies(inbox) == ["b", "c"]
        with pytest.raises(InboxFull):
            inbox.keep(delivery("d"))


def test_deliveries_are_forgotten_after_their_days(path: Path) -> None:
    times = iter([NOW] * 4 + ["2026-02-19T10:00:00Z", "2026-02-19T10:00:01Z"])
    with Inbox(path, now=lambda: next(times)) as inbox:
        inbox.keep(delivery("a"), delivery("b"))
        inbox.taken(next(inbox.waiting()))
        next(times)
        assert inbox.forget_old() == 0
        assert inbox.forget_old() == 1
        assert bodies(inbox) == ["b"]


def test_a_person_is_forgotten_and_the_file_holds_nothing_of_them(inbox: Inbox, path: Path) -> None:
    inbox.keep(delivery('{"email": "Ada@example.com"}'), delivery("bob"), lines("ada@example.com"))
    assert inbox.count_waiting_with("ada@EXAMPLE.com") == 2
    for entry in inbox.waiting():
        inbox.taken(entry)
    assert inbox.forget("ada@example.com") == 1
    assert b"example.com" not in path.read_bytes()
    assert inbox.state().bytes == 3


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(MirrorError, match="no inbox of sfsync"):
        Inbox(path, now=lambda: NOW)


def test_an_inbox_of_a_newer_version_is_left_alone(inbox: Inbox, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(MirrorError, match="newer sfsync"):
        Inbox(path, now=lambda: NOW)


def test_a_note_is_changed_in_one_step_and_not_at_all_where_that_fails(
    inbox: Inbox, path: Path
) -> None:
    assert inbox.change_note("told", lambda before: (before + "a", len(before))) == 0
    with Inbox(path, now=lambda: NOW) as other:
        assert other.change_note("told", lambda before: (before + "b", before)) == "a"
    with pytest.raises(ZeroDivisionError):
        inbox.change_note("told", lambda before: (before + "c", 1 // 0))
    assert inbox.noted("told") == "ab"
