"""What may be repeated, and after how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import stamina

from sfsync.errors import BudgetSpent, GrantRevoked, ProtocolError
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry
from sfsync.salesforce.retry import (
    Patience,
    may_repeat_read,
    may_repeat_write,
    repeat_read,
    repeat_write,
    while_locked,
)

PATIENT = Patience()


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


def failing(times: int, error: Exception) -> tuple[Callable[[], int], list[int]]:
    """A call that fails so many times, and the list of its tries."""
    tries: list[int] = []

    def call() -> int:
        tries.append(1)
        if len(tries) <= times:
            raise error
        return len(tries)

    return call, tries


def test_a_read_is_repeated_whatever_happened_to_it() -> None:
    call, _ = failing(4, CallFailed("lost"))
    assert repeat_read(call, PATIENT) == 5


def test_a_read_is_given_up_after_five_tries() -> None:
    call, tries = failing(9, CallFailed("lost"))
    with pytest.raises(CallFailed):
        repeat_read(call, PATIENT)
    assert len(tries) == 5


def test_a_write_whose_reply_was_lost_is_not_repeated() -> None:
    call, tries = failing(1, CallFailed("lost"))
    with pytest.raises(CallFailed):
        repeat_write(call, PATIENT)
    assert len(tries) == 1


def test_a_write_that_never_left_is_repeated() -> None:
    call, _ = failing(2, CallFailed("refused", may_have_acted=False))
    assert repeat_write(call, PATIENT) == 3


@pytest.mark.parametrize(
    "error",
    [
        BudgetSpent("spent"),
        GrantRevoked("revoked"),
        ProtocolError("nonsense"),
        CallRefused(400, ErrorEntry("INVALID_FIELD", "No such column")),
        CallFailed("certificate", may_have_acted=False, repeatable=False),
    ],
)
def test_what_does_not_heal_is_not_repeated(error: Exception) -> None:
    assert may_repeat_read(error) is False
    assert may_repeat_write(error) is False


@pytest.mark.parametrize(
    ("asked", "answer"), [(None, True), (2.0, 2.0), (120.0, 120.0), (86_400.0, False)]
)
def test_a_wait_that_the_org_asks_for_is_obeyed_within_reason(
    asked: float | None, answer: bool | float
) -> None:
    assert may_repeat_read(CallFailed("busy", delay_seconds=asked, may_have_acted=False)) == answer


def test_locked_records_are_sent_again_until_they_pass() -> None:
    rounds: list[int] = []
    while_locked(lambda number: rounds.append(number) is None and number < 2, PATIENT)
    assert rounds == [0, 1, 2]


def test_locked_records_are_given_up_after_a_few_rounds() -> None:
    rounds: list[int] = []
    while_locked(lambda number: rounds.append(number) is None, PATIENT, rounds=4)
    assert rounds == [0, 1, 2, 3]


def test_waits_double_and_stay_under_the_cap() -> None:
    with stamina.set_testing(False):
        caller = PATIENT.caller()
    assert "wait_initial=0.5" in repr(caller)
    assert "wait_max=30.0" in repr(caller)
    assert "timeout=120.0" in repr(caller)
