"""Killed at any statement, the mirror is as before or as after, and the next run finishes the job."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sfsync.mirror.migrations import SCHEMA
from tests.unit.mirror.samples import edit, event, one, open_mirror, pull, remote

ROOT = Path(__file__).resolve().parents[3]

JOB = """
import os, sys
from pathlib import Path
from sfsync.mirror import staging
from sfsync.mirror.database import Database
from sfsync.model.activity import Effect
from sfsync.model.activity import Person
from tests.unit.mirror.samples import *

staging.SETTLE_BATCH = 20
path, fatal = Path(sys.argv[1]), int(sys.argv[2])
mirror = open_mirror(path)
count = 0

def dying(method):
    def wrapped(self, *given):
        global count
        count += 1
        if count == fatal:
            os._exit(9)  # no clean-up of any kind
        return method(self, *given)
    return wrapped

Database.run, Database.run_many = dying(Database.run), dying(Database.run_many)
pull(mirror, *(remote(number, phone="2") for number in range(60)), segment="All")
mirror.events.keep([event(1)], source="test")
who = Person("contact", LocalId(1), sid(0))
mirror.events.apply([Effect(event(1), who, add_values={"clicks": 1})])
mirror.close()
print(count)
""".replace("import *\n", "import *\nfrom sfsync.model.record import LocalId\n", 1)


def run_job(path: Path, fatal: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", JOB, str(path), str(fatal)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crash") / "start.db"
    with open_mirror(path) as mirror:
        pull(mirror, *(remote(number, phone="1") for number in range(0, 60, 2)))
        edit(mirror, "UPDATE contacts SET last_name = 'typed here' WHERE id = 3")
    return path


def facts(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            connection.execute(sql).fetchall()
            for sql in (
                "SELECT salesforce_id, phone, last_name, clicks FROM contacts ORDER BY 1",
                "SELECT id, last_name, clicks FROM _contacts_base",
                "SELECT contact_id FROM contact_segments ORDER BY 1",
                "SELECT id, state FROM events",
            )
        ]


def test_killed_at_any_statement_the_next_run_finishes_the_job(start: Path, tmp_path: Path) -> None:
    whole = shutil.copy(start, tmp_path / "whole.db")
    clean = run_job(whole, 0)
    assert clean.returncode == 0, clean.stderr
    statements = int(clean.stdout)
    expected = facts(whole)
    assert statements > 15
    for fatal in sorted({2, 5, 8, 11, statements // 2, statements - 3, statements - 1, statements}):
        path = Path(shutil.copy(start, tmp_path / f"{fatal}.db"))
        assert run_job(path, fatal).returncode == 9
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT guard FROM _sync").fetchone() == (0,)
        again = run_job(path, 0)
        assert again.returncode == 0, again.stderr
        assert facts(path) == expected


def test_a_migration_that_is_killed_starts_over(tmp_path: Path) -> None:
    path = tmp_path / "mirror.db"
    died = subprocess.run(
        [sys.executable, "-c",
         ("import os, sys\nfrom sfsync.mirror.database import Database\nreal = Database.run\n"
         "Database.run = lambda self, sql, *rest: os._exit(9) if 'user_version' in sql else real(self, sql, *rest)\n"
         "from tests.unit.mirror.samples import open_mirror\nfrom pathlib import Path\nopen_mirror(Path(sys.argv[1]))"),
         str(path)],
        cwd=ROOT, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert died.returncode == 9
    with open_mirror(path) as mirror:
        pull(mirror, remote(1))
        mirror.events.keep([event(1)], source="test")
        assert one(mirror, "PRAGMA integrity_check") == "ok"
        assert one(mirror, "SELECT count(*) FROM _sqlite_migrations") == SCHEMA
