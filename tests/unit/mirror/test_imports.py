"""Importing people, telling one person's story, and forgetting them."""

from __future__ import annotations

from dataclasses import replace

from sfsync.mirror.store import SqliteMirror
from sfsync.model.activity import Effect, Person, TaskDraft
from sfsync.model.event import EventType
from sfsync.model.outcome import Accepted, Rejected
from sfsync.model.record import LocalId, Remote
from tests.unit.mirror.samples import (
    PUSHED,
    edit,
    event,
    journal,
    look,
    one,
    pull,
    push_plans,
    remote,
    sid,
)


def test_an_import_creates_updates_and_leaves_alone(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(2, phone="1"))
    rows = [
        {"email": "P1@example.com", "phone": "2"},
        {"email": "p2@example.com", "phone": "1"},
        {"email": "new@example.com", "clicks": 4},
        {"email": " NEW@example.com ", "clicks": 5},
    ]
    assert mirror.imports.store("contact", rows) == {"created": 1, "updated": 2, "unchanged": 1}
    assert list(mirror.rows.dirty_ids("contact", PUSHED)) == [sid(1)]
    assert look(mirror, "SELECT email, phone, clicks FROM contacts ORDER BY id") == [
        ("p1@example.com", "2", None),
        ("p2@example.com", "1", None),
        ("new@example.com", None, 5),
    ]


def test_importing_the_same_file_again_changes_nothing(mirror: SqliteMirror) -> None:
    rows = [{"email": "a@example.com", "phone": None}, {"email": None, "last_name": "Nobody"}]
    assert mirror.imports.store("contact", rows)["created"] == 2
    assert mirror.imports.store("contact", rows) == {"created": 0, "updated": 0, "unchanged": 2}


def test_a_soft_deleted_row_is_not_brought_back_by_an_import(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    edit(mirror, "UPDATE contacts SET deleted_at = 'x'")
    assert mirror.imports.store("contact", [{"email": "p1@example.com"}])["created"] == 1


def test_an_edit_can_be_written_for_one_row(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    assert mirror.rows.write_edits("contact", LocalId(1), {"phone": "9"})
    assert list(mirror.rows.dirty_ids("contact", PUSHED)) == [sid(1)]
    assert not mirror.rows.write_edits("contact", LocalId(5), {"phone": "9"})


def busy_person(mirror: SqliteMirror) -> None:
    """Somebody with a bit of everything, and a neighbour."""
    pull(mirror, remote(1, phone="1", last_name="Lovelace"), remote(2), segment="All")
    edit(mirror, "UPDATE contacts SET phone = 'mine' WHERE id = 1")
    pull(mirror, remote(1, phone="theirs", last_name="Lovelace"))
    edit(mirror, "UPDATE contacts SET phone = 'again' WHERE id = 1")
    fresh = Remote(
        sid(1), {**remote(1, phone="theirs", last_name="Lovelace").values, "score": None}
    )
    (ref,) = journal(mirror, *push_plans(mirror, fresh))
    mirror.outbox.settle([Accepted(ref, sid(1))])
    mirror.events.keep([event(1), event(2), event(3, email="p2@example.com")], source="test")
    who = Person("contact", LocalId(1), sid(1))
    task = TaskDraft("k1", "Email: January", {"Description": "Email opened by Lovelace"})
    mirror.events.apply([Effect(event(1), who, task=task)])
    mirror.events.apply([Effect(event(2), who, task=TaskDraft("k2", "Hello Lovelace", {}))])
    mirror.tasks.settle([Accepted(1, sid(1, "00T"))])
    mirror.quarantine.put(
        kind="record", code="X", message="no", object_name="contact", local_id=LocalId(1)
    )
    mirror.quarantine.put(
        kind="input", code="X", message="line 3", payload="P1@example.com,Lovelace"
    )


def test_a_story_has_everything(mirror: SqliteMirror) -> None:
    busy_person(mirror)
    told = mirror.person_history.of("P1@example.com")
    (row,) = told["rows"]
    assert (row["salesforce_id"], row["segments"], row["lives_on"]) == (sid(1), ["All"], None)
    assert [entry["id"] for entry in told["events"]] == ["evt-1", "evt-2"]
    assert [entry["state"] for entry in told["activities"]] == ["done", "queued"]
    assert [(entry["column"], entry["local"]) for entry in told["conflicts"]] == [("phone", "mine")]
    assert [entry["code"] for entry in told["quarantine"]] == ["X"]
    assert [(entry["before"], entry["after"]) for entry in told["writes"]] == [
        ({"phone": "theirs"}, {"phone": "again"})
    ]


def test_nobody_has_a_short_story(mirror: SqliteMirror) -> None:
    assert mirror.person_history.of("who@example.com")["rows"] == []


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
    assert mirror.events.keep([late], source="test") == (1, 0)
    assert mirror.events.keep([late], source="test") == (0, 1)
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
    assert mirror.events.keep([event(1)], source="test") == (0, 1)
    assert [entry.id for entry, _ in mirror.events.pending(10)] == ["evt-3"]
    assert one(mirror, "SELECT task_id FROM activities") == sid(1, "00T")


def test_a_refusal_names_the_person_for_people(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    fresh = Remote(sid(1), {**remote(1, phone="1").values, "score": None})
    (ref,) = journal(mirror, *push_plans(mirror, fresh))
    mirror.outbox.settle([Rejected(ref, "STRING_TOO_LONG", "Phone")])
    (entry,) = mirror.quarantine.listed()
    assert (entry["record"], entry["object"], entry["local_id"]) == ("p1@example.com", "contact", 1)
    assert mirror.quarantine.ignore([entry["id"]]) == 1
    assert mirror.quarantine.listed() == []
    assert list(mirror.rows.dirty_ids("contact", PUSHED)) == []
