"""The mirror is put back from a copy, as after a disk has died: nobody is doubled, nobody written over another."""

from __future__ import annotations

import shutil

import pytest

from tests.system.workspace import Workspace, event


@pytest.fixture
def put_back(new_workspace) -> Workspace:
    """A copy, then a new person, an edit and an event that reach Salesforce; then the copy is the mirror."""
    workspace = new_workspace(contacts=5, leads=0)
    workspace.do_in_process("pull")
    shutil.copy(workspace.mirror, workspace.folder / "copy.db")
    ada = workspace.rows()[0]
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('bea@example.com', 'Bea')")
    workspace.sql("UPDATE contacts SET phone = '1' WHERE id = ?", ada["id"])
    workspace.do_in_process("sync")
    workspace.push_events_in_process(event("email_sent", ada["email"], "once"))
    shutil.copy(workspace.folder / "copy.db", workspace.mirror)
    return workspace


def by_name(workspace: Workspace) -> dict[str, dict]:
    records = workspace.records().values()
    return {
        record["LastName"]: record for record in records if record["LastName"] in ("Bea", "Carl")
    }


def test_a_row_that_gets_the_number_of_a_forgotten_one_is_somebody_else(put_back):
    put_back.sql("INSERT INTO contacts (email, last_name) VALUES ('carl@example.com', 'Carl')")
    put_back.do_in_process("sync")
    found = by_name(put_back)
    assert {name: record["Email"] for name, record in found.items()} == {
        "Bea": "bea@example.com",
        "Carl": "carl@example.com",
    }
    assert {row["email"] for row in put_back.rows()} >= {"bea@example.com", "carl@example.com"}


def test_who_was_made_since_the_copy_is_not_made_twice(put_back):
    put_back.sql("INSERT INTO contacts (email, last_name) VALUES ('bea@example.com', 'Bea')")
    put_back.do_in_process("sync")
    emails = [record["Email"] for record in put_back.records().values()]
    assert emails.count("bea@example.com") == 1


def test_what_was_sent_since_comes_back_and_an_event_stays_one_task(put_back):
    put_back.do_in_process("sync")
    ada = put_back.rows()[0]
    assert ada["phone"] == "1"
    put_back.push_events_in_process(event("email_sent", ada["email"], "once"))
    keys = [task["PenguinMails_Event_Id__c"] for task in put_back.tasks()]
    assert len(keys) == len(set(keys)) == 1
    told = put_back.do_in_process("sync")
    assert not any(told["push"]["contact"][what] for what in ("created", "updated"))
