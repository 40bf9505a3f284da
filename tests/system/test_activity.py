"""Email events: cheap, counted once, however they arrive and however badly a line is written."""

import csv
import io
import json

import pytest

from tests.system.workspace import changed, event

CONTACTS, LEADS, UNKNOWN = 120, 60, 20


# -- a thousand events -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def thousand(new_workspace):
    """A thousand events of contacts, leads and people whom nobody knows, right after the first pull."""
    workspace = new_workspace(contacts=CONTACTS, leads=LEADS)
    addresses = [record["Email"] for record in workspace.records("Contact").values()]
    addresses += [record["Email"] for record in workspace.records("Lead").values()]
    addresses += [f"stranger{number}@example.com" for number in range(UNKNOWN)]
    kinds = ["email_sent", "email_opened", "email_opened", "email_clicked", "email_replied"]
    events = [
        event(kinds[turn], address, f"evt-{turn}-{number}", timestamp=f"2026-01-2{turn}T10:00:00Z")
        for turn in range(5)
        for number, address in enumerate(addresses)
    ]
    assert len(events) == 1000
    with workspace.counted() as calls:
        ran = workspace.push_events(*events)
    before = workspace.everything()
    with workspace.counted() as again_calls:
        again = workspace.push_events(*events)
    return {
        "workspace": workspace, "ran": ran, "calls": calls, "before": before,
        "again": again, "again calls": again_calls, "after": workspace.everything(),
    }  # fmt: skip


def test_a_thousand_events_cost_at_most_twelve_calls(thousand):
    assert thousand["calls"]["used"] <= 12, thousand["calls"]["by_path"]


def test_the_calls_that_a_run_tells_are_those_that_the_org_counts(thousand):
    assert thousand["ran"].data["api_calls"] == thousand["calls"]["used"]


def test_of_a_thousand_events_each_is_counted_and_each_first_is_a_task(thousand):
    told = thousand["ran"].data["activity"]
    assert (told["events"], told["tasks"], told["waiting"]) == (1000, 800, 0)
    assert len(thousand["workspace"].tasks()) == 800


def test_strangers_are_made_contacts_once(thousand):
    records = thousand["workspace"].records("Contact").values()
    strangers = [record for record in records if (record["Email"] or "").startswith("stranger")]
    assert len(strangers) == UNKNOWN
    assert {record["PenguinMails_Total_Opens__c"] for record in strangers} == {2.0}
    assert {record["LastName"] for record in strangers} == {"(unknown)"}


def test_a_placeholder_name_stays_out_of_the_mirror(thousand):
    workspace = thousand["workspace"]
    workspace.do_in_process("pull")
    names = workspace.sql("SELECT DISTINCT last_name FROM contacts WHERE email LIKE 'stranger%'")
    assert names == [{"last_name": None}]


def test_the_same_file_again_is_no_news_and_no_failure(thousand):
    again = thousand["again"]
    assert (again.code, again.document["status"]) == (0, "ok")
    assert again.data["activity"] | {"waiting": 0} == {
        "events": 0, "tasks": 0, "duplicates": 1000, "quarantined": 0, "waiting": 0, "skipped": 0, "left_out": 0, "held": 0, "contacts": 0,
    }  # fmt: skip


def test_the_same_file_again_changes_nothing_in_the_org(thousand):
    assert thousand["after"] == thousand["before"]


def test_the_same_file_again_writes_nothing(thousand):
    assert all(call["method"] == "GET" for call in thousand["again calls"]["calls"])


