"""Many schedules, one after the other or on several cores, until time is up or a promise breaks.

The schedules of a seed are those of the seeds that follow it: ``--seed 7 --schedules 100`` plays
the seeds 7 to 106, so that each can be played again alone.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count, islice

from sfsync.selftest.invariants import BrokenPromise
from sfsync.selftest.schedule import Schedule, draw, shrink
from sfsync.selftest.schedule_result import ScheduleResult
from sfsync.selftest.world import World

MOST_SECONDS_TO_EXPLAIN = 60.0
"""After so long the steps that are left are reported, whether or not all of them matter."""

OnSchedule = Callable[["Tally"], None]
"""Called after each schedule with how far it is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule under which a promise did not hold.

    Attributes:
        shrunk: the shortest schedule found that breaks the same promise.
        log: what its steps did, in words, up to where it broke.
    """

    seed: int
    broken: tuple[BrokenPromise, ...]
    shrunk: Schedule
    log: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What was played so far.

    Attributes:
        rules: how often each rule did something.
        runs: how the runs ended: ``ok``, ``died``, ``failed``.
        faults: how often each kind of trouble occurred.
        checked: how often each promise was looked at.
        calls: to the org.
    """

    seed: int
    schedules: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    seconds: float = 0.0
    failure: Failure | None = None

    @property
    def steps(self) -> int:
        """How many steps did something."""
        return sum(self.rules.values())

    def add(self, result: ScheduleResult) -> None:
        """Add what one schedule came to."""
        self.schedules += 1
        self.rules += result.rules
        self.runs += result.runs
        self.faults += result.faults
        self.checked += result.checked
        self.calls += result.calls


def chaos(
    seed: int,
    *,
    schedules: int | None = None,
    seconds: float | None = None,
    jobs: int = 1,
    on_schedule: OnSchedule = lambda _tally: None,
) -> Tally:
    """Play schedules until so many are played, the time is over, or a promise does not hold.

    Args:
        jobs: processes.
        on_schedule: called after each schedule; it may raise to end it all.
    """
    began = time.monotonic()
    tally = Tally(seed)
    for result in _results(seed, schedules, jobs):
        tally.add(result)
        tally.seconds = time.monotonic() - began
        on_schedule(tally)
        if result.broken:
            tally.failure = explain(result)
            break
        if seconds is not None and tally.seconds >= seconds:
            break
    tally.seconds = time.monotonic() - began
    return tally


def _results(seed: int, schedules: int | None, jobs: int) -> Iterator[ScheduleResult]:
    seeds = count(seed) if schedules is None else iter(range(seed, seed + schedules))
    if jobs > 1:
        yield from _on_several_cores(seeds, jobs)
        return
    with World() as world:
        for each in seeds:
            yield world.play(draw(each))


def _on_several_cores(seeds: Iterator[int], jobs: int) -> Iterator[ScheduleResult]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _leave_ctrl_c_to_the_parent) as pool:
        running: set[Future[ScheduleResult]] = {
            pool.submit(_play, each) for each in islice(seeds, 2 * jobs)
        }
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(_play, each) for each in islice(seeds, len(done))}
                for each in done:
                    yield each.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worlds: list[World] = []


def _leave_ctrl_c_to_the_parent() -> None:
    """The parent, which waits for all of them, ends them in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _play(seed: int) -> ScheduleResult:
    """One schedule, in the one world that this process has."""
    if not _worlds:
        _worlds.append(World().__enter__())
    return _worlds[0].play(draw(seed))


def explain(result: ScheduleResult) -> Failure:
    """Find the fewest steps that break the same promise."""
    wanted, began = result.broken[0].promise, time.monotonic()
    with World() as world:

        def breaks(schedule: Schedule) -> bool:
            if time.monotonic() - began >= MOST_SECONDS_TO_EXPLAIN:
                return False
            return any(each.promise == wanted for each in world.play(schedule).broken)

        if not breaks(result.schedule):
            # It does not break a second time: what is known is what the first time showed.
            return _failure(result, result.schedule, result)
        shrunk = shrink(result.schedule, breaks)
        return _failure(result, shrunk, world.play(shrunk))


def _failure(result: ScheduleResult, shrunk: Schedule, last: ScheduleResult) -> Failure:
    broken = last.broken or result.broken
    return Failure(result.schedule.seed, tuple(broken), shrunk, tuple(last.log))
