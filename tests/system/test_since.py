"""What a pull reads: since when, how far back, and how little where nothing has changed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest


@pytest.fixture(scope="module")
def aged(open_one):
    """Somebody was edited two hours ago, yesterday, last week, before New Year; unseen, as it were."""
    office = open_one(contacts=6, leads=2)
    now = datetime.now(UTC)
    ahead = 12 - now.hour  # of UTC, where it is noon now: no test runs into midnight
    office.environ["TZ"] = f"NOON{-ahead:+d}"
    midnight = now.astimezone(timezone(timedelta(hours=ahead))).replace(hour=0, minute=0, second=0)
    ages = {
        "just now": now - timedelta(minutes=1),
        "today": now - timedelta(hours=2),
        "yesterday": midnight - timedelta(hours=23),
        "this week": midnight - timedelta(days=5),
        "this year": datetime(2026, 1, 2, tzinfo=UTC),
        "last year": datetime(2025, 12, 30, tzinfo=UTC),
    }
    people = dict(zip(ages, office.people(), strict=True))
    for when, at in ages.items():
        office.edit(people[when], Title=f"since {when}")
        office.stamp(people[when], at)
    return office, people


def seen(office, people):
    return {
        when
        for when, who in people.items()
        if (office.row(who)["job_title"] or "").startswith("since")
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
    office, people = aged
    office.sql("UPDATE contacts SET job_title = NULL")
    office.sql("DELETE FROM _contacts_base")  # as if both sides had always agreed on no title
    office.do("pull", "--object", "contact", *arguments)
    assert seen(office, people) == expected


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
def late(open_one):
    """Somebody saves an edit; a pull passes by before the edit is committed; then it is."""
    office = open_one(contacts=4, leads=2)
    slow, quick = office.people()[:2]
    office.local("edit", id=slow, fields={"Title": "Committed late"}, commit_delay_seconds=300)
    office.edit(quick, Title="Committed at once")
    office.do("pull")
    between = office.row(slow)["job_title"], office.row(quick)["job_title"]
    office.local("clock", advance_seconds=310)
    office.edit(quick, Title="Later still")
    office.do("pull")
    return office, slow, quick, between


def test_an_edit_that_is_not_committed_yet_is_not_seen(late):
    assert late[3][0] != "Committed late"
    assert late[3][1] == "Committed at once"


def test_a_late_commit_is_not_missed_by_the_next_pull(late):
    office, slow, quick, _ = late
    assert (office.row(slow)["job_title"], office.row(quick)["job_title"]) == (
        "Committed late",
        "Later still",
    )


def test_the_watermark_is_the_orgs_time_not_this_machines(late):
    office = late[0]
    [contact, _] = office.do("status")["objects"]
    ahead = datetime.fromisoformat(contact["watermark"]) - datetime.now(UTC)
    assert timedelta(seconds=200) < ahead < timedelta(seconds=320)


# -- nothing to do ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def idle(open_one):
    """Two hours after the last change, a pull and a sync with nothing to do."""
    office = open_one(contacts=30, leads=10)
    office.do("sync")
    office.local("clock", advance_seconds=7200)
    office.do("pull")
    before, rows = office.everything(), (office.rows("contacts"), office.rows("leads"))
    runs = {}
    for command in ("pull", "push", "sync"):
        with office.counted() as calls:
            runs[command] = office.do(command), calls
    return office, runs, (before, rows)


@pytest.mark.parametrize(("command", "most"), [("pull", 2), ("push", 0), ("sync", 2)])
def test_a_run_with_nothing_to_do_costs_at_most_a_call_an_object(idle, command, most):
    told, calls = idle[1][command]
    assert calls["used"] <= most, calls["by_path"]
    assert told["api_calls"] == calls["used"]


def test_runs_with_nothing_to_do_write_nothing_on_either_side(idle):
    office, _, (before, rows) = idle
    assert office.everything() == before
    assert (office.rows("contacts"), office.rows("leads")) == rows


@pytest.mark.parametrize("command", ["pull", "push", "sync"])
def test_a_run_with_nothing_to_do_reports_nothing_done(idle, command):
    for counts in idle[1][command][0]["objects"].values():
        assert {name: counts[name] for name in ("created", "updated", "deleted", "conflicts", "quarantined")} == {
            "created": 0, "updated": 0, "deleted": 0, "conflicts": 0, "quarantined": 0,
        }  # fmt: skip
