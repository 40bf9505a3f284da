"""Others at the same file: another program that writes, another run, and one that died or stopped."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.trouble.desk import Desk
from tests.trouble.machine import at, patience_of, somebody_writing

HOLDER = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_program_that_writes_for_a_moment_is_waited_for(desk: Desk) -> None:
    with somebody_writing(desk.mirror) as other, patience_of(20):
        letting_go = threading.Timer(0.15, other.execute, ["ROLLBACK"])
        letting_go.start()
        assert desk.inside("sync").code == 0
        letting_go.join()


@pytest.mark.parametrize("line", [["sync"], ["pull", "--full"], ["push"], ["push-activity"]])
def test_another_program_that_writes_for_ever_is_told(desk: Desk, line: list[str]) -> None:
    with somebody_writing(desk.mirror), patience_of(0.05):
        told = desk.told(*line, expect=6)
        assert "another program is writing" in told
        assert "try: " in told
        assert desk.inside("status").code == 0, "looking is no writing"
    desk.converges()


@pytest.mark.parametrize("place", ["run.begun", "pull.page_staged", "push.journaled", "push.sent"])
def test_a_program_that_begins_to_write_in_the_middle_of_a_run_is_told(
    desk: Desk, place: str
) -> None:
    desk.told("pull", expect=0)
    ours, theirs = desk.people()[:2]
    desk.sql("UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", f"Ours {place}", ours)
    desk.edit(theirs, Title=f"Theirs {place}")
    with closing(sqlite3.connect(desk.mirror, isolation_level=None)) as other, patience_of(0.05):
        with at(place, lambda: other.execute("BEGIN IMMEDIATE")):
            told = desk.told("sync", expect=6)
        other.execute("ROLLBACK")
    assert "another program is writing" in told
    desk.converges()
    assert desk.record(ours)["Title"] == f"Ours {place}"
    assert desk.row(theirs)["job_title"] == f"Theirs {place}"


@pytest.fixture
def holder(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the run's lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, f"{desk.mirror}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


WRITING = [["sync"], ["pull"], ["push"], ["push-activity"], ["retry"], ["verify", "--repair"]]


@pytest.mark.parametrize("line", WRITING)
def test_what_writes_does_not_begin_beside_another_run(desk: Desk, holder, line: list[str]) -> None:
    desk.told(*line, expect=6)
    assert desk.inside(*line, "--json").document["errors"][0]["slug"] == "mirror-busy"


def test_what_only_looks_does_not_mind_another_run(desk: Desk, holder) -> None:
    for line in (
        ["status"],
        ["diff"],
        ["conflicts"],
        ["quarantine"],
        ["whoami"],
        ["sync", "--dry-run"],
    ):
        assert desk.inside(*line).code == 0, line


@pytest.mark.always
def test_a_holder_that_is_stopped_still_holds_and_one_that_is_killed_does_not(
    desk: Desk, holder
) -> None:
    holder.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED)
    assert "holds the lock" in desk.told("sync", expect=6)
    assert desk.inside("sync", "--skip-if-locked").code == 0
    holder.kill()
    holder.wait()
    desk.converges()


def test_a_lock_file_that_is_left_behind_holds_nothing(desk: Desk) -> None:
    lock = desk.folder / "mirror.db.lock"
    lock.write_text("4711\n")
    desk.converges()


def test_a_folder_where_the_lock_should_be_is_told(desk: Desk) -> None:
    (desk.folder / "mirror.db.lock").mkdir()
    assert "the lock cannot be taken" in desk.told("sync", expect=1)


@pytest.mark.parametrize("place", ["run.begun", "pull.page_staged", "push.journaled", "push.sent"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_run_that_is_asked_to_stop_keeps_what_it_did_and_says_so(
    desk: Desk, place: str, number: int, code: int
) -> None:
    desk.told("pull", expect=0)
    ours, theirs = desk.people()[:2]
    desk.sql(
        "UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", f"Ours {place} {number}", ours
    )
    desk.edit(theirs, Title=f"Theirs {place} {number}")
    with at(place, lambda: os.kill(os.getpid(), number)):
        ran = desk.inside("sync", "--json")
    assert ran.code == code
    assert (ran.document["status"], ran.document["exit_code"]) == ("interrupted", code)
    desk.converges()
    assert desk.record(ours)["Title"] == f"Ours {place} {number}"
    assert desk.row(theirs)["job_title"] == f"Theirs {place} {number}"
