"""What may be repeated, and after how many seconds; stamina does the waiting.

A read may always be repeated. A write may only be where it is certain that the org did nothing with
it; what proves that stands in ``write_answers``. Everything else about a write is for the caller to
look up.

Source: docs/salesforce.md §2.4 (what heals; jsforce's practice: 0.5 s doubling, 5 tries, never POST
or PATCH).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from sfsync.salesforce.faults import CallFailed

MAX_OBEYED_SECONDS = 120.0
"""A longer Retry-After ends the run: the next one goes on from here."""

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on trying.

    Attributes:
        tries: calls altogether.
        seconds: no further try after so many.
        first_wait_seconds: doubled each time, with as much again as jitter at most, up to
            ``longest_wait_seconds``.
    """

    tries: int = 5
    seconds: float = 120.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 30.0

    def caller(self) -> stamina.RetryingCaller:
        """What waits and repeats."""
        return stamina.RetryingCaller(
            attempts=self.tries,
            timeout=self.seconds,
            wait_initial=self.first_wait_seconds,
            wait_max=self.longest_wait_seconds,
            wait_jitter=self.first_wait_seconds,
            wait_exp_base=2,
        )


def may_repeat_read(error: Exception) -> bool | float:
    """Whether a read is worth another try.

    Returns:
        ``False``, ``True`` for the usual wait, or the seconds that the org asked for.
    """
    if not isinstance(error, CallFailed) or not error.repeatable:
        return False
    if error.delay_seconds is None:
        return True
    if error.delay_seconds > MAX_OBEYED_SECONDS:
        return False
    return error.delay_seconds


def may_repeat_write(error: Exception) -> bool | float:
    """As for a read, where it is certain that the org did not act on the write."""
    if isinstance(error, CallFailed) and error.may_have_acted:
        return False
    return may_repeat_read(error)


def repeat_read(call: Callable[[], T], patience: Patience) -> T:
    """Do a read, patiently.

    Raises:
        SfsyncError: the last try's error.
    """
    return patience.caller()(may_repeat_read, call)


def repeat_write(call: Callable[[], T], patience: Patience) -> T:
    """Do a write, again only where that cannot do it twice.

    Raises:
        SfsyncError: the last try's error; ``CallFailed.may_have_acted`` says whether it has to be
            looked up.
    """
    return patience.caller()(may_repeat_write, call)


def _log_repeat(details: RetryDetails) -> None:
    """Tell why it waits, instead of stamina's own warning."""
    tell_wait(str(details.caused_by) or "locked records", details.wait_for)


set_on_retry_hooks([_log_repeat])


def tell_wait(reason: str, seconds: float) -> None:
    """Log that nothing is done for so long, and why; at a terminal a person sees it."""
    log.info("%s; again in %.1f s", reason, seconds, extra={"wait_seconds": seconds})


class StillLocked(Exception):
    """Some records were refused for a lock; they may be sent again."""


def while_locked(send: Callable[[int], bool], patience: Patience, *, rounds: int = 4) -> None:
    """Send until nothing is locked any more, or the rounds are over, with growing gaps.

    Args:
        send: takes the round's number, from 0, and says whether locked records are left.
    """
    number = iter(range(rounds))

    def once() -> None:
        if send(next(number)):
            raise StillLocked

    try:
        Patience(rounds, patience.seconds, patience.first_wait_seconds).caller()(StillLocked, once)
    except StillLocked:
        return
