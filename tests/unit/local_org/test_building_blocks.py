"""The small parts: ids, times, date literals, values, settings, indexes."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_org import ids, timestamps
from local_org.api_error import ApiError
from local_org.records import values
from local_org.schema.sobject import Field
from local_org.soql import date_literals
from local_org.state.clock import Clock
from local_org.state.founding import found_org
from local_org.state.org import OrgState
from local_org.state.tables import Index, ModstampLog

SHORT_IDS = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=15, max_size=15
)


@pytest.mark.parametrize(
    ("short", "check"),
    [
        ("a01M00000062mPg", "IAI"),
        ("001M000000qfPyS", "IAU"),
        ("AbCdEfGhIjKlMnO", "VKV"),
        ("aBcDEfgHIJKLMNO", "025"),
        ("a0D30000001n7Pi", "EAI"),
        ("0035500001H9cak", "AAB"),
        ("0015500001QdQWa", "AAN"),
    ],
)
def test_known_checksums(short, check):
    assert ids.checksum(short) == check


@given(SHORT_IDS)
def test_a_long_id_survives_the_loss_of_its_case(short):
    full = ids.canonical(short)
    assert len(full) == 18
    assert {ids.canonical(full), ids.canonical(full.lower()), ids.canonical(full.upper())} == {full}


@given(st.integers(0, 62**5 - 1))
def test_made_ids_are_canonical(number):
    made = ids.make("00T", number)
    assert len(made) == 18
    assert ids.canonical(made) == made == ids.canonical(made[:15])


def test_text_that_is_no_id_is_left_alone():
    assert [ids.canonical(text) for text in ("", "abc", "é" * 15)] == ["", "abc", "é" * 15]


@given(st.integers(-10_000_000_000, 200_000_000_000))
def test_moments_are_read_back(seconds):
    text = timestamps.rest_text(seconds)
    assert timestamps.read_moment(text) == seconds
    assert timestamps.read_moment(timestamps.bulk_text(seconds)) == seconds
    assert timestamps.day_of(seconds) == text[:10]


def test_what_is_no_time():
    assert timestamps.read_moment("2026-02-30T00:00:00Z") is None
    assert timestamps.read_day("2026-02-30") is None
    assert timestamps.read_day("20260201") is None
    assert timestamps.read_http_date("never") is None


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("literal", "first", "after"),
    [
        ("TODAY", "2026-11-23", "2026-11-24"),
        ("YESTERDAY", "2026-11-22", "2026-11-23"),
        ("TOMORROW", "2026-11-24", "2026-11-25"),
        ("THIS_WEEK", "2026-11-22", "2026-11-29"),
        ("LAST_WEEK", "2026-11-15", "2026-11-22"),
        ("NEXT_MONTH", "2026-12-01", "2027-01-01"),
        ("LAST_MONTH", "2026-10-01", "2026-11-01"),
        ("THIS_QUARTER", "2026-10-01", "2027-01-01"),
        ("NEXT_QUARTER", "2027-01-01", "2027-04-01"),
        ("LAST_YEAR", "2025-01-01", "2026-01-01"),
        ("LAST_N_DAYS:7", "2026-11-16", "2026-11-24"),
        ("LAST_90_DAYS", "2026-08-25", "2026-11-24"),
        ("NEXT_N_DAYS:2", "2026-11-24", "2026-11-26"),
        ("LAST_N_WEEKS:2", "2026-11-08", "2026-11-22"),
        ("LAST_N_MONTHS:12", "2025-11-01", "2026-11-01"),
        ("NEXT_N_QUARTERS:1", "2027-01-01", "2027-04-01"),
        ("LAST_N_YEARS:2", "2024-01-01", "2026-01-01"),
    ],
)
def test_date_literals(literal, first, after):
    assert date_literals.bounds(literal, NOW, "UTC") == (
        date.fromisoformat(first),
        date.fromisoformat(after),
    )


def test_a_day_begins_where_the_user_is():
    assert date_literals.bounds(
        "TODAY", datetime(2026, 1, 20, 3, tzinfo=UTC), "America/Los_Angeles"
    )[0] == date(2026, 1, 19)
    assert date_literals.start_of(date(2026, 1, 19), "America/Los_Angeles") == int(
        datetime(2026, 1, 19, 8, tzinfo=UTC).timestamp()
    )


NUMBER = Field("N__c", "double", "N", precision=5, scale=2)
WHOLE = Field("I", "int", "I", precision=3)


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        (NUMBER, "12.345", 12.35),
        (NUMBER, -999.99, -999.99),
        (NUMBER, "", None),
        (WHOLE, 7.0, 7),
        (WHOLE, "7", 7),
    ],
)
def test_numbers_that_fit(field, raw, expected):
    assert values.read(field, raw) == expected


@pytest.mark.parametrize(
    ("field", "raw", "code"),
    [
        (NUMBER, 1000, "NUMBER_OUTSIDE_VALID_RANGE"),
        (NUMBER, 10**400, "NUMBER_OUTSIDE_VALID_RANGE"),
        (NUMBER, True, "JSON_PARSER_ERROR"),
        (NUMBER, [1], "JSON_PARSER_ERROR"),
        (NUMBER, "NaN", "JSON_PARSER_ERROR"),
        (WHOLE, 7.5, "JSON_PARSER_ERROR"),
        (Field("D", "date", "D"), 20260101, "JSON_PARSER_ERROR"),
        (Field("R", "reference", "R"), 5, "JSON_PARSER_ERROR"),
        (Field("B", "boolean", "B"), 1, "JSON_PARSER_ERROR"),
    ],
)
def test_numbers_and_others_that_do_not(field, raw, code):
    with pytest.raises(ApiError) as refused:
        values.read(field, raw)
    assert refused.value.code == code


def test_blank_text_is_null_for_every_kind():
    for kind in ("date", "datetime", "reference", "email"):
        assert values.read(Field("F", kind, "F", length=80), "") is None


def test_an_index_forgets():
    index = Index()
    for record_id in ("a", "b", "c"):
        index.add("Same", record_id)
    index.remove("SAME", "b")
    index.remove("same", "zzz")
    index.remove("other", "a")
    assert index.find("sAME") == ["a", "c"]
    index.remove("same", "a")
    index.remove("same", "c")
    assert index.find("same") == []


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abcd")), max_size=40),
    st.integers(0, 20),
)
def test_the_modstamp_log_tells_who_was_stamped_since(entries, since):
    log = ModstampLog()
    for stamp, record_id in entries:
        log.add(stamp, record_id)
    assert set(log.since(since)) == {record_id for stamp, record_id in entries if stamp >= since}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "drop"]),
            st.sampled_from("abc"),
            st.sampled_from(["x", "Y", None]),
        ),
        max_size=15,
    )
)
def test_a_cancelled_transaction_leaves_no_trace(steps):
    state = OrgState(clock=Clock(lambda: 1_000.0))
    found_org(state)
    kept = {
        name: state.insert_system("Contact", {"LastName": name, "Email": f"{name}@b.example"})
        for name in "ab"
    }
    table = state.table("Contact")
    before = dict(table.rows)
    with state.transaction() as transaction:
        for action, name, email in steps:
            record_id = kept.get(name, "0035f0000000zzzAAA")
            row = {
                "Id": record_id,
                "LastName": name,
                "SystemModstamp": 1_001,
                **({"Email": email} if email else {}),
            }
            state.put(table, record_id, row if action == "put" else None)
        transaction.cancel()
    assert table.rows == before
    assert table.indexes["Email"].find("x") == []
    assert table.indexes["Email"].find("a@b.example") == [kept["a"]]
