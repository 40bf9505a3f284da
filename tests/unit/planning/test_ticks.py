"""What a process that listens does next: the batch before a look before the events, and longer waits after failures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.planning.ticks import LOCKED_SECONDS, LONGEST_WAIT_SECONDS, Ticks, Work


def test_it_begins_with_the_batch_which_is_a_look_too() -> None:
    ticks = Ticks(60, 3600)
    assert ticks.due(100, events_wait=True) is Work.BATCH
    ticks.done(Work.BATCH, 100)
    assert ticks.due(159, events_wait=False) is Work.NOTHING
    assert ticks.due(160, events_wait=False) is Work.POLL
    ticks.done(Work.POLL, 160)
    assert ticks.due(161, events_wait=True) is Work.ACTIVITY
    assert ticks.due(3700, events_wait=False) is Work.BATCH


@pytest.mark.parametrize(
    ("ticks", "first"),
    [
        (Ticks(60, 0), Work.POLL),
        (Ticks(60, 0, polls=False), Work.NOTHING),
        (Ticks(0, 0), Work.NOTHING),
    ],
)
def test_what_is_not_wanted_is_never_due(ticks: Ticks, first: Work) -> None:
    assert ticks.due(0, events_wait=False) is first
    assert ticks.due(10**6, events_wait=False) is first


def test_a_mirror_that_another_run_holds_is_left_alone_for_a_moment() -> None:
    ticks = Ticks(60, 0)
    ticks.locked(100)
    assert ticks.due(100 + LOCKED_SECONDS / 2, events_wait=True) is Work.NOTHING
    assert ticks.due(100 + LOCKED_SECONDS, events_wait=True) is Work.POLL


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=30))
def test_waits_double_up_to_a_minute_and_begin_anew_after_a_success(failures: int) -> None:
    ticks = Ticks(60, 0)
    waits = [ticks.failed(0) for _ in range(failures)]
    assert waits == [min(2.0**number, LONGEST_WAIT_SECONDS) for number in range(failures)]
    assert ticks.due(waits[-1] - 0.1, events_wait=True) is Work.NOTHING
    ticks.done(Work.POLL, waits[-1])
    assert ticks.failed(0) == 1


def test_what_waits_here_is_done_at_its_time_though_nothing_comes() -> None:
    ticks = Ticks(0, 0)
    ticks.wake(600)
    assert ticks.due(599, events_wait=False) is Work.NOTHING
    assert ticks.due(600, events_wait=False) is Work.ACTIVITY
    ticks.locked(600)
    assert ticks.due(600.5, events_wait=False) is Work.NOTHING
    ticks.done(Work.ACTIVITY, 602)
    ticks.wake(math.inf)
    assert ticks.due(10**6, events_wait=False) is Work.NOTHING


def test_what_the_stream_names_is_read_at_once_and_then_at_a_distance() -> None:
    ticks = Ticks(60, 0, polls=False, follows=True)
    ticks.done(Work.FOLLOW, 100)
    assert ticks.due(100.1, events_wait=True, hints_wait=True) is Work.FOLLOW
    ticks.done(Work.FOLLOW, 100.1, calls=1)
    assert ticks.due(100.2, events_wait=True, hints_wait=True) is Work.ACTIVITY
    assert ticks.due(101.2, events_wait=True, hints_wait=True) is Work.FOLLOW


def test_where_the_stream_names_changes_nobody_looks_and_edits_are_sent_all_the_same() -> None:
    ticks = Ticks(60, 0, polls=False, follows=True)
    ticks.done(Work.FOLLOW, 100)
    assert ticks.due(159, events_wait=False) is Work.NOTHING
    assert ticks.due(160, events_wait=False) is Work.FOLLOW


def test_what_the_brake_stopped_is_tried_once_a_minute_and_the_rest_goes_on() -> None:
    ticks = Ticks(60, 0, polls=False, follows=False)
    ticks.held_back(100)
    assert ticks.due(159, events_wait=True, hints_wait=True) is Work.ACTIVITY
    assert ticks.due(160, events_wait=True, hints_wait=True) is Work.FOLLOW
