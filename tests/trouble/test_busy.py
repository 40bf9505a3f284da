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

from tests.system.workspace import Workspace
from tests.trouble.convergence import check_convergence
from tests.trouble.machine import another_program_writing, at, patience_of

HOLDER = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_program_that_writes_for_a_moment_is_waited_for(workspace: Workspace) -> None:
    with another_program_writing(workspace.mirror) as other, patience_of(20):
        release = threading.Timer(0.15, other.execute, ["ROLLBACK"])
        release.start()
        assert workspace.run_in_process("sync").code == 0
        release.join()


@pytest.mark.parametrize("line", [["sync"], ["pull", "--full"], ["push"], ["push-activity"]])
def test_another_program_that_writes_for_ever_is_told(
    workspace: Workspace, line: list[str]
) -> None:
    with another_program_writing(workspace.mirror), patience_of(0.05):
        told = workspace.stderr_of(*line, expect=6)
        assert "another program is writing" in told
        assert "try: " in told
        assert workspace.run_in_process("status").code == 0, "looking is no writing"
    check_convergence(workspace)


@pytest.mark.parametrize("place", ["run.begun", "pull.page_staged", "push.journaled", "push.sent"])
def test_a_program_that_begins_to_write_in_the_middle_of_a_run_is_told(
    workspace: Workspace, place: str
) -> None:
    workspace.stderr_of("pull", expect=0)
    ours, theirs = workspace.people()[:2]
    workspace.sql(
        "UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", f"Ours {place}", ours
    )
    workspace.edit(theirs, Title=f"Theirs {place}")
    with (
        closing(sqlite3.connect(workspace.mirror, isolation_level=None)) as other,
        patience_of(0.05),
    ):
        with at(place, lambda: other.execute("BEGIN IMMEDIATE")):
            told = workspace.stderr_of("sync", expect=6)
        other.execute("ROLLBACK")
    assert "another program is writing" in told
    check_convergence(workspace)
    assert workspace.record(ours)["Title"] == f"Ours {place}"
    assert workspace.row(theirs)["job_title"] == f"Theirs {place}"


@pytest.fixture
def holder(workspace: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the run's lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, f"{workspace.mirror}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


WRITING = [["sync"], ["pull"], ["push"], ["push-activity"], ["retry"], ["verify", "--repair"]]


@pytest.mark.parametrize("line", WRITING)
def test_what_writes_does_not_begin_beside_another_run(
    workspace: Workspace, holder, line: list[str]
) -> None:
    workspace.stderr_of(*line, expect=6)
    assert workspace.run_in_process(*line, "--json").document["errors"][0]["slug"] == "mirror-busy"


def test_what_only_looks_does_not_mind_another_run(workspace: Workspace, holder) -> None:
    for line in (
        ["status"],
        ["diff"],
        ["conflicts"],
        ["quarantine"],
        ["whoami"],
        ["sync", "--dry-run"],
    ):
        assert workspace.run_in_process(*line).code == 0, line


@pytest.mark.always
def test_a_holder_that_is_stopped_still_holds_and_one_that_is_killed_does_not(
    workspace: Workspace, holder
) -> None:
    holder.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED)
    assert "holds the lock" in workspace.stderr_of("sync", expect=6)
    assert workspace.run_in_process("sync", "--skip-if-locked").code == 0
    holder.kill()
    holder.wait()
    check_convergence(workspace)


def test_a_lock_file_that_is_left_behind_holds_nothing(workspace: Workspace) -> None:
    lock = workspace.folder / "mirror.db.lock"
    lock.write_text("4711\n")
    check_convergence(workspace)


def test_a_folder_where_the_lock_should_be_is_told(workspace: Workspace) -> None:
    (workspace.folder / "mirror.db.lock").mkdir()
    assert "the lock cannot be taken" in workspace.stderr_of("sync", expect=1)


@pytest.mark.parametrize("place", ["run.begun", "pull.page_staged", "push.journaled", "push.sent"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_run_that_is_asked_to_stop_keeps_what_it_did_and_says_so(
    workspace: Workspace, place: str, number: int, code: int
) -> None:
    workspace.stderr_of("pull", expect=0)
    ours, theirs = workspace.people()[:2]
    workspace.sql(
        "UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", f"Ours {place} {number}", ours
    )
    workspace.edit(theirs, Title=f"Theirs {place} {number}")
    with at(place, lambda: os.kill(os.getpid(), number)):
        ran = workspace.run_in_process("sync", "--json")
    assert ran.code == code
    assert (ran.document["status"], ran.document["exit_code"]) == ("interrupted", code)
    check_convergence(workspace)
    assert workspace.record(ours)["Title"] == f"Ours {place} {number}"
    assert workspace.row(theirs)["job_title"] == f"Theirs {place} {number}"
