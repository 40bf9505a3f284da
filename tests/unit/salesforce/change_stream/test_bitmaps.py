"""Bitmaps: the vectors that Salesforce's guides print, compound fields, and what does not fit."""

from __future__ import annotations

import pytest

from sfsync.salesforce.change_stream.bitmaps import (
    BitmapError,
    Layout,
    field_name,
    layout_of,
    marked_fields,
)

CONTACT = Layout(
    (
        "ChangeEventHeader", "AccountId", "IsPersonAccount", "Name", "OtherAddress", "MailingAddress", "Phone", "Fax",
        "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "ReportsToId", "Email", "Title", "Department",
        "AssistantName", "LeadSource", "Birthdate", "Description", "OwnerId", "HasOptedOutOfEmail", "HasOptedOutOfFax",
        "DoNotCall", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById",
    ),
    {
        3: ("Salutation", "FirstName", "LastName"),
        4: ("Street", "City", "State"),
        5: ("Street", "City", "State"),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("bitmaps", "names"),
    [
        (["0x04006000"], ["Email", "Title", "LastModifiedDate"]),
        (["0x04006000", "3-0x04"], ["Email", "Title", "LastModifiedDate", "LastName"]),
        (["3-0x04", "5-0x02"], ["LastName", "MailingCity"]),  # the first entry left out
        (["0x04006000".lower()], ["Email", "Title", "LastModifiedDate"]),
        ([], []),
    ],
)
def test_the_guides_vectors(bitmaps, names):
    assert [field_name(path) for path in marked_fields(bitmaps, CONTACT)] == names


@pytest.mark.parametrize(
    "bitmaps",
    [
        ["0x10000000"],  # a field that the schema does not have
        ["3-0x08"],  # a part that the name does not have
        ["6-0x01"],  # Phone has no parts
        ["99-0x01"],
        ["0x"],
        ["04006000"],
        ["0xZZ"],
        ["-1-0x01"],
        ["0x" + "F" * 5000],
        ["\u0660x01"],
    ],
)
def test_what_does_not_fit_is_told(bitmaps):
    with pytest.raises(BitmapError):
        marked_fields(bitmaps, CONTACT)


def test_a_record_that_was_described_before_is_known_by_its_name():
    address = {"type": "record", "name": "Address", "fields": [{"name": "City", "type": "string"}]}
    layout = layout_of(
        {
            "fields": [
                {
                    "name": "ChangeEventHeader",
                    "type": {"type": "record", "name": "H", "fields": []},
                },
                {"name": "OtherAddress", "type": ["null", address]},
                {"name": "MailingAddress", "type": ["null", "com.sforce.eventbus.Address"]},
                {"name": "Name", "type": ["null", "string", {**address, "name": "PersonName"}]},
            ]
        }
    )
    assert layout.parts == {1: ("City",), 2: ("City",), 3: ("City",)}
