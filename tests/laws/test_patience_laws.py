"""Waiting between tries stays within bounds; whatever the org writes back, what was secret stays so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from sfsync.auth.oauth_errors import plain
from sfsync.salesforce import retry
from sfsync.salesforce.faults import CallFailed
from sfsync.salesforce.retry import MAX_OBEYED_SECONDS, Patience, repeat_read


@contextmanager
def waits() -> Iterator[list[float]]:
    """How long each wait would have been; nobody waits."""
    told: list[float] = []

    def note(details: RetryDetails) -> None:
        told.append(details.wait_for)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _seconds: None)
        set_on_retry_hooks([note])
        try:
            yield told
        finally:
            set_on_retry_hooks([retry._log_repeat])


def failing(error: Exception) -> object:
    def call() -> None:
        raise error

    return call


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.floats(0.01, 2.0), st.floats(2.0, 40.0))
def test_waits_double_up_to_a_limit_and_there_are_no_more_than_tries(
    tries: int, first: float, longest: float
) -> None:
    patience = Patience(tries, 1_000.0, first, longest)
    with waits() as told, pytest.raises(CallFailed):
        repeat_read(failing(CallFailed("lost")), patience)  # type: ignore[arg-type]
    assert len(told) == tries - 1
    for number, seconds in enumerate(told):
        assert 0 <= seconds <= min(longest, first * 2**number + first) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1_000))
def test_the_org_is_obeyed_up_to_a_limit_and_a_longer_wait_ends_the_run(asked: float) -> None:
    with waits() as told, pytest.raises(CallFailed):
        repeat_read(failing(CallFailed("busy", delay_seconds=asked)), Patience(tries=2))  # type: ignore[arg-type]
    assert told == ([pytest.approx(asked)] if asked <= MAX_OBEYED_SECONDS else [])


def test_the_usual_patience_ends_within_two_minutes() -> None:
    usual = Patience()
    longest = sum(
        min(
            usual.longest_wait_seconds,
            usual.first_wait_seconds * 2**number + usual.first_wait_seconds,
        )
        for number in range(usual.tries - 1)
    )
    assert longest <= usual.seconds <= 120
    assert not stamina.is_testing()


SECRETS = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=6, max_size=40
)
NOISE = st.text(max_size=60)


@settings(max_examples=300)
@given(
    SECRETS,
    NOISE,
    NOISE,
    st.sampled_from([str, quote, lambda text: quote(text, safe=""), quote_plus]),
    st.sampled_from(["", "\x1b", "\x00", "\u202e", "\r"]),
)
def test_a_secret_that_comes_back_is_never_shown(
    secret: str, before: str, after: str, form: object, dirt: str
) -> None:
    sent = form(secret)  # type: ignore[operator]
    shown = plain(f"{before}{sent[:3]}{dirt}{sent[3:]}{after}", hide=(secret,))
    for written in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}:
        assert written not in shown
    assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\u202a-\u202e]*", shown)
