"""A raw record becomes columns and columns become fields; absent, blank and null stay three things."""

from __future__ import annotations

import pytest

from sfsync.mapping.projection import Projection, canonical_values, to_org_fields
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import Direction, FieldMap, ObjectMap
from sfsync.model.merges import Merge
from sfsync.model.record import RemoteState, salesforce_id

ID = "003000000000001AAA"
OTHER = "003000000000002AAA"
CONTACT = ObjectMap(
    name="contact",
    table="contacts",
    sobject="Contact",
    match_on="email",
    fields=(
        FieldMap("Email", "email"),
        FieldMap("LastName", "last_name", placeholder="(unknown)"),
        FieldMap("Account.Name", "company", direction=Direction.PULL),
        FieldMap("Total__c", "total", FieldType.INTEGER, merge=Merge.COUNTER),
        FieldMap("Opened__c", "opened", FieldType.DATETIME, merge=Merge.LATEST),
        FieldMap("Out__c", "opted_out", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
        FieldMap("Score__c", "score", FieldType.NUMBER, direction=Direction.PUSH),
    ),
)
LEAD = ObjectMap(
    "lead",
    "leads",
    "Lead",
    "email",
    (FieldMap("Email", "email"), FieldMap("IsConverted", "converted")),
)


def record(**fields: object) -> dict[str, object]:
    return {
        "Id": ID,
        "IsDeleted": False,
        "SystemModstamp": "2026-01-20T10:00:00.000+0000",
        **fields,
    }


def test_what_is_selected_holds_state_and_stamp_and_each_field_once() -> None:
    assert Projection(CONTACT).remote_fields == (
        "Id", "IsDeleted", "MasterRecordId", "SystemModstamp",
        "Email", "LastName", "Account.Name", "Total__c", "Opened__c", "Out__c", "Score__c",
    )  # fmt: skip
    assert Projection(LEAD).remote_fields == (
        "Id", "IsDeleted", "MasterRecordId", "SystemModstamp", "IsConverted", "ConvertedContactId", "Email",
    )  # fmt: skip
    assert Projection(CONTACT, ["email"]).remote_fields[4:] == ("Email",)


@pytest.mark.parametrize(
    ("raw", "state", "successor"),
    [
        ({}, RemoteState.PRESENT, None),
        ({"IsDeleted": "false", "MasterRecordId": ""}, RemoteState.PRESENT, None),
        ({"IsDeleted": True}, RemoteState.DELETED, None),
        ({"IsDeleted": "true", "MasterRecordId": ""}, RemoteState.DELETED, None),
        ({"IsDeleted": True, "MasterRecordId": OTHER}, RemoteState.MERGED, OTHER),
        ({"IsConverted": True, "ConvertedContactId": OTHER}, RemoteState.CONVERTED, OTHER),
        ({"IsConverted": "true", "ConvertedContactId": ""}, RemoteState.CONVERTED, None),
        ({"IsConverted": True, "IsDeleted": True}, RemoteState.DELETED, None),
    ],
)
def test_what_became_of_a_record(
    raw: dict[str, object], state: RemoteState, successor: str | None
) -> None:
    remote = Projection(LEAD, ["email"]).to_remote_record(record(**raw))
    assert (remote.state, remote.successor_id) == (state, successor)
    assert (remote.salesforce_id, remote.modified_at) == (ID, "2026-01-20T10:00:00Z")


def test_only_a_lead_is_ever_converted() -> None:
    assert (
        Projection(CONTACT).to_remote_record(record(IsConverted=True)).state is RemoteState.PRESENT
    )


def test_json_and_bulk_text_give_the_same_record() -> None:
    rest = record(
        Email="a@b.c",
        Total__c=5.0,
        Out__c=True,
        Opened__c="2026-01-20T10:00:00.000+0000",
        LastName=None,
    )
    bulk = {
        "Id": ID,
        "IsDeleted": "false",
        "MasterRecordId": "",
        "SystemModstamp": "2026-01-20T10:00:00.000Z",
        "Email": "a@b.c",
        "Total__c": "5",
        "Out__c": "true",
        "Opened__c": "2026-01-20T10:00:00.000Z",
        "LastName": "",
    }
    projection = Projection(CONTACT)
    assert projection.to_remote_record(rest) == projection.to_remote_record(bulk)
    assert projection.values(rest)["total"] == 5


def test_a_field_that_was_not_sent_is_absent_and_never_blank() -> None:
    assert Projection(CONTACT).values({"Id": ID, "Email": None}) == {"email": None}


def test_a_placeholder_never_comes_down() -> None:
    projection = Projection(CONTACT)
    assert projection.values({"LastName": "(unknown)"}) == {"last_name": None}
    assert projection.values({"LastName": " (unknown) "}) == {"last_name": None}
    assert projection.values({"LastName": "Lovelace"}) == {"last_name": "Lovelace"}


def test_a_value_that_cannot_be_understood_counts_as_absent_and_is_told_once() -> None:
    projection = Projection(CONTACT)
    assert projection.values({"Id": ID, "Email": "a@b.c", "Total__c": 5.5}) == {"email": "a@b.c"}
    assert projection.values({"Id": OTHER, "Total__c": "x"}) == {}
    assert projection.unreadable == {"total": f"Total__c of {ID}: '5.5' is no whole number"}


def test_updates_send_what_they_are_given() -> None:
    values = {
        "email": None,
        "total": 5,
        "opened": "2026-01-20T10:00:00Z",
        "score": 1,
        "opted_out": 1,
    }
    assert to_org_fields(CONTACT, values, creating=False) == {
        "Email": None,
        "Total__c": 5,
        "Opened__c": "2026-01-20T10:00:00.000Z",
        "Score__c": 1.0,
        "Out__c": True,
    }


def test_a_parent_and_an_unknown_column_are_never_sent() -> None:
    assert to_org_fields(CONTACT, {"company": "ACME", "nickname": "x"}, creating=False) == {}


def test_blanking_a_required_field_sends_its_placeholder() -> None:
    assert to_org_fields(CONTACT, {"last_name": None}, creating=False) == {"LastName": "(unknown)"}


def test_a_checkbox_is_never_null() -> None:
    assert to_org_fields(CONTACT, {"opted_out": None}, creating=False) == {"Out__c": False}


def test_creating_leaves_blanks_to_the_orgs_defaults_and_fills_placeholders() -> None:
    values = {"email": "a@b.c", "total": None, "opted_out": None}
    assert to_org_fields(CONTACT, values, creating=True) == {
        "Email": "a@b.c",
        "LastName": "(unknown)",
    }


def test_a_value_of_the_wrong_kind_names_its_column() -> None:
    with pytest.raises(ValueError, match="total: 'x' is not a whole number"):
        to_org_fields(CONTACT, {"total": "x"}, creating=False)


def test_a_row_that_people_edited_is_put_in_canonical_form() -> None:
    good, bad = canonical_values(
        CONTACT, {"id": 1, "email": " a@b.c ", "total": "5", "score": "much", "opted_out": None}
    )
    assert good == {"email": "a@b.c", "total": 5, "opted_out": 0}
    assert bad == {"score": "'much' is not a number"}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("a01M00000062mPg", "a01M00000062mPgIAI"),
        ("001M000000qfPyS", "001M000000qfPySIAU"),
        ("AbCdEfGhIjKlMnO", "AbCdEfGhIjKlMnOVKV"),
        ("aBcDEfgHIJKLMNO", "aBcDEfgHIJKLMNO025"),
        ("0035500001H9cak", "0035500001H9cakAAB"),
        ("0035500001H9cakAAB", "0035500001H9cakAAB"),
    ],
)
def test_ids_are_kept_in_their_long_form(short: str, long: str) -> None:
    assert salesforce_id(short) == long
