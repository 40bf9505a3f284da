"""Hints: Ids wait until they were read, positions are an org's own, and neither is stored without the other."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from sfsync.errors import MirrorError
from sfsync.mirror import hints as module
from sfsync.mirror.store import SqliteMirror
from sfsync.model.hint import Batch, DueRead, Hint, HintKind

CHANNEL, ORG, OTHER_ORG = "/data/Sync__chn", "00D000000000001EAA", "00D000000000002EAA"
ADA, BOB = "003000000000001AAA", "003000000000002AAA"


def hint(*ids: str, kind: HintKind = HintKind.UPDATE, changed=None) -> Hint:
    return Hint("contact", ids, kind, changed=changed)


def keep(mirror: SqliteMirror, *told: Hint, position: bytes = b"p1") -> None:
    mirror.hints.keep(CHANNEL, ORG, Batch(position, told))


def test_ids_wait_until_they_were_read(mirror: SqliteMirror) -> None:
    keep(mirror, hint(ADA), hint(BOB, ADA))
    due = mirror.hints.due("contact", 10)
    assert set(due.ids) == {ADA, BOB}
    mirror.hints.taken(due, [ADA])
    assert set(mirror.hints.due("contact", 10).ids) == {BOB}
    assert not mirror.hints.due("lead", 10)


def test_what_was_named_again_while_it_was_read_waits_on(mirror: SqliteMirror) -> None:
    keep(mirror, hint(ADA), hint(BOB))
    due = mirror.hints.due("contact", 10)
    keep(mirror, hint(ADA))
    mirror.hints.taken(due, due.ids)
    assert set(mirror.hints.due("contact", 10).ids) == {ADA}


def test_the_oldest_come_first_and_no_more_than_are_asked_for(mirror: SqliteMirror) -> None:
    keep(mirror, hint(BOB))
    keep(mirror, hint(ADA))
    assert list(mirror.hints.due("contact", 1).ids) == [BOB]


def test_a_position_is_of_one_channel_of_one_org(mirror: SqliteMirror) -> None:
    assert mirror.hints.position(CHANNEL, ORG) is None
    keep(mirror, position=b"\x00\xff")
    assert mirror.hints.position(CHANNEL, ORG) == b"\x00\xff"
    assert mirror.hints.position(CHANNEL, OTHER_ORG) is None
    assert mirror.hints.position("/data/Other__chn", ORG) is None
    keep(mirror, position=b"")  # a message that tells none
    assert mirror.hints.position(CHANNEL, ORG) == b"\x00\xff"


def test_a_position_is_not_stored_without_the_ids_that_it_covers(
    mirror: SqliteMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(mirror, position=b"p1")
    with closing(sqlite3.connect(mirror.path)) as other, other:
        other.execute("ALTER TABLE _stream_hints RENAME TO _away")
    with pytest.raises(MirrorError):
        keep(mirror, hint(ADA), position=b"p2")
    assert mirror.hints.position(CHANNEL, ORG) == b"p1"


def test_a_dead_position_and_what_is_read_instead_change_together(mirror: SqliteMirror) -> None:
    keep(mirror, hint(ADA))
    mirror.hints.lose_position(CHANNEL, [hint(kind=HintKind.EXPIRED)])
    assert mirror.hints.position(CHANNEL, ORG) is None
    keep(mirror, hint(kind=HintKind.START))
    due = mirror.hints.due("contact", 10)
    assert (due.whole, due.full, set(due.ids)) == (True, True, {ADA})  # still everything


def test_a_whole_object_is_read_once_and_ids_wait_beside_it(mirror: SqliteMirror) -> None:
    keep(mirror, hint(kind=HintKind.OVERFLOW), hint(ADA))
    due = mirror.hints.due("contact", 0)
    assert (due.whole, due.full, dict(due.ids)) == (True, False, {})
    mirror.hints.taken_whole(due)
    due = mirror.hints.due("contact", 10)
    assert (due.whole, set(due.ids)) == (False, {ADA})


def test_too_many_ids_become_the_whole_object(
    mirror: SqliteMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IDS", 3)
    keep(mirror, hint(*(f"00300000000000{n}AAA" for n in range(5))))
    due = mirror.hints.due("contact", 10)
    assert (due.whole, due.full, dict(due.ids)) == (True, False, {})
    assert mirror.hints.count() == 1


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"Title": "a"}, {"Title": "a"}, {"Title": "a"}),  # one event, delivered twice
        ({"Title": "a"}, {"Title": "b"}, None),
        ({"Title": "a"}, None, None),
        (None, {"Title": "a"}, None),
    ],
)
def test_two_changes_of_a_record_are_never_one_echo(mirror, first, second, kept) -> None:
    keep(mirror, hint(ADA, changed=first))
    keep(mirror, hint(ADA, changed=second))
    assert mirror.hints.due("contact", 10).ids == {ADA: kept}


def test_whether_anything_waits(mirror: SqliteMirror) -> None:
    assert not mirror.hints.wait_for(["contact", "lead"])
    keep(mirror, hint(ADA))
    assert mirror.hints.wait_for(["lead", "contact"])
    assert not mirror.hints.wait_for(["lead"])
    assert not DueRead("contact")
    assert mirror.hints.position_at()
