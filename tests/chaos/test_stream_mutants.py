"""The judge of the stream is worth as much as the bugs it finds: those that a client of change events has, planted one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from sfsync.engine import follow as following
from sfsync.engine.pull import Reading
from sfsync.engine.run import Run
from sfsync.engine.stream_reader import StreamReader
from sfsync.mapping.projection import Projection
from sfsync.mirror.hints import Hints
from sfsync.model.cursor import Watermark
from sfsync.model.hint import Batch, DueRead
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import SalesforceId
from sfsync.salesforce.change_stream import decode
from sfsync.selftest.org_stream import FIRST_OF_ALL
from sfsync.selftest.schedule import Scene, Schedule, Step, draw
from sfsync.selftest.world import World
from tests.telling_cells import telling_cells

MOST = 150
"""Followed schedules within which each is caught."""

OF_STREAM = {"followed", "position"}

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as opened:
        yield opened


def a_position_stored_before_the_ids(patch: pytest.MonkeyPatch) -> None:
    """Two transactions, the wrong one first."""
    keep = Hints.keep

    def too_early(hints: Hints, channel: str, org_id: str, batch: Batch) -> None:
        keep(hints, channel, org_id, replace(batch, hints=()))
        keep(hints, channel, org_id, replace(batch, position=b""))

    patch.setattr(Hints, "keep", too_early)


def a_null_in_a_body_read_as_blank(patch: pytest.MonkeyPatch) -> None:
    """An event is taken for the record: what did not change is null in it."""
    bodies: dict[str, dict[str, Any]] = {}
    hint, read = decode.Decoder._hint, following._read

    def with_body(decoder: Any, kind: Any, change: str, named: Any, header: Any, schema: Any, payload: bytes) -> Any:  # fmt: skip
        decoded = hint(decoder, kind, change, named, header, schema, payload)
        if change == "UPDATE" and "*" not in named[0]:
            bodies.update((each, decode._read(payload, schema.whole)) for each in named)
        return decoded

    def of_bodies(
        run: Run, object_map: ObjectMap, ids: Iterable[SalesforceId], stack: ExitStack
    ) -> Reading:
        wanted = list(ids)
        if not all(each in bodies for each in wanted):
            return read(run, object_map, wanted, stack)
        columns = tuple(each for each, field in object_map.by_column.items() if field.pulls)
        projection = Projection(object_map, columns)
        stage = stack.enter_context(run.mirror.staging(object_map, columns))
        at = "2026-01-20T10:00:00.000+0000"
        stage.add(
            projection.to_remote_record(
                {
                    **{name: bodies[each].get(name) for name in projection.remote_fields},
                    "Id": each,
                    "LastName": (bodies[each].get("Name") or {}).get("LastName"),
                    "SystemModstamp": at,
                    "LastModifiedDate": at,
                    "IsDeleted": False,
                }
            )
            for each in wanted
        )
        rules = run.usable.rules_for(object_map.name)
        as_of = Watermark.parse(run.now())
        return Reading(object_map, rules, stage, as_of, complete=False, full=False)

    patch.setattr(decode.Decoder, "_hint", with_body)
    patch.setattr(following, "_read", of_bodies)


def everything_the_org_has_kept_after_a_dead_position(patch: pytest.MonkeyPatch) -> None:
    """EARLIEST instead of LATEST: the allowance of all clients is spent on what a pull reads anyway."""

    def from_the_first(reader: StreamReader) -> None:
        position = reader.hints.position(reader.channel, reader.org_id)
        reader._began_anew, reader._first_at = position is None, None
        reader.stream.open(position or FIRST_OF_ALL)
        reader._is_open = True

    patch.setattr(StreamReader, "_open", from_the_first)


def a_dead_position_is_no_gap(patch: pytest.MonkeyPatch) -> None:
    """The stream begins anew, and nobody reads what was missed."""
    patch.setattr(StreamReader, "_whole", lambda *_: ())


def an_overflow_names_nobody(patch: pytest.MonkeyPatch) -> None:
    """Without an Id there is nothing to read."""
    add = Hints._add
    patch.setattr(
        Hints, "_add", lambda hints, found: add(hints, [each for each in found if each.ids])
    )


def what_is_named_meanwhile_is_taken_away(patch: pytest.MonkeyPatch) -> None:
    """A tick takes a hint away that came while it was reading."""
    taken = Hints.taken

    def whatever(hints: Hints, due: DueRead, ids: Iterable[SalesforceId]) -> None:
        taken(hints, replace(due, up_to=10**9), ids)

    patch.setattr(Hints, "taken", whatever)


def hints_are_taken_before_they_are_followed(patch: pytest.MonkeyPatch) -> None:
    """A crash between loses them."""
    read = following._read

    def too_early(
        run: Run, object_map: ObjectMap, ids: Iterable[SalesforceId], stack: ExitStack
    ) -> Reading:
        wanted = list(ids)
        reading = read(run, object_map, wanted, stack)
        run.mirror.hints.taken(run.mirror.hints.due(object_map.name, 10_000), wanted)
        return reading

    patch.setattr(following, "_read", too_early)


def step(rule: str, **arguments: Any) -> Step:
    return Step(rule, arguments)


EDIT = step("edit_there", number=0, table="contacts", column="job_title", blank=False)
TICK, FOLLOW = step("run", verb="tick"), step("run", verb="follow")
LIVES: dict[Plant, tuple[str, Sequence[Step]]] = {
    a_position_stored_before_the_ids: (
        "position",
        [each for nth in range(3, 8) for each in (EDIT, step("run_and_die_after_a_commit", verb="follow", nth=nth))],
    ),
    a_null_in_a_body_read_as_blank: ("followed", [EDIT, FOLLOW]),
    everything_the_org_has_kept_after_a_dead_position: (
        "position",
        [EDIT, step("stream_trouble", kind="expire", times=1), FOLLOW],
    ),
    a_dead_position_is_no_gap: ("followed", [EDIT, step("stream_trouble", kind="reset", times=1)]),
    an_overflow_names_nobody: ("followed", [step("stream_trouble", kind="overflow", times=1), EDIT, FOLLOW]),
    what_is_named_meanwhile_is_taken_away: (
        "followed",
        [EDIT, step("run_while_the_stream_tells_more", verb="follow", place="pull.guarded", number=0, column="phone")],
    ),
    hints_are_taken_before_they_are_followed: (
        "followed",
        [EDIT, step("run_and_die", verb="follow", place="pull.guarded", nth=1)],
    ),
}  # fmt: skip
"""What shows each of them: the promise that breaks, and the steps."""


@pytest.mark.parametrize(
    "plant",
    telling_cells(LIVES, [a_position_stored_before_the_ids, a_null_in_a_body_read_as_blank]),
)
def test_a_few_steps_show_it(world: World, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    promise, steps = LIVES[plant]
    schedule = Schedule(0, Scene("keyed", follows=True), tuple(steps))
    sound = world.play(schedule)
    assert not sound.broken, "\n".join(sound.log)
    plant(monkeypatch)
    assert promise in {each.promise for each in world.play(schedule).broken}


def caught(world: World) -> int:
    """After how many followed schedules a law of the stream did not hold."""
    for number, seed in enumerate(range(1, 2 * MOST, 2), 1):
        played = world.play(draw(seed))
        if OF_STREAM & {each.promise for each in played.broken}:
            print(f"caught by schedule {number}: {[str(each) for each in played.broken]}")
            return number
    raise AssertionError(f"not caught by {MOST} schedules")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("plant", LIVES)
def test_random_schedules_catch_it(
    world: World, monkeypatch: pytest.MonkeyPatch, plant: Plant
) -> None:
    plant(monkeypatch)
    assert caught(world)
