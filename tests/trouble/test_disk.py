"""A disk without room and a file system that says no: nothing half done, nothing twice, and the next run finishes."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.system.office import event
from tests.trouble.desk import Desk
from tests.trouble.machine import (
    disk_with_room_for,
    files_no_larger_than,
    under_umask,
    without_roots_power,
)

NUMBER = count()


def work(desk: Desk) -> tuple[list[str], str]:
    """Something to do for every verb: edits on both sides, and events. Gives the events' ids and the new title."""
    number = next(NUMBER)
    desk.told("pull", expect=0)
    people = desk.people()
    title = f"Title {number} " + "x" * 100
    desk.edit(people[0], Title=title, MailingCity="y" * 40)
    desk.sql(
        "UPDATE contacts SET job_title = ? WHERE salesforce_id IN (?, ?)",
        title,
        people[1],
        people[2],
    )
    emails = [row["email"] for row in desk.rows() if row["salesforce_id"] in people[3:]]
    events = [
        event("email_sent", email, f"e{number}-{each}-{email}")
        for email in emails
        for each in range(20)
    ]
    (desk.folder / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    return [each["id"] for each in events], title


def finishes(desk: Desk, ids: list[str], title: str) -> None:
    """The same command again, and everything is on both sides, once."""
    assert desk.whole
    before = len(desk.tasks())
    assert desk.inside("push-activity", "events.jsonl", "--json").code == 0, desk.said[-2:]
    desk.converges()
    people = desk.people()
    assert {desk.record(person)["Title"] for person in people[:3]} == {title}
    assert {desk.row(person)["job_title"] for person in people[:3]} == {title}
    marks = ", ".join("?" * len(ids))
    sent = desk.sql(f"SELECT task_id FROM activities WHERE event_id IN ({marks})", *ids)
    assert len(sent) == len(ids)
    assert len({row["task_id"] for row in sent} - {None}) == len(ids)
    assert len({task["Id"] for task in desk.tasks()}) >= before
    keys = [task["PenguinMails_Event_Id__c"] for task in desk.tasks()]
    assert len(keys) == len(set(keys)), "no Task twice"


@pytest.mark.parametrize("pages", [0, 1, 2, 4, 6, 8])
def test_wherever_the_disk_is_full_it_is_told_and_the_next_run_finishes(
    desk: Desk, pages: int
) -> None:
    ids, title = work(desk)
    with disk_with_room_for(pages):
        for line in (["push-activity", "events.jsonl"], ["sync"]):
            ran = desk.inside(*line)
            assert ran.code in (0, 1), ran.err
            if ran.code:
                assert "the disk is full" in ran.err
                assert "Make room" in ran.err
            assert desk.whole
            assert desk.sql("SELECT guard FROM _sync") == [{"guard": 0}]
    assert "the disk is full" in "".join(desk.said), "or there was no trouble at all"
    finishes(desk, ids, title)


@pytest.mark.parametrize("more", [0, 4096, 20_000])
def test_where_the_system_refuses_to_let_the_file_grow_it_is_told_and_the_next_run_finishes(
    desk: Desk, more: int
) -> None:
    ids, title = work(desk)
    with files_no_larger_than(desk.mirror.stat().st_size + more):
        told = desk.told("push-activity", "events.jsonl", expect=1)
    assert "disk" in told
    finishes(desk, ids, title)


@pytest.mark.always
def test_where_nothing_at_all_can_be_written_status_still_tells_what_there_is(desk: Desk) -> None:
    with disk_with_room_for(0), files_no_larger_than(0):
        assert "contact" in desk.inside("status").out
        told = desk.told("sync", expect=1)
    assert "try:" in told
    desk.converges()


@pytest.fixture
def locked_up(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The mirror's file, or its folder, is not to be written."""
    target = desk.mirror if request.param == "file" else desk.folder
    before = stat.S_IMODE(target.stat().st_mode)
    target.chmod(0o400 if request.param == "file" else 0o500)
    yield desk
    target.chmod(before)
    desk.converges()


@pytest.mark.parametrize("locked_up", ["file", "folder"], indirect=True)
def test_what_may_not_be_written_can_be_looked_at_and_nothing_more(locked_up: Desk) -> None:
    with without_roots_power():
        assert locked_up.inside("status").code == 0
        told = locked_up.told("sync", expect=1)
    assert "permission" in told


def test_a_folder_that_may_not_be_entered_is_told(desk: Desk) -> None:
    inner = desk.folder / "inner"
    inner.mkdir(mode=0o000)
    desk.configure(("path: mirror.db", "path: inner/mirror.db"))
    with without_roots_power():
        assert "permission" in desk.told("status", expect=1)
    inner.chmod(0o700)
    assert desk.inside("status").code == 0


def test_a_folder_that_is_a_file_is_told(desk: Desk) -> None:
    (desk.folder / "inner").write_text("")
    desk.configure(("path: mirror.db", "path: inner/mirror.db"))
    assert "inner/mirror.db" in desk.told("status", expect=1)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_every_file_is_its_owners_alone_under_any_umask(
    first_desk: Desk, tmp_path: Path, mask: int
) -> None:
    folder = tmp_path / "office"
    folder.mkdir()
    desk = first_desk.copied(folder)
    desk.configure(("path: mirror.db", "path: deep/er/mirror.db"))
    with under_umask(mask):
        assert desk.inside("login").code == 0, desk.said
        assert desk.inside("sync").code == 0
        assert desk.inside("init", "--config", "deep/second.yaml").code == 0
    made = list((folder / "deep").rglob("*"))
    assert {path.name for path in made} >= {
        "mirror.db",
        "mirror.db.lock",
        "mirror.db.login.lock",
        "second.yaml",
    }
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert {name: mode for name, mode in modes.items() if mode not in (0o600, 0o700)} == {}
