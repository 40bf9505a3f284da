"""One person in two rows, in an older file, or purged: by the installed command."""

from __future__ import annotations

import pytest

from tests.system.test_consent import OUT, REQUIRED, TABLES, opt_outs
from tests.system.workspace import Workspace, event

ADA = "ada@example.com"


@pytest.fixture(params=TABLES)
def known(request, new_workspace) -> tuple[Workspace, str, str]:
    """One person who is known on both sides, and their table."""
    kind = request.param
    people = [(kind, {**REQUIRED[kind], "Email": ADA})]
    workspace = new_workspace(contacts=0, leads=0, people=people)
    return workspace, workspace.people(kind)[0], TABLES[kind]


def imported(workspace: Workspace, table: str, *lines: str) -> dict[str, dict[str, int]]:
    file = workspace.folder / "people.csv"
    file.write_text("\n".join(("email,last_name,company,phone,unsubscribed", *lines)) + "\n")
    return workspace.do("import", str(file), "--object", table[:-1])


def test_the_opt_out_of_a_row_that_was_deleted_here_arrives(known):
    workspace, record, table = known
    workspace.sql(f"UPDATE {table} SET deleted_at = '2026-01-20T10:00:00Z'")
    workspace.do("sync")
    workspace.push_events(event("unsubscribed", ADA))
    workspace.do("sync")
    assert workspace.record(record)[OUT] is True
    assert workspace.do("quarantine")["quarantine"] == []
    imported(workspace, table, f"{ADA},Again,Ice,555,")
    for _ in range(2):
        workspace.do("sync")
    assert opt_outs(workspace, record) == {True}
    assert (workspace.record(record)["Phone"], len(workspace.rows(table))) == ("555", 1)


def test_two_rows_of_one_person_become_one(known):
    workspace, record, table = known
    workspace.sql(
        f"INSERT INTO {table} (email, last_name, company, phone, unsubscribed)"
        " VALUES (?, 'Case', 'Ice', '555', 1)",
        ADA,
    )
    ran = workspace.run("sync", "--json")
    assert ran.code == 3
    [entry] = workspace.do("quarantine")["quarantine"]
    assert (entry["code"], f"{table[:-1]} 1" in entry["message"]) == ("SAME_PERSON", True)
    number = str(entry["id"])
    told = workspace.do("quarantine", "--merge", number, "--dry-run")["merged"]
    assert (told[0]["values"]["phone"], len(workspace.rows(table))) == ("555", 2)
    assert workspace.run("quarantine", "--merge", "999").code == 2
    workspace.sql(f"UPDATE {table} SET email = 'other@example.com' WHERE id = 2")
    refused = workspace.run("quarantine", "--merge", number)
    assert (refused.code, "not one person any more" in refused.err) == (2, True)
    workspace.sql(f"UPDATE {table} SET email = ? WHERE id = 2", ADA)
    merged = workspace.do("quarantine", "--merge", number)
    assert (merged["merged"], merged["quarantine"]) == (told, [])
    workspace.do("sync")
    assert (workspace.record(record)["Phone"], len(workspace.rows(table))) == ("555", 1)
    assert opt_outs(workspace, record) == {True}


def test_an_older_file_brings_nobody_back(known):
    workspace, record, table = known
    workspace.sql(f"UPDATE {table} SET unsubscribed = 1")
    told = imported(workspace, table, f"{ADA},Case,Ice,,false", f"{ADA},Case,Ice,,true", f"{ADA},Case,Ice,,0")  # fmt: skip
    assert told[table[:-1]]["still_opted_out"] == 2
    workspace.do("sync")
    assert opt_outs(workspace, record) == {True}


def test_a_person_is_told_with_their_consent_and_let_in_again_with_it(known):
    workspace, record, table = known
    workspace.push_events(event("unsubscribed", ADA))
    [said] = workspace.do("explain", ADA)["consent"]
    assert (said["state"], said["source"]) == ("opted_out", "event")
    assert "consent: opted out (event)" in workspace.run("explain", ADA).out
    assert said in workspace.do("consent", ADA)["statements"]
    workspace.do("purge", ADA, "--yes")
    for file in workspace.folder.iterdir():
        if file.is_file() and file.name != "events.jsonl":
            assert ADA.encode() not in file.read_bytes()
    workspace.edit(record, **{OUT: False})
    workspace.do("purge", ADA, "--readmit")
    workspace.edit(record, LastName="Back")
    for _ in range(2):
        workspace.do("sync")
    [row] = workspace.rows(table)
    assert (row["last_name"], row["unsubscribed"], workspace.record(record)[OUT]) == (
        "Back",
        1,
        True,
    )
