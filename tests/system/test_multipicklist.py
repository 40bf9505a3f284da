"""Several values of a picklist in one field: the installed command, over HTTP, on a field that an admin made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.system.workspace import Workspace

FIELD = "PenguinMails_Topics__c"
VALUES = ("Offers", "Events", "News")
DEFINITION = {
    "FullName": f"Contact.{FIELD}",
    "Metadata": {
        "label": "Topics",
        "type": "MultiselectPicklist",
        "visibleLines": 3,
        "valueSet": {
            "restricted": True,
            "valueSetDefinition": {"value": [{"valueName": value} for value in VALUES]},
        },
    },
}
MAPPED = ("MailingCity: city", f"MailingCity: city\n      {FIELD}: {{to: topics, type: multipicklist}}")  # fmt: skip


def make_field(workspace: Workspace) -> None:
    url = f"{workspace.org.url}/services/data/v66.0/tooling/sobjects/CustomField"
    headers = {"Authorization": f"Bearer {workspace.org.token()}"}
    reply = requests.post(url, json=DEFINITION, headers=headers, timeout=10)
    assert reply.status_code == 201, reply.text


def set_up(workspace: Workspace) -> dict[str, Any]:
    return workspace.do_in_process("org", "setup", "--yes", "--json")


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    """A field that setup leaves to an admin, who makes it; setup then opens it."""
    workspace = new_workspace(MAPPED, pull=False)
    [left] = [each for each in set_up(workspace)["by_hand"] if FIELD in each["what"]]
    assert left["what"].startswith(f"Make the field Contact.{FIELD}, of the type multipicklist")
    make_field(workspace)
    after = set_up(workspace)
    assert not [each for each in after["by_hand"] if each["what"].startswith("Make the field")]
    assert [each for each in after["plan"] if each["name"] == f"Contact.{FIELD}"]
    workspace.do_in_process("pull")
    return workspace


def test_values_come_down_in_an_order_of_their_own(workspace: Workspace) -> None:
    contact = workspace.people()[0]
    workspace.edit(contact, **{FIELD: "News;Offers"})
    assert workspace.record(contact)[FIELD] == "Offers;News"  # as the picklist is defined
    workspace.do("pull")
    assert workspace.row(contact)["topics"] == "News;Offers"


def test_values_go_up_and_another_order_of_the_same_ones_is_no_edit(workspace: Workspace) -> None:
    contact = workspace.people()[1]
    change = "UPDATE contacts SET topics = ? WHERE salesforce_id = ?"
    workspace.sql(change, " Offers; Events;Offers", contact)
    assert workspace.do("sync")["push"]["contact"]["updated"] == 1
    assert workspace.record(contact)[FIELD] == "Offers;Events"
    workspace.sql(change, "Offers;Events", contact)
    again = workspace.do_in_process("sync")
    assert (again["push"]["contact"]["updated"], again["pull"]["contact"]["conflicts"]) == (0, 0)
    workspace.edit(contact, Phone="+47 555 0199")
    last = workspace.do_in_process("sync")
    assert (last["push"]["contact"]["updated"], last["pull"]["contact"]["conflicts"]) == (0, 0)


def test_the_same_choice_on_both_sides_is_no_conflict(workspace: Workspace) -> None:
    contact = workspace.people()[2]
    workspace.edit(contact, **{FIELD: "News;Offers"})
    workspace.sql("UPDATE contacts SET topics = 'News;Offers' WHERE salesforce_id = ?", contact)
    assert workspace.do_in_process("sync")["pull"]["contact"]["conflicts"] == 0


def test_each_value_is_measured_against_the_picklist(workspace: Workspace) -> None:
    contact = workspace.people()[3]
    workspace.sql("UPDATE contacts SET topics = 'News;Offer' WHERE salesforce_id = ?", contact)
    told = workspace.run("org", "check", "--json").data["findings"]
    [finding] = [each for each in told if each["code"] == "value.not-in-picklist"]
    assert "'Offer'" in finding["what"]
    assert workspace.run("push", "--json").code == 3
    workspace.sql("UPDATE contacts SET topics = NULL WHERE salesforce_id = ?", contact)
    workspace.do_in_process("push")
    assert workspace.record(contact)[FIELD] is None
