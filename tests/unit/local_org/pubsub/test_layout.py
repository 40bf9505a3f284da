"""The schemas of change events, against the one that was recorded of a real org."""

import json

import pytest

from local_org.events.bitmaps import bitmaps, fields_of
from local_org.events.layout import Layout, Place, layout_of
from local_org.schema.field_builders import text
from local_org.server import LocalOrg, LocalOrgConfig

# docs/salesforce.md §14.2: the Contact of a real org, whose standard fields begin so.
RECORDED = [
    "AccountId",
    "IsPersonAccount",
    "Name",
    "OtherAddress",
    "MailingAddress",
    "Phone",
    "Fax",
    "MobilePhone",
    "HomePhone",
    "OtherPhone",
    "AssistantPhone",
    "ReportsToId",
    "Email",
    "Title",
    "Department",
    "AssistantName",
    "LeadSource",
    "Birthdate",
    "Description",
    "OwnerId",
    "HasOptedOutOfEmail",
    "HasOptedOutOfFax",
    "DoNotCall",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "LastCURequestDate",
    "LastCUUpdateDate",
    "EmailBouncedReason",
    "EmailBouncedDate",
    "Jigsaw",
]
RECORDED_TYPES = {
    "AccountId": ("string", "ForeignKey:EntityId"),
    "IsPersonAccount": ("boolean", "Data:Boolean"),
    "Phone": ("string", "Data:Phone"),
    "Email": ("string", "Data:Email"),
    "Title": ("string", "Data:Text"),
    "LeadSource": ("string", "Data:DynamicEnum"),
    "Birthdate": ("long", "Data:DateOnly"),
    "Description": ("string", "Data:StringPlusClob"),
    "HasOptedOutOfEmail": ("boolean", "Data:Boolean"),
    "CreatedDate": ("long", "CreatedDate:DateTime"),
    "LastModifiedDate": ("long", "Data:DateTime"),
    "EmailBouncedDate": ("long", "Data:DateTime"),
}
HEADER = [
    "entityName",
    "recordIds",
    "changeType",
    "changeOrigin",
    "transactionKey",
    "sequenceNumber",
    "commitTimestamp",
    "commitNumber",
    "commitUser",
    "nulledFields",
    "diffFields",
    "changedFields",
]
ADDRESS = [
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
]


@pytest.fixture(scope="module")
def state():
    return LocalOrg(LocalOrgConfig(contacts=0, leads=0, settings={"person_accounts": True})).state


def schema(state, sobject):
    return json.loads(layout_of(state.kind(sobject), {}).schema_json)


def test_a_contact_is_laid_out_as_recorded(state):
    fields = schema(state, "Contact")["fields"]
    assert [each["name"] for each in fields[: len(RECORDED) + 1]] == [
        "ChangeEventHeader",
        *RECORDED,
    ]
    assert all(each["type"][0] == "null" and each["default"] is None for each in fields[1:])
    found = {each["name"]: (each["type"][1], each["doc"]) for each in fields[1:]}
    assert RECORDED_TYPES.items() <= found.items()


def test_what_events_leave_out_is_not_there(state):
    for sobject in ("Contact", "Lead", "Account", "Task"):
        names = {each["name"] for each in schema(state, sobject)["fields"]}
        assert not names & {
            "Id",
            "IsDeleted",
            "SystemModstamp",
            "LastActivityDate",
            "PhotoUrl",
            "MasterRecordId",
        }
    assert "IsPersonAccount" not in {each["name"] for each in schema(state, "Account")["fields"]}


def test_the_header_has_its_fields_in_order(state):
    header = schema(state, "Lead")["fields"][0]["type"]
    assert [each["name"] for each in header["fields"]] == HEADER
    kinds = {each["name"]: each["type"] for each in header["fields"]}
    assert (kinds["sequenceNumber"], kinds["commitTimestamp"]) == ("int", "long")
    assert kinds["changeType"]["symbols"][:5] == [
        "CREATE",
        "UPDATE",
        "DELETE",
        "UNDELETE",
        "GAP_CREATE",
    ]


