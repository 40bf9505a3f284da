"""Bulk's CSV, both ways: what is written, what is read, whose result is whose."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Rejected
from sfsync.model.record import SalesforceId
from sfsync.salesforce.bulk_csv import (
    WriteTable,
    cell,
    count_records,
    error_entry_of,
    failure,
    is_expressible,
    read_rows,
    success,
)
from sfsync.salesforce.faults import CallFailed

ADA = SalesforceId("0035500001H9cakAAB")
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
values = st.one_of(texts, st.none(), st.booleans(), st.integers(-999, 999), st.floats(-9, 9))


def create(ref: int, key: str = "", **fields: Any) -> OrgWrite:
    return OrgWrite(ref, OrgAction.CREATE, "Contact", fields, None, "Ext__c" if key else "", key)


def update(ref: int, record_id: str, **fields: Any) -> OrgWrite:
    return OrgWrite(ref, OrgAction.UPDATE, "Contact", fields, SalesforceId(record_id))


def uploaded(table: WriteTable) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.csv().decode(), newline="")))


def test_null_and_blank_are_said_and_what_is_not_said_is_left_alone() -> None:
    table = WriteTable.of(
        [update(1, ADA, Title=None, Phone=""), update(2, ADA[:-1] + "C", Active=True)]
    )
    assert table.csv().decode() == (
        f"Id,Title,Phone,Active\n{ADA},#N/A,#N/A,\n{ADA[:-1]}C,,,true\n"
    )
    assert table.job["operation"] == "update"
    assert table.job["lineEnding"] == "LF"


def test_an_upsert_names_its_key_and_a_delete_only_ids() -> None:
    table = WriteTable.of([create(1, "k1", LastName="A")])
    assert table.job["externalIdFieldName"] == "Ext__c"
    assert uploaded(table) == [{"Ext__c": "k1", "LastName": "A"}]
    delete = WriteTable.of([OrgWrite(1, OrgAction.DELETE, "Contact", {}, ADA)])
    assert delete.csv() == f"Id\n{ADA}\n".encode()


@given(st.text(max_size=30))
def test_only_text_that_means_null_cannot_be_said(text: str) -> None:
    assert is_expressible(create(1, Title=text)) == (text != "#N/A")


def test_nested_values_cannot_be_said() -> None:
    assert not is_expressible(create(1, Account={"Ext__c": "x"}))
    assert not is_expressible(create(1, "#N/A"))


@given(texts)
def test_any_text_comes_through_the_csv(text: str) -> None:
    (row,) = uploaded(WriteTable.of([create(1, LastName=text, X="y")]))
    assert row["LastName"] == (text or "#N/A")


@given(
    st.lists(st.fixed_dictionaries({"LastName": values, "Title": values}), max_size=12),
    st.randoms(),
)
def test_shuffled_results_find_their_inserts(
    people: list[dict[str, Any]], rng: random.Random
) -> None:
    writes = [create(ref, **fields) for ref, fields in enumerate(people)]
    if not writes:
        return
    table = WriteTable.of(writes)
    rows = [
        {**row, "sf__Id": f"003{number:012d}AAA", "sf__Created": "true"}
        for number, row in enumerate(uploaded(table))
    ]
    rng.shuffle(rows)
    outcomes = [outcome for row in rows for outcome in table.settle(row, success)]
    assert sorted(outcome.ref for outcome in outcomes) == list(range(len(people)))
    assert table.unsettled() == []
    told = {outcome.ref: outcome for outcome in outcomes}
    for row in rows:
        same = [write.ref for write in writes if cell(write.fields["LastName"]) == row["LastName"]]
        (mine,) = [
            ref
            for ref, outcome in told.items()
            if getattr(outcome, "salesforce_id", "") == row["sf__Id"]
        ]
        assert mine in same


def test_results_of_updates_and_upserts_are_known_by_id_and_key() -> None:
    table = WriteTable.of([update(1, ADA, Title="x")])
    row = {
        "sf__Id": "",
        "sf__Error": "UNABLE_TO_LOCK_ROW:busy:--",
        "Id": ADA[:15],
        "Title": "other",
    }
    assert table.settle(row, failure) == [Deferred(1, "UNABLE_TO_LOCK_ROW", "busy")]
    keyed = WriteTable.of([create(2, "Key-1", LastName="A")])
    done = {"sf__Id": ADA, "sf__Created": "false", "Ext__c": "KEY-1", "LastName": "A"}
    assert keyed.settle(done, success) == [Accepted(2, ADA, created=False)]


def test_a_result_of_nobody_is_nothing() -> None:
    table = WriteTable.of([update(1, ADA, Title="x")])
    assert table.settle({"Id": "003000000000009AAA"}, success) == []
    assert [write.ref for write in table.unsettled()] == [1]


@pytest.mark.parametrize(
    ("text", "code", "message", "fields"),
    [
        (
            "DUPLICATE_VALUE:duplicate value found: Ext__c duplicates value on record with id: 0035500001H9cak:Ext__c --",
            "DUPLICATE_VALUE",
            "duplicate value found: Ext__c duplicates value on record with id: 0035500001H9cak",
            ("Ext__c",),
        ),
        ("ENTITY_IS_DELETED:entity is deleted:--", "ENTITY_IS_DELETED", "entity is deleted", ()),
        (
            "INVALID_EMAIL_ADDRESS:Email: invalid: a:b:Email, Phone --",
            "INVALID_EMAIL_ADDRESS",
            "Email: invalid: a:b",
            ("Email", "Phone"),
        ),
        (
            "STRING_TOO_LONG:Title: data value too large",
            "STRING_TOO_LONG",
            "Title: data value too large",
            (),
        ),
        ("something else", "", "something else", ()),
        ("", "", "", ()),
    ],
)
def test_what_an_error_cell_says(
    text: str, code: str, message: str, fields: tuple[str, ...]
) -> None:
    told = error_entry_of(text)
    assert (told.code, told.message, told.fields) == (code, message, fields)


def test_a_failed_row_keeps_the_orgs_words_and_the_record_it_names() -> None:
    text = "DUPLICATE_VALUE:duplicate value found: Ext__c duplicates value on record with id: 0035500001H9cak:Ext__c --"
    told = failure(create(1, "k"), {"sf__Error": text})
    assert isinstance(told, Rejected)
    assert told.matched_id == ADA


def test_a_record_that_is_gone_counts_as_deleted() -> None:
    delete = OrgWrite(1, OrgAction.DELETE, "Contact", {}, ADA)
    assert failure(delete, {"sf__Error": "ENTITY_IS_DELETED:entity is deleted:--"}) == Accepted(
        1, ADA
    )


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b'"Id","Name"\n"1","a"\n', 1),
        (b'\xef\xbb\xbf"Id","Name"\r\n"1","a\r\nb"\r\n', 1),
        (b'"Id","Name"\n', 0),
        (b"", 0),
    ],
)
def test_records_are_counted_whatever_the_line_ends(content: bytes, count: int) -> None:
    assert count_records(content) == count


@pytest.mark.parametrize(
    "content", [b'"Id","Name"\n"1","a', b'"Id","Name"\n"1"', b'"Id"\n"1","2"\n']
)
def test_a_csv_that_breaks_off_is_noticed(content: bytes) -> None:
    with pytest.raises(CallFailed):
        count_records(content)


def test_rows_come_a_few_at_a_time_without_byte_order_mark() -> None:
    content = b"\xef\xbb\xbfId,Name\n" + b"".join(b"%d,\n" % number for number in range(5))
    pages = list(read_rows(content, 2))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert pages[0][0] == {"Id": "0", "Name": ""}


def test_a_cell_larger_than_pythons_own_limit_is_read() -> None:
    (page,) = read_rows(b'"Id"\n"' + b"x" * 200_000 + b'"\n', 10)
    assert len(page[0]["Id"]) == 200_000
