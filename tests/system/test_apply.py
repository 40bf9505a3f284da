"""diff --out and apply: a plan is kept, and carried out as it stands or not at all."""

import json
import os
import stat
import threading

import pytest

from sfsync.engine import apply as engine_apply
from tests.system.workspace import changed


@pytest.fixture
def planned(new_workspace):
    """Edits on both sides, somebody new on each, and the plan for them."""
    workspace = new_workspace()
    one, two, three, four, *_ = workspace.people()
    workspace.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id IN (?, ?)", one, two)
    workspace.edit(three, Title="Theirs")
    workspace.edit(four, Title="Theirs")
    workspace.edit(one, MailingCity="There")
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('new@example.com', 'New')")
    workspace.create("Contact", LastName="Came", Email="came@example.com")
    told = workspace.do("diff", "--out", "plan.json", "--limit", "1")
    assert told["not_shown"] == 5
    return workspace, (one, two, three, four)


def test_a_plan_is_private_json_and_does_what_a_sync_would_do(planned):
    workspace, (one, *_) = planned
    plan = workspace.folder / "plan.json"
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert len(json.loads(plan.read_text())["records"]) == 6
    mirror, org = workspace.mirror.read_bytes(), workspace.records()
    dry = workspace.do("apply", "plan.json", "--dry-run")
    assert (dry["push"]["contact"]["updated"], dry["push"]["contact"]["created"]) == (2, 1)
    assert (workspace.mirror.read_bytes(), workspace.records()) == (mirror, org)
    done = workspace.do("apply", "plan.json")
    assert (done["pull"], done["push"]) == (dry["pull"], dry["push"])
    assert done["plan"]["moved"] == 0
    assert changed(org[one], workspace.record(one)) == {"Phone": "ours"}
    assert workspace.row(one)["city"] == "There"
    assert {"new@example.com", "came@example.com"} <= {
        row["email"] for row in workspace.rows() if row["salesforce_id"]
    }
    after, rows = workspace.records(), workspace.rows()
    again = workspace.do("apply", "plan.json")
    assert again["plan"]["done"] == again["plan"]["planned"] == 6
    assert (workspace.records(), workspace.rows()) == (after, rows)
    told = workspace.do_in_process("sync")
    assert not any(told["push"]["contact"][what] for what in ("created", "updated"))
    settled = [
        row for row in rows if row["email"] != "new@example.com"
    ]  # a new record's defaults come down
    assert [row for row in workspace.rows() if row["email"] != "new@example.com"] == settled


def test_what_moved_since_on_either_side_is_left_and_told_field_by_field(planned):
    workspace, (one, two, three, four) = planned
    workspace.edit(one, Title="moved there")
    workspace.sql("UPDATE contacts SET city = 'moved here' WHERE salesforce_id = ?", three)
    somebody = workspace.create("Contact", LastName="New", Email="NEW@example.com")
    org = workspace.records()
    ran = workspace.run("apply", "plan.json", "--json")
    assert ran.code == 3
    assert ran.data["plan"]["moved"] == 3
    told = {(each["side"], each["what"], each["now"]) for each in ran.data["plan"]["fields"]}
    assert ("salesforce", "job_title", "moved there") in told
    assert ("mirror", "city", "moved here") in told
    assert ("salesforce", "record", "present") in told
    now = workspace.records()
    assert changed(org[one], now[one]) == {}
    assert changed(org[two], now[two]) == {"Phone": "ours"}
    assert workspace.row(four)["job_title"] == "Theirs"
    assert workspace.row(three)["job_title"] != "Theirs"
    assert set(now) == set(org)
    assert somebody in now


