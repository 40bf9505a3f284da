"""Edits are noticed whoever makes them: the base is kept by triggers, for any tool and any statement."""

from __future__ import annotations

import sqlite3

import pytest

from sfsync.mirror.store import SqliteMirror
from sfsync.model.record import LocalId
from tests.unit.mirror.samples import (
    CONTACT,
    PULLED,
    PUSHED,
    base_of,
    contested,
    edit,
    foreign,
    look,
    one,
    open_mirror,
    pull,
    remote,
    sid,
)


@pytest.fixture
def met(mirror: SqliteMirror) -> SqliteMirror:
    """Three people who are the same on both sides."""
    pull(mirror, *(remote(number, phone="1", last_name="L") for number in (1, 2, 3)))
    return mirror


def dirty(mirror: SqliteMirror) -> list[str]:
    return list(mirror.rows.dirty_ids("contact", PUSHED))


def test_a_pull_leaves_no_base_and_nothing_to_push(met: SqliteMirror) -> None:
    assert one(met, "SELECT count(*) FROM _contacts_base") == 0
    assert dirty(met) == []


def test_an_edit_by_another_program_keeps_what_was_agreed(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET phone = '2' WHERE salesforce_id = ?", sid(2))
    assert base_of(met, 2) == [("1",)]
    assert dirty(met) == [sid(2)]
    edit(met, "UPDATE contacts SET phone = '3' WHERE salesforce_id = ?", sid(2))
    assert base_of(met, 2) == [("1",)]


def test_an_edit_is_stamped_with_its_time(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET phone = '2' WHERE salesforce_id = ?", sid(2))
    (triple,) = contested(met, remote(2, phone="1", last_name="L"))
    assert triple.local
    assert len(triple.local.edited_at) == len("2026-01-20T10:00:00Z")
    assert triple.local.edited_at.endswith("Z")


def test_an_edit_that_is_taken_back_is_none(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET phone = '2' WHERE id = 1")
    edit(met, "UPDATE contacts SET phone = '1' WHERE id = 1")
    assert dirty(met) == []


def test_writing_the_same_value_is_no_edit(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET phone = phone")
    assert one(met, "SELECT count(*) FROM _contacts_base") == 0


def test_a_column_that_is_not_mapped_is_nobodys_business(met: SqliteMirror) -> None:
    edit(met, "ALTER TABLE contacts ADD COLUMN remark TEXT")
    edit(met, "UPDATE contacts SET remark = 'likes tea'")
    assert dirty(met) == []


def test_an_edit_of_a_field_that_only_comes_down_is_not_pushed(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET company = 'Acme' WHERE id = 1")
    assert dirty(met) == []
    assert [
        triple.base.values["company"] for triple in contested(met, remote(1, company="Other"))
    ] == [None]  # type: ignore[union-attr]


def test_a_row_inserted_elsewhere_never_met_the_org(met: SqliteMirror) -> None:
    edit(met, "INSERT INTO contacts (email, phone) VALUES ('new@example.com', '9')")
    assert list(met.rows.unlinked("contact")) == [(LocalId(4), "new@example.com")]
    row = met.rows.by_local_id("contact", LocalId(4))
    assert row is not None
    assert row.base is None


def test_a_number_written_as_text_becomes_a_number(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET clicks = '5', gone = '1', score = '2.5' WHERE id = 1")
    assert one(met, "SELECT clicks, gone, score FROM contacts WHERE id = 1") == (5, 1, 2.5)


def test_text_in_a_number_is_refused_at_the_door(met: SqliteMirror) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT value in INTEGER column"):
        edit(met, "UPDATE contacts SET clicks = 'many' WHERE id = 1")


@pytest.mark.parametrize(
    "sql",
    [
        (
            "INSERT INTO contacts (id, salesforce_id, phone, last_name, email, gone, opted_out)"
            " VALUES (1, '{sid}', '2', 'L', 'p1@example.com', 0, 0)"
            " ON CONFLICT (id) DO UPDATE SET phone = excluded.phone"
        ),
        "INSERT INTO contacts (id, phone) VALUES (1, '2') ON CONFLICT (id) DO UPDATE SET phone = excluded.phone",
        (
            "INSERT OR REPLACE INTO contacts (id, salesforce_id, phone, last_name, email, gone, opted_out)"
            " VALUES (1, '{sid}', '2', 'L', 'p1@example.com', 0, 0)"
        ),
        (
            "REPLACE INTO contacts (id, phone, last_name, email, gone, opted_out)"
            " VALUES (1, '2', 'L', 'p1@example.com', 0, 0)"
        ),
        "UPDATE OR REPLACE contacts SET phone = '2' WHERE id = 1",
        "UPDATE OR IGNORE contacts SET phone = '2' WHERE id = 1",
    ],
    ids=[
        "upsert",
        "upsert-partial",
        "replace",
        "replace-without-id",
        "update-or-replace",
        "update-or-ignore",
    ],
)
def test_every_way_to_write_keeps_base_and_link(met: SqliteMirror, sql: str) -> None:
    for value in ("2", "3"):  # twice: the base must not be replaced by the second edit
        edit(met, sql.format(sid=sid(1)).replace("'2'", f"'{value}'"))
        assert base_of(met, 1) == [("1",)]
    row = met.rows.by_local_id("contact", LocalId(1))
    assert row is not None
    assert (row.salesforce_id, row.local.values["phone"]) == (sid(1), "3")
    assert row.base is not None
    assert dirty(met) == [sid(1)]


def test_an_insert_that_is_ignored_changes_nothing(met: SqliteMirror) -> None:
    edit(met, "INSERT OR IGNORE INTO contacts (id, phone) VALUES (1, '2')")
    assert dirty(met) == []
    met.runs.begin("run-2", "sync")
    assert one(met, "SELECT count(*) FROM _contacts_base") == 0


def test_another_salesforce_id_means_that_nothing_was_agreed(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET salesforce_id = ? WHERE id = 1", sid(77))
    row = met.rows.by_local_id("contact", LocalId(1))
    assert row is not None
    assert row.base is None
    assert dirty(met) == [sid(77)]


def test_a_row_taken_off_its_record_is_unlinked(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET salesforce_id = NULL WHERE id = 1")
    assert list(met.rows.unlinked("contact")) == [(LocalId(1), "p1@example.com")]


def test_the_id_of_a_row_is_for_ever(met: SqliteMirror) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="for ever"):
        edit(met, "UPDATE contacts SET id = 99 WHERE id = 1")


def test_an_id_is_never_given_twice(met: SqliteMirror) -> None:
    edit(met, "DELETE FROM contacts WHERE id = 3")
    edit(met, "INSERT INTO contacts (email) VALUES ('new@example.com')")
    assert one(met, "SELECT max(id) FROM contacts") == 4


def test_a_row_hard_deleted_here_spreads_nowhere_and_comes_back(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET phone = '2' WHERE id = 1")
    edit(met, "DELETE FROM contacts WHERE id = 1")
    assert dirty(met) == []
    pull(met, remote(1, phone="1"))
    assert met.rows.by_salesforce_id("contact", sid(1)) is not None


def test_a_soft_delete_here_is_pushed_only_where_the_mapping_says_so(met: SqliteMirror) -> None:
    edit(met, "UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z' WHERE id = 1")
    assert dirty(met) == []
    assert met.rows.count("contact") == 2


def test_sfsyncs_own_writes_are_no_edits(met: SqliteMirror) -> None:
    pull(met, remote(1, phone="5"), remote(4))
    assert one(met, "SELECT count(*) FROM _contacts_base") == 0
    assert one(met, "SELECT guard FROM _sync") == 0


def test_no_other_connection_ever_sees_the_guard_up(met: SqliteMirror) -> None:
    with met._database.transaction():
        met._database.run("UPDATE contacts SET phone = '7' WHERE id = 1")
        with foreign(met) as other:
            assert other.execute("SELECT guard FROM _sync").fetchone() == (0,)


def test_a_transaction_that_fails_leaves_the_guard_down(met: SqliteMirror) -> None:
    def fail() -> None:
        with met._database.transaction():
            met._database.run("UPDATE contacts SET phone = '7' WHERE id = 1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert one(met, "SELECT guard FROM _sync") == 0
    assert one(met, "SELECT phone FROM contacts WHERE id = 1") == "1"


def test_a_tool_that_rebuilt_the_table_makes_everything_unsure(met: SqliteMirror) -> None:
    # sqlite-utils transform and the like make a new table: the triggers go with the old one
    with foreign(met) as other:
        triggers = [
            name
            for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        ]
        for name in triggers:
            other.execute(f'DROP TRIGGER "{name}"')
        other.execute("UPDATE contacts SET phone = 'unseen' WHERE id = 1")
    met.close()
    with open_mirror(met.path) as again:
        assert all(
            row.base is None
            for number in (1, 2, 3)
            if (row := again.rows.by_salesforce_id("contact", sid(number)))
        )
        assert len(dirty(again)) == 3
        edit(again, "UPDATE contacts SET phone = 'seen' WHERE id = 2")
        plans = contested(again, remote(1, phone="1"), columns=PULLED, object_map=CONTACT)
        assert plans[0].local is not None
        assert plans[0].local.values["phone"] == "unseen"


def test_segments_of_a_deleted_row_go_with_it(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), segment="All")
    assert look(
        mirror,
        "SELECT s.name, c.contact_id FROM contact_segments c JOIN segments s ON s.id = segment_id",
    ) == [("All", 1)]
    edit(mirror, "DELETE FROM contacts")
    assert look(mirror, "SELECT * FROM contact_segments") == []
