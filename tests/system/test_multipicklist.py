"""Several values of a picklist in one field: the installed command, over HTTP, on a field that an admin made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.system.office import Office

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


def make_field(office: Office) -> None:
    url = f"{office.org.url}/services/data/v66.0/tooling/sobjects/CustomField"
    headers = {"Authorization": f"Bearer {office.org.token()}"}
    reply = requests.post(url, json=DEFINITION, headers=headers, timeout=10)
    assert reply.status_code == 201, reply.text


def set_up(office: Office) -> dict[str, Any]:
    return office.do("org", "setup", "--yes", "--json")


@pytest.fixture(scope="module")
def office(open_one: Callable[..., Office]) -> Office:
    """A field that setup leaves to an admin, who makes it; setup then opens it."""
    office = open_one(MAPPED, pull=False)
    [left] = [each for each in set_up(office)["by_hand"] if FIELD in each["what"]]
    assert left["what"].startswith(f"Make the field Contact.{FIELD}, of the type multipicklist")
    make_field(office)
    after = set_up(office)
    assert not [each for each in after["by_hand"] if each["what"].startswith("Make the field")]
    assert [each for each in after["plan"] if each["name"] == f"Contact.{FIELD}"]
    office.do("pull")
    return office


def test_values_come_down_in_an_order_of_their_own(office: Office) -> None:
    contact = office.people()[0]
    office.edit(contact, **{FIELD: "News;Offers"})
    assert office.record(contact)[FIELD] == "Offers;News"  # as the picklist is defined
    office.do("pull")
    assert office.row(contact)["topics"] == "News;Offers"


def test_values_go_up_and_another_order_of_the_same_ones_is_no_edit(office: Office) -> None:
    contact = office.people()[1]
    change = "UPDATE contacts SET topics = ? WHERE salesforce_id = ?"
    office.sql(change, " Offers; Events;Offers", contact)
    assert office.do("sync")["push"]["contact"]["updated"] == 1
    assert office.record(contact)[FIELD] == "Offers;Events"
    office.sql(change, "Offers;Events", contact)
    again = office.do("sync")
    assert (again["push"]["contact"]["updated"], again["pull"]["contact"]["conflicts"]) == (0, 0)
    office.edit(contact, Phone="+47 555 0199")
    last = office.do("sync")
    assert (last["push"]["contact"]["updated"], last["pull"]["contact"]["conflicts"]) == (0, 0)


def test_the_same_choice_on_both_sides_is_no_conflict(office: Office) -> None:
    contact = office.people()[2]
    office.edit(contact, **{FIELD: "News;Offers"})
    office.sql("UPDATE contacts SET topics = 'News;Offers' WHERE salesforce_id = ?", contact)
    assert office.do("sync")["pull"]["contact"]["conflicts"] == 0


def test_each_value_is_measured_against_the_picklist(office: Office) -> None:
    contact = office.people()[3]
    office.sql("UPDATE contacts SET topics = 'News;Offer' WHERE salesforce_id = ?", contact)
    told = office.run("org", "check", "--json").data["findings"]
    [finding] = [each for each in told if each["code"] == "value.not-in-picklist"]
    assert "'Offer'" in finding["what"]
    assert office.run("push", "--json").code == 3
    office.sql("UPDATE contacts SET topics = NULL WHERE salesforce_id = ?", contact)
    office.do("push")
    assert office.record(contact)[FIELD] is None
