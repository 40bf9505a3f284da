"""What comes back from the org is what was sent, for every type; what is no such value says so."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.model.field_types import FieldType, canonical, from_org, to_org

T = FieldType
SCRIPTS = st.sampled_from(
    [
        "Ada",
        "🙈🏽",
        "👩‍👩‍👧",
        "שלום",
        "مرحبا",
        "é",
        "日本",
        "\u200f",
        "'",
        '"',
        "\\",
        " ",
        "\r\n",
        "\r",
        "\n",
    ]
)
TEXTS = (
    st.text(st.characters(codec="utf-8"), max_size=40)
    | st.lists(SCRIPTS).map("".join)
    | st.integers(0, 32_000).map(lambda size: "é" * size)
)
VALUES = {
    T.TEXT: TEXTS | st.none() | st.integers() | st.booleans(),
    T.INTEGER: st.integers(-(2**63), 2**63 - 1) | st.none() | st.integers(-999, 999).map(str),
    T.NUMBER: st.floats(allow_nan=False, allow_infinity=False)
    | st.none()
    | st.integers(-(10**17), 10**17),
    T.BOOLEAN: st.booleans()
    | st.none()
    | st.sampled_from(["true", "FALSE", "0", "1", " True ", "", 0, 1]),
    T.DATE: st.dates().map(date.isoformat) | st.none() | st.just(" "),
    T.DATETIME: st.datetimes(
        datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones() | st.just(UTC)
    ).map(datetime.isoformat)
    | st.none(),
    T.MULTIPICKLIST: st.lists(TEXTS | st.sampled_from(["News", "Offers", " Offers ", ""])).map(
        ";".join
    )
    | TEXTS
    | st.none(),
}


def bulk(raw: object) -> str:
    """The same JSON value as Bulk's CSV spells it."""
    if raw is None:
        return ""
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


@pytest.mark.parametrize("field_type", list(T))
@settings(deadline=None)
@given(data=st.data())
def test_what_was_sent_comes_back_as_the_canonical_value(
    field_type: FieldType, data: st.DataObject
) -> None:
    value = data.draw(VALUES[field_type])
    kept = canonical(field_type, value)
    assert from_org(field_type, to_org(field_type, value)) == kept
    assert from_org(field_type, to_org(field_type, kept)) == kept
    assert canonical(field_type, kept) == kept
    assert from_org(field_type, bulk(to_org(field_type, kept))) == kept


@settings(deadline=None)
@given(text=TEXTS)
def test_text_is_kept_but_for_blanks_at_its_ends_and_line_ends(text: str) -> None:
    kept = canonical(T.TEXT, text)
    assert (kept or "") == text.replace("\x00", "").replace("\r\n", "\n").replace(
        "\r", "\n"
    ).strip()
    assert kept != ""


@settings(deadline=None)
@given(text=st.text(st.characters(), max_size=20))
def test_any_text_of_the_org_can_be_kept_as_utf8(text: str) -> None:
    kept = from_org(T.TEXT, text)
    assert kept is None or str(kept).encode().decode() == kept