def test_a_record_type_stands_in_full_once(state):
    found = schema(state, "Contact")
    fields = {each["name"]: each for each in found["fields"]}
    assert found["namespace"] == "com.sforce.eventbus"
    assert [each["name"] for each in fields["OtherAddress"]["type"][1]["fields"]] == ADDRESS
    assert fields["MailingAddress"]["type"] == ["null", "Address"]
    name = fields["Name"]["type"][1]
    assert (name["name"], [each["name"] for each in name["fields"]]) == (
        "PersonName",
        ["Salutation", "FirstName", "LastName"],
    )


def test_an_account_is_called_by_a_text_or_as_a_person(state):
    (name,) = [each for each in schema(state, "Account")["fields"] if each["name"] == "Name"]
    assert name["type"][:2] == ["null", "string"]
    assert name["type"][2]["name"] == "Switchable_PersonName"


def test_custom_fields_come_last_and_name_their_definition(state):
    kind = state.kind("Contact").plus([text("Shoe__c", 20)])
    fields = json.loads(layout_of(kind, {"Shoe__c": "00N5f0000000001"}).schema_json)["fields"]
    assert (fields[-1]["name"], fields[-1]["doc"]) == ("Shoe__c", "Data:Text:00N5f0000000001")


def test_a_schema_with_another_field_has_another_id(state):
    kind = state.kind("Contact")
    one, same = layout_of(kind, {}), layout_of(kind, {})
    other = layout_of(kind.plus([text("Shoe__c", 20)]), {})
    assert one.schema_id == same.schema_id != other.schema_id
    assert len(one.schema_id) == 22


# -- bitmaps


def flat(*names: str) -> Layout:
    return Layout("X", tuple(Place(name, "Data:Text") for name in names))


ACCOUNT = flat(
    *[f"f{at}" for at in range(1, 11)],
    "Industry",
    *[f"g{at}" for at in range(12, 22)],
    "LastModifiedDate",
)
LEAD = flat(
    *[f"f{at}" for at in range(1, 12)],
    "Status",
    *[f"g{at}" for at in range(13, 19)],
    "IsConverted",
    "ConvertedDate",
    "ConvertedAccountId",
    "ConvertedContactId",
    "ConvertedOpportunityId",
    *["h24", "h25", "h26"],
    "LastModifiedDate",
)


def tops(*names):
    return {(name, None) for name in names}


@pytest.mark.parametrize(
    ("layout", "names", "entries"),
    [
        (ACCOUNT, ("Industry", "LastModifiedDate"), ["0x400800"]),
        (
            LEAD,
            (
                "Status",
                "IsConverted",
                "ConvertedDate",
                "ConvertedAccountId",
                "ConvertedContactId",
                "ConvertedOpportunityId",
                "LastModifiedDate",
            ),
            ["0x08F81000"],
        ),
        (flat("a"), (), []),
        (flat(*"abcdefgh"), ("h",), ["0x0100"]),
    ],
)
def test_the_guides_bitmaps(layout, names, entries):
    assert bitmaps(layout, tops(*names)) == entries
    assert fields_of(layout, entries) == tops(*names)


def test_the_bitmaps_of_a_recorded_contact(state):
    layout = layout_of(state.kind("Contact"), {})
    named = tops("Email", "Title", "LastModifiedDate") | {("Name", "LastName")}
    assert bitmaps(layout, named) == ["0x04006000", "3-0x04"]
    assert bitmaps(layout, {("MailingAddress", "City")}) == ["5-0x02"]


def test_compound_fields_follow_the_top_level_by_position(state):
    layout = layout_of(state.kind("Contact"), {})
    parts = {("MailingAddress", "City"), ("MailingAddress", "State"), ("OtherAddress", "Country")}
    assert bitmaps(layout, parts | tops("Phone")) == ["0x40", "4-0x10", "5-0x06"]
