"""WHEN on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sfsync.cli.since import parse_when
from sfsync.errors import UsageError

NOON = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("2026-01-20T10:00", "2026-01-20T10:00:00Z"),
        ("2026-01-20 10:00:30", "2026-01-20T10:00:30Z"),
        ("2026-01-20T10:00:00Z", "2026-01-20T10:00:00Z"),
        ("2026-01-20t10:00:00+02:00", "2026-01-20T08:00:00Z"),
        ("7d", "2026-01-13T12:00:00Z"),
        (" 12H ", "2026-01-20T00:00:00Z"),
        ("30m", "2026-01-20T11:30:00Z"),
        ("2w", "2026-01-06T12:00:00Z"),
        ("today", "2026-01-20T00:00:00Z"),
        ("Yesterday", "2026-01-19T00:00:00Z"),
        ("1970-01-02", "1970-01-02T00:00:00Z"),
    ],
)
def test_what_people_write_for_a_time_is_understood(text: str, instant: str) -> None:
    assert parse_when(text, NOON) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "7",
        "7y",
        "-1d",
        "2026-13-01",
        "2026-02-30",
        "1969-12-31",
        "99999d",
        "10:00",
        "2026-01-20T25:00",
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_when(text, NOON)
    assert "yesterday" in refused.value.hint


def test_the_future_is_refused() -> None:
    with pytest.raises(UsageError, match="future"):
        parse_when("2026-01-21", NOON)


def test_a_day_begins_at_midnight_where_the_person_is() -> None:
    berlin = NOON.astimezone(ZoneInfo("Europe/Berlin"))
    assert parse_when("2026-01-20", berlin) == "2026-01-19T23:00:00Z"
    assert parse_when("yesterday", berlin) == "2026-01-18T23:00:00Z"
