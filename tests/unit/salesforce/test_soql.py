"""Query text: any value survives quoting, nothing becomes syntax, lists are cut to size."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.format import quote_soql_value

from sfsync.salesforce import soql

_UNESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "'": "'", '"': '"', "\\": "\\"}
sendable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


def unquoted(literal: str) -> str:
    """Read a SOQL string literal, as the reference says; anything else about it is an error."""
    assert literal[0] == literal[-1] == "'"
    text, at, end = "", 1, len(literal) - 1
    while at < end:
        if literal[at] == "\\":
            text += _UNESCAPES[literal[at + 1]]
            at += 2
        else:
            assert literal[at] != "'", "the literal ends early"
            text += literal[at]
            at += 1
    return text


@given(sendable)
def test_any_text_survives_quoting(text: str) -> None:
    assert unquoted(soql.quoted(text)) == text


@given(sendable)
def test_text_is_quoted_as_simple_salesforce_quotes_it(text: str) -> None:
    assert soql.quoted(text) == quote_soql_value(text)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (1.5, "1.5"),
        (date(2026, 1, 20), "2026-01-20"),
        (
            datetime(2026, 1, 20, 11, 0, 0, 999, timezone(timedelta(hours=1))),
            "2026-01-20T10:00:00Z",
        ),
    ],
)
def test_other_values_are_written_as_the_reference_says(value: object, literal: str) -> None:
    assert soql.quoted(value) == literal


@pytest.mark.parametrize(
    "value",
    [
        "a\0b",
        "\ud800",
        "x" * 4_001,
        float("nan"),
        float("inf"),
        datetime(2026, 1, 20),
        object(),
        ["a"],
        b"a",
    ],
)
def test_what_no_query_can_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        soql.quoted(value)


@pytest.mark.parametrize(
    "name", ["", "1a", "a b", "a'", "Id FROM Contact--", "a..b", "a.", "Konto_ü"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        soql.named(name)


def test_a_statement_is_put_together_in_order() -> None:
    text = soql.select(
        "Contact", ["Id", "Account.Name"], "IsDeleted = true", ["SystemModstamp", "Id"]
    )
    assert text == (
        "SELECT Id,Account.Name FROM Contact WHERE IsDeleted = true ORDER BY SystemModstamp,Id"
    )


@given(st.lists(sendable, max_size=60))
def test_every_value_is_asked_for_exactly_once(values: list[str]) -> None:
    statements = list(soql.selects_in("Contact", ["Id"], "Email", values))
    asked = [literal for text in statements for literal in _literals(text)]
    assert [unquoted(literal) for literal in asked] == values


def test_long_lists_are_cut_so_that_each_address_is_short_enough() -> None:
    emails = [f"somebody.{number}@a-rather-long-company-name.example" for number in range(2_000)]
    statements = list(
        soql.selects_in("Contact", ["Id", "Email"], "Email", emails, also="IsDeleted = false")
    )
    assert all(len(quote(text, safe="")) <= soql.MAX_QUERY_BYTES for text in statements)
    assert len(statements) < 15
    assert all(text.endswith(") AND IsDeleted = false") for text in statements)


def test_five_queries_hold_two_thousand_ids() -> None:
    ids = [f"003{number:012d}AAA" for number in range(2_000)]
    fields = [
        "Id",
        "IsDeleted",
        "MasterRecordId",
        "SystemModstamp",
        *(f"Custom_{n}__c" for n in range(12)),
    ]
    assert len(list(soql.selects_in("Contact", fields, "Id", ids))) == 5


def test_values_that_no_query_can_hold_are_left_out() -> None:
    assert list(soql.selects_in("Contact", ["Id"], "Email", ["a\0", "y" * 5_000])) == []


def test_a_value_cannot_stand_for_the_list_itself() -> None:
    (text,) = soql.selects_in("Contact", ["Id"], "Email", ["{}", "a{}b"])
    assert _literals(text) == ["'{}'", "'a{}b'"]


def test_keyset_goes_on_after_a_stamp_and_an_id() -> None:
    assert soql.after("2026-01-20T10:00:00.000+0000", "003x") == (
        "(SystemModstamp > 2026-01-20T10:00:00Z OR (SystemModstamp = 2026-01-20T10:00:00Z AND Id > '003x'))"
    )


def test_a_stamp_may_come_as_rest_bulk_or_the_mirror_writes_it() -> None:
    written = ["2026-01-20T10:00:00.000+0000", "2026-01-20T10:00:00.000Z", "2026-01-20T10:00:00Z"]
    assert {soql.stamp(text) for text in written} == {"2026-01-20T10:00:00Z"}
    assert soql.instant(datetime(2026, 1, 20, tzinfo=UTC)) == "2026-01-20T00:00:00Z"
    with pytest.raises(ValueError):
        soql.stamp("2026-01-20T10:00:00")


def _literals(text: str) -> list[str]:
    return re.findall(r"'(?:[^'\\]|\\.)*'", text, re.DOTALL)
