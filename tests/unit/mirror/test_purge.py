"""Purging a person, and knowing them again."""

from __future__ import annotations

from dataclasses import replace

from sfsync.mirror.store import SqliteMirror
from sfsync.model.arrival import Taken
from sfsync.model.event import EventType
from tests.unit.mirror.samples import (
    busy_person,
    event,
    look,
    one,
    pull,
    remote,
    sid,
)


def test_purging_leaves_no_trace_of_the_person_and_all_of_the_others(mirror: SqliteMirror) -> None:
    busy_person(mirror)
    told = mirror.purge.person("p1@example.com")
    assert (told["removed"]["contacts"], told["records"], told["mentions"]) == (1, [sid(1)], 0)
    assert mirror.person_history.of("p1@example.com")["rows"] == []
    assert mirror.rows.count("contact") == 1
    assert mirror.tasks.count_waiting() == 0
    mirror.close()
    content = mirror.path.read_bytes()
    for trace in (b"Lovelace", b"p1@example.com", b"mine", b"theirs", b"again"):
        assert trace not in content
    assert b"p2@example.com" in content


def test_a_rehearsed_purge_changes_nothing(mirror: SqliteMirror) -> None:
    busy_person(mirror)
    before = mirror.path.read_bytes()
    assert mirror.purge.person("p1@example.com", dry_run=True)["removed"]["contacts"] == 1
    assert mirror.path.read_bytes() == before


def test_somebody_purged_comes_back_by_no_pull_no_file_and_no_event_until_readmitted(
    mirror: SqliteMirror,
) -> None:
    busy_person(mirror)
    mirror.purge.person("p1@example.com")
    stranger = mirror.purge.record_filter("contact")
    assert stranger is not None
    assert stranger(remote(1, email="other@example.com"))
    assert stranger(remote(9, email="P1@Example.com"))
    assert not stranger(remote(2))
    assert mirror.imports.store("contact", [{"email": " P1@example.com"}]) == {
        "created": 0, "updated": 0, "unchanged": 0, "purged": 1,
    }  # fmt: skip
    late = replace(event(7), id="open-p1@example.com")
    assert mirror.events.keep([late], source="test") == Taken(1, 0)
    assert mirror.events.keep([late], source="test") == Taken(0, 1)
    assert "p1@example.com" not in repr(look(mirror, "SELECT * FROM events"))
    assert [entry.id for entry, _ in mirror.events.pending(10)] == ["evt-3"]
    assert mirror.purge.readmit("p1@example.com")
    assert mirror.purge.record_filter("contact") is None
    assert mirror.imports.store("contact", [{"email": "p1@example.com"}])["created"] == 1


def test_an_opt_out_on_its_way_is_told_before_anybody_is_forgotten(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), remote(2))
    assert mirror.purge.unsent_consent("p1@example.com") == []
    mirror.events.keep([replace(event(1), type=EventType.UNSUBSCRIBED)], source="test")
    assert mirror.purge.unsent_consent("p1@example.com") == [
        "an unsubscribed event is not handled yet"
    ]


def test_a_purged_event_does_not_count_again(mirror: SqliteMirror) -> None:
    busy_person(mirror)
    mirror.purge.person("p1@example.com")
    assert mirror.events.keep([event(1)], source="test") == Taken(0, 1)
    assert [entry.id for entry, _ in mirror.events.pending(10)] == ["evt-3"]
    assert one(mirror, "SELECT task_id FROM activities") == sid(1, "00T")
