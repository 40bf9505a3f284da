"""Events that are handed in at a bad moment: kept, told, and done by the next run; contradictions and bad lines."""

import json
from contextlib import contextmanager

import pytest
from filelock import FileLock

from tests.system.workspace import event


@pytest.fixture(scope="module")
def workspace(new_workspace):
    workspace = new_workspace(contacts=6, leads=2)
    workspace.do_in_process("pull")
    return workspace


@pytest.fixture
def people(workspace):
    return sorted(row["email"] for row in workspace.rows())


@contextmanager
def a_long_run(workspace):
    with FileLock(f"{workspace.mirror}.lock"):
        yield


def lines(workspace, name, *texts):
    (workspace.folder / name).write_text("".join(f"{text}\n" for text in texts))
    return name


def open_lines(workspace, source):
    return workspace.sql(
        "SELECT line, message FROM quarantine WHERE source = ? AND state = 'open' ORDER BY line",
        source,
    )


@pytest.mark.parametrize(("flag", "code"), [((), 6), (("--skip-if-locked",), 0)])
def test_events_handed_in_while_another_run_is_under_way_are_done_by_the_next(
    workspace, people, flag, code
):
    key = f"while-{code}"
    with a_long_run(workspace):
        ran = workspace.run_in_process(
            "push-activity",
            "--type",
            "email_replied",
            "--email",
            people[0],
            "--id",
            key,
            *flag,
            "--json",
        )
        status = workspace.do_in_process("status")
    assert ran.code == code
    assert "1 event is kept in the inbox" in ran.out + ran.err
    assert status["inbox"]["events"] == 1
    assert not workspace.sql("SELECT * FROM events WHERE id = ?", key)
    workspace.do_in_process("sync")
    assert [task["PenguinMails_Event_Id__c"] for task in workspace.tasks()].count(key) == 1
    assert workspace.do_in_process("status")["inbox"]["events"] == 0


def test_events_handed_in_without_a_login_are_kept(new_workspace):
    stranger = new_workspace(contacts=1, leads=0)
    stranger.do_in_process("logout")
    ran = stranger.run_in_process(
        "push-activity", "--type", "email_replied", "--email", "x@example.com"
    )
    assert ran.code == 4
    assert "1 event is kept in the inbox" in ran.err


def test_the_same_id_with_other_facts_is_told_and_its_opt_out_holds(workspace, people):
    workspace.push_events_in_process(event("email_opened", people[1], "evt-twice"))
    ran = workspace.push_events_in_process(event("unsubscribed", people[2], "evt-twice"), expect=3)
    assert ran.data["activity"] | {"tasks": 0} == {
        "events": 0, "tasks": 0, "duplicates": 0, "quarantined": 1, "waiting": 0, "skipped": 0, "left_out": 0, "held": 0, "contacts": 0,
    }  # fmt: skip
    [entry] = [
        entry
        for entry in workspace.do_in_process("quarantine")["quarantine"]
        if entry["code"] == "CONTRADICTION"
    ]
    assert entry["event_id"] == "evt-twice"
    workspace.do_in_process("sync")
    record = next(
        record for record in workspace.records("Contact").values() if record["Email"] == people[2]
    )
    assert record["HasOptedOutOfEmail"] is True
    workspace.run_in_process("quarantine", "--ignore", str(entry["id"]))


def test_a_line_that_is_corrected_ends_its_entry_and_retry_leaves_it(workspace, people):
    bad = json.dumps(event("email_replied", people[3], "fixed-1", timestamp="yesterday-ish"))
    good = [json.dumps(event("email_replied", people[3], f"fixed-{number}")) for number in (1, 2)]
    name = lines(workspace, "fix.jsonl", bad, good[1])
    workspace.run_in_process("push-activity", name)
    assert [entry["line"] for entry in open_lines(workspace, name)] == [1]
    workspace.run_in_process("retry")
    assert [entry["line"] for entry in open_lines(workspace, name)] == [1]
    workspace.run_in_process("push-activity", lines(workspace, "fix.jsonl", *good))
    assert open_lines(workspace, name) == []


def test_all_lines_of_a_file_are_left_for_good_at_once(workspace, people):
    good = json.dumps(event("email_replied", people[3], "noise"))
    name = lines(workspace, "noise.jsonl", good, *["{no json"] * 5)
    assert workspace.run_in_process("push-activity", name).code == 3
    counts = workspace.do_in_process("quarantine", "--ignore-all", "--of", name, "--dry-run")
    assert counts["ignored"] == 5
    assert workspace.do_in_process("quarantine", "--ignore-all", "--of", name)["ignored"] == 5
    assert open_lines(workspace, name) == []
    assert workspace.run_in_process("quarantine", "--ignore-all").code == 2


def test_a_file_without_one_event_is_refused_with_whose_it_may_be(workspace, people):
    one = {"event": "open", "email": people[0], "timestamp": 1768903200, "sg_event_id": "sg-1"}
    name = lines(workspace, "sendgrid.jsonl", *[json.dumps(one)] * 200)
    before = workspace.sql("SELECT count(*) FROM quarantine")
    ran = workspace.run_in_process("push-activity", name)
    assert ran.code == 2
    assert "not one of its first 100 lines is an event" in ran.err
    assert "--from sendgrid" in ran.err
    assert workspace.sql("SELECT count(*) FROM quarantine") == before
    done = workspace.run_in_process("push-activity", name, "--from", "sendgrid", "--json")
    assert (done.code, done.data["activity"]["events"]) == (0, 1)
    assert done.data["activity"]["duplicates"] == 199


def test_a_dry_run_names_the_first_reason_of_each_kind(workspace, people):
    good = json.dumps(event("email_replied", people[3], "dry-1"))
    bad = [json.dumps(event("email_eaten", people[3], f"dry-type-{number}")) for number in range(3)]
    name = lines(workspace, "dry.jsonl", good, *bad, "{no json")
    before = workspace.sql("SELECT count(*) FROM quarantine")
    ran = workspace.run_in_process("push-activity", name, "--dry-run", "--json")
    told = ran.data["activity"]["unreadable"]
    assert [(kind["line"], kind["column"], kind["count"]) for kind in told] == [
        (2, "type", 3),
        (5, "", 1),
    ]
    assert ran.code == 3
    assert "dry.jsonl, line 2: type: no such event" in ran.err
    assert "(2 more of this kind)" in ran.err
    assert workspace.sql("SELECT count(*) FROM quarantine") == before
    assert not workspace.sql("SELECT * FROM events WHERE id LIKE 'dry-%'")
    assert workspace.do_in_process("status")["inbox"]["events"] == 0


def test_nobody_is_purged_while_something_of_them_waits(workspace, people):
    with a_long_run(workspace):
        workspace.run_in_process("push-activity", "--type", "email_opened", "--email", people[5])
    ran = workspace.run_in_process("purge", people[5], "--yes")
    assert ran.code == 2
    assert "the inbox holds" in ran.err
    workspace.do_in_process("sync")
    assert workspace.run_in_process("purge", people[5], "--yes").code == 0
    inbox = workspace.mirror.with_name(f"{workspace.mirror.name}.inbox")
    assert people[5].encode() not in inbox.read_bytes()
