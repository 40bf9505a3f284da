"""Importing people, and writing edits for them."""

from __future__ import annotations

from sfsync.mirror.store import SqliteMirror
from sfsync.model.record import LocalId
from tests.unit.mirror.samples import (
    PUSHED,
    edit,
    look,
    pull,
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
