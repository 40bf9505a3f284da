"""Clocks that are wrong, zones that are odd, days that are rare."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sfsync.cli import clock
from sfsync.cli.clock import LocalZone
from sfsync.cli.since import parse_when
from sfsync.errors import UsageError
from sfsync.mapping.template import local_date
from tests.system.prepared import open_workspace
from tests.system.workspace import Workspace, event
from tests.trouble.convergence import check_convergence
from tests.trouble.machine import at

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
]


@contextmanager
def machine_in(zone: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time zone."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()


@contextmanager
def machine_ahead(by: timedelta, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is wrong by so much."""
    with monkeypatch.context() as patched:
        patched.setattr(clock, "local_now", lambda: datetime.now(UTC) + by)
        yield


@pytest.mark.parametrize(
    ("timestamp", "zone", "day"),
    [
        ("2026-01-20T22:59:59Z", "Europe/Berlin", "2026-01-20"),
        ("2026-01-20T23:00:00Z", "Europe/Berlin", "2026-01-21"),
        ("2026-07-20T21:59:59Z", "Europe/Berlin", "2026-07-20"),
        ("2026-07-20T22:00:00Z", "Europe/Berlin", "2026-07-21"),
        ("2026-03-29T00:59:59Z", "Europe/Berlin", "2026-03-29"),
        ("2026-10-24T22:00:00Z", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T22:59:59Z", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T23:00:00Z", "Europe/Berlin", "2026-10-26"),
        ("2026-01-20T04:59:59Z", "America/New_York", "2026-01-19"),
        ("2026-01-20T05:00:00Z", "America/New_York", "2026-01-20"),
        ("2026-07-20T04:00:00Z", "America/New_York", "2026-07-20"),
        ("2026-01-20T12:59:59Z", "Australia/Lord_Howe", "2026-01-20"),
        ("2026-01-20T13:00:00Z", "Australia/Lord_Howe", "2026-01-21"),
        ("2026-07-20T13:29:59Z", "Australia/Lord_Howe", "2026-07-20"),
        ("2026-07-20T13:30:00Z", "Australia/Lord_Howe", "2026-07-21"),
        ("2026-01-20T18:14:59Z", "Asia/Kathmandu", "2026-01-20"),
        ("2026-01-20T18:15:00Z", "Asia/Kathmandu", "2026-01-21"),
        ("2024-02-29T10:00:00Z", "UTC", "2024-02-29"),
        ("2024-02-28T10:00:00Z", "Pacific/Kiritimati", "2024-02-29"),
        ("2025-12-31T10:00:00Z", "Pacific/Kiritimati", "2026-01-01"),
    ],
)
def test_a_tasks_day_is_the_events_day_in_the_configured_zone(
    timestamp: str, zone: str, day: str
) -> None:
    assert local_date(timestamp, zone) == day


