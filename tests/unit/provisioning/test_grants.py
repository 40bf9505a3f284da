"""Which rights a mapping needs: exactly what it reads and writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    Direction,
    FieldMap,
    MissingPerson,
    OnLocalDelete,
    OnMissing,
    SyncMapping,
    SyncRules,
)
from sfsync.provisioning.blueprint import blueprint, objects_of
from sfsync.provisioning.grants import permission_name
from tests.unit.provisioning.samples import CONTACT, LEAD, TASK, contact, mapping


def rights(wanted: SyncMapping) -> dict[str, tuple[str, ...]]:
    return {grant.sobject: grant.rights for grant in blueprint(wanted).objects}


def test_reading_a_contact_takes_reading_accounts_first() -> None:
    told = rights(mapping(CONTACT))
    assert list(told) == ["Account", "Contact"]
    assert told == {"Account": ("Read",), "Contact": ("Read", "Create", "Edit")}


def test_what_only_comes_down_is_only_read() -> None:
    rules = SyncRules("lead", Direction.PULL)
    assert rights(mapping(LEAD, lead=rules)) == {"Lead": ("Read",)}
    grants = blueprint(mapping(LEAD, lead=rules)).grants
    assert [grant.edit for grant in grants if grant.sobject == "Lead"] == [False]


def test_deleting_is_allowed_only_where_it_is_wanted() -> None:
    told = rights(mapping(replace(LEAD, on_local_delete=OnLocalDelete.DELETE)))
    assert told == {"Lead": ("Read", "Create", "Edit", "Delete")}


def test_someone_missing_is_made_even_where_nothing_else_is_pushed() -> None:
    activities = replace(TASK, missing_person=MissingPerson.CREATE_LEAD)
    told = rights(mapping(LEAD, activities=activities, lead=SyncRules("lead", Direction.PULL)))
    assert told == {"Lead": ("Read", "Create", "Edit")}


@pytest.mark.parametrize(
    ("on_missing", "account"), [(OnMissing.SKIP, ("Read",)), (OnMissing.CREATE, ("Read", "Create"))]
)
def test_a_company_that_goes_up_takes_the_link_and_maybe_a_new_account(
    on_missing: OnMissing, account: tuple[str, ...]
) -> None:
    mapped = mapping(contact(FieldMap("Account.Name", "company", on_missing=on_missing)))
    assert rights(mapped)["Account"] == account
    assert {grant.full_name: grant.edit for grant in blueprint(mapped).grants}[
        "Contact.AccountId"
    ] is True
    assert ("Account" in objects_of(mapped)) is (on_missing is OnMissing.CREATE)


def test_tasks_are_a_right_of_the_user() -> None:
    wanted = blueprint(mapping(CONTACT))
    assert "Task" not in {grant.sobject for grant in wanted.objects}
    assert "EditTask" in wanted.user_permissions


@pytest.mark.parametrize(
    ("field", "opened", "edit"),
    [
        (FieldMap("MailingCity", "city"), "Contact.MailingAddress", True),
        (
            FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN),
            "Contact.HasOptedOutOfEmail",
            True,
        ),
        (FieldMap("Account.Name", "company", direction=Direction.PULL), "Contact.AccountId", False),
        (FieldMap("Boss__r.Name", "boss", direction=Direction.PULL), "Contact.Boss__c", False),
        (FieldMap("Phone", "phone", direction=Direction.PULL), "Contact.Phone", False),
    ],
)
def test_exactly_the_mapped_fields_are_opened(field: FieldMap, opened: str, edit: bool) -> None:
    grants = {grant.full_name: grant.edit for grant in blueprint(mapping(contact(field))).grants}
    assert grants == {"Contact.Email": True, opened: edit, "Task.Type": True}


@pytest.mark.parametrize("name", ["LastName", "FirstName", "Name", "OwnerId"])
def test_what_everybody_sees_needs_no_permission(name: str) -> None:
    assert permission_name("Contact", name) == ""


def test_a_field_of_activity_is_opened_on_task() -> None:
    activities = replace(TASK, external_id="PenguinMails_Event_Id__c")
    wanted = blueprint(mapping(CONTACT, activities=activities))
    assert [new.full_name for new in wanted.fields] == ["Activity.PenguinMails_Event_Id__c"]
    assert "Task.PenguinMails_Event_Id__c" in {grant.full_name for grant in wanted.grants}


def test_a_required_field_of_the_org_takes_no_permission_and_a_formula_only_one_to_read() -> None:
    fields = {
        "HasOptedOutOfEmail": FieldFacts("HasOptedOutOfEmail", "boolean", permissionable=False),
        "Region__c": FieldFacts("Region__c", "string", permissionable=False),
        "Score__c": FieldFacts("Score__c", "double", calculated=True),
    }
    mapped = mapping(contact(*(FieldMap(name, name.lower()) for name in fields)))
    facts = {"Contact": SObjectFacts("Contact", fields)}
    grants = blueprint(mapped, facts, ["Contact.Score__c", "Contact.Region__c"]).grants
    assert {grant.full_name: grant.edit for grant in grants if grant.sobject == "Contact"} == {
        "Contact.Email": True,
        "Contact.HasOptedOutOfEmail": True,
        "Contact.Score__c": False,
    }
