"""What a pull reads: since when, how far back, and how little where nothing has changed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest


@pytest.fixture(scope="module")
def aged(new_workspace):
    """Somebody was edited two hours ago, yesterday, last week, before New Year; unseen, as it were."""
    workspace = new_workspace(contacts=6, leads=2)
    now = datetime.now(UTC)
    ahead = 12 - now.hour  # of UTC, where it is noon now: no test runs into midnight
    workspace.environ["TZ"] = f"NOON{-ahead:+d}"
    midnight = now.astimezone(timezone(timedelta(hours=ahead))).replace(hour=0, minute=0, second=0)
    ages = {
        "just now": now - timedelta(minutes=1),
        "today": now - timedelta(hours=2),
        "yesterday": midnight - timedelta(hours=23),
        "this week": midnight - timedelta(days=5),
        "this year": datetime(2026, 1, 2, tzinfo=UTC),
        "last year": datetime(2025, 12, 30, tzinfo=UTC),
    }
    people = dict(zip(ages, workspace.people(), strict=True))
    for when, at in ages.items():
        workspace.edit(people[when], Title=f"since {when}")
        workspace.stamp(people[when], at)
    return workspace, people


def seen(workspace, people):
    return {
        when
        for when, who in people.items()
        if (workspace.row(who)["job_title"] or "").startswith("since")
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"just now"}),
        (["--since", "yesterday"], {"just now", "today", "yesterday"}),
        (["--since", "7d"], {"just now", "today", "yesterday", "this week"}),
        (["--since", "2026-01-01"], {"just now", "today", "yesterday", "this week", "this year"}),
        (["--full"], {"just now", "today", "yesterday", "this week", "this year", "last year"}),
    ],
    ids=["without", "yesterday", "7d", "2026-01-01", "full"],
)
def test_a_pull_reads_from_when_it_is_told_or_a_little_before_its_watermark(
    aged, arguments, expected
):
    workspace, people = aged
    workspace.sql("UPDATE contacts SET job_title = NULL")
    workspace.sql("DELETE FROM _contacts_base")  # as if both sides had always agreed on no title
    workspace.do("pull", "--object", "contact", *arguments)
    assert seen(workspace, people) == expected


def test_a_time_that_lies_ahead_is_wrong_usage(aged):
    ran = aged[0].run("pull", "--since", "2099-01-01", "--json")
    assert (ran.code, ran.document["errors"][0]["slug"]) == (2, "usage")


def test_since_and_full_do_not_go_together(aged):
    assert aged[0].run("pull", "--since", "7d", "--full").code == 2


def test_an_object_that_is_none_is_wrong_usage_and_the_known_ones_are_named(aged):
    ran = aged[0].run("pull", "--object", "account", "--json")
    [error] = ran.document["errors"]
    assert ran.code == 2
    assert "contact" in error["message"] + error["hint"]


# -- the watermark ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def late(new_workspace):
    """Somebody saves an edit; a pull passes by before the edit is committed; then it is."""
    workspace = new_workspace(contacts=4, leads=2)
    slow, quick = workspace.people()[:2]
    workspace.local("edit", id=slow, fields={"Title": "Committed late"}, commit_delay_seconds=300)
    workspace.edit(quick, Title="Committed at once")
    workspace.do("pull")
    between = workspace.row(slow)["job_title"], workspace.row(quick)["job_title"]
    workspace.local("clock", advance_seconds=310)
    workspace.edit(quick, Title="Later still")
    workspace.do("pull")
    return workspace, slow, quick, between


def test_an_edit_that_is_not_committed_yet_is_not_seen(late):
    assert late[3][0] != "Committed late"
    assert late[3][1] == "Committed at once"


def test_a_late_commit_is_not_missed_by_the_next_pull(late):
    workspace, slow, quick, _ = late
    assert (workspace.row(slow)["job_title"], workspace.row(quick)["job_title"]) == (
        "Committed late",
        "Later still",
    )


def test_the_watermark_is_the_orgs_time_not_this_machines(late):
    workspace = late[0]
    [contact, _] = workspace.do_in_process("status")["objects"]
    ahead = datetime.fromisoformat(contact["watermark"]) - datetime.now(UTC)
    assert timedelta(seconds=200) < ahead < timedelta(seconds=320)


# -- nothing to do ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def idle(new_workspace):
    """Two hours after the last change, a pull and a sync with nothing to do."""
    workspace = new_workspace(contacts=30, leads=10)
    workspace.do_in_process("sync")
    workspace.local("clock", advance_seconds=7200)
    workspace.do_in_process("pull")
    before, rows = workspace.everything(), (workspace.rows("contacts"), workspace.rows("leads"))
    runs = {}
    for command in ("pull", "push", "sync"):
        with workspace.counted() as calls:
            runs[command] = workspace.do(command), calls
    return workspace, runs, (before, rows)


@pytest.mark.parametrize(("command", "most"), [("pull", 2), ("push", 0), ("sync", 2)])
def test_a_run_with_nothing_to_do_costs_at_most_a_call_an_object(idle, command, most):
    told, calls = idle[1][command]
    assert calls["used"] <= most, calls["by_path"]
    assert told["api_calls"] == calls["used"]


def test_runs_with_nothing_to_do_write_nothing_on_either_side(idle):
    workspace, _, (before, rows) = idle
    assert workspace.everything() == before
    assert (workspace.rows("contacts"), workspace.rows("leads")) == rows


@pytest.mark.parametrize("command", ["pull", "push", "sync"])
def test_a_run_with_nothing_to_do_reports_nothing_done(idle, command):
    for counts in idle[1][command][0]["objects"].values():
        assert {name: counts[name] for name in ("created", "updated", "deleted", "conflicts", "quarantined")} == {
            "created": 0, "updated": 0, "deleted": 0, "conflicts": 0, "quarantined": 0,
        }  # fmt: skip
