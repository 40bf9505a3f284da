"""Seeded chaos over the real mirror and the local org, through the real adapter: a fixed slice at every change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sfsync.selftest.chaos import Tally, chaos
from sfsync.selftest.invariants import OF_STREAM, PROMISES
from sfsync.selftest.schedule import BY_NAME, Scene, Schedule, Step, _drawn, draw
from sfsync.selftest.world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as opened:
        yield opened


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
def test_whatever_happens_every_promise_holds(world: World, seed: int) -> None:
    played = world.play(draw(seed))
    assert not played.broken, "\n".join(played.log)
    assert set(PROMISES) - OF_STREAM == set(played.checked) - OF_STREAM


@pytest.mark.parametrize(
    "seed", [5, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (7, 9))]
)
def test_with_the_stream_followed_every_promise_holds(world: World, seed: int) -> None:
    played = world.play(draw(seed))
    assert not played.broken, "\n".join(played.log)
    assert set(PROMISES) == set(played.checked)


def test_without_the_packages_for_it_nobody_follows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sfsync.selftest.org_stream", None)
    monkeypatch.setattr(world, "_decoding", None)
    steps = (Step("run", {"verb": "tick"}), Step("run", {"verb": "sync"}))
    played = world.play(Schedule(1, Scene("keyed", follows=True), steps))
    assert not played.broken
    assert played.rules == {"run": 1}


def test_where_the_stream_is_followed_nothing_else_is_drawn_otherwise() -> None:
    followed, plain = draw(11), _drawn(11)
    rest = iter(followed.steps)
    assert all(step in rest for step in plain.steps)
    assert followed.scene == replace(plain.scene, follows=True)
    assert draw(12) == _drawn(12)


@pytest.mark.slow
def test_the_same_seed_is_the_same_trace(world: World) -> None:
    first, second = world.play(draw(11)), world.play(draw(11))
    assert first.log == second.log
    assert first.faults == second.faults


@pytest.mark.slow
def test_steps_and_trouble_really_come(world: World) -> None:
    tally = Tally(20)
    for seed in range(20, 24):
        tally.add(world.play(draw(seed)))
    assert tally.steps > 40
    assert set(tally.rules) - {"edited in flight"} <= set(BY_NAME)
    assert tally.runs["ok"]
    assert tally.runs["died"]
    assert sum(tally.faults.values()) > 4


@pytest.mark.slow
def test_a_promise_that_does_not_hold_is_told_with_the_fewest_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sfsync.selftest import runs as worlds

    def forgets(_run: object) -> None:
        """A push that pushes nothing."""

    for verb in ("push", "sync", "push_activity"):
        monkeypatch.setitem(worlds.VERBS, verb, forgets)
    tally = chaos(0, schedules=5)
    assert tally.failure is not None
    assert 1 <= len(tally.failure.shrunk.steps) <= 2
    assert tally.failure.broken
    assert "BROKEN" in tally.failure.log[-1]


def test_a_scene_begins_anew_each_time(world: World) -> None:
    quiet = Schedule(1, Scene("keyed"), (Step("run", {"verb": "sync"}),))
    assert world.play(quiet).log == world.play(quiet).log
