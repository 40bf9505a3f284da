"""What a person sees when deciding: values whole, who it is about, and what would be put back."""

from __future__ import annotations

import pytest

from tests.system.workspace import Workspace

LONG = "Senior Vice President of Global Marketing and Sales Operations"
HERE, THERE = f"{LONG}, EMEA", f"{LONG}, APAC"


@pytest.fixture(scope="module")
def held(new_workspace) -> Workspace:
    """Two titles and two phone numbers that a person decides, and a row that is refused."""
    workspace = new_workspace(contacts=8, leads=2)
    workspace.configure(
        ("Title: job_title\n", "Title: {to: job_title, merge: manual}\n"),
        ("Phone: phone\n", "Phone: {to: phone, merge: manual}\n"),
    )
    workspace.do_in_process("pull")
    for record in workspace.people()[:2]:
        workspace.sql(
            "UPDATE contacts SET job_title = ?, phone = '1' WHERE salesforce_id = ?", HERE, record
        )
        workspace.edit(record, Title=THERE, Phone="2")
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('no address', 'Refused')")
    assert workspace.run_in_process("sync").code == 3
    return workspace


def open_conflicts(workspace: Workspace) -> dict[int, str]:
    listed = workspace.do_in_process("conflicts", "--open")["conflicts"]
    return {row["id"]: row["field"] for row in listed}


@pytest.mark.parametrize("columns", ["80", "120", None])
def test_values_that_differ_at_their_end_can_be_told_apart_at_any_width(held, columns):
    environ = {} if columns is None else {"COLUMNS": columns}
    shown = " ".join(held.run("conflicts", "--open", **environ).out.split())
    assert HERE in shown
    assert THERE in shown


def test_in_a_pipe_a_value_is_on_one_line(held):
    lines = [line.rstrip() for line in held.run("conflicts", "--open").out.splitlines()]
    assert any(line.endswith(HERE) for line in lines)
    assert any(line.endswith(THERE) for line in lines)


def test_a_conflict_and_a_refusal_name_the_person_and_the_row(held):
    row = held.row(held.people()[0])
    who = f"{row['first_name']} {row['last_name']} <{row['email']}>, contact {row['id']}"
    assert who in held.run_in_process("conflicts", "--open").out
    refused = held.sql("SELECT id FROM contacts WHERE email = 'no address'")[0]["id"]
    assert f"Refused <no address>, contact {refused}" in held.run_in_process("quarantine").out


def test_what_an_opt_out_spreads_to_is_no_edit_of_anybody(new_workspace):
    gone = {"LastName": "Gone", "Email": "gone@example.com", "HasOptedOutOfEmail": True}
    workspace = new_workspace(contacts=0, leads=0, people=[("Contact", gone)])
    workspace.do_in_process("pull")
    [record] = workspace.do_in_process("diff")["records"]
    assert {each["rule"] for each in record["fields"]} == {"opt_out"}
    shown = " ".join(workspace.run_in_process("diff").out.split())
    assert "opt-out spreads no → yes" in shown
    assert "to send" in workspace.run_in_process("status").out


def test_explain_speaks_of_blanks_and_of_yes_and_no(held):
    told = held.run_in_process("explain", held.people()[0])
    assert "None" not in told.out
    assert "opted_out no" in " ".join(told.out.split())


def test_a_dry_run_of_all_shows_what_would_stand_and_decides_nothing(held):
    before = open_conflicts(held)
    ran = held.run_in_process("conflicts", "--take-all", "local", "--field", "phone", "--dry-run")
    assert ran.code == 0, ran.err
    assert ran.out.count("the value here would stand") == 2
    assert "2 conflicts would be decided" in ran.out
    assert open_conflicts(held) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--take", "1"), "side is missing"),
        (("--take", "one", "local"), "no number"),
        (("--take", "1", "mine"), "no side"),
        (("--take-all", "mine"), "no side"),
        (("--take-all", "local", "--field", "job_titel"), "job_title"),
        (("--take-all", "local", "--object", "contcat"), "contact"),
        (("--field", "job_title"), "--take-all"),
        (("--take", "1", "local", "--take", "99", "local"), "no conflict 99"),
    ],
)
def test_a_decision_that_cannot_be_one_is_refused_and_nothing_is_decided(held, words, told):
    before = open_conflicts(held)
    ran = held.run_in_process("conflicts", *words)
    assert ran.code == 2
    assert told in ran.err
    assert open_conflicts(held) == before


def test_several_are_decided_at_once_and_then_all_that_are_left(held):
    numbers = [number for number, field in open_conflicts(held).items() if field == "job_title"]
    one, two = numbers
    held.do_in_process("conflicts", "--take", str(one), "local", "--take", str(two), "remote")
    assert sorted(open_conflicts(held).values()) == ["phone", "phone"]
    taken = held.do_in_process("conflicts", "--take-all", "local", "--object", "contact")["taken"]
    assert {row["side"] for row in taken} == {"local"}
    assert open_conflicts(held) == {}
    held.do_in_process("sync")
    titles = {held.record(record)["Title"] for record in held.people()[:2]}
    assert titles == {HERE, THERE}
    assert {held.record(record)["Phone"] for record in held.people()[:2]} == {"1"}


def test_undo_shows_what_it_puts_back_and_knows_the_last_run(held):
    ran = held.run_in_process("undo", "last", "--dry-run")
    assert ran.code == 0, ran.err
    assert "put back 1 → 2" in " ".join(ran.out.split())
    run_id = held.do_in_process("undo", "last", "--dry-run")["undone"]
    assert held.do_in_process("undo", run_id[:-2], "--dry-run")["undone"] == run_id
    assert held.do_in_process("history", "last")["run"]["run_id"] == run_id
    year = run_id[:4]
    ambiguous = held.run_in_process("undo", year, "--dry-run")
    assert ambiguous.code == 2
    assert "begin with" in ambiguous.err
