"""The brakes and the budget as a person or cron meets them: the exit code, the sentence, and nothing applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.prepared import open_workspace
from tests.system.workspace import Workspace, event
from tests.trouble.convergence import check_convergence


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """More people than a few deletions are always allowed of."""
    with open_workspace(tmp_path_factory.mktemp("workspace"), contacts=30, leads=1) as workspace:
        yield workspace


@pytest.fixture
def workspace(first: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the workspace; the org gets its records and switches back."""
    state = first.org.state
    rows = {table.kind.name: dict(table.rows) for table in state.tables}
    yield first.copied(tmp_path)
    for table in state.tables:
        for record_id in [key for key in table.rows if key not in rows[table.kind.name]]:
            table.put(record_id, None)
        for record_id, row in rows[table.kind.name].items():
            table.put(record_id, row)
    state.settings.daily_api_requests = 15_000
    state.meter.reset()


def delete_most(workspace: Workspace) -> None:
    for who in workspace.people()[:21]:
        workspace.local("delete", id=who)


def empty(workspace: Workspace) -> None:
    for who in workspace.people():
        workspace.local("delete", id=who)
        workspace.local("purge", id=who)


def blank_there(workspace: Workspace) -> None:
    for who in workspace.people():
        workspace.edit(who, Phone=None)


def blank_here(workspace: Workspace) -> None:
    workspace.sql("UPDATE contacts SET phone = NULL")


def limit_changes(workspace: Workspace) -> None:
    workspace.configure(("  # max_change: 50%", "  max_change: 50%"))


def change_there(workspace: Workspace) -> None:
    """A script in Salesforce touches everybody."""
    limit_changes(workspace)
    for who in workspace.people():
        workspace.edit(who, Title="Scripted")


def change_here(workspace: Workspace) -> None:
    limit_changes(workspace)
    workspace.sql("UPDATE contacts SET job_title = 'Scripted'")


def map_otherwise(workspace: Workspace) -> None:
    """The phone's column is taken from a field that nobody has filled in."""
    text = workspace.yaml.read_text(encoding="utf-8")
    workspace.yaml.write_text(text.replace("Phone: phone", "Fax: phone", 1), encoding="utf-8")
    workspace.stderr_of("pull", "--object", "lead", expect=0)


BRAKES: dict[str, tuple[Callable[[Workspace], None], list[str], str]] = {
    "most are deleted there": (delete_most, ["pull"], "would delete 21 and blank 0 of 30 rows"),
    "most are deleted there, by cron": (delete_most, ["sync"], "would delete 21"),
    "the org shows nobody": (
        empty,
        ["pull", "--full"],
        "not one record, and the mirror has 30 rows",
    ),
    "a value is blanked everywhere there": (blank_there, ["sync"], "blank 30 of 30 rows"),
    "a value is blanked everywhere here": (blank_here, ["push"], "blank 30 of 30 rows"),
    "everybody is changed there, where that has a limit": (
        change_there,
        ["pull"],
        "would change 30 of 30 rows; the limit is 20",
    ),
    "everybody is changed here, where that has a limit": (
        change_here,
        ["push"],
        "would change 30 of 30 rows; the limit is 20",
    ),
    "a field is mapped to another": (map_otherwise, ["sync"], "blank 30 of 30 rows"),
}


def every_day(cells: Iterable[str], *chosen: str) -> list[Any]:
    """All cells of a table for ``parametrize``; those chosen run at every change."""
    return [
        pytest.param(cell, marks=pytest.mark.always) if cell in chosen else cell for cell in cells
    ]


