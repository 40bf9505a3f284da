"""Which custom fields a mapping needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    FieldMap,
    SyncMapping,
)
from sfsync.model.merges import Merge
from sfsync.provisioning.blueprint import blueprint, custom_fields
from sfsync.provisioning.by_hand import by_hand
from tests.unit.provisioning.samples import CONTACT, LEAD, contact, mapping


def one_field(field: FieldMap) -> dict[str, object]:
    [new] = blueprint(mapping(contact(field))).fields
    return new.metadata()


def test_the_example_needs_one_set_on_both_and_a_key_for_each(example: SyncMapping) -> None:
    wanted = blueprint(example)
    names = {
        table: {new.name for new in wanted.fields if new.table == table}
        for table in ("Contact", "Lead")
    }
    shared = {
        "PenguinMails_Total_Opens__c",
        "PenguinMails_Total_Clicks__c",
        "PenguinMails_Last_Email_Opened__c",
    }
    assert shared <= names["Lead"] <= names["Contact"]
    assert [new.full_name for new in wanted.fields if new.is_key] == [
        "Activity.PenguinMails_Event_Id__c",
        "Contact.PenguinMails_Id__c",
        "Lead.PenguinMails_Id__c",
    ]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (FieldType.TEXT, {"type": "Text", "length": 255, "unique": False, "required": False}),
        (FieldType.INTEGER, {"type": "Number", "precision": 9, "scale": 0, "unique": False, "required": False}),
        (FieldType.NUMBER, {"type": "Number", "precision": 18, "scale": 4, "unique": False, "required": False}),
        (FieldType.BOOLEAN, {"type": "Checkbox", "defaultValue": "false"}),
        (FieldType.DATE, {"type": "Date", "required": False}),
        (FieldType.DATETIME, {"type": "DateTime", "required": False}),
    ],
)  # fmt: skip
def test_a_columns_type_is_a_fields(kind: FieldType, told: dict[str, object]) -> None:
    made = one_field(FieldMap("PenguinMails_New_Thing__c", "new_thing", kind))
    assert made == {
        "label": "PenguinMails New Thing",
        "description": "Kept by sfsync: new_thing.",
        "externalId": False,
        **told,
    }
    assert list(made) == sorted(made)


TOPICS = FieldMap("PenguinMails_Topics__c", "topics", FieldType.MULTIPICKLIST)


@pytest.mark.parametrize("existing", [None, [], ["Contact.PenguinMails_Topics__c"]])
def test_a_field_whose_values_no_mapping_has_is_never_made(existing: list[str] | None) -> None:
    wanted = blueprint(mapping(contact(TOPICS)), existing=existing)
    assert (wanted.fields, wanted.unknown_fields) == ((), ())
    opened = "Contact.PenguinMails_Topics__c" in {grant.full_name for grant in wanted.grants}
    assert opened is (existing != [])


def test_a_field_whose_values_no_mapping_has_is_left_to_a_person_until_it_is_there() -> None:
    mapped = mapping(contact(TOPICS))
    there = {"PenguinMails_Topics__c": FieldFacts("PenguinMails_Topics__c", "multipicklist")}
    for facts, left in (({}, 1), (there, 0)):
        told = [each.what for each in by_hand(mapped, {"Contact": SObjectFacts("Contact", facts)})]
        assert len([what for what in told if "PenguinMails_Topics__c" in what]) == left
    assert "of the type multipicklist" in by_hand(mapped)[0].what


def test_a_counter_begins_at_nought() -> None:
    made = one_field(FieldMap("PenguinMails_N__c", "n", FieldType.INTEGER, merge=Merge.COUNTER))
    assert made["defaultValue"] == "0"


def test_a_key_is_unique_without_regard_to_case() -> None:
    [new] = blueprint(mapping(contact(external_id="Any_Key__c"))).fields
    made = new.metadata()
    assert (made["externalId"], made["unique"], made["caseSensitive"], made["length"]) == (
        True,
        True,
        False,
        255,
    )


def test_a_key_that_is_mapped_too_is_made_once_as_a_key() -> None:
    [new] = blueprint(
        mapping(contact(FieldMap("PenguinMails_Id__c", "key"), external_id="PenguinMails_Id__c"))
    ).fields
    assert new.is_key


def test_a_leads_fields_are_made_on_contact_too_and_the_reason_is_told() -> None:
    lead = replace(
        LEAD, fields=(*LEAD.fields, FieldMap("PenguinMails_Score__c", "score", FieldType.INTEGER))
    )
    twin, own = blueprint(mapping(CONTACT, lead)).fields
    assert (twin.full_name, own.full_name) == (
        "Contact.PenguinMails_Score__c",
        "Lead.PenguinMails_Score__c",
    )
    assert (twin.kind, twin.precision, twin.reason) == (
        own.kind,
        own.precision,
        "so that converting a Lead can carry it over",
    )
    assert own.reason == ""
    assert "Contact.PenguinMails_Score__c" not in {
        grant.full_name for grant in blueprint(mapping(CONTACT, lead)).grants
    }


@pytest.mark.parametrize("name", ["ns__Region__c", "Title", "Account.Name"])
def test_fields_of_packages_and_standard_ones_are_never_made(name: str) -> None:
    assert blueprint(mapping(contact(FieldMap(name, "x")))).fields == ()


def test_an_orgs_own_field_is_never_made_only_opened_and_told_where_it_is_missing() -> None:
    mapped = mapping(contact(FieldMap("Regoin__c", "region")))
    assert custom_fields(mapped) == ["Contact.Regoin__c"]
    offline, missing, there = (
        blueprint(mapped),
        blueprint(mapped, {}, []),
        blueprint(mapped, {}, ["Contact.Regoin__c"]),
    )
    assert offline.fields == missing.fields == there.fields == ()
    assert missing.unknown_fields == ("Contact.Regoin__c",)
    opened = [
        ["Contact.Regoin__c" in {grant.full_name for grant in each.grants}]
        for each in (offline, missing, there)
    ]
    assert opened == [[True], [False], [True]]