@pytest.mark.parametrize("machine", ZONES)
def test_the_machines_zone_changes_nothing_about_events_and_tasks(
    workspace: Workspace, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = workspace.rows()[0]["email"]
    key = f"zone-{machine}"
    workspace.configure(("timezone: UTC", "timezone: Asia/Kathmandu"))
    with machine_in(machine, monkeypatch):
        workspace.push_events_in_process(
            event("email_sent", email, key, timestamp="2026-01-20T18:15:00Z")
        )
    [sent] = workspace.sql("SELECT task_id FROM activities WHERE event_id = ?", key)
    assert workspace.records("Task")[sent["task_id"]]["ActivityDate"] == "2026-01-21"
    [kept] = workspace.sql("SELECT timestamp FROM events WHERE id = ?", key)
    assert kept["timestamp"] == "2026-01-20T18:15:00Z"
    stamps = workspace.sql("SELECT started_at, finished_at FROM runs")
    assert all(text.endswith("Z") and len(text) == 20 for row in stamps for text in row.values())


@pytest.mark.parametrize("machine", ZONES)
def test_a_day_begins_where_the_machine_is_by_the_rules_of_that_day(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in winter, a day in July still begins in summer time."""
    with machine_in(machine, monkeypatch):
        for now_text in (
            "2026-01-20T12:00:00+00:00",
            "2026-07-20T12:00:00+00:00",
            "2026-10-26T12:00:00+00:00",
        ):
            now = datetime.fromisoformat(now_text).astimezone(LocalZone())
            for day in ("2025-07-01", "2025-12-01", "2025-03-30", "2025-10-26", "2024-02-29"):
                wanted = (
                    datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(machine)).astimezone(UTC)
                )
                assert parse_when(day, now) == f"{wanted:%Y-%m-%dT%H:%M:%SZ}"
            yesterday = (now.astimezone(ZoneInfo(machine)) - timedelta(days=1)).replace(
                hour=0, minute=0
            )
            assert parse_when("yesterday", now) == f"{yesterday.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_so_many_hours_ago_are_hours_that_have_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    with machine_in("Europe/Berlin", monkeypatch):
        morning_after = datetime(2026, 10, 25, 9, 0, tzinfo=UTC).astimezone(LocalZone())
        assert parse_when("12h", morning_after) == "2026-10-24T21:00:00Z"
        assert parse_when("1d", morning_after) == "2026-10-24T09:00:00Z"
        assert parse_when("today", morning_after) == "2026-10-24T22:00:00Z"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("9999-12-31", "future"),
        ("9999-12-31T23:59:59-14:00", "no time"),
        ("0001-01-01T00:00+14:00", "no time"),
        ("2023-02-29", "no time"),
        ("2026-01-20T10:00:60", "no time"),
        ("2026-01-20T10:00+25:00", "no time"),
        ("99999w", "no time"),
        ("1e3d", "no time"),
        ("\N{ARABIC-INDIC DIGIT SEVEN}d", "no time"),
        ("2026-W04-2T10:00:00.5+05:45", ""),
    ],
)
def test_rare_and_impossible_times(text: str, told: str) -> None:
    noon = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
    if not told:
        assert parse_when(text, noon) == "2026-01-20T04:15:00Z"
        return
    with pytest.raises(UsageError, match=told):
        parse_when(text, noon)


@pytest.mark.parametrize(
    "wrong_by",
    [
        timedelta(days=1),
        timedelta(days=-1),
        timedelta(minutes=10),
        timedelta(minutes=-10),
        timedelta(days=-20_400),  # about 1970, where a machine without a battery begins
        timedelta(days=2_900_000),  # the year 9966
    ],
)
def test_a_pull_misses_nothing_where_this_machines_clock_is_wrong(
    workspace: Workspace, wrong_by: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watermark is the org's time."""
    who = workspace.people()[0]
    with machine_ahead(wrong_by, monkeypatch):
        workspace.stderr_of("pull", expect=0)
        workspace.edit(who, Title=f"first {wrong_by}")
        workspace.stderr_of("pull", expect=0)
        assert workspace.row(who)["job_title"] == f"first {wrong_by}"
    workspace.edit(who, Title=f"second {wrong_by}")
    workspace.stderr_of("pull", expect=0)
    assert workspace.row(who)["job_title"] == f"second {wrong_by}"
    [mark] = workspace.sql("SELECT at FROM _watermarks WHERE object = 'contact'")
    assert abs(datetime.fromisoformat(mark["at"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_clock_that_jumps_back_between_two_runs_takes_nothing_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = workspace.rows()[0]["email"]
    with machine_ahead(timedelta(hours=1), monkeypatch):
        workspace.push_events_in_process(event("email_sent", email, "before-the-jump"))
    workspace.push_events_in_process(event("email_sent", email, "after-the-jump"))
    workspace.push_events_in_process(event("email_sent", email, "before-the-jump"))
    check_convergence(workspace)
    sent = workspace.sql("SELECT task_id FROM activities WHERE event_id LIKE '%-the-jump'")
    assert len({row["task_id"] for row in sent} - {None}) == 2


@pytest.mark.always
@pytest.mark.parametrize("place", ["pull.page_staged", "push.journaled", "activity.marked"])
def test_a_clock_that_jumps_back_in_the_middle_of_a_run_takes_nothing_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    workspace.stderr_of("pull", expect=0)
    ours, theirs = workspace.people()[:2]
    workspace.sql(
        "UPDATE contacts SET job_title = ? WHERE salesforce_id = ?", f"Ours {place}", ours
    )
    workspace.edit(theirs, Title=f"Theirs {place}")
    line = event("email_replied", workspace.row(ours)["email"], f"jump-{place}")
    (workspace.folder / "events.jsonl").write_text(json.dumps(line) + "\n")
    off = [timedelta()]
    monkeypatch.setattr(clock, "local_now", lambda: datetime.now(UTC) + off[0])
    command = ["push-activity", "events.jsonl"] if place.startswith("activity") else ["sync"]
    with at(place, lambda: off.append(off.pop() - timedelta(hours=1))):
        assert workspace.run_in_process(*command).code == 0, workspace.printed[-2:]
    assert workspace.run_in_process("push-activity", "events.jsonl").code == 0
    check_convergence(workspace)
    assert workspace.record(ours)["Title"] == f"Ours {place}"
    assert workspace.row(theirs)["job_title"] == f"Theirs {place}"
    assert (
        len(
            [
                task
                for task in workspace.tasks(ours)
                if task["PenguinMails_Event_Id__c"] == f"jump-{place}"
            ]
        )
        == 1
    )


def test_an_org_whose_clock_goes_back_loses_no_edit(tmp_path) -> None:
    with open_workspace(tmp_path) as workspace:
        [who, *_] = workspace.people()
        workspace.local("clock", advance_seconds=3600)
        workspace.stderr_of("pull", expect=0)
        workspace.local("clock", advance_seconds=-600)
        workspace.edit(who, Title="after the jump")
        workspace.stderr_of("pull", expect=0)
        assert workspace.row(who)["job_title"] == "after the jump"


def test_an_event_of_tomorrow_is_believed_and_one_of_next_week_is_not(workspace: Workspace) -> None:
    email = workspace.rows()[0]["email"]
    soon, later = (
        f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (0.9, 7)
    )
    workspace.push_events_in_process(event("email_sent", email, "soon", timestamp=soon))
    later_event = event("email_sent", email, "later", timestamp=later)
    workspace.push_events_in_process(later_event, expect=3)