@pytest.mark.parametrize(
    "name", every_day(BRAKES, "most are deleted there, by cron", "the org shows nobody")
)
def test_what_would_take_away_too_much_stops_before_anything_is_applied(
    workspace: Workspace, name: str
) -> None:
    happens, line, told = BRAKES[name]
    happens(workspace)
    before = workspace.everything(), workspace.rows()
    said = workspace.stderr_of(*line, expect=7)
    assert told in said
    assert "Nothing was applied." in said
    assert "--allow-mass-change" in said
    assert workspace.run_in_process(*line, "--json").document["errors"][0]["slug"] == "unsafe-plan"
    assert workspace.run_in_process(*line, "--dry-run", "--json").code == 7, (
        "a preview of it is refused as well"
    )
    assert (workspace.everything(), workspace.rows()) == before
    assert workspace.run_in_process(*line, "--allow-mass-change", "--json").code == 0
    assert (workspace.everything(), workspace.rows()) != before or name == "the org shows nobody"


def test_an_edit_within_the_limits_is_none_of_the_brakes_business(workspace: Workspace) -> None:
    workspace.sql("UPDATE contacts SET phone = NULL WHERE id <= 20")
    workspace.sql("UPDATE contacts SET job_title = 'All of them'")
    assert workspace.run_in_process("push").code == 0, workspace.printed[-2:]
    assert [record["Title"] for record in workspace.records().values()] == ["All of them"] * 30


def spend(workspace: Workspace, calls: int, *, limit: int = 100) -> None:
    """The org's calls of the day are used up but for its reserve and so many more."""
    workspace.org.state.settings.daily_api_requests = limit
    workspace.org.state.meter.reset()
    for _ in range(limit * 8 // 10 - calls):
        workspace.org.state.meter.count()


@pytest.mark.parametrize(
    "line",
    [["pull", "--full"], ["push"], ["sync"], ["push-activity", "-"]],
    ids=lambda line: line[0],
)
def test_the_reserve_is_left_for_everyone_else(workspace: Workspace, line: list[str]) -> None:
    workspace.sql("UPDATE contacts SET job_title = 'Waits'")
    email = workspace.rows()[0]["email"]
    spend(workspace, 1)
    stdin = b'{"id": "spent-%d", "type": "email_replied", "email": "%s", "campaign_id": "c", "timestamp": "2026-01-20T10:00:00Z"}\n'
    ran = workspace.run_in_process(
        *line, "--json", stdin=stdin % (len(line), email.encode()) if "-" in line else b""
    )
    assert ran.code == 5, ran
    assert ran.document["errors"][0]["slug"] == "budget-spent"
    assert "20% of them are left for everyone else" in ran.document["errors"][0]["message"]
    assert workspace.org.state.meter.used <= 80
    workspace.org.state.settings.daily_api_requests = 15_000
    check_convergence(workspace)
    assert {record["Title"] for record in workspace.records().values()} == {"Waits"}


@pytest.mark.always
def test_a_run_takes_no_more_than_its_share_however_much_is_left(workspace: Workspace) -> None:
    workspace.sql("UPDATE contacts SET job_title = 'By turns'")
    workspace.org.state.settings.daily_api_requests = 1_000
    workspace.configure(("api_per_run: 25%", "api_per_run: 0.1%"))
    codes = [workspace.run_in_process("sync").code for _ in range(2)]
    assert 5 in codes
    assert "this run has made 1 API calls, and may make 0.1% of the org's 1000" in "".join(
        workspace.printed
    )
    assert workspace.org.state.meter.used <= 2
    workspace.configure(("api_per_run: 0.1%", "api_per_run: 25%"))
    check_convergence(workspace)
    assert {record["Title"] for record in workspace.records().values()} == {"By turns"}


def test_what_it_will_cost_is_told_before_anything_is_spent(workspace: Workspace) -> None:
    workspace.sql("UPDATE contacts SET job_title = 'Forecast'")
    workspace.push_events_in_process(
        event("email_replied", workspace.rows()[0]["email"], "forecast")
    )
    workspace.sql("UPDATE contacts SET job_title = 'Told'")
    before = workspace.everything()
    forecast = workspace.run_in_process("diff", "--json").data["cost"]
    assert (forecast["org_writes"], forecast["mirror_writes"]) == (30, 30)
    assert workspace.everything() == before
    with workspace.counted() as calls:
        assert workspace.run_in_process("sync").code == 0
    assert forecast["api_calls"] == calls["used"]
