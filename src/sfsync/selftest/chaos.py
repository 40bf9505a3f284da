"""Many schedules, one after the other or on several cores: until the time is over, or a promise does not hold.

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

from sfsync.selftest.invariants import Broken
from sfsync.selftest.schedule import Schedule, draw, shrink
from sfsync.selftest.world import Played, World

MOST_SECONDS_TO_EXPLAIN = 60.0
"""After so long the steps that are left are told, whether or not all of them matter."""

Told = Callable[["Tally"], None]
"""Told after each schedule how far it is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule under which a promise did not hold.

    Attributes:
        shrunk: the shortest schedule found that breaks the same promise.
        log: what its steps did, in words, up to where it broke.
    """

    seed: int
    broken: tuple[Broken, ...]
    shrunk: Schedule
    log: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What was played so far.

    Attributes:
        rules: how often each rule did something.
        runs: how the runs ended: ``ok``, ``died``, ``failed``.
        faults: how often each kind of trouble struck.
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

    def add(self, played: Played) -> None:
        """Add what one schedule came to."""
        self.schedules += 1
        self.rules += played.rules
        self.runs += played.runs
        self.faults += played.faults
        self.checked += played.checked
        self.calls += played.calls


def chaos(
    seed: int,
    *,
    schedules: int | None = None,
    seconds: float | None = None,
    jobs: int = 1,
    told: Told = lambda _tally: None,
) -> Tally:
    """Play schedules until so many are played, the time is over, or a promise does not hold.

    Args:
        jobs: processes.
        told: told after each schedule; it may raise to end it all.
    """
    began = time.monotonic()
    tally = Tally(seed)
    for played in _played(seed, schedules, jobs):
        tally.add(played)
        tally.seconds = time.monotonic() - began
        told(tally)
        if played.broken:
            tally.failure = explain(played)
            break
        if seconds is not None and tally.seconds >= seconds:
            break
    tally.seconds = time.monotonic() - began
    return tally


def _played(seed: int, schedules: int | None, jobs: int) -> Iterator[Played]:
    seeds = count(seed) if schedules is None else iter(range(seed, seed + schedules))
    if jobs > 1:
        yield from _on_several_cores(seeds, jobs)
        return
    with World() as world:
        for each in seeds:
            yield world.play(draw(each))


def _on_several_cores(seeds: Iterator[int], jobs: int) -> Iterator[Played]:
    with ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _in_a_process_of_its_own
    ) as pool:
        running: set[Future[Played]] = {
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


def _in_a_process_of_its_own() -> None:
    """Ctrl-C is for the one who waits for all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _play(seed: int) -> Played:
    """One schedule, in the one world that this process has."""
    if not _worlds:
        _worlds.append(World().__enter__())
    return _worlds[0].play(draw(seed))


def explain(played: Played) -> Failure:
    """Find the fewest steps that break the same promise."""
    wanted, began = played.broken[0].promise, time.monotonic()
    with World() as world:

        def breaks(schedule: Schedule) -> bool:
            in_time = time.monotonic() - began < MOST_SECONDS_TO_EXPLAIN
            return in_time and any(each.promise == wanted for each in world.play(schedule).broken)

        again = breaks(played.schedule)
        shrunk = shrink(played.schedule, breaks) if again else played.schedule
        last = world.play(shrunk) if again else played
    return Failure(
        played.schedule.seed, tuple(last.broken or played.broken), shrunk, tuple(last.log)
    )
