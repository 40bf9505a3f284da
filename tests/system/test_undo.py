"""undo: a run's writes go back, field by field, judged from the org's own dump; and history tells what it wrote."""

import json

import pytest

from tests.system.office import changed

PEOPLE = 500
TOUCHED = 10


@pytest.fixture(scope="module")
def crowd(open_one):
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
    office = open_one(contacts=0, leads=0, people=people)
    before = office.records()
    office.sql("UPDATE contacts SET phone = 'new ' || id, job_title = 'New'")
    pushed = office.run("push", "--json")
    assert pushed.code == 0, pushed.out
    run_id = pushed.document["run_id"]
    in_between = office.people()[:TOUCHED]
    for record in in_between:
        office.edit(record, Phone="typed since")
    return office, before, run_id, in_between


@pytest.fixture(scope="module")
def undone(crowd):
    office, before, run_id, _ = crowd
    dry = office.run("undo", run_id, "--dry-run", "--json")
    assert office.records() != before
    mirror = office.mirror.read_bytes()
    dry_again = office.run("undo", run_id, "--dry-run")
    assert office.mirror.read_bytes() == mirror
    return dry, dry_again, office.run("undo", run_id, "--yes", "--json")


def test_every_field_is_back_but_those_edited_in_between(crowd, undone):
    office, before, _, in_between = crowd
    after = office.records()
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
    office, *_, in_between = crowd
    org = office.records()
    told = office.do("sync")
    assert told["push"]["contact"]["updated"] == 0
    assert office.records() == org
    phones = {row["salesforce_id"]: row["phone"] for row in office.rows()}
    assert phones == {record: raw["Phone"] for record, raw in org.items()}
    assert {phones[record] for record in in_between} == {"typed since"}


def test_a_second_undo_finds_nothing_to_do(crowd, undone):
    office, _, run_id, _ = crowd
    org = office.records()
    again = office.run("undo", run_id, "--yes", "--json")
    assert again.data["records"] == 0
    assert office.records() == org


def test_history_has_both_runs_and_their_writes(crowd, undone):
    office, _, run_id, _ = crowd
    runs = {run["run_id"]: run for run in office.do("history", "--limit", "50")["runs"]}
    assert runs[run_id]["command"] == "push"
    assert runs[run_id]["updated"] == PEOPLE
    undo_run = undone[2].document["run_id"]
    assert runs[undo_run]["command"] == "undo"
    first = office.do("history", undo_run, "--limit", "3")
    second = office.do("history", undo_run, "--limit", "3", "--after", str(first["next"]))
    refs = [write["ref"] for page in (first, second) for write in page["writes"]]
    assert refs == sorted(set(refs))
    assert len(refs) == 6
    for write in (*first["writes"], *second["writes"]):
        assert (write["before"]["job_title"], write["after"]["job_title"]) == ("New", "Old")


def test_an_undo_can_be_undone(open_one):
    office = open_one()
    [record, *_] = office.people()
    office.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id = ?", record)
    before = office.record(record)
    run_id = office.run("push", "--json").document["run_id"]
    pushed = office.record(record)
    first = office.run("undo", run_id, "--yes", "--json")
    assert changed(before, office.record(record)) == {}
    assert office.row(record)["phone"] == before["Phone"]
    office.do("undo", first.document["run_id"], "--yes")
    assert changed(pushed, office.record(record)) == {}
    assert office.row(record)["phone"] == "ours"


def test_without_a_terminal_it_needs_yes_and_an_unknown_run_is_told_near_names(office):
    run_id = office.do("history")["runs"][0]["run_id"]
    asked = office.run("undo", run_id)
    assert (asked.code, asked.out) == (2, "")
    assert "--yes" in asked.err
    near = office.run("undo", run_id[:-1], "--yes", "--json")
    assert near.code == 2
    assert run_id in near.document["errors"][0]["hint"]
    assert office.run("history", "nonsense").code == 2


def test_a_paused_mirror_undoes_nothing(open_one):
    office = open_one()
    [record, *_] = office.people()
    office.sql("UPDATE contacts SET phone = 'ours' WHERE salesforce_id = ?", record)
    run_id = office.run("push", "--json").document["run_id"]
    office.do("pause")
    assert office.run("undo", run_id, "--yes").code == 7
    assert office.record(record)["Phone"] == "ours"


def test_created_records_stay_and_an_opt_out_is_not_taken_back(open_one):
    office = open_one()
    [record, *_] = office.people()
    office.sql("INSERT INTO contacts (email, last_name) VALUES ('made@example.com', 'Made')")
    office.sql("UPDATE contacts SET opted_out = 1 WHERE salesforce_id = ?", record)
    run_id = office.run("push", "--json").document["run_id"]
    done = office.run("undo", run_id, "--yes", "--json")
    assert done.code == 3
    assert [each["object"] for each in done.data["created"]] == ["contact"]
    assert {each["why"] for each in done.data["left"]} == {"an opt-out is not taken back"}
    assert office.record(record)["HasOptedOutOfEmail"] is True
    assert json.dumps(done.document).count("Made") == 0
