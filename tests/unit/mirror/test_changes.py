"""The feed of changes: every action, whoever writes; nothing is told where nothing changed; nothing is missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.errors import CursorGone, UsageError
from sfsync.mirror import changes as feed
from sfsync.mirror.store import SqliteMirror
from sfsync.model.activity import Effect, Person
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, FieldMap, ObjectMap
from sfsync.model.outcome import Accepted
from sfsync.model.record import LocalId, Remote, RemoteState
from sfsync.model.row_change import FeedCursor, RowChange
from tests.feed import new_values, read, replayed, tables
from tests.ready_mirror import write_ready_mirror
from tests.unit.mirror.samples import (
    CONTACT,
    LEAD,
    busy_person,
    edit,
    event,
    foreign,
    journal,
    lead,
    look,
    mapping,
    one,
    open_mirror,
    pull,
    push_plans,
    remote,
    sid,
)

GONE = "2026-01-21T00:00:00Z"


def news(mirror: SqliteMirror, work: Callable[[], object]) -> list[RowChange]:
    """What is told of this work."""
    before = mirror.changes.latest()
    work()
    return read(mirror, before)


def both(old: Any, new: Any) -> dict[str, Any]:
    return {"old": old, "new": new}


# -- by other programs -----------------------------------------------------------------------------
def test_a_row_that_another_program_puts_in_is_told_with_its_values(mirror: SqliteMirror) -> None:
    (line,) = news(
        mirror,
        lambda: edit(mirror, "INSERT INTO contacts (email, score) VALUES ('n@x.example', 0.1)"),
    )
    told = line.as_dict()
    assert {key: told[key] for key in ("object", "id", "salesforce_id", "action", "changed")} == {
        "object": "contact",
        "id": 1,
        "salesforce_id": None,
        "action": "import",
        "changed": {"email": both(None, "n@x.example"), "score": both(None, 0.1)},
    }
    assert (told["origin"], told["run"]) == ("local", None)
    assert len(told["at"]) == len("2026-01-20T10:00:00Z")


def test_an_edit_is_told_with_the_columns_that_changed_and_no_others(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    (line,) = news(
        mirror, lambda: edit(mirror, "UPDATE contacts SET phone = '2', last_name = 'L', gone = 0")
    )
    assert line.action == "update"
    assert line.changed == {"phone": both("1", "2"), "last_name": both(None, "L")}
    assert (line.origin, line.run, line.salesforce_id) == ("local", "", sid(1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contacts SET phone = phone, score = NULL",
        "INSERT OR IGNORE INTO contacts (id, email) VALUES (1, 'other@x.example')",
        "INSERT OR REPLACE INTO contacts SELECT * FROM contacts",
        "INSERT INTO contacts (id, phone) VALUES (1, 'x') ON CONFLICT DO NOTHING",
        "INSERT OR REPLACE INTO contact_segments SELECT * FROM contact_segments",
        "INSERT OR IGNORE INTO contact_segments SELECT * FROM contact_segments",
        "UPDATE contact_segments SET added_at = 'now'",
        "UPDATE segments SET name = name",
    ],
)
def test_nothing_is_told_where_nothing_changed(mirror: SqliteMirror, statement: str) -> None:
    pull(mirror, remote(1, phone="1"), segment="All")
    assert news(mirror, lambda: edit(mirror, statement)) == []


def test_a_pull_that_brings_equal_values_tells_nothing(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    assert news(mirror, lambda: pull(mirror, remote(1, phone="2"))) == []


def test_a_row_that_is_replaced_is_told_as_an_update(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(2))
    (line,) = news(
        mirror,
        lambda: edit(
            mirror, "REPLACE INTO contacts (id, email, gone) VALUES (1, 'p1@example.com', 0)"
        ),
    )
    assert (line.action, line.row_id, line.salesforce_id) == ("update", 1, sid(1))
    assert line.changed == {"phone": both("1", None), "opted_out": both(0, None)}


def test_a_row_that_is_replaced_because_of_its_record_is_told_as_gone(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    lines = news(
        mirror,
        lambda: edit(
            mirror, "REPLACE INTO contacts (id, salesforce_id, phone) VALUES (9, ?, 'n')", sid(1)
        ),
    )
    assert [(line.action, line.row_id) for line in lines] == [("delete", 1), ("import", 9)]
    assert lines[0].changed["phone"] == both("1", None)
    assert new_values(lines[1]) == {"phone": "n", "salesforce_id": sid(1)}


def test_a_row_that_another_one_takes_its_record_from_is_told_as_gone(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (salesforce_id) VALUES (?)", sid(2))
    edit(mirror, "REPLACE INTO contacts (salesforce_id) VALUES (?)", sid(2))
    lines = news(mirror, lambda: edit(mirror, "REPLACE INTO contacts (id, nick) VALUES (1, 'n')"))
    assert [(line.action, line.row_id) for line in lines] == [("delete", 2), ("import", 1)]
    assert look(mirror, "SELECT id, salesforce_id FROM contacts") == [(1, sid(2))]
    assert lines[1].salesforce_id == sid(2)


def test_a_program_whose_triggers_are_recursive_is_understood_too(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    before = mirror.changes.latest()
    with foreign(mirror) as other:
        other.execute("PRAGMA recursive_triggers = ON")
        other.execute("REPLACE INTO contacts (id, email) VALUES (1, 'new@x.example')")
    told = replayed(read(mirror, before))
    assert told["contact", 1]["email"] == "new@x.example"
    assert "phone" not in told["contact", 1]


def test_an_upsert_is_told_as_what_it_did(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (email, phone) VALUES ('a@x.example', '1')")
    upsert = (
        "INSERT INTO contacts (id, phone) VALUES (1, '2')"
        " ON CONFLICT (id) DO UPDATE SET phone = excluded.phone"
    )
    (line,) = news(mirror, lambda: edit(mirror, upsert))
    assert (line.action, line.changed) == ("update", {"phone": both("1", "2")})
    assert news(mirror, lambda: edit(mirror, upsert)) == []


def test_a_soft_delete_and_its_end_are_told(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    (gone,) = news(mirror, lambda: edit(mirror, f"UPDATE contacts SET deleted_at = '{GONE}'"))
    assert (gone.action, gone.changed) == ("delete", {"deleted_at": both(None, GONE)})
    (back,) = news(mirror, lambda: edit(mirror, "UPDATE contacts SET deleted_at = NULL"))
    assert (back.action, back.changed) == ("restore", {"deleted_at": both(GONE, None)})


def test_a_row_that_is_taken_out_is_told_with_what_it_held(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), segment="All")
    lines = news(mirror, lambda: edit(mirror, "DELETE FROM contacts"))
    actions = {line.action: line for line in lines}
    assert actions.keys() == {"delete", "left"}
    assert actions["delete"].changed["email"] == both("p1@example.com", None)
    assert "deleted_at" not in actions["delete"].changed
    assert actions["left"].segment == "All"


def test_segments_are_told(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), segment="All")
    edit(mirror, "INSERT INTO segments (name) VALUES ('VIP')")
    (joined,) = news(
        mirror,
        lambda: edit(mirror, "INSERT INTO contact_segments (segment_id, contact_id) VALUES (2, 1)"),
    )
    assert (joined.action, joined.object, joined.row_id, joined.salesforce_id, joined.segment) == (
        "joined", "contact", 1, sid(1), "VIP",
    )  # fmt: skip
    assert joined.as_dict()["segment"] == "VIP"
    edit(mirror, "DELETE FROM contact_segments WHERE segment_id = 1")
    moved = news(mirror, lambda: edit(mirror, "UPDATE contact_segments SET segment_id = 1"))
    assert [(line.action, line.segment) for line in moved] == [("left", "VIP"), ("joined", "All")]
    (left,) = news(mirror, lambda: edit(mirror, "DELETE FROM contact_segments"))
    assert (left.action, left.segment) == ("left", "All")


@pytest.mark.parametrize(
    "value",
    ['q"uote', "back\\slash", "line\nbreak\ttab\x01", "nul\x00end", "ünï ☃ 😀", "", "{}", "null"],
)
def test_any_text_comes_out_as_it_is(mirror: SqliteMirror, value: str) -> None:
    (line,) = news(
        mirror, lambda: edit(mirror, "INSERT INTO contacts (last_name) VALUES (?)", value)
    )
    assert new_values(line) == {"last_name": value}


def test_text_that_is_not_utf_8_is_told_with_its_broken_bytes_marked(mirror: SqliteMirror) -> None:
    (line,) = news(
        mirror,
        lambda: edit(mirror, "INSERT INTO contacts (last_name) VALUES (CAST(x'41ff42' AS TEXT))"),
    )
    assert new_values(line) == {"last_name": "A�B"}


def test_infinity_is_no_json(mirror: SqliteMirror) -> None:
    (line,) = news(mirror, lambda: edit(mirror, "INSERT INTO contacts (score) VALUES (9e999)"))
    assert new_values(line) == {"score": None}


def test_a_column_may_have_any_name(path: Path) -> None:
    odd = ObjectMap(
        "contact", "contacts", "Contact", "email",
        (
            FieldMap("Email", "email"),
            FieldMap("A__c", 'it\'s "my"\\ column'),
            FieldMap("B__c", "Größe", FieldType.NUMBER, Direction.PUSH),
        ),
    )  # fmt: skip
    with open_mirror(path, odd) as mirror:
        edit(mirror, 'INSERT INTO contacts (email, "it\'s ""my""\\ column") VALUES (\'a\', \'b\')')
        edit(mirror, 'UPDATE contacts SET "Größe" = 1.5')
        first, second = read(mirror)
    assert new_values(first) == {"email": "a", 'it\'s "my"\\ column': "b"}
    assert new_values(second) == {"Größe": 1.5}


def test_an_edit_that_is_rolled_back_was_none(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    before = mirror.changes.latest()
    with closing(sqlite3.connect(mirror.path)) as other:
        other.execute("UPDATE contacts SET phone = 'x'")
        other.rollback()
    assert mirror.changes.latest() == before
    assert read(mirror, before) == []


# -- by sfsync -------------------------------------------------------------------------------------
def test_a_pull_tells_of_its_rows_with_its_run(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(2), segment="All")
    lines = read(mirror)
    assert [(line.action, line.row_id, line.salesforce_id) for line in lines] == [
        ("import", 1, sid(1)), ("import", 2, sid(2)), ("joined", 1, sid(1)), ("joined", 2, sid(2)),
    ]  # fmt: skip
    assert {(line.origin, line.run) for line in lines} == {("salesforce", "run-1")}
    assert new_values(lines[0]) == {
        "email": "p1@example.com", "phone": "1", "gone": 0, "opted_out": 0, "salesforce_id": sid(1),
    }  # fmt: skip
    (line,) = news(mirror, lambda: pull(mirror, remote(1, phone="2")))
    assert (line.action, line.origin, line.run) == ("update", "salesforce", "run-1")
    assert line.changed == {"phone": both("1", "2")}


def test_many_new_rows_are_one_row_of_the_feed_and_each_a_line_of_its_own(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, *(remote(number) for number in range(1, 1201)), segment="All")
    assert one(mirror, "SELECT count(*) FROM _changes") == 2
    lines = read(mirror, page=500)
    assert [line.row_id for line in lines] == [*range(1, 1201)] * 2
    assert [line.cursor.number for line in lines] == [*range(1, 2401)]
    assert lines[1199].changed["email"] == both(None, "p1200@example.com")
    middle = FeedCursor(lines[0].cursor.mirror_key, 700)
    assert [line.row_id for line in read(mirror, middle, page=7)] == [
        *range(701, 1201), *range(1, 1201),
    ]  # fmt: skip


def test_a_record_that_is_deleted_and_restored_is_told(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    (gone,) = news(mirror, lambda: pull(mirror, Remote(sid(1), {}, RemoteState.DELETED)))
    assert (gone.action, gone.origin) == ("delete", "salesforce")
    (back,) = news(mirror, lambda: pull(mirror, remote(1, phone="1")))
    assert (back.action, back.origin) == ("restore", "salesforce")


def test_a_merge_names_its_survivor(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), remote(2))
    merged = Remote(sid(2), {}, RemoteState.MERGED, sid(1))
    lines = news(mirror, lambda: pull(mirror, merged))
    (line,) = (line for line in lines if line.row_id == 2)
    assert line.action == "merge"
    assert line.as_dict()["survivor"] == {"object": "contact", "id": 1, "salesforce_id": sid(1)}
    assert line.changed["deleted_at"]["new"]


def test_a_conversion_names_its_survivor(mirror: SqliteMirror) -> None:
    pull(mirror, lead(1), object_map=LEAD)
    pull(mirror, remote(5))
    converted = Remote(sid(1, "00Q"), {}, RemoteState.CONVERTED, sid(5))
    lines = news(mirror, lambda: pull(mirror, converted, object_map=LEAD))
    (line,) = (line for line in lines if line.object == "lead")
    assert line.action == "convert"
    assert line.survivor == {"object": "contact", "id": 1, "salesforce_id": sid(5)}


def test_a_survivor_that_has_no_row_is_named_by_its_record(mirror: SqliteMirror) -> None:
    pull(mirror, remote(2))
    (line,) = news(mirror, lambda: pull(mirror, Remote(sid(2), {}, RemoteState.MERGED, sid(7))))
    assert line.survivor == {"object": "contact", "id": None, "salesforce_id": sid(7)}


def test_a_row_that_makes_room_for_the_one_that_was_pushed_is_merged_into_it(
    mirror: SqliteMirror,
) -> None:
    edit(mirror, "INSERT INTO contacts (email) VALUES ('other@x.example')")
    pull(mirror, remote(1))
    lines = news(mirror, lambda: mirror.rows.link("contact", LocalId(1), sid(1)))
    assert [(line.action, line.row_id) for line in lines] == [("merge", 2), ("update", 1)]
    assert lines[0].survivor == {"object": "contact", "id": 1, "salesforce_id": sid(1)}
    assert lines[1].changed == {"salesforce_id": both(None, sid(1))}


def test_what_an_event_does_is_told_as_its_doing(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    mirror.events.keep([event(1)], source="test")
    who = Person("contact", LocalId(1), sid(1))
    effect = Effect(event(1), who, add_values={"clicks": 1})
    (line,) = news(mirror, lambda: mirror.events.apply([effect]))
    assert (line.origin, line.run, line.changed) == ("event", "run-1", {"clicks": both(None, 1)})


def test_a_file_is_told_as_an_import(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    rows = [{"email": "p1@example.com", "phone": "9"}, {"email": "n@x.example"}]
    lines = news(mirror, lambda: mirror.imports.store("contact", rows, run_id="import-7"))
    assert [(line.action, line.origin, line.run) for line in lines] == [
        ("update", "import", "import-7"), ("import", "import", "import-7"),
    ]  # fmt: skip


def test_who_wrote_before_is_not_taken_for_who_writes_now(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "n@x.example"}], run_id="import-7")
    (line,) = news(mirror, lambda: edit(mirror, "UPDATE contacts SET phone = '1'"))
    assert (line.origin, line.run) == ("local", "")


def test_a_row_that_is_sent_gets_its_record(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (email, last_name) VALUES ('n@x.example', 'N')")
    (ref,) = journal(mirror, *push_plans(mirror))
    (line,) = news(mirror, lambda: mirror.outbox.settle([Accepted(ref, sid(4))]))
    assert (line.action, line.origin) == ("update", "salesforce")
    assert line.changed == {"salesforce_id": both(None, sid(4))}


def test_an_object_can_be_read_alone(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), remote(2))
    pull(mirror, lead(1), object_map=LEAD)
    assert [line.object for line in read(mirror, of="lead")] == ["lead"]
    assert [line.row_id for line in read(mirror, of="contact")] == [1, 2]


# -- a person is purged ----------------------------------------------------------------------------
def test_of_a_purged_person_a_tombstone_stays_and_no_value(mirror: SqliteMirror) -> None:
    busy_person(mirror)
    edit(mirror, "UPDATE contacts SET last_name = 'knows p1@example.com' WHERE id = 2")
    edit(mirror, "UPDATE contacts SET last_name = 'knows nobody' WHERE id = 2")
    mirror.purge.person("p1@example.com")
    lines = read(mirror)
    (tombstone,) = (line for line in lines if line.row_id == 1 and line.origin == "purge")
    assert (tombstone.action, tombstone.changed, tombstone.salesforce_id) == ("delete", {}, None)
    told = replayed(lines)
    assert ("contact", 1) not in told
    assert told["contact", 2]["last_name"] == "knows nobody"
    mirror.close()
    content = mirror.path.read_bytes()
    for trace in (b"Lovelace", b"p1@example.com", b"mine", b"theirs", b"again"):
        assert trace not in content


def test_what_a_row_that_is_gone_held_of_a_purged_person_goes_too(mirror: SqliteMirror) -> None:
    edit(
        mirror,
        "INSERT INTO contacts (email, last_name) VALUES ('p1@example.com', 'Lovelace'), ('p1@example.com', 'King')",
    )
    edit(mirror, "UPDATE contacts SET phone = 'secret-number' WHERE id = 1")
    edit(mirror, "DELETE FROM contacts WHERE id = 1")
    edit(mirror, "INSERT OR IGNORE INTO contacts (id, email) VALUES (2, 'p1@example.com')")
    mirror.purge.person("p1@example.com")
    assert [(line.action, line.row_id, line.changed) for line in read(mirror)] == [
        ("delete", 1, {}), ("delete", 2, {}),
    ]  # fmt: skip
    mirror.close()
    content = mirror.path.read_bytes()
    for trace in (b"Lovelace", b"King", b"secret-number", b"p1@example.com"):
        assert trace not in content


# -- cursors ---------------------------------------------------------------------------------------
def test_a_cursor_goes_on_where_it_was(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), remote(2))
    first, second = read(mirror)
    place = mirror.changes.place_of(str(first.cursor))
    assert read(mirror, place) == [second]
    assert read(mirror, mirror.changes.place_of(str(second.cursor))) == []


@pytest.mark.parametrize(
    "text", ["", "1", "c1-xyz-1", "c1-1a2b3c4d-", "c2-1a2b3c4d-1", "c1-1a2b3c4d-\u0661", "now "]
)
def test_what_is_no_cursor_is_refused(mirror: SqliteMirror, text: str) -> None:
    with pytest.raises(UsageError, match="no cursor") as caught:
        mirror.changes.place_of(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "number", "told"), [("0", 1, "another mirror"), ("", 99, "later state")]
)
def test_a_cursor_of_another_file_is_refused_and_says_where_to_go_on(
    mirror: SqliteMirror, key: str, number: int, told: str
) -> None:
    pull(mirror, remote(1))
    foreign_cursor = FeedCursor(key or mirror.changes.latest().mirror_key, number)
    with pytest.raises(CursorGone, match=told) as caught:
        mirror.changes.place_of(str(foreign_cursor))
    assert caught.value.cursor == str(mirror.changes.latest())
    assert caught.value.cursor in caught.value.hint


def test_the_oldest_lines_go_and_a_cursor_that_needs_them_is_told(
    mirror: SqliteMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PRUNED_AT_ONCE", 2)
    begin = mirror.changes.oldest()
    for number in range(10):
        edit(mirror, f"INSERT INTO contacts (email) VALUES ('n{number}@x.example')")
    assert mirror.changes.prune(rows=3, days=30) == 7
    assert mirror.changes.prune(rows=3, days=30) == 0
    assert [line.row_id for line in read(mirror)] == [8, 9, 10]
    for number in (0, 6):
        with pytest.raises(CursorGone, match="not kept any more"):
            mirror.changes.place_of(str(FeedCursor(begin.mirror_key, number)))
    with pytest.raises(CursorGone):  # also a reader that was there before
        mirror.changes.page(begin, 10)
    assert len(read(mirror, FeedCursor(begin.mirror_key, 7))) == 3


def test_a_run_forgets_a_bounded_number_of_lines(
    mirror: SqliteMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PRUNED_AT_ONCE", 2)
    monkeypatch.setattr(feed, "PRUNED_IN_A_RUN", 3)
    for number in range(10):
        edit(mirror, f"INSERT INTO contacts (email) VALUES ('n{number}@x.example')")
    assert mirror.changes.prune(rows=1, days=30) == 6
    assert mirror.changes.prune(rows=1, days=30) == 3


def test_old_lines_go_whatever_their_number(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    edit(mirror, "UPDATE contacts SET phone = '1'")
    edit(mirror, "UPDATE _changes SET at = '2020-01-01T00:00:00Z' WHERE cursor = 1")
    assert mirror.changes.prune(rows=1000, days=30) == 1
    assert [line.action for line in read(mirror)] == ["update"]


def test_a_feed_of_which_nothing_is_left_still_knows_its_end(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    end = mirror.changes.latest()
    edit(mirror, "UPDATE _changes SET at = '2020-01-01T00:00:00Z'")
    mirror.changes.prune(rows=1000, days=30)
    assert mirror.changes.latest() == mirror.changes.oldest() == end
    assert mirror.changes.place_of(str(end)) == end


# -- where rows may have changed unseen ------------------------------------------------------------
@pytest.mark.parametrize("trigger", ["_contacts_feed_updated", "_contact_segments_left"])
def test_where_a_trigger_was_lost_every_cursor_is_too_old(path: Path, trigger: str) -> None:
    with open_mirror(path) as mirror:
        pull(mirror, remote(1))
        end = mirror.changes.latest()
        edit(mirror, f"DROP TRIGGER {trigger}")
    with open_mirror(path) as mirror:
        with pytest.raises(CursorGone):
            mirror.changes.place_of(str(end))
        assert read(mirror) == []
        (line,) = news(mirror, lambda: edit(mirror, "UPDATE contacts SET phone = '1'"))
        assert line.action == "update"


def test_where_the_mapping_changed_every_cursor_is_too_old(path: Path) -> None:
    with open_mirror(path) as mirror:
        pull(mirror, remote(1))
        end = mirror.changes.latest()
    fewer = ObjectMap("contact", "contacts", "Contact", "email", CONTACT.fields[:3])
    with open_mirror(path, fewer, LEAD) as mirror, pytest.raises(CursorGone):
        mirror.changes.place_of(str(end))


def test_opening_a_mirror_again_is_no_gap(path: Path) -> None:
    with open_mirror(path) as mirror:
        pull(mirror, remote(1))
        end = mirror.changes.latest()
    with open_mirror(path) as mirror:
        assert mirror.changes.place_of(str(end)) == end
        assert [line.action for line in read(mirror)] == ["import"]


# -- the law: whoever replays the feed has the tables ----------------------------------------------
NUMBERS = st.integers(1, 4)
TEXTS = st.none() | st.text(st.characters(codec="utf-8"), max_size=6)
SCORES = st.none() | st.floats(allow_nan=False, allow_infinity=False)
EMAILS = NUMBERS.map(lambda number: f"p{number}@example.com")


def sql(text: str, *values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def given_to(given: Any) -> Callable[[SqliteMirror], None]:
        def work(mirror: SqliteMirror) -> None:
            with suppress(sqlite3.IntegrityError):  # what is refused changes nothing
                edit(mirror, text, *given)

        return work

    return st.tuples(*values).map(given_to)


def by_pull(number: int, state: RemoteState, phone: str | None) -> Callable[[SqliteMirror], None]:
    if state is RemoteState.PRESENT:
        return lambda mirror: pull(mirror, remote(number, phone=phone), segment="All")
    survivor = sid(number % 4 + 1) if state is RemoteState.MERGED else None
    return lambda mirror: pull(mirror, Remote(sid(number), {}, state, survivor))


STEPS = st.one_of(
    st.builds(
        by_pull,
        NUMBERS,
        st.sampled_from([RemoteState.PRESENT, RemoteState.DELETED, RemoteState.MERGED]),
        TEXTS,
    ),
    st.builds(
        lambda phone: lambda mirror: pull(
            mirror, *(remote(number, phone=phone) for number in range(1, 5)), segment="All"
        ),
        TEXTS,
    ),
    st.builds(lambda number: lambda mirror: pull(mirror, lead(number), object_map=LEAD), NUMBERS),
    st.builds(
        lambda email, phone: lambda mirror: mirror.imports.store(
            "contact", [{"email": email, "phone": phone}]
        ),
        EMAILS,
        TEXTS,
    ),
    sql("INSERT INTO contacts (email, score, nick) VALUES (?, ?, ?)", EMAILS, SCORES, TEXTS),
    sql("INSERT OR REPLACE INTO contacts (id, email, score) VALUES (?, ?, ?)", NUMBERS, EMAILS, SCORES),
    sql("INSERT OR IGNORE INTO contacts (id, email, nick) VALUES (?, ?, ?)", NUMBERS, EMAILS, TEXTS),
    sql("REPLACE INTO contacts (salesforce_id, nick) VALUES (?, ?)", NUMBERS.map(sid), TEXTS),
    sql(
        "INSERT INTO contacts (id, nick) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET nick = excluded.nick",
        NUMBERS,
        TEXTS,
    ),
    sql("UPDATE contacts SET score = ? WHERE id = ?", SCORES, NUMBERS),
    sql("UPDATE contacts SET nick = ?, phone = nick WHERE id <= ?", TEXTS, NUMBERS),
    sql("UPDATE contacts SET deleted_at = nullif(?, deleted_at) WHERE id = ?", st.just(GONE), NUMBERS),
    sql("DELETE FROM contacts WHERE id = ?", NUMBERS),
    sql("DELETE FROM leads WHERE id = ?", NUMBERS),
    sql("INSERT OR IGNORE INTO segments (name) VALUES (?)", st.sampled_from("AB")),
    sql(
        "INSERT OR REPLACE INTO contact_segments (segment_id, contact_id)"
        " SELECT s.id, c.id FROM segments AS s, contacts AS c WHERE c.id = ?",
        NUMBERS,
    ),
    sql("DELETE FROM contact_segments WHERE contact_id = ?", NUMBERS),
)  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=12))
def test_whoever_replays_the_feed_has_the_tables(steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mirror.db"
        write_ready_mirror(path, mapping())
        with open_mirror(path) as mirror:
            copy: dict[Any, Any] = {}
            place = mirror.changes.oldest()
            for work, reads_now in steps:
                work(mirror)
                if reads_now:
                    lines = read(mirror, place)
                    copy = replayed(lines, copy)
                    place = lines[-1].cursor if lines else place
                    assert copy == tables(partial(look, mirror), (CONTACT, LEAD))
            everything = read(mirror)
            assert replayed(read(mirror, place), copy) == tables(
                partial(look, mirror), (CONTACT, LEAD)
            )
            assert replayed(everything) == tables(partial(look, mirror), (CONTACT, LEAD))
            numbers = [line.cursor.number for line in everything]
            assert numbers == sorted(set(numbers))
            for line in everything:
                assert all(each["old"] != each["new"] for each in line.changed.values())
                assert line.changed or line.action not in ("update", "restore")
