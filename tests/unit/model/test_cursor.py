"""Where a pull goes on from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.model.cursor import DEFAULT_OVERLAP, Watermark, iso

TIMES = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """A machine far from Greenwich."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


def test_a_time_with_an_offset_is_told_in_utc_and_whole_seconds(elsewhere: None) -> None:
    mark = Watermark.parse("2026-01-20T11:00:00.750+01:00")
    assert mark.at == datetime(2026, 1, 20, 10, tzinfo=UTC)
    assert mark.at.utcoffset() == timedelta(0)
    assert str(mark) == "2026-01-20T10:00:00Z"


def test_a_time_without_a_zone_is_refused_and_quoted() -> None:
    with pytest.raises(ValueError, match="time zone: 2026-01-20T10:00:00"):
        Watermark.parse("2026-01-20T10:00:00")


def test_what_is_read_again_is_a_quarter_of_an_hour_unless_said_otherwise() -> None:
    mark = Watermark.parse("2026-01-20T10:00:00Z")
    assert timedelta(minutes=15) == DEFAULT_OVERLAP
    assert mark.read_from() == "2026-01-20T09:45:00Z"
    assert mark.read_from(timedelta(days=1)) == "2026-01-19T10:00:00Z"


@given(TIMES)
def test_a_watermark_reads_back_what_it_writes(at: datetime) -> None:
    assert str(Watermark.parse(iso(at))) == iso(at)