# -- ways in ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def readers(new_workspace):
    """Four people; each gets one reply, by another way in."""
    workspace = new_workspace(contacts=6, leads=0)
    flags, stdin, table, lines, messy, _ = workspace.people()
    mail = {who: workspace.record(who)["Email"] for who in workspace.people()}
    workspace.do(
        "push-activity", "--type", "email_replied", "--email", mail[flags], "--campaign", "January",
        "--campaign-id", "c-7", "--at", "2026-01-20T10:00:00Z", "--id", "by-flags",
    )  # fmt: skip
    workspace.do(
        "push-activity",
        "-",
        stdin=json.dumps(event("email_replied", mail[stdin], "by-stdin")) + "\n",
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(event("", "")))
    writer.writeheader()
    writer.writerow(
        event("email_replied", mail[table], "by-csv", campaign_name='"January", they said')
    )
    (workspace.folder / "events.csv").write_text(text.getvalue())
    workspace.do("push-activity", "events.csv")
    workspace.push_events(event("email_replied", mail[lines], "by-jsonl"))
    bad = [
        json.dumps(event("email_replied", mail[messy], "good-1")),
        "{no json",
        json.dumps(event("email_eaten", mail[messy], "bad-type")),
        json.dumps(event("email_replied", "no address", "bad-address")),
        json.dumps(event("email_replied", mail[messy], "bad-time", timestamp="yesterday-ish")),
        json.dumps(event("email_replied", mail[messy], "good-2")),
    ]
    (workspace.folder / "bad.jsonl").write_text("\n".join(bad) + "\n")
    ran = workspace.run("push-activity", "bad.jsonl", "--json")
    people = {"flags": flags, "stdin": stdin, "csv": table, "jsonl": lines, "messy": messy}
    return workspace, people, ran, workspace.do_in_process("quarantine")["quarantine"]


@pytest.mark.parametrize("way", ["flags", "stdin", "csv", "jsonl"])
def test_an_event_may_come_by_flags_standard_input_csv_or_jsonl(readers, way):
    workspace, people, *_ = readers
    [task] = workspace.tasks(people[way])
    subject = 'Email: "January", they said' if way == "csv" else "Email: January"
    assert (task["PenguinMails_Event_Id__c"], task["Subject"]) == (f"by-{way}", subject)
    assert task["ActivityDate"] == "2026-01-20"


def test_an_event_that_was_handed_in_another_way_is_the_same_event(readers):
    workspace, people, *_ = readers
    told = workspace.push_events(
        event("email_replied", workspace.record(people["flags"])["Email"], "by-flags")
    ).data
    assert told["activity"]["duplicates"] == 1
    assert len(workspace.tasks(people["flags"])) == 1


def test_bad_lines_end_in_exit_code_3_and_the_good_ones_are_done(readers):
    workspace, people, ran, _ = readers
    assert (ran.code, ran.document["status"], ran.data["activity"]["quarantined"]) == (
        3,
        "partial",
        4,
    )
    keys = {task["PenguinMails_Event_Id__c"] for task in workspace.tasks(people["messy"])}
    assert keys == {"good-1", "good-2"}


@pytest.mark.parametrize(
    ("line", "reason"), [(2, "JSON"), (3, "email_eaten"), (4, "no address"), (5, "yesterday-ish")]
)
def test_each_bad_line_is_in_quarantine_with_its_number_and_reason(readers, line, reason):
    told = [row["message"] + row["payload"] for row in readers[3]]
    [mine] = [message for message in told if message.startswith(f"bad.jsonl, line {line}:")]
    assert reason in mine


def test_one_event_without_its_type_is_wrong_usage(readers):
    ran = readers[0].run("push-activity", "--email", "a@example.com", "--json")
    assert (ran.code, ran.document["errors"][0]["slug"]) == (2, "usage")


def test_a_dry_run_of_events_keeps_and_sends_nothing(readers):
    workspace = readers[0]
    before, rows = workspace.everything(), workspace.sql("SELECT * FROM events")
    workspace.do("push-activity", "--type", "email_sent", "--email", "dry@example.com", "--dry-run")
    assert (workspace.everything(), workspace.sql("SELECT * FROM events")) == (before, rows)


def test_events_whose_tasks_failed_are_done_by_the_next_sync(readers):
    workspace, people, *_ = readers
    who = people["jsonl"]
    before = workspace.record(who)
    workspace.local(
        "faults",
        faults=[{"match": {"path": "sobjects/Task|composite"}, "fault": "expired_session"}],
    )
    failed = workspace.run(
        "push-activity",
        "--type",
        "email_clicked",
        "--email",
        before["Email"],
        "--id",
        "late",
        "--json",
    )
    workspace.local("faults", faults=[])
    assert failed.code != 0
    workspace.do_in_process("sync")
    assert changed(before, workspace.record(who))["PenguinMails_Total_Clicks__c"] == 1.0
    assert len(workspace.tasks(who)) == 2
