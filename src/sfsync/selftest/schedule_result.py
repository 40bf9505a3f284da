"""What became of one schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sfsync.selftest.invariants import BrokenPromise
from sfsync.selftest.schedule import Schedule


@dataclass
class ScheduleResult:
    """What became of one schedule.

    Attributes:
        broken: which promises did not hold; none where all did.
        log: what every step did, in words.
        rules: how often each rule did something.
        runs: how runs ended: ``ok``, ``died``, ``failed``.
        checked: how often each promise was looked at.
    """

    schedule: Schedule
    broken: list[BrokenPromise] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    calls: int = 0
