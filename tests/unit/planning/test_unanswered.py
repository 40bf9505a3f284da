"""A write without a reply: what the record tells of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.planning.unanswered import was_applied


@pytest.mark.parametrize(
    ("before", "after", "now", "expected"),
    [
        ({"title": "CTO"}, {"title": "CEO"}, {"title": "CEO"}, True),
        ({"title": "CTO"}, {"title": "CEO"}, {"title": "CFO"}, False),
        ({}, {"title": "CEO"}, {"title": "CEO"}, True),
        ({}, {"title": "CEO"}, {"title": None}, False),
        ({"title": "CTO", "city": "Oslo"}, {"title": "CEO", "city": "Rome"}, {"title": "CFO", "city": "Rome"}, True),
        ({"title": "CEO"}, {"title": "CEO"}, {"title": "CFO"}, True),  # nothing was to change
        ({"title": "CTO"}, {"title": "CEO"}, {}, True),  # nothing can be seen of it
        ({"clicks": 5}, {"clicks": 7}, {"clicks": 6}, False),
        ({"clicks": 5}, {"clicks": 7}, {"clicks": 7}, True),
        ({"clicks": 5}, {"clicks": 7}, {"clicks": 9}, True),
        ({"clicks": 5}, {"clicks": 3}, {"clicks": 4}, False),
        ({"clicks": 5}, {"clicks": 3}, {"clicks": 5}, False),
        ({"clicks": None}, {"clicks": 1}, {"clicks": 2}, True),
        ({"clicks": None}, {"clicks": 0}, {"clicks": 2}, False),
        ({"clicks": 9}, {"clicks": 7}, {"clicks": 9}, False),
        ({"clicks": 5}, {"clicks": 7}, {"clicks": "9"}, False),
        ({"clicks": "5"}, {"clicks": "7"}, {"clicks": 9}, False),
        ({"clicks": 5, "title": "CTO"}, {"clicks": 7, "title": "CEO"}, {"clicks": 8, "title": "CTO"}, False),
        ({"clicks": 5, "title": "CTO"}, {"clicks": 7, "title": "CEO"}, {"clicks": 8, "title": "CFO"}, True),
        ({"clicks": 5, "title": "CTO"}, {"clicks": 7, "title": "CEO"}, {"clicks": 6, "title": "CEO"}, True),
    ],
)  # fmt: skip
def test_what_the_record_shows(
    before: dict[str, Any], after: dict[str, Any], now: dict[str, Any], expected: bool
) -> None:
    assert was_applied(before, after, now) is expected


VALUES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.none() | st.integers(0, 3) | st.sampled_from("xyz")
)


@given(VALUES, VALUES)
def test_a_record_that_holds_all_that_was_sent_has_received_it(before: dict, after: dict) -> None:
    assert was_applied(before, after, before | after)


@given(VALUES, VALUES)
def test_a_record_that_holds_nothing_new_has_not(before: dict, after: dict) -> None:
    changing = {column: value for column, value in after.items() if before.get(column) != value}
    now = {column: before.get(column) for column in changing}
    if changing:
        assert not was_applied(before, changing, now)