def test_a_click_whose_answer_was_lost_is_counted_once_whatever_is_planned_meanwhile(new_workspace):
    workspace = new_workspace()
    who = workspace.people()[0]
    workspace.do_in_process("sync")
    workspace.sql("UPDATE contacts SET total_clicks = 7 WHERE salesforce_id = ?", who)
    after_acting = {"match": {"path": "/composite"}, "fault": "unavailable", "args": {"done": True}}
    workspace.local("faults", faults=[after_acting])
    workspace.run("push")
    workspace.local("faults", faults=[])
    assert workspace.record(who)["PenguinMails_Total_Clicks__c"] == 7
    mirror, org = workspace.rows(), workspace.records()
    for verb in (["push", "--dry-run"], ["sync", "--dry-run"], ["diff", "--out", "doubt.json"]):
        told = workspace.run(*verb, "--json")
        assert any("in doubt, left out" in each for each in told.document["warnings"]), verb
    [planned] = told.data["records"]
    assert planned["skipped"]
    assert (workspace.rows(), workspace.records()) == (mirror, org)
    workspace.run("apply", "doubt.json")
    workspace.do("sync")
    assert workspace.record(who)["PenguinMails_Total_Clicks__c"] == 7
    assert workspace.row(who)["total_clicks"] == 7


@pytest.fixture(scope="module")
def kept(new_workspace):
    workspace = new_workspace()
    for record in workspace.people()[:2]:
        workspace.edit(record, Title="Theirs")
    workspace.do_in_process("diff", "--out", "plan.json")
    return workspace, (workspace.folder / "plan.json").read_text()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("Theirs", "Mine", 1), "edited.json:2"),
        (lambda text: "".join(text.splitlines(True)[:1] + text.splitlines(True)[2:]), "edited.json:2"),
        (lambda text: "".join(text.splitlines(True)[:-1]), "ends too early"),
        (lambda text: text.replace('"count": 2', '"count": 3'), "edited.json:4"),
        (lambda text: json.dumps(json.loads(text), indent=1), "edited.json:1"),
        (lambda text: text.replace("sfsync-plan/1", "sfsync-plan/9"), "sfsync-plan/9"),
        (lambda text: "", "edited.json:1"),
        (lambda text: text.replace('"org_id": "00D', '"org_id": "00X', 1), "another org"),
    ],
)  # fmt: skip
def test_a_file_that_was_changed_is_refused_with_its_place(kept, change, told):
    workspace, text = kept
    (workspace.folder / "edited.json").write_text(change(text))
    mirror = workspace.rows()
    ran = workspace.run_in_process("apply", "edited.json", "--json")
    assert ran.code == 2, ran.out
    assert told in ran.document["errors"][0]["message"]
    assert workspace.rows() == mirror


def test_a_file_that_is_written_to_between_its_check_and_its_use_is_refused(kept, monkeypatch):
    workspace, text = kept
    plan = workspace.folder / "rewritten.json"
    plan.write_text(text)
    mirror = workspace.rows()
    checked = engine_apply._guard

    def written_to_after(run, planned):
        writes = checked(run, planned)
        plan.write_text(text + " ")
        return writes

    monkeypatch.setattr(engine_apply, "_guard", written_to_after)
    ran = workspace.run_in_process("apply", "rewritten.json", "--json")
    assert ran.code == 2, ran.out
    assert "written to after it was checked" in ran.document["errors"][0]["message"]
    assert workspace.rows() == mirror


def test_a_plan_for_another_mapping_is_refused_and_pause_holds(kept):
    workspace, _ = kept
    workspace.do_in_process("pause")
    assert workspace.run("apply", "plan.json").code == 7
    workspace.do_in_process("resume")
    workspace.configure(("Title: job_title", "Title: {to: job_title, merge: local_wins}"))
    ran = workspace.run("apply", "plan.json")
    assert ran.code == 2
    assert "another mapping" in ran.err
    assert workspace.run("apply", "nothing.json").code == 2


def test_a_plan_is_written_to_a_stream_and_no_command_follows_a_planted_link(workspace):
    fifo, victim = workspace.folder / "fifo", workspace.folder / "victim"
    os.mkfifo(fifo)
    got = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_text()))
    reader.start()
    assert workspace.run("diff", "--out", str(fifo)).code == 0
    reader.join(10)
    assert json.loads(got[0])["schema"] == "sfsync-plan/1"
    assert fifo.is_fifo()
    victim.write_text("mine")
    for words in (
        ("diff", "--out", "link"),
        ("init", "-c", "link", "--force"),
        ("org", "setup", "--package", "link", "--yes"),
    ):
        (workspace.folder / "link").unlink(missing_ok=True)
        (workspace.folder / "link").symlink_to(victim)
        ran = workspace.run(*words)
        assert (ran.code, victim.read_text()) == (2, "mine"), ran.err
        assert "symbolic link" in ran.err
