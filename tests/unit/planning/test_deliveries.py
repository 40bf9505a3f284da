"""What becomes of a delivery: taken, tried again by the schedule, given up; when an endpoint is left alone, paused, stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.model.cursor import iso
from sfsync.model.delivery import (
    ACTIVE,
    PAUSED,
    STOPPED,
    Delivery,
    Endpoint,
    PostAnswer,
    Settlement,
)
from sfsync.model.row_change import FeedCursor, RowChange
from sfsync.planning.deliveries import (
    DELAYS,
    JITTER,
    KINDS,
    LONGEST_HOLD,
    LONGEST_RETRY_AFTER,
    body_of,
    delay,
    hold,
    kinds_of,
    retry_after,
    settlement,
    type_of,
)

NOW = "2026-01-20T10:00:00Z"
CHANGE = RowChange(
    FeedCursor("1a2b3c4d", 7), NOW, "contact", 7, "003000000000007AAA", "update",
    {"phone": {"old": None, "new": "+44 ü"}}, "salesforce", "run-1",
)  # fmt: skip
CRM = Endpoint("crm")


def settled(
    answer: PostAnswer,
    endpoint: Endpoint = CRM,
    *,
    attempts: int = 0,
    now: str = NOW,
    jitter: float = 0,
) -> Settlement:
    return settlement(
        Delivery("crm", CHANGE, attempts), answer, endpoint,
        now=now, jitter=jitter, pause_after_days=5,
    )  # fmt: skip


def after(seconds: float, now: str = NOW) -> str:
    return iso(datetime.fromisoformat(now) + timedelta(seconds=seconds))


# -- what is told ----------------------------------------------------------------------------------
def test_a_line_of_the_feed_is_the_data_of_a_message() -> None:
    body = body_of(CHANGE)
    assert json.loads(body) == {
        "type": "contact.updated",
        "timestamp": NOW,
        "data": CHANGE.as_dict(),
    }
    assert body.isascii()


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("import", "lead.imported"), ("update", "lead.updated"), ("delete", "lead.deleted"),
        ("restore", "lead.restored"), ("merge", "lead.merged"), ("convert", "lead.converted"),
        ("joined", "lead.joined"), ("left", "lead.left"),
    ],
)  # fmt: skip
def test_every_action_has_its_type(action: str, told: str) -> None:
    assert type_of(replace(CHANGE, object="lead", action=action)) == told
    assert KINDS[told] == ("lead", action)


def test_types_choose_and_none_means_all() -> None:
    assert kinds_of(["lead.*", "contact.updated"]) == {
        *(kind for kind in KINDS.values() if kind[0] == "lead"),
        ("contact", "update"),
    }
    assert kinds_of([]) == frozenset(KINDS.values())
    assert "account.joined" not in KINDS
    assert "contact.converted" not in KINDS


# -- the schedule ----------------------------------------------------------------------------------
def test_the_schedule_is_that_of_the_specification() -> None:
    hours = [delay(attempts, 0) for attempts in range(1, 11)]
    assert hours == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, None]


@settings(deadline=None)
@given(
    st.integers(1, 9),
    st.floats(0, 1),
    st.integers(0, 10**8),
    st.sampled_from([500, 429, 404, 302, 0]),
)
def test_a_failed_attempt_waits_its_delay_and_what_was_asked_for(
    attempts: int, jitter: float, asked: int, status: int
) -> None:
    given_answer = PostAnswer(status, str(asked) if asked else "")
    found = settled(given_answer, attempts=attempts - 1, jitter=jitter)
    waits = (datetime.fromisoformat(found.next_at) - datetime.fromisoformat(NOW)).total_seconds()
    least = DELAYS[attempts - 1]
    wanted = min(asked, LONGEST_RETRY_AFTER)
    assert found.outcome == "failed"
    assert max(least, wanted) <= waits <= max(round(least * (1 + JITTER)), wanted)
    assert found.endpoint.failing_since == NOW
    assert found.endpoint.state == ACTIVE


@settings(deadline=None)
@given(st.integers(1, 100), st.floats(0, 1))
def test_an_endpoint_is_never_left_alone_for_long_unasked(failures: int, jitter: float) -> None:
    assert 5 <= hold(failures, jitter) <= LONGEST_HOLD
    assert hold(failures, jitter) <= hold(failures + 1, jitter)


def test_after_the_last_attempt_a_message_is_given_up_and_the_endpoint_goes_on() -> None:
    found = settled(PostAnswer(500), attempts=9)
    assert (found.outcome, found.next_at, found.endpoint.state) == ("given_up", "", ACTIVE)


# -- answers ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_done_and_forgets_earlier_failures(status: int) -> None:
    failing = Endpoint("crm", failures=3, failing_since=NOW, held_until=NOW)
    assert settled(PostAnswer(status), failing) == Settlement("delivered", CRM)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 422, 500])
def test_an_answer_about_one_message_holds_only_that_one(status: int) -> None:
    found = settled(PostAnswer(status))
    assert (found.outcome, found.next_at, found.endpoint.held_until) == ("failed", after(5), "")


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_an_endpoint_that_can_take_nothing_is_left_alone(status: int) -> None:
    found = settled(PostAnswer(status))
    assert (found.endpoint.failures, found.endpoint.held_until) == (1, after(5))
    again = settled(PostAnswer(status), found.endpoint, now=after(60))
    assert (again.endpoint.failures, again.endpoint.held_until) == (2, after(360))
    together = settled(PostAnswer(status), again.endpoint, now=after(61))
    assert together.endpoint.failures == 2
    asked = settled(PostAnswer(status, "3600"))
    assert (asked.next_at, asked.endpoint.held_until) == (after(3600), after(3600))


def test_410_stops_the_endpoint_and_what_waits_stays() -> None:
    found = settled(PostAnswer(410))
    assert (found.endpoint.state, found.next_at) == (STOPPED, NOW)


def test_days_of_nothing_but_failures_pause_it() -> None:
    failing = Endpoint("crm", failing_since=NOW)
    assert settled(PostAnswer(500), failing, now=after(5 * 86_400 - 1)).endpoint.state == ACTIVE
    found = settled(PostAnswer(500), failing, now=after(5 * 86_400)).endpoint
    assert (found.state, NOW in found.reason) == (PAUSED, True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0), ("120", 120), (" 7 ", 7), ("-5", 0), ("1.5", 0), ("soon", 0), ("\uff19", 0),
        ("999999999999999999", LONGEST_RETRY_AFTER),
        ("Tue, 20 Jan 2026 10:02:00 GMT", 120),
        ("Tue, 20 Jan 2026 09:00:00 GMT", 0),
        ("Tue, 20 Jan 2099 09:00:00 GMT", LONGEST_RETRY_AFTER),
    ],
)  # fmt: skip
def test_when_to_come_again(text: str, seconds: int) -> None:
    assert retry_after(text, NOW) == seconds


@settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_a_receiver_asks_for_is_read(text: str) -> None:
    assert 0 <= retry_after(text, NOW) <= LONGEST_RETRY_AFTER
