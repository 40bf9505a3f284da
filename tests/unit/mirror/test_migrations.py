"""A mirror of an older sfsync, with rows in every table whose name has changed, goes on as if nothing had been."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sfsync.mirror import migrations
from sfsync.mirror.store import SqliteMirror
from sfsync.model.event import EmailEvent
from sfsync.model.record import LocalId
from tests.unit.mirror.samples import (
    NOW,
    PUSHED,
    edit,
    event,
    look,
    mapping,
    one,
    open_mirror,
    remote,
    sid,
)

DUMP = Path(__file__).with_name("schema_2.sql")
"""As sfsync wrote it at schema 2: pulled, an address changed, a held conflict, a merge, an import, a purge."""

BASE = "SELECT id, phone, nick, _salesforce_id, _edit, _never_agreed, _held_columns FROM _contacts_base"
SHAPE = (
    "SELECT type, name, sql FROM sqlite_master WHERE name LIKE '%contacts%' OR name LIKE '%leads%'"
)


@pytest.fixture
def old(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text())
        connection.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
    return path


def test_every_row_is_there_under_the_new_name(old: Path) -> None:
    with open_mirror(old) as mirror:
        assert look(mirror, BASE) == [
            (2, "1", "a", sid(2), 1, "", ",nick,"),
            (6, "7", None, None, 2, "*", ""),
        ]
        assert look(mirror, "SELECT person_id, how, columns FROM _provenance") == [
            (1, "pulled", ",email,"), (2, "pulled", ",nick,"), (6, "imported", ",email,phone,"),
        ]  # fmt: skip
        assert one(mirror, "SELECT match_key FROM _former_addresses") == "p1@example.com"
        assert look(mirror, "SELECT object, last_id FROM _pulled_rows") == [
            ("contact", 5),
            ("lead", 1),
        ]
        assert one(mirror, "SELECT successor_id FROM _successors") == sid(3)
        assert one(mirror, "SELECT count(*) FROM _purged_people") == 2
        gone = ("_brought", "_former", "_arrivals", "_links", "_forgotten")
        assert not look(mirror, f"SELECT name FROM sqlite_master WHERE tbl_name IN {gone}")
        assert one(mirror, "PRAGMA integrity_check") == "ok"


def test_what_it_knew_still_counts(old: Path) -> None:
    with open_mirror(old) as mirror:
        assert list(mirror.rows.dirty_ids("contact", PUSHED)) == [sid(2)]
        assert list(mirror.rows.dirty_ids("contact", ["nick"])) == []
        assert [row for row, _ in mirror.rows.unlinked("contact")] == [LocalId(6)]
        assert mirror.rows.successor("contact", sid(4)) == ("contact", sid(3))
        is_purged = mirror.purge.record_filter("contact")
        assert is_purged is not None
        assert is_purged(remote(5))
        history = mirror.person_history.of("p1@example.com")
        assert [one["match_key"] for one in history["former"]] == ["p1@example.com"]
        assert [one["columns"] for one in history["brought"]] == [["email"]]
        assert [one["run_id"] for one in history["arrivals"]] == ["run-1"]
        late: EmailEvent = event(9, email="p4@example.com")
        mirror.events.keep([late], source="test")
        ((_, (person,)),) = mirror.events.pending(5)
        assert person.salesforce_id == sid(3)


def test_tables_and_triggers_are_those_of_a_new_mirror(old: Path, tmp_path: Path) -> None:
    with SqliteMirror(old, now=lambda: NOW) as migrated, open_mirror(tmp_path / "new.db") as new:
        assert migrated.prepare(mapping()) == ()  # a trigger written differently is built anew
        assert sorted(look(migrated, SHAPE)) == sorted(look(new, SHAPE))
        before = one(migrated, "PRAGMA schema_version")
        assert migrated.prepare(mapping()) == ()
        assert one(migrated, "PRAGMA schema_version") == before


def test_another_program_may_edit_before_the_next_run(old: Path) -> None:
    SqliteMirror(old, now=lambda: NOW).close()
    with open_mirror(old) as mirror:
        edit(mirror, "UPDATE contacts SET phone = '9' WHERE id IN (1, 2)")
        edit(mirror, "INSERT INTO contacts (email) VALUES ('late@example.com')")
        assert look(mirror, f"{BASE} ORDER BY id") == [
            (1, "1", None, sid(1), 3, "", ""),
            (2, "1", "a", sid(2), 4, "", ""),
            (6, "7", None, None, 2, "*", ""),
            (7, None, None, None, 5, "*", ""),
        ]


@pytest.mark.parametrize(
    "view",
    [
        "CREATE VIEW broken AS SELECT x FROM nowhere",
        "CREATE VIEW mine AS SELECT c.email, b.phone FROM contacts AS c JOIN _contacts_base AS b USING (id)",
    ],
)
def test_a_view_of_the_users_does_not_stop_it(old: Path, view: str) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute(view)
    with open_mirror(old) as mirror:
        assert one(mirror, "PRAGMA user_version") == migrations.SCHEMA
        assert len(look(mirror, BASE)) == 2


def test_stopped_half_way_the_old_mirror_is_whole(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dump() -> list[Any]:
        with closing(sqlite3.connect(old)) as connection:
            return list(connection.iterdump())

    before = dump()
    monkeypatch.setattr(migrations, "_with_new_names", lambda _sql: "CREATE TABLE broken (")
    with pytest.raises(Exception, match="incomplete input"):
        SqliteMirror(old, now=lambda: NOW)
    assert dump() == before
    monkeypatch.undo()
    with open_mirror(old) as mirror:
        assert len(look(mirror, BASE)) == 2
