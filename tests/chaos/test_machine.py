"""The same steps, drawn and shrunk by hypothesis, over the same world: real HTTP, the real adapter, the real mirror.

HYPOTHESIS_PROFILE=long pytest -m long tests/chaos     as `make chaos` does
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sfsync.selftest.schedule import (
    LONGEST,
    RULES,
    SCENES,
    SHORTEST,
    STREAM_RULES,
    Schedule,
    Step,
    choices,
)
from sfsync.selftest.schedule_result import ScheduleResult
from sfsync.selftest.world import World

LONG = int(os.environ.get("MACHINE_EXAMPLES", "400"))
SHORT = 4


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """As ``schedule.draw`` does, with choices that hypothesis can make smaller."""
    scene = replace(draw(st.sampled_from(SCENES)), follows=draw(st.booleans()))
    possible = (*RULES, *STREAM_RULES) if scene.follows else RULES
    names = [rule for rule in possible for _ in range(rule.weight)]
    rules = draw(st.lists(st.sampled_from(names), min_size=SHORTEST, max_size=LONGEST))
    steps = (
        Step(
            rule.name,
            {name: draw(st.sampled_from(each)) for name, each in choices(rule, scene).items()},
        )
        for rule in rules
    )
    return Schedule(0, scene, tuple(steps))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as opened:
        yield opened


def machine(world: World, examples: int, *, derandomize: bool) -> Counter[str]:
    """Play so many; how often each rule did something, each fault struck and each kind of run was made."""
    counted: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(schedules())
    def play(schedule: Schedule) -> None:
        played: ScheduleResult = world.play(schedule)
        counted.update(played.rules)
        counted.update({f"fault: {name}": number for name, number in played.faults.items()})
        counted.update({f"run: {name}": number for name, number in played.runs.items()})
        assert not played.broken, "\n".join(played.log)

    play()
    print(sum(counted.values()), dict(counted.most_common()))
    return counted


def faults(counted: Counter[str]) -> int:
    return sum(number for name, number in counted.items() if name.startswith("fault: "))


@pytest.mark.slow
def test_a_slice_of_the_machine(world: World) -> None:
    counted = machine(world, SHORT, derandomize=True)
    assert counted["run: ok"] > 5 * SHORT
    assert faults(counted)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_machine(world: World) -> None:
    counted = machine(world, LONG, derandomize=False)
    assert counted["run: ok"] > 5 * LONG
    assert counted["run: died"] > LONG // 8
    assert faults(counted) > LONG
    assert len({rule.name for rule in RULES} - counted.keys()) <= len(RULES) // 6, (
        "nearly every rule did something"
    )
