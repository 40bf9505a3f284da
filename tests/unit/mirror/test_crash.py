"""Killed at any statement, the mirror is as before or as after, and the next run finishes the job."""

from __future__ import annotations

import json
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

JOBS = """
import json, os, sys
from pathlib import Path
from sfsync.mirror import staging
from sfsync.mirror.database import Database
from sfsync.model.activity import Effect
from sfsync.model.activity import Person
from sfsync.model.record import LocalId
from tests.unit.mirror.samples import *

staging.SETTLE_BATCH = 20
count = 0

def job(path, fatal):
    mirror = open_mirror(path)

    def counted(method):
        def wrapped(self, *given):
            global count
            count += 1
            if count == fatal:
                os._exit(9)  # no clean-up of any kind
            return method(self, *given)
        return wrapped

    Database.run, Database.run_many = counted(Database.run), counted(Database.run_many)
    pull(mirror, *(remote(number, phone="2") for number in range(60)), segment="All")
    mirror.events.keep([event(1)], source="test")
    who = Person("contact", LocalId(1), sid(0))
    mirror.events.apply([Effect(event(1), who, add_values={"clicks": 1})])
    mirror.close()

def in_process(path, fatal):
    # a process of its own, forked, so that nothing has to be imported again
    read, write = os.pipe()
    if not os.fork():
        try:
            job(Path(path), fatal)
            os.write(write, str(count).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as pipe:
        statements = int(pipe.read() or 0)
    return os.waitstatus_to_exitcode(os.wait()[1]), statements

print(json.dumps([in_process(*each) for each in json.loads(sys.argv[1])]))
"""


def run_jobs(*jobs: tuple[Path, int]) -> list[tuple[int, int]]:
    """Do the job on each of these mirrors, one after another, each killed at a statement (0: never).

    Returns:
        For each job its exit code, and how many statements it ran if nothing killed it.
    """
    done = subprocess.run(
        [sys.executable, "-c", JOBS, json.dumps([(str(path), fatal) for path, fatal in jobs])],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(code, statements) for code, statements in json.loads(done.stdout)]


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
    whole = Path(shutil.copy(start, tmp_path / "whole.db"))
    [(code, statements)] = run_jobs((whole, 0))
    assert code == 0
    expected = facts(whole)
    assert statements > 15
    fatal = sorted({2, 5, 8, 11, statements // 2, statements - 3, statements - 1, statements})
    paths = {at: Path(shutil.copy(start, tmp_path / f"{at}.db")) for at in fatal}
    killed = run_jobs(*((path, at) for at, path in paths.items()))
    assert [code for code, _ in killed] == [9] * len(fatal)
    for path in paths.values():
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT guard FROM _sync").fetchone() == (0,)
    again = run_jobs(*((path, 0) for path in paths.values()))
    assert [code for code, _ in again] == [0] * len(fatal)
    for at, path in paths.items():
        assert facts(path) == expected, at


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
