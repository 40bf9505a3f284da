"""A disk without room and a file system that says no: nothing half done, nothing twice, and the next run finishes."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.system.workspace import Workspace, event
from tests.trouble.convergence import check_convergence, is_whole
from tests.trouble.machine import (
    disk_with_room_for,
    files_no_larger_than,
    under_umask,
    without_roots_power,
)

NUMBER = count()


def work(workspace: Workspace) -> tuple[list[str], str]:
    """Something to do for every verb: edits on both sides, and events. Gives the events' ids and the new title."""
    number = next(NUMBER)
    workspace.stderr_of("pull", expect=0)
    people = workspace.people()
    title = f"Title {number} " + "x" * 100
    workspace.edit(people[0], Title=title, MailingCity="y" * 40)
    workspace.sql(
        "UPDATE contacts SET job_title = ? WHERE salesforce_id IN (?, ?)",
        title,
        people[1],
        people[2],
    )
    emails = [row["email"] for row in workspace.rows() if row["salesforce_id"] in people[3:]]
    events = [
        event("email_sent", email, f"e{number}-{each}-{email}")
        for email in emails
        for each in range(20)
    ]
    (workspace.folder / "events.jsonl").write_text(
        "".join(json.dumps(each) + "\n" for each in events)
    )
    return [each["id"] for each in events], title


def finishes(workspace: Workspace, ids: list[str], title: str) -> None:
    """The same command again, and everything is on both sides, once."""
    assert is_whole(workspace)
    before = len(workspace.tasks())
    assert workspace.run_in_process("push-activity", "events.jsonl", "--json").code == 0, (
        workspace.printed[-2:]
    )
    check_convergence(workspace)
    people = workspace.people()
    assert {workspace.record(person)["Title"] for person in people[:3]} == {title}
    assert {workspace.row(person)["job_title"] for person in people[:3]} == {title}
    marks = ", ".join("?" * len(ids))
    sent = workspace.sql(f"SELECT task_id FROM activities WHERE event_id IN ({marks})", *ids)
    assert len(sent) == len(ids)
    assert len({row["task_id"] for row in sent} - {None}) == len(ids)
    assert len({task["Id"] for task in workspace.tasks()}) >= before
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks()]
    assert len(keys) == len(set(keys)), "no Task twice"


@pytest.mark.parametrize("pages", [0, 1, 2, 4, 6, 8])
def test_wherever_the_disk_is_full_it_is_told_and_the_next_run_finishes(
    workspace: Workspace, pages: int
) -> None:
    ids, title = work(workspace)
    with disk_with_room_for(pages):
        for line in (["push-activity", "events.jsonl"], ["sync"]):
            ran = workspace.run_in_process(*line)
            assert ran.code in (0, 1), ran.err
            if ran.code:
                assert "the disk is full" in ran.err
                assert "Make room" in ran.err
            assert is_whole(workspace)
            assert workspace.sql("SELECT guard FROM _sync") == [{"guard": 0}]
    assert "the disk is full" in "".join(workspace.printed), "or there was no trouble at all"
    finishes(workspace, ids, title)


@pytest.mark.parametrize("more", [0, 4096, 20_000])
def test_where_the_system_refuses_to_let_the_file_grow_it_is_told_and_the_next_run_finishes(
    workspace: Workspace, more: int
) -> None:
    ids, title = work(workspace)
    with files_no_larger_than(workspace.mirror.stat().st_size + more):
        told = workspace.stderr_of("push-activity", "events.jsonl", expect=1)
    assert "disk" in told
    finishes(workspace, ids, title)


@pytest.mark.always
def test_where_nothing_at_all_can_be_written_status_still_tells_what_there_is(
    workspace: Workspace,
) -> None:
    with disk_with_room_for(0), files_no_larger_than(0):
        assert "contact" in workspace.run_in_process("status").out
        told = workspace.stderr_of("sync", expect=1)
    assert "try:" in told
    check_convergence(workspace)


@pytest.fixture
def locked_up(workspace: Workspace, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """The mirror's file, or its folder, is not to be written."""
    target = workspace.mirror if request.param == "file" else workspace.folder
    before = stat.S_IMODE(target.stat().st_mode)
    target.chmod(0o400 if request.param == "file" else 0o500)
    yield workspace
    target.chmod(before)
    check_convergence(workspace)


@pytest.mark.parametrize("locked_up", ["file", "folder"], indirect=True)
def test_what_may_not_be_written_can_be_looked_at_and_nothing_more(locked_up: Workspace) -> None:
    with without_roots_power():
        assert locked_up.run_in_process("status").code == 0
        told = locked_up.stderr_of("sync", expect=1)
    assert "permission" in told


def test_a_folder_that_may_not_be_entered_is_told(workspace: Workspace) -> None:
    inner = workspace.folder / "inner"
    inner.mkdir(mode=0o000)
    workspace.configure(("path: mirror.db", "path: inner/mirror.db"))
    with without_roots_power():
        assert "permission" in workspace.stderr_of("status", expect=1)
    inner.chmod(0o700)
    assert workspace.run_in_process("status").code == 0


def test_a_folder_that_is_a_file_is_told(workspace: Workspace) -> None:
    (workspace.folder / "inner").write_text("")
    workspace.configure(("path: mirror.db", "path: inner/mirror.db"))
    assert "inner/mirror.db" in workspace.stderr_of("status", expect=1)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_every_file_is_its_owners_alone_under_any_umask(
    shared_workspace: Workspace, tmp_path: Path, mask: int
) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    workspace = shared_workspace.copied(folder)
    workspace.configure(("path: mirror.db", "path: deep/er/mirror.db"))
    with under_umask(mask):
        assert workspace.run_in_process("login").code == 0, workspace.printed
        assert workspace.run_in_process("sync").code == 0
        assert workspace.run_in_process("init", "--config", "deep/second.yaml").code == 0
    made = list((folder / "deep").rglob("*"))
    assert {path.name for path in made} >= {
        "mirror.db",
        "mirror.db.lock",
        "mirror.db.login.lock",
        "second.yaml",
    }
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {name: mode for name, mode in modes.items() if mode not in (0o600, 0o700)} == {}
