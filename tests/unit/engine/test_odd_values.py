"""One senseless value stops nobody but its own row, which is named in quarantine with what to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfsync.engine.verify import verify
from sfsync.errors import OrgRefused
from tests.sides import MAPPING, Sides, event

SENSELESS = {
    "a word": ("banana", "18 letters and digits"),
    "a prefix": ("003", "18 letters and digits"),
    "empty": ("", "18 letters and digits"),
    "fifteen": ("0035500001H9cak", "0035500001H9cakAAB"),
    "a wrong checksum": ("0035500001H9cakAAA", "0035500001H9cakAAB"),
    "another object's": ("0015500001QdQWaAAN", "003"),
    "a quote": ("003' OR Id != '0", "18 letters and digits"),
    "other digits": (
        "003\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661AAA",
        "18",
    ),
}


@pytest.fixture
def at_rest(sides: Sides) -> Sides:
    """Ada, Grace and Odd, agreed on both sides; a fetch of a senseless Id is refused, as in Salesforce."""
    for name in ("ada", "grace", "odd"):
        sides.org.create("Contact", LastName=name.title(), Email=f"{name}@example.com")
    sides.pull()
    fetch = sides.org.fetch

    def strict(sobject, fields, ids):
        for each in ids:
            if len(each) not in (15, 18) or not each.isalnum() or not each.isascii():
                raise OrgRefused(f"invalid ID field: {each}", code="INVALID_QUERY_FILTER_OPERATOR")
        return fetch(sobject, fields, ids)

    sides.org.fetch = strict  # type: ignore[method-assign]
    return sides


def entry(sides: Sides) -> tuple[str, str, str]:
    """Code, message and hint of the one entry of the odd row."""
    return sides.one(
        "SELECT code, message, hint FROM quarantine WHERE state = 'open' AND kind = 'record'"
    )


@pytest.mark.parametrize(("value", "expected"), SENSELESS.values(), ids=SENSELESS)
@pytest.mark.parametrize("how", ["push", "sync"])
def test_a_senseless_id_is_told_and_the_others_go_on(
    at_rest: Sides, value: str, expected: str, how: str
) -> None:
    at_rest.edit(
        "UPDATE contacts SET salesforce_id = ?, last_name = 'X' WHERE email LIKE 'odd%'", value
    )
    at_rest.edit("UPDATE contacts SET last_name = 'Lovelace' WHERE email LIKE 'ada%'")
    report = getattr(at_rest, how)()
    number = at_rest.local("odd@example.com", "id") if how == "push" else None
    (record,) = [
        key for key, raw in at_rest.org.records.items() if raw.get("Email") == "ada@example.com"
    ]
    assert at_rest.remote(record, "LastName") == "Lovelace"
    code, message, hint = entry(at_rest)
    assert code == "MALFORMED_ID"
    for part in ("contacts", "salesforce_id", expected, *([str(number)] if number else [])):
        assert part in message, message
    assert "sfsync retry" in hint
    assert report.push["contact"].quarantined == 1
    again = getattr(at_rest, how)()
    assert again.push["contact"].quarantined == 0, "told once"


@pytest.mark.parametrize("value", [value for value, _ in SENSELESS.values() if value])
def test_a_senseless_id_ends_no_complete_reading(at_rest: Sides, value: str) -> None:
    at_rest.edit("UPDATE contacts SET salesforce_id = ? WHERE email LIKE 'odd%'", value)
    for job in (lambda: at_rest.pull(full=True), lambda: at_rest.run(verify, dry_run=True)):
        job()
        assert any("salesforce_id" in told for told in at_rest.reports[-1].warnings)


@pytest.mark.parametrize("value", [value for value, _ in SENSELESS.values()], ids=SENSELESS)
def test_a_corrected_id_is_sent_again(at_rest: Sides, value: str) -> None:
    good = at_rest.local("odd@example.com", "salesforce_id")
    at_rest.edit(
        "UPDATE contacts SET salesforce_id = ?, last_name = 'New' WHERE email LIKE 'odd%'", value
    )
    at_rest.push()
    at_rest.edit("UPDATE contacts SET salesforce_id = ? WHERE last_name = 'New'", good)
    at_rest.sync_until_quiet()
    assert at_rest.refusals() == []


@pytest.mark.parametrize("column", ["first_name", "last_name", "email", "last_email_opened"])
def test_text_that_is_not_utf8_is_told_and_the_others_go_on(at_rest: Sides, column: str) -> None:
    odd = at_rest.local("odd@example.com", "id")
    at_rest.edit(f"UPDATE contacts SET {column} = CAST(x'6361666ae9' AS TEXT) WHERE id = ?", odd)
    at_rest.edit("UPDATE contacts SET last_name = 'Lovelace' WHERE email LIKE 'ada%'")
    at_rest.sync(dry_run=True)
    at_rest.sync()
    code, message, hint = entry(at_rest)
    assert code == "UNREADABLE_VALUE"
    assert column in message
    assert "UTF-8" in message
    assert f"contacts {odd}" in message
    assert "sfsync retry" in hint
    assert at_rest.local("ada@example.com", "last_name") == "Lovelace"
    assert "Lovelace" in [raw.get("LastName") for raw in at_rest.org.records.values()]


ODD_TEXT = [
    "x'ff'",
    "x'c328'",
    "x'00'",
    "x'610062'",
    "x'eda080'",  # half of a surrogate pair
    "x'f4908080'",  # beyond Unicode
    "x'f09f9880'",
]
ODD = [
    *[f"CAST({each} AS TEXT)" for each in ODD_TEXT],
    *ODD_TEXT,
    "9e999",
    "-9e999",
    "9223372036854775807",
    "-9223372036854775808",
    "0.1",
    "''",
    "'yes'",
    "'NaN'",
    "'0000-00-00'",
    "'0000-01-01T00:00:00Z'",
    "'10026-01-01T00:00:00Z'",
    "'9999-12-31T23:59:59-14:00'",
    "printf('%.*c', 100000, 'x')",
    "'#N/A'",
    "'{{email}}'",
    "NULL",
]
COLUMNS = [
    "salesforce_id",
    "deleted_at",
    *[field.column for field in MAPPING.objects["contact"].fields],
]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(column=st.sampled_from(COLUMNS), value=st.sampled_from(ODD), new=st.booleans())
def test_no_value_in_any_column_ends_a_run(tmp_path_factory, column, value, new) -> None:
    sides = Sides(tmp_path_factory.mktemp("odd") / "mirror.db")
    try:
        ada = sides.org.create("Contact", LastName="Ada", Email="ada@example.com")
        sides.org.create("Contact", LastName="Odd", Email="odd@example.com")
        sides.pull()
        if new:
            sides.edit("INSERT INTO contacts (last_name, email) VALUES ('Odd', 'new@example.com')")
        else:
            sides.edit("UPDATE contacts SET last_name = 'Odder' WHERE email LIKE 'odd%'")
        name = sides.mapping.objects["contact"].table
        _try_to_write(sides, f"UPDATE {name} SET {column} = {value} WHERE last_name LIKE 'Odd%'")
        sides.edit("UPDATE contacts SET last_name = 'Lovelace' WHERE email LIKE 'ada%'")
        sides.sync(dry_run=True)
        sides.push()
        sides.push_activity(event(1, "ada@example.com"))
        sides.sync()
        sides.pull(full=True)
        sides.run(verify, dry_run=True)
        assert sides.remote(ada, "LastName") == "Lovelace"
        json.dumps(sides.mirror.quarantine.listed())
    finally:
        sides.close()


def _try_to_write(sides: Sides, sql: str) -> None:
    """A STRICT table refuses much by itself."""
    import sqlite3

    try:
        sides.edit(sql)
    except sqlite3.IntegrityError:
        return


ODD_FROM_ORG = [
    "x" * 3_000,
    "\ud800",
    "a\x00b",
    10**400,
    -0.0,
    True,
    "yes",
    {"deep": [1]},
    [],
    "0000-00-00",
    "10026-01-01T00:00:00.000+0000",
    "2026-13-45T99:99:99.000+0000",
    "",
    None,
]


@settings(max_examples=25, deadline=None)
@given(
    which=st.sampled_from(
        [
            "SystemModstamp",
            "IsDeleted",
            "MasterRecordId",
            *[field.remote for field in MAPPING.objects["contact"].fields],
        ]
    ),
    value=st.sampled_from(ODD_FROM_ORG),
)
def test_no_value_of_a_record_ends_a_pull(tmp_path_factory, which, value) -> None:
    sides = Sides(tmp_path_factory.mktemp("odd") / "mirror.db")
    try:
        odd = sides.org.create("Contact", LastName="Odd", Email="odd@example.com")
        told = sides.org._told

        def garbled(sobject, found, fields):
            for raw in told(sobject, found, fields):
                yield {**raw, which: value} if raw["Id"] == odd and which in raw else raw

        sides.org._told = lambda *given: list(garbled(*given))  # type: ignore[method-assign]
        sides.org.create("Contact", LastName="Ada", Email="ada@example.com")
        sides.pull()
        assert sides.local("ada@example.com", "last_name") == "Ada"
        sides.sync()
        sides.pull(full=True)
    finally:
        sides.close()


def test_rows_without_a_record_are_paged_by_their_index(at_rest: Sides) -> None:
    asked: list[str] = []
    database = at_rest.mirror.rows._database
    database.connection.set_trace_callback(asked.append)
    list(at_rest.mirror.rows.unlinked("contact"))
    database.connection.set_trace_callback(None)
    (query,) = [sql for sql in asked if "salesforce_id IS NULL" in sql]
    plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {query}")]
    assert plan[0].startswith("SEARCH r USING INDEX"), plan
