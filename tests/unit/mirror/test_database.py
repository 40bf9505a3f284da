"""The file itself: private, durable, and clear about what is wrong with it."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database as SchemaDatabase

from sfsync.errors import MirrorBusy, MirrorError
from sfsync.mirror import migrations
from sfsync.mirror.database import Database
from sfsync.mirror.store import SqliteMirror
from tests.unit.mirror.samples import NOW, foreign, look, one, open_mirror, pull, remote

STEPS = [
    ("0001_fixed_tables",),
    ("0002_the_past",),
    ("0003_plain_names",),
    ("0004_consent",),
    ("0005_arrivals",),
    ("0006_changes",),
    ("0007_stream",),
    ("0008_deliveries",),
    ("0009_contacts",),
]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
@pytest.mark.usefixtures("umask")
def test_the_file_and_its_folders_are_private_under_any_umask(tmp_path: Path, mask: int) -> None:
    os.umask(mask)
    path = tmp_path / "new" / "deeper" / "mirror.db"
    with open_mirror(path) as mirror:
        journal_modes = []
        with mirror._database.transaction():
            mirror._database.run("INSERT INTO contacts (email) VALUES ('x')")
            journal_modes = [mode(each) for each in path.parent.iterdir()]
        with mirror.lock("run-1", "sync"):
            assert all(mode(each) == 0o600 for each in path.parent.iterdir())
    assert set(journal_modes) == {0o600}
    assert len(journal_modes) == 2
    assert mode(path.parent) == mode(path.parent.parent) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    open_mirror(path).close()
    path.chmod(0o644)
    open_mirror(path).close()
    assert mode(path) == 0o600


def test_an_empty_file_becomes_a_mirror(path: Path) -> None:
    path.touch()
    with open_mirror(path) as mirror:
        assert mirror.rows.count("contact") == 0


def test_a_link_to_nowhere_is_refused(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere.db"))
    with pytest.raises(MirrorError, match="not your file"):
        open_mirror(path)
    assert not path.with_name("elsewhere.db").exists()


def test_a_link_to_ones_own_file_is_followed(path: Path) -> None:
    target = path.with_name("real.db")
    open_mirror(target).close()
    path.symlink_to(target)
    with open_mirror(path) as mirror:
        assert mirror.rows.count("contact") == 0


def test_a_folder_is_no_mirror(tmp_path: Path) -> None:
    with pytest.raises(MirrorError, match="cannot be opened") as caught:
        open_mirror(tmp_path)
    assert caught.value.hint


def test_a_file_that_is_no_database_is_said_to_be_none(path: Path) -> None:
    path.write_text("dear diary, " * 100)
    with pytest.raises(MirrorError, match="not an SQLite database"):
        open_mirror(path)
    assert path.read_text().startswith("dear diary")


def test_another_programs_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE events (id)")
    other.close()
    with pytest.raises(MirrorError, match="belongs to another program"):
        open_mirror(path)


def test_a_newer_mirror_is_not_touched(path: Path) -> None:
    with open_mirror(path) as mirror, foreign(mirror) as other:
        other.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(MirrorError, match="newer sfsync") as caught:
        open_mirror(path)
    assert "Update sfsync" in caught.value.hint
    assert path.read_bytes() == before


def test_a_damaged_file_is_said_to_be_damaged(path: Path) -> None:
    with open_mirror(path) as mirror:
        pull(mirror, *(remote(number, last_name="x" * 200) for number in range(200)))
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(MirrorError, match="damaged"), open_mirror(path) as mirror:
        mirror.rows.count("contact")


def test_a_read_only_mirror_can_be_read_and_says_that_it_cannot_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_mirror(path) as mirror:
        pull(mirror, remote(1))
    path.chmod(0o400)
    # the tests may run as root, to whom every file can be written: ask SQLite to be strict
    really = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda found, **options: really(f"file:{found}?mode=ro", uri=True, **options),
    )
    with open_mirror(path) as mirror:
        assert mirror.rows.count("contact") == 1
        with pytest.raises(MirrorError, match="cannot be written") as caught:
            pull(mirror, remote(2))
        assert "permission" in caught.value.hint


def test_a_look_at_an_up_to_date_mirror_writes_nothing(path: Path) -> None:
    open_mirror(path).close()
    before = path.read_bytes()
    with open_mirror(path) as mirror:
        mirror.diagnostics.status()
        with mirror.staging(*_contact()) as stage:
            stage.add([remote(1)])
            stage.summary()
            list(stage.triples(contested_only=False))
    assert path.read_bytes() == before


def _contact() -> tuple:
    from tests.unit.mirror.samples import CONTACT, PULLED

    return CONTACT, PULLED


def test_a_full_disk_loses_what_was_under_way_and_nothing_else(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    pages = mirror._database.value("PRAGMA page_count")
    mirror._database.value(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(MirrorError, match="disk is full") as caught:
        pull(
            mirror,
            remote(1, phone="2"),
            *(remote(number, last_name="x" * 500) for number in range(2, 400)),
        )
    assert "Make room" in caught.value.hint
    assert one(mirror, "SELECT count(*), max(phone) FROM contacts") == (1, "1")
    assert one(mirror, "SELECT guard FROM _sync") == 0
    assert one(mirror, "PRAGMA integrity_check") == "ok"
    mirror._database.value("PRAGMA max_page_count = 100000")
    pull(mirror, remote(1, phone="2"), remote(2))
    assert mirror.rows.count("contact") == 2


def test_a_rollback_by_sqlite_itself_is_not_followed_by_halves(mirror: SqliteMirror) -> None:
    with (
        pytest.raises(MirrorError, match="took the transaction back"),
        mirror._database.transaction(),
    ):
        mirror._database.connection.execute("ROLLBACK")


def test_another_program_that_keeps_writing_is_busy(path: Path) -> None:
    open_mirror(path).close()
    with open_mirror(path, busy_seconds=0.05) as mirror, foreign(mirror) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MirrorBusy, match="another program is writing") as caught:
            pull(mirror, remote(1))
        assert caught.value.exit_code == 6
        other.rollback()
        pull(mirror, remote(1))


def test_a_long_read_elsewhere_delays_a_commit_and_then_it_is_busy(path: Path) -> None:
    open_mirror(path).close()
    with open_mirror(path, busy_seconds=0.05) as mirror:
        pull(mirror, remote(1))
        with foreign(mirror) as other:
            reading = other.execute("SELECT * FROM contacts UNION ALL SELECT * FROM contacts")
            reading.fetchone()
            with pytest.raises(MirrorBusy):
                pull(mirror, remote(2))
            reading.close()
        assert mirror.rows.count("contact") == 1


def test_commits_are_as_durable_as_sqlite_can(path: Path) -> None:
    database = Database(path, now=lambda: NOW)
    assert database.value("PRAGMA journal_mode") == "delete"
    assert database.value("PRAGMA synchronous") == 3
    database.close()


def test_a_write_ahead_log_is_taken_back_where_this_sqlite_is_too_old_for_it(path: Path) -> None:
    with open_mirror(path) as mirror, foreign(mirror) as other:
        other.execute("PRAGMA journal_mode = WAL")
    with open_mirror(path) as mirror:
        expected = "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete"
        assert mirror._database.value("PRAGMA journal_mode") == expected


def test_the_fixed_tables_are_recorded_step_by_step(mirror: SqliteMirror) -> None:
    assert look(mirror, "SELECT name FROM _sqlite_migrations ORDER BY name") == STEPS
    assert one(mirror, "PRAGMA integrity_check") == "ok"


def test_a_mirror_of_the_first_schema_is_brought_up_to_date_with_all_it_holds(path: Path) -> None:
    first = SchemaDatabase(path)
    migrations._steps().apply(first, stop_before="0002_the_past")
    first.execute(
        "INSERT INTO activities (event_id, key, object, person_id, type, fields, queued_at, state, task_id)"
        " VALUES ('e', 'k', 'contact', 1, 'email_sent', '{}', 'x', 'done', '00T')"
    )
    first.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
    first.execute("PRAGMA user_version = 1")
    first.conn.commit()
    first.close()
    with open_mirror(path) as mirror:
        assert look(mirror, "SELECT name FROM _sqlite_migrations ORDER BY name") == STEPS
        assert one(mirror, "PRAGMA user_version") == migrations.SCHEMA
        assert one(mirror, "SELECT task_id, run_id FROM activities") == ("00T", "")
        pull(mirror, remote(1))
        assert one(mirror, "SELECT count(*) FROM contacts") == 1


def test_a_sqlite_that_is_too_old_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(MirrorError, match=r"needs SQLite 3\.37"):
        open_mirror(path)


def test_damage_inside_a_value_is_told_as_damage(mirror: SqliteMirror) -> None:
    """SQLite notices damage to its pages; a flipped bit inside a value is ours to notice."""
    with pytest.raises(MirrorError, match="damaged"):
        mirror._database.parsed('{"a": 1')


def test_what_the_org_said_of_itself_is_asked_again_where_it_is_damaged(
    mirror: SqliteMirror,
) -> None:
    for damaged in (
        "{",
        "[]",
        '{"name": "Contact"}',
        '{"name": "Contact", "fields": [{"nome": "Id"}]}',
        "7",
    ):
        mirror._database.run(
            "INSERT OR REPLACE INTO _facts (sobject, facts, asked_at) VALUES ('Contact', ?, '')",
            [damaged],
        )
        assert mirror.state.facts("Contact") is None
        assert mirror.diagnostics.status()["objects"]


def test_a_lock_that_another_user_made_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, the volume of an earlier one, whose user had another number."""
    with open_mirror(tmp_path / "mirror.db") as mirror:
        lock = tmp_path / "mirror.db.lock"
        lock.touch()
        lock.chmod(0o660)
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
        with mirror.lock("run-1", "sync"):
            assert mode(lock) == 0o660
