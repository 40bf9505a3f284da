"""Tables that fit the mapping, also when it changes under rows that are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sfsync.errors import ConfigError, MirrorError
from sfsync.mirror.store import SqliteMirror
from sfsync.model.cursor import Watermark
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, FieldMap, ObjectMap
from sfsync.model.record import LocalId
from tests.unit.mirror.samples import (
    CONTACT,
    LEAD,
    NOW,
    PULLED,
    PUSHED,
    contested,
    edit,
    foreign,
    look,
    mapping,
    one,
    open_mirror,
    pull,
    remote,
    sid,
)

MARK = Watermark.parse(NOW)


def with_field(field: FieldMap) -> ObjectMap:
    return replace(CONTACT, fields=(*CONTACT.fields, field))


def reopened(mirror: SqliteMirror, object_map: ObjectMap) -> SqliteMirror:
    mirror.close()
    return open_mirror(mirror.path, object_map)


def test_columns_have_the_types_of_their_fields(mirror: SqliteMirror) -> None:
    found = {name: kind for _, name, kind, *_ in look(mirror, "PRAGMA table_info(contacts)")}
    assert found["clicks"] == found["gone"] == "INTEGER"
    assert found["score"] == "REAL"
    assert found["opened"] == "TEXT"
    assert list(found)[:2] == ["id", "salesforce_id"]


def test_preparing_again_writes_nothing(path: Path) -> None:
    open_mirror(path).close()
    before = path.read_bytes()
    open_mirror(path).close()
    assert path.read_bytes() == before


def test_another_kind_of_conflict_rule_needs_no_new_table(mirror: SqliteMirror) -> None:
    mirror.state.advance_watermark("contact", MARK, PULLED)
    assert mirror.prepare(mapping(replace(CONTACT, opt_out=()), LEAD)) == ()


def test_a_new_field_gets_a_column_and_everything_is_read_again(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    mirror.state.advance_watermark("contact", MARK, PULLED)
    wider = with_field(FieldMap("Title", "title"))
    mirror.close()
    with SqliteMirror(mirror.path, now=lambda: NOW) as again:
        assert again.prepare(mapping(wider)) == ("contact",)
        assert again.state.watermark("contact", PULLED) == MARK
        assert again.state.watermark("contact", (*PULLED, "title")) is None
        again.state.advance_watermark("contact", MARK, (*PULLED, "title"))
        assert again.prepare(mapping(wider)) == ()
        assert look(again, "SELECT * FROM _contacts_base") == []
        edit(again, "UPDATE contacts SET title = 'CEO'")
        assert list(again.rows.dirty_ids("contact", ["title"])) == [sid(1)]


def test_values_that_were_there_before_the_field_was_mapped_are_no_agreement(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, remote(1), remote(2), remote(3))
    edit(mirror, "ALTER TABLE contacts ADD COLUMN title TEXT")
    edit(mirror, "UPDATE contacts SET title = 'CEO' WHERE id = 1")
    edit(mirror, "UPDATE contacts SET phone = '5' WHERE id = 2")
    wider = with_field(FieldMap("Title", "title"))
    with reopened(mirror, wider) as again:
        first, second = contested(
            again, remote(1), remote(2), object_map=wider, columns=(*PULLED, "title")
        )
        assert first.base is not None
        assert "title" not in first.base.values
        assert first.base.values["phone"] is None
        assert second.base is not None
        assert "title" not in second.base.values
        pull(again, remote(1, title="CTO"), object_map=wider)
        assert one(again, 'SELECT local, remote FROM conflicts WHERE "column" = ?', "title") == (
            "CEO",
            "CTO",
        )


def test_a_field_that_leaves_the_mapping_keeps_its_column_and_is_watched_no_more(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, remote(1, phone="1"))
    narrower = replace(
        CONTACT, fields=tuple(field for field in CONTACT.fields if field.column != "phone")
    )
    with reopened(mirror, narrower) as again:
        edit(again, "UPDATE contacts SET phone = 'kept'")
        assert look(again, "SELECT * FROM _contacts_base") == []
        assert one(again, "SELECT phone FROM contacts") == "kept"


def test_a_column_tied_to_another_field_is_read_again(mirror: SqliteMirror) -> None:
    mirror.state.advance_watermark("contact", MARK, PULLED)
    moved = tuple(
        replace(f, remote="MobilePhone") if f.column == "phone" else f for f in CONTACT.fields
    )
    mirror.close()
    with SqliteMirror(mirror.path, now=lambda: NOW) as again:
        assert again.prepare(mapping(replace(CONTACT, fields=moved))) == ("contact",)
        assert again.state.watermark("contact", ("phone",)) is None
        assert again.state.watermark("contact", ("email",)) == MARK


def test_a_column_changes_its_type(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="12"), remote(2, phone="x"), remote(3))
    typed = tuple(
        replace(f, type=FieldType.INTEGER) if f.column == "phone" else f for f in CONTACT.fields
    )
    with reopened(mirror, replace(CONTACT, fields=typed)) as again:
        assert look(again, "SELECT phone FROM contacts ORDER BY id") == [(12,), (None,), (None,)]
    with open_mirror(mirror.path, CONTACT) as back:
        assert look(back, "SELECT phone FROM contacts ORDER BY id") == [("12",), (None,), (None,)]
        edit(back, "UPDATE contacts SET phone = '13' WHERE id = 1")
        assert list(back.rows.dirty_ids("contact", PUSHED)) == [sid(1)]


@pytest.mark.parametrize("column", ["id", "salesforce_id", "Deleted_At", "_edit", "EMAIL", "a,b"])
def test_names_that_the_mirror_needs_are_refused(path: Path, column: str) -> None:
    with pytest.raises(ConfigError, match="cannot be called"):
        open_mirror(path, with_field(FieldMap("X__c", column)))


@pytest.mark.parametrize("column", ["order", "select", 'say "hi"', "naïve", "it's"])
def test_any_other_name_works(path: Path, column: str) -> None:
    odd = with_field(FieldMap("X__c", column))
    with open_mirror(path, odd) as mirror:
        pull(mirror, remote(1, **{column: "1"}), object_map=odd)
        mirror.rows.write_edits("contact", LocalId(1), {column: "2"})
        assert list(mirror.rows.dirty_ids("contact", [column])) == [sid(1)]
        pull(mirror, remote(1, **{column: "3"}), object_map=odd)
        assert one(mirror, 'SELECT "column", local, remote FROM conflicts') == (column, "2", "3")


def test_a_table_of_that_name_that_sfsync_did_not_make_is_left_alone(mirror: SqliteMirror) -> None:
    edit(mirror, "CREATE TABLE accounts (id)")
    with pytest.raises(MirrorError, match="did not make"):
        mirror.prepare(
            mapping(
                CONTACT, ObjectMap("account", "accounts", "Account", "n", (FieldMap("N", "n"),))
            )
        )


def test_a_table_that_was_dropped_is_made_again_and_read_in_full(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    edit(mirror, "UPDATE contacts SET phone = '1'")
    mirror.state.advance_watermark("contact", MARK, PULLED)
    edit(mirror, "DROP TABLE contacts")
    with reopened(mirror, CONTACT) as again:
        assert again.state.watermark("contact", PULLED) is None
        assert again.rows.count("contact") == 0
        assert list(again.rows.dirty_ids("contact", PUSHED)) == []


def test_a_table_that_lost_its_ids_is_told(mirror: SqliteMirror) -> None:
    with foreign(mirror) as other:
        other.execute("DROP TABLE contacts")
        other.execute("CREATE TABLE contacts (email TEXT)")
    with pytest.raises(MirrorError, match="rebuilt by another tool"):
        reopened(mirror, CONTACT)


def test_a_field_that_stops_going_up_is_no_longer_dirty(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    edit(mirror, "UPDATE contacts SET phone = '1'")
    down = tuple(
        replace(f, direction=Direction.PULL) if f.column == "phone" else f for f in CONTACT.fields
    )
    with reopened(mirror, replace(CONTACT, fields=down)) as again:
        pushed = [field.column for field in down if field.pushes]
        assert list(again.rows.dirty_ids("contact", pushed)) == []
