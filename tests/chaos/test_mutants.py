"""Chaos is worth as much as the bugs it finds: five that a sync has had, planted one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sfsync.engine import apply as applying
from sfsync.engine import pull as pulling
from sfsync.engine.run import Run
from sfsync.mirror import bases
from sfsync.mirror.outbox import Outbox
from sfsync.model.change import OrgWrite
from sfsync.model.journal import WriteIntent
from sfsync.model.outcome import ObjectReport
from sfsync.model.stage import StageSummary
from sfsync.planning import drift
from sfsync.planning.doubt import Doubt
from sfsync.salesforce import faults, retry
from sfsync.salesforce.write_answers import WriteAnswer
from sfsync.selftest.schedule import draw
from sfsync.selftest.world import World

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
MOST = 150
"""Schedules within which each is caught."""


@pytest.fixture
def world() -> Iterator[World]:
    with World() as opened:
        yield opened


def caught(world: World) -> tuple[int, list[str]]:
    """After how many schedules, and which promises did not hold."""
    for seed in range(MOST):
        played = world.play(draw(seed))
        if played.broken:
            promises = [each.promise for each in played.broken]
            print(f"caught by schedule {seed + 1}: {[str(each) for each in played.broken]}")
            return seed + 1, promises
    raise AssertionError(f"not caught by {MOST} schedules")


def test_a_watermark_that_moves_before_the_rows_are_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = pulling.settle

    def too_early(run: Run, reading: pulling.Reading, summary: StageSummary) -> ObjectReport:
        if reading.complete:
            run.mirror.state.advance_watermark(
                reading.object_map.name, reading.as_of, pulling._pulled(reading)
            )
        return settle(run, reading, summary)

    monkeypatch.setattr(pulling, "settle", too_early)
    assert "equal" in caught(world)[1]


def test_a_create_that_is_repeated_though_it_may_have_arrived(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "may_repeat_write", retry.may_repeat_read)
    assert {"once", "tasks", "counters"} & set(caught(world)[1])


def test_a_plan_that_is_made_beside_an_unanswered_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Doubt, "concerns", lambda *_: False)
    # what else stands against such a plan when it is applied
    monkeypatch.setattr(drift, "_base_changes", lambda *_: ())
    monkeypatch.setattr(applying, "differs", lambda *_: False)
    assert {"counters", "typed", "once"} & set(caught(world)[1])


def test_a_503_that_is_taken_for_a_proof(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = faults.write_answer

    def trusting(status: int, code: str) -> WriteAnswer:
        answer = judged(status, code)
        return replace(answer, nothing_done=True) if status == 503 else answer

    monkeypatch.setattr(faults, "write_answer", trusting)
    assert {"once", "tasks", "counters"} & set(caught(world)[1])


def test_a_base_that_moves_before_the_reply(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Outbox.journal

    def too_early(outbox: Outbox, writes: Sequence[WriteIntent]) -> list[OrgWrite]:
        sent = journal(outbox, writes)
        context: Any = outbox._context
        with context.database.transaction():
            for each in writes:
                plan, table = each.plan, context.table(each.plan.object)
                if plan.local_id is not None and plan.salesforce_id is not None:
                    values = {**plan.new_base, **plan.to_org}
                    bases.move(
                        context.database, table, plan.local_id, values, bases.held_columns(plan)
                    )
        return sent

    monkeypatch.setattr(Outbox, "journal", too_early)
    assert {"equal", "typed", "counters"} & set(caught(world)[1])
