"""What a process that listens does next: nothing, events, what the stream names, a look at Salesforce, or the batch. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sfsync.planning.pace import Pace

LOCKED_SECONDS: Final = 1.0
"""How long to leave a mirror alone that another run holds."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
"""The wait after a tick that failed, doubled each time."""


class Work(StrEnum):
    """What one tick does."""

    NOTHING = "nothing"
    ACTIVITY = "activity"
    FOLLOW = "follow"  # what the stream names is read, and what was edited here is sent
    POLL = "poll"
    BATCH = "batch"


@dataclass(slots=True)
class Ticks:
    """When what is due. Times are seconds of a clock that never goes back.

    Attributes:
        poll_seconds: between two looks at Salesforce; 0 for never.
        batch_seconds: between two batches; 0 for never.
        polls: whether there is an object to look at.
        follows: whether there is one whose changes are named by the stream: nobody looks at it, and its edits are sent
            as often as if somebody did.
    """

    poll_seconds: float
    batch_seconds: float
    polls: bool = True
    follows: bool = False
    _pace: Pace = field(default_factory=Pace)
    _polled_at: float = float("-inf")
    _followed_at: float = float("-inf")
    _batch_at: float = float("-inf")
    _not_before: float = float("-inf")
    _wakes_at: float = float("inf")
    _wait: float = FIRST_WAIT_SECONDS

    def due(self, now: float, *, events_wait: bool, hints_wait: bool = False) -> Work:
        """What is to be done now. A batch does all that the others do, and each of these what events need.

        >>> ticks = Ticks(60, 3600)
        >>> ticks.due(0, events_wait=False)
        <Work.BATCH: 'batch'>
        >>> ticks.done(Work.BATCH, 0)
        >>> ticks.due(1, events_wait=True), ticks.due(1, events_wait=False), ticks.due(60, events_wait=True)
        (<Work.ACTIVITY: 'activity'>, <Work.NOTHING: 'nothing'>, <Work.POLL: 'poll'>)
        """
        if now < self._not_before:
            return Work.NOTHING
        if self.batch_seconds and now - self._batch_at >= self.batch_seconds:
            return Work.BATCH
        if hints_wait and self._pace.is_due(now):
            return Work.FOLLOW
        if self.polls and self.poll_seconds and now - self._polled_at >= self.poll_seconds:
            return Work.POLL
        if self.follows and self.poll_seconds and now - self._followed_at >= self.poll_seconds:
            return Work.FOLLOW
        return Work.ACTIVITY if events_wait or now >= self._wakes_at else Work.NOTHING

    def done(
        self, work: Work, now: float, *, calls: int = 0, calls_left: int | None = None
    ) -> None:
        """It was done.

        Args:
            calls: how many API calls it took.
            calls_left: how many may still be made today; ``None`` where that is not known.
        """
        self._wait, self._not_before = FIRST_WAIT_SECONDS, float("-inf")
        if work is Work.BATCH:
            self._batch_at = now
        if work in (Work.BATCH, Work.POLL):
            self._polled_at = now
        if work in (Work.BATCH, Work.FOLLOW):
            self._followed_at = now
        if work is Work.FOLLOW and calls:
            self._pace.read(now, calls=calls, calls_left=calls_left)

    def held_back(self, now: float) -> None:
        """The brake stopped what the stream names: it is tried again in a while, and the rest goes on."""
        self._pace.hold(now)

    def wake(self, at: float) -> None:
        """Something that waits here is to be sent then, whatever else comes; infinity for nothing.

        >>> ticks = Ticks(0, 0)
        >>> ticks.wake(600)
        >>> ticks.due(599, events_wait=False), ticks.due(600, events_wait=False)
        (<Work.NOTHING: 'nothing'>, <Work.ACTIVITY: 'activity'>)
        """
        self._wakes_at = at

    def locked(self, now: float) -> None:
        """Another run holds the mirror."""
        self._not_before = now + LOCKED_SECONDS

    def failed(self, now: float) -> float:
        """It could not be done; the next try waits longer each time. Returns the wait, in seconds."""
        wait = self._wait
        self._not_before = now + wait
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)
        return wait
