"""undo: a run's writes go back, field by field, judged from the org's own dump; and history tells what it wrote."""

import json

import pytest

from tests.system.workspace import changed

PEOPLE = 500
TOUCHED = 10


@pytest.fixture(scope="module")
def crowd(new_workspace):
    """An org with 500 people, all of whom are edited here and pushed; somebody then edits ten of them there."""
    people = [
        (
            "Contact",
            {
                "LastName": f"Person {at}",
                "Email": f"p{at}@example.com",
                "Phone": f"old {at}",
                "Title": "Old",
            },
        )
        for at in range(PEOPLE)
    ]
    workspace = new_workspace(contacts=0, leads=0, people=people)
    before = workspace.records()
    workspace.sql("UPDATE contacts SET phone = 'new ' || id, job_title = 'New'")
    pushed = workspace.run_in_process("push", "--json")
    assert pushed.code == 0, pushed.out
    run_id = pushed.document["run_id"]
    in_between = workspace.people()[:TOUCHED]
    for record in in_between:
        workspace.edit(record, Phone="typed since")
    return workspace, before, run_id, in_between


@pytest.fixture(scope="module")
def undone(crowd):
    workspace, before, run_id, _ = crowd
    dry = workspace.run("undo", run_id, "--dry-run", "--json")
    assert workspace.records() != before
    mirror = workspace.mirror.read_bytes()
    dry_again = workspace.run("undo", run_id, "--dry-run")
    assert workspace.mirror.read_bytes() == mirror
    return dry, dry_again, workspace.run("undo", run_id, "--yes", "--json")


def test_every_field_is_back_but_those_edited_in_between(crowd, undone):
    workspace, before, _, in_between = crowd
    after = workspace.records()
    assert len(after) == PEOPLE
    left = {record: changed(before[record], after[record]) for record in after}
    assert {record: fields for record, fields in left.items() if fields} == {
        record: {"Phone": "typed since"} for record in in_between
    }


def test_what_is_left_is_listed_with_both_values(crowd, undone):
    _, before, _, in_between = crowd
    dry, _, done = undone
    assert (dry.code, done.code) == (3, 3)
    listed = {each["salesforce_id"]: each for each in done.data["left"]}
    assert sorted(listed) == sorted(in_between)
    assert done.data["left_count"] == TOUCHED == dry.data["left_count"]
    for record, each in listed.items():
        assert each["column"] == "phone"
        assert (each["was"], each["now"]) == (before[record]["Phone"], "typed since")
        assert each["wrote"].startswith("new ")
    assert done.data["push"]["contact"]["updated"] == PEOPLE
    assert dry.data["push"]["contact"]["updated"] == PEOPLE


def test_the_next_sync_does_not_send_the_undone_edit_again(crowd, undone):
    workspace, *_, in_between = crowd
    org = workspace.records()
    told = workspace.do_in_process("sync")
    assert told["push"]["contact"]["updated"] == 0
    assert workspace.records() == org
    phones = {row["salesforce_id"]: row["phone"] for row in workspace.rows()}
    assert phones == {record: raw["Phone"] for record, raw in org.items()}
    assert {phones[record] for record in in_between} == {"typed since"}


def test_a_second_undo_finds_nothing_to_do(crowd, undone):
    workspace, _, run_id, _ = crowd
    org = workspace.records()
    again = workspace.run("undo", run_id, "--yes", "--json")
    assert again.data["records"] == 0
    assert workspace.records() == org


def test_history_has_both_runs_and_their_writes(crowd, undone):
    workspace, _, run_id, _ = crowd
    runs = {run["run_id"]: run for run in workspace.do("history", "--limit", "50")["runs"]}
    assert runs[run_id]["command"] == "push"
    assert runs[run_id]["updated"] == PEOPLE
    undo_run = undone[2].document["run_id"]
    assert runs[undo_run]["command"] == "undo"
    first = workspace.do("history", undo_run, "--limit", "3")
    second = workspace.do("history", undo_run, "--limit", "3", "--after", str(first["next"]))
    refs = [write["ref"] for page in (first, second) for write in page["writes"]]
    assert refs == sorted(set(refs))
    assert len(refs) == 6
    for write in (*first["writes"], *second["writes"]):
        assert (write["before"]["job_title"], write["after"]["job_title"]) == ("New", "Old")


def test_an_undo_can_be_undone(new_workspace):
    workspace = new_workspace()
    [record, *_] = workspace.people()
    workspace.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id = ?", record)
    before = workspace.record(record)
    run_id = workspace.run_in_process("push", "--json").document["run_id"]
    pushed = workspace.record(record)
    first = workspace.run("undo", run_id, "--yes", "--json")
    assert changed(before, workspace.record(record)) == {}
    assert workspace.row(record)["phone"] == before["Phone"]
    workspace.do("undo", first.document["run_id"], "--yes")
    assert changed(pushed, workspace.record(record)) == {}
    assert workspace.row(record)["phone"] == "ours"


def test_without_a_terminal_it_needs_yes_and_an_unknown_run_is_told_near_names(workspace):
    run_id = workspace.do_in_process("history")["runs"][0]["run_id"]
    asked = workspace.run("undo", run_id)
    assert (asked.code, asked.out) == (2, "")
    assert "--yes" in asked.err
    other = "0" if run_id[-1] != "0" else "1"
    near = workspace.run("undo", run_id[:-1] + other, "--yes", "--json")
    assert near.code == 2
    assert run_id in near.document["errors"][0]["hint"]
    assert workspace.run("history", "nonsense").code == 2


def test_a_paused_mirror_undoes_nothing(new_workspace):
    workspace = new_workspace()
    [record, *_] = workspace.people()
    workspace.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id = ?", record)
    run_id = workspace.run_in_process("push", "--json").document["run_id"]
    workspace.do_in_process("pause")
    assert workspace.run("undo", run_id, "--yes").code == 7
    assert workspace.record(record)["Phone"] == "ours"


def test_created_records_stay_and_an_opt_out_is_not_taken_back(new_workspace):
    workspace = new_workspace()
    [record, *_] = workspace.people()
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('made@example.com', 'Made')")
    workspace.sql("UPDATE contacts SET opted_out = 1 WHERE salesforce_id = ?", record)
    run_id = workspace.run_in_process("push", "--json").document["run_id"]
    done = workspace.run("undo", run_id, "--yes", "--json")
    assert done.code == 3
    assert [each["object"] for each in done.data["created"]] == ["contact"]
    assert {each["why"] for each in done.data["left"]} == {"an opt-out is not taken back"}
    assert workspace.record(record)["HasOptedOutOfEmail"] is True
    assert json.dumps(done.document).count("Made") == 0
