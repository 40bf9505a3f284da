"""An object whose rows are not people, through the installed command and over HTTP.

Accounts go both ways as contacts do, and no event is ever an account's, whatever its columns hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.system.workspace import Workspace, event

ADDRESS = "office@penguin.example"
OBJECT = """objects:
  account:
    sobject: Account
    fields:
      Name: name
      Website: email
      Phone: phone
      NumberOfEmployees: {to: employees, type: integer}
      BillingCity: city
"""
RULES = """sync_rules:
  account_sync:
    direction: bidirectional
    salesforce_to_penguinmails:
      - {on: account_created, action: import_account}
      - {on: account_updated, action: update_account}
      - {on: account_deleted, action: soft_delete_account}
"""
POLICY = "# company: {lookup: Account.Name, on_missing: skip}"


def mapped(match_on: str) -> list[tuple[str, str]]:
    text = OBJECT
    if match_on != "name":  # what an account is matched by where the file states nothing
        text = text.replace("    fields:", f"    match_on: {match_on}\n    fields:")
    return [("objects:\n", text), ("sync_rules:\n", RULES), (POLICY, POLICY.removeprefix("# "))]


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    """Accounts matched by name; companies of contacts are linked to them."""
    return new_workspace(*mapped("name"))


@pytest.fixture(scope="module")
def by_address(new_workspace: Callable[..., Workspace]) -> Workspace:
    """The hardest case: accounts matched by the column that holds an address."""
    return new_workspace(*mapped("email"))


def accounts(workspace: Workspace) -> dict[str, dict[str, Any]]:
    return {row["salesforce_id"]: row for row in workspace.rows("accounts")}


def test_accounts_come_down(workspace: Workspace) -> None:
    there, here = workspace.records("Account"), accounts(workspace)
    assert there.keys() == here.keys()
    assert {each["Name"] for each in there.values()} == {row["name"] for row in here.values()}
    first = min(there)
    workspace.edit(first, Phone="+47 555 0100", NumberOfEmployees=12)
    report = workspace.do("pull")["pull"]
    assert report["account"]["updated"] == 1
    assert list(report) == ["account", "contact", "lead"]  # a parent before its children
    row = accounts(workspace)[first]
    assert (row["phone"], row["employees"]) == ("+47 555 0100", 12)


def test_accounts_go_up_and_a_new_one_is_matched_by_its_name(workspace: Workspace) -> None:
    first, second = sorted(workspace.records("Account"))[:2]
    workspace.sql("UPDATE accounts SET city = 'Tromsø' WHERE salesforce_id = ?", first)
    workspace.sql("INSERT INTO accounts (name, phone) VALUES ('Ægir & O''Hara AG', '77')")
    known = workspace.create("Account", Name="Known There")
    workspace.sql("INSERT INTO accounts (name, phone) VALUES (' known there', '78')")
    report = workspace.do("push")["push"]["account"]
    assert (report["created"], report["updated"], report["quarantined"]) == (1, 2, 0)
    there = workspace.records("Account")
    assert there[first]["BillingCity"] == "Tromsø"
    assert there[known]["Phone"] == "78"
    [made] = [each for each in there.values() if each["Name"] == "Ægir & O'Hara AG"]
    assert made["Phone"] == "77"
    assert there[second]["BillingCity"] != "Tromsø"
    workspace.do("sync")
    with workspace.counted() as cost:
        again = workspace.do("sync")
    assert not any(again[way]["account"]["updated"] for way in ("pull", "push"))
    assert cost["used"] <= 3


def test_a_company_is_linked_to_an_account_that_the_same_run_makes(workspace: Workspace) -> None:
    contact = workspace.people()[0]
    workspace.sql("INSERT INTO accounts (name) VALUES ('Brand New')")
    workspace.sql("UPDATE contacts SET company = 'Brand New' WHERE salesforce_id = ?", contact)
    assert workspace.do("sync")["push"]["contact"]["quarantined"] == 0
    account = workspace.record(contact)["AccountId"]
    assert workspace.records("Account")[account]["Name"] == "Brand New"
    assert accounts(workspace)[account]["name"] == "Brand New"


def test_deleted_and_merged_accounts_are_followed(workspace: Workspace) -> None:
    gone = workspace.create("Account", Name="Gone Soon")
    loser = workspace.create("Account", Name="Loser")
    master = workspace.create("Account", Name="Master")
    workspace.do("pull")
    workspace.sql("UPDATE accounts SET phone = '99' WHERE salesforce_id = ?", loser)
    workspace.local("delete", id=gone)
    workspace.local("merge", master=master, losers=[loser])
    workspace.do("pull")
    here = accounts(workspace)
    assert here[gone]["deleted_at"]
    assert here[loser]["deleted_at"]
    assert here[master]["deleted_at"] is None


def test_what_a_run_wrote_to_accounts_is_shown_proved_and_put_back(workspace: Workspace) -> None:
    account = min(workspace.records("Account"))
    before = workspace.records("Account")[account]["BillingCity"]
    workspace.sql("UPDATE accounts SET city = 'Vardø' WHERE salesforce_id = ?", account)
    assert "Vardø" in workspace.run("diff").out
    run = workspace.run("push", "--json").document["run_id"]
    assert workspace.records("Account")[account]["BillingCity"] == "Vardø"
    assert "account" in str(workspace.do("verify"))
    workspace.do("undo", run, "--yes")
    assert workspace.records("Account")[account]["BillingCity"] == before


def test_accounts_come_from_a_file(workspace: Workspace) -> None:
    file = workspace.folder / "accounts.csv"
    file.write_text("name,phone\nFrom A File,42\n,43\n", encoding="utf-8")
    ran = workspace.run("import", str(file), "--object", "account", "--json")
    assert ran.code == 3, ran
    assert ran.data["account"] == {"created": 1, "updated": 0, "unchanged": 0, "quarantined": 1}
    [entry] = workspace.do("quarantine")["quarantine"]
    assert "empty; accounts are recognised by it" in entry["message"]
    workspace.do("quarantine", "--ignore", str(entry["id"]))
    assert workspace.do("push")["push"]["account"]["created"] == 1


def test_the_check_finds_nothing_wrong_with_accounts(workspace: Workspace) -> None:
    told = workspace.run("org", "check", "--json").data["findings"]
    wrong = [each for each in told if each["severity"] != "note"]
    assert not [each for each in wrong if "ccount" in each["subject"]], wrong


@pytest.mark.parametrize("where", ["workspace", "by_address"])
def test_no_event_is_ever_an_accounts(where: str, request: pytest.FixtureRequest) -> None:
    workspace: Workspace = request.getfixturevalue(where)
    account = workspace.create("Account", Name="Penguin Office", Website=ADDRESS)
    workspace.do("pull")
    before = accounts(workspace)[account]
    assert before["email"] == ADDRESS
    workspace.push_events(
        event("email_opened", ADDRESS, "evt-1"),
        event("email_clicked", ADDRESS, "evt-2"),
        event("unsubscribed", ADDRESS, "evt-3"),
    )
    assert accounts(workspace)[account] == before
    [person] = [row for row in workspace.rows() if row["email"] == ADDRESS]
    assert person["salesforce_id"] in workspace.people()
    touched = workspace.sql("SELECT DISTINCT object, person_id FROM events")
    assert touched == [{"object": "contact", "person_id": person["id"]}]
    assert {task["WhoId"] for task in workspace.tasks()} == {person["salesforce_id"]}
    assert not any(task["WhatId"] for task in workspace.tasks())
    assert workspace.record(person["salesforce_id"])["HasOptedOutOfEmail"] is True


@pytest.mark.parametrize("where", ["workspace", "by_address"])
def test_what_is_told_and_removed_of_a_person_is_not_an_account(
    where: str, request: pytest.FixtureRequest
) -> None:
    workspace: Workspace = request.getfixturevalue(where)
    told = workspace.do("explain", ADDRESS)
    assert [row["object"] for row in told["rows"]] == ["contact"]
    [account] = [row for row in workspace.rows("accounts") if row["name"] == "Penguin Office"]
    of_account = workspace.do("explain", f"account:{account['id']}")
    assert [row["object"] for row in of_account["rows"]] == ["account"]
    assert of_account["events"] == []
    assert "consent" not in workspace.run("explain", account["salesforce_id"]).out
    purged = workspace.do("purge", ADDRESS, "--yes")
    assert purged["mentions"] == 1
    assert account in workspace.rows("accounts")
    assert not [row for row in workspace.rows() if row["email"] == ADDRESS]
    workspace.edit(account["salesforce_id"], Phone="1")
    workspace.do("pull")
    [row] = workspace.sql("SELECT phone, email FROM accounts WHERE id = ?", account["id"])
    assert row == {"phone": "1", "email": ADDRESS}


def test_org_setup_opens_accounts(new_workspace: Callable[..., Workspace]) -> None:
    bare = new_workspace(*mapped("name"), bare=True, pull=False)
    made = bare.do("org", "setup", "--yes")
    details = {each["name"]: each["detail"] for each in made["plan"]}
    assert details["Account"] == "read, create, edit"
    assert details["Account.BillingAddress"] == "read, edit"
    bare.do("pull")
    assert len(bare.rows("accounts")) == len(bare.records("Account"))
