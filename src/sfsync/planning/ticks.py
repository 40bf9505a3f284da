"""What a process that listens does next: nothing, the events that wait, a look at Salesforce, or the batch. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOCKED_SECONDS: Final = 1.0
"""How long to leave a mirror alone that another run holds."""

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
"""The wait after a tick that failed, doubled each time."""


class Work(StrEnum):
    """What one tick does."""

    NOTHING = "nothing"
    ACTIVITY = "activity"
    POLL = "poll"
    BATCH = "batch"


@dataclass(slots=True)
class Ticks:
    """When what is due. Times are seconds of a clock that never goes back.

    Attributes:
        poll_seconds: between two looks at Salesforce; 0 for never.
        batch_seconds: between two batches; 0 for never.
        polls: whether there is an object to look at.
    """

    poll_seconds: float
    batch_seconds: float
    polls: bool = True
    _polled_at: float = float("-inf")
    _batch_at: float = float("-inf")
    _not_before: float = float("-inf")
    _wakes_at: float = float("inf")
    _wait: float = FIRST_WAIT_SECONDS

    def due(self, now: float, *, events_wait: bool) -> Work:
        """What is to be done now. A batch does all that the others do, and a poll what events need.

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
        if self.polls and self.poll_seconds and now - self._polled_at >= self.poll_seconds:
            return Work.POLL
        return Work.ACTIVITY if events_wait or now >= self._wakes_at else Work.NOTHING

    def done(self, work: Work, now: float) -> None:
        """It was done."""
        self._wait, self._not_before = FIRST_WAIT_SECONDS, float("-inf")
        if work is Work.BATCH:
            self._batch_at = now
        if work in (Work.BATCH, Work.POLL):
            self._polled_at = now

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