@pytest.mark.parametrize(
    ("field_type", "raw", "kept"),
    [
        (T.TEXT, "  Ada  ", "Ada"),
        (T.TEXT, " \t\r\n", None),
        (T.TEXT, "a\r\nb\rc", "a\nb\nc"),
        (T.TEXT, "a\x00b", "ab"),
        (T.TEXT, "a\ud800b", "a\ufffdb"),
        (T.TEXT, 12.0, "12"),
        (T.TEXT, 1.5, "1.5"),
        (T.TEXT, True, "true"),
        (T.INTEGER, 12.0, 12),
        (T.INTEGER, "12.0", 12),
        (T.INTEGER, "12", 12),
        (T.INTEGER, "-3", -3),
        (T.INTEGER, "1.2E1", 12),
        (T.INTEGER, "", None),
        (T.INTEGER, None, None),
        (T.NUMBER, "12.50", 12.5),
        (T.NUMBER, 3, 3.0),
        (T.NUMBER, " ", None),
        (T.BOOLEAN, "true", 1),
        (T.BOOLEAN, "false", 0),
        (T.BOOLEAN, True, 1),
        (T.BOOLEAN, None, 0),
        (T.BOOLEAN, "", 0),
        (T.BOOLEAN, 1.0, 1),
        (T.DATE, "2026-01-20", "2026-01-20"),
        (T.DATE, "", None),
        (T.DATETIME, "2026-01-20T10:00:00.000+0000", "2026-01-20T10:00:00Z"),
        (T.DATETIME, "2026-01-20T10:00:00.000Z", "2026-01-20T10:00:00Z"),
        (T.DATETIME, "2026-01-20T12:00:00.999+02:00", "2026-01-20T10:00:00Z"),
        (T.DATETIME, "", None),
        (T.DATETIME, None, None),
        (T.MULTIPICKLIST, "Offers;News", "News;Offers"),
        (T.MULTIPICKLIST, " News ;; Offers;News", "News;Offers"),
        (T.MULTIPICKLIST, "News", "News"),
        (T.MULTIPICKLIST, "News;", "News"),
        (T.MULTIPICKLIST, " ; ", None),
        (T.MULTIPICKLIST, "", None),
        (T.MULTIPICKLIST, None, None),
    ],
)
def test_the_orgs_spellings_are_one_value(field_type: FieldType, raw: object, kept: object) -> None:
    found = from_org(field_type, raw)
    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize(
    ("field_type", "typed", "kept"),
    [
        (T.INTEGER, "5", 5),
        (T.DATETIME, "2026-01-20 10:00:00", "2026-01-20T10:00:00Z"),
        (T.DATETIME, "2026-01-20", "2026-01-20T00:00:00Z"),
        (T.DATETIME, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        (T.BOOLEAN, "TRUE", 1),
    ],
)
def test_what_people_type_is_understood(field_type: FieldType, typed: object, kept: object) -> None:
    assert canonical(field_type, typed) == kept


@pytest.mark.parametrize(
    ("field_type", "typed", "told"),
    [
        (T.TEXT, b"x", "binary data is no text"),
        (T.TEXT, {"city": "x"}, "a compound value is no text"),
        (T.TEXT, ["x"], "a list is no text"),
        (T.MULTIPICKLIST, ["x"], "a list is no text"),
        (T.INTEGER, "5.5", "'5.5' is no whole number"),
        (T.INTEGER, 5.5, "'5.5' is no whole number"),
        (T.INTEGER, "five", "'five' is not a whole number"),
        (T.INTEGER, "1_000", "'1_000' is not a whole number"),
        (T.INTEGER, "1,000", "'1,000' is not a whole number"),
        (T.INTEGER, "٣", "'٣' is not a whole number"),
        (T.INTEGER, "²", "'²' is not a whole number"),
        (T.INTEGER, True, "true is not a whole number"),
        (T.INTEGER, 2**63, "'9223372036854775808' is too large a number"),
        (T.INTEGER, "9" * 500, f"'{'9' * 40}…' is not a whole number"),
        (T.NUMBER, math.nan, "'nan' is no number that can be kept"),
        (T.NUMBER, math.inf, "'inf' is no number that can be kept"),
        (T.NUMBER, "1e999", "is no number that can be kept"),
        (T.NUMBER, 10**400, "is too large a number"),
        (T.NUMBER, "x" * 50, f"'{'x' * 40}…' is not a number"),
        (T.BOOLEAN, "yes", "'yes' is neither true nor false"),
        (T.BOOLEAN, 2, "'2' is neither true nor false"),
        (T.DATE, "20.01.2026", "'20.01.2026' is not a date like 2026-01-20"),
        (T.DATE, "2026-02-30", "'2026-02-30' is no day of the calendar"),
        (T.DATE, "2026-01-20T10:00:00Z", "is not a date like 2026-01-20"),
        (T.DATE, 20260120, "20260120 is not a date like 2026-01-20"),
        (T.DATETIME, "yesterday", "'yesterday' is not a time like 2026-01-20T10:00:00Z"),
        (T.DATETIME, "2026-01-20T25:00:00Z", "is not a time like 2026-01-20T10:00:00Z"),
        (T.DATETIME, "0001-01-01T00:00:00+14:00", "is not a time like 2026-01-20T10:00:00Z"),
        (T.DATETIME, 1768903200, "1768903200 is not a time like 2026-01-20T10:00:00Z"),
    ],
)
def test_what_is_no_such_value_says_so(field_type: FieldType, typed: object, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        canonical(field_type, typed)
    assert told in str(caught.value)


def test_a_checkbox_is_never_sent_as_null() -> None:
    assert to_org(T.BOOLEAN, None) is False


def test_a_moment_is_sent_in_the_one_spelling_that_rest_and_bulk_share() -> None:
    assert to_org(T.DATETIME, "2026-01-20T10:00:00Z") == "2026-01-20T10:00:00.000Z"
