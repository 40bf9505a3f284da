"""What the email platform says of people: whatever order and repetition it comes in, the end is that of the right order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync import failpoints
from sfsync.engine.push_activity import push_activity, take
from sfsync.engine.run import Run
from sfsync.errors import SfsyncError
from sfsync.intake.contact_edits import with_values
from sfsync.intake.service_files import arrival_of_items
from sfsync.intake.sources.penguinmails import SOURCE
from sfsync.model.mapping import RecordEvent
from tests.sides import MAPPING, Sides, fast_folder

NOW = "2026-01-20T10:00:00Z"
IMPORTING = replace(
    MAPPING,
    rules={
        **MAPPING.rules,
        "contact": replace(
            MAPPING.rules["contact"], contacts=(RecordEvent.CREATED, RecordEvent.UPDATED)
        ),
    },
)
COLUMNS = ("first_name", "phone", "job_title")

changes = st.lists(
    st.tuples(
        st.integers(0, 3),  # the minute; two may be at the same time
        st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(["a", "b", None]), min_size=1),
    ),
    max_size=5,
)


@contextmanager
def scene() -> Iterator[Sides]:
    with TemporaryDirectory(dir=fast_folder()) as folder:
        sides = Sides(Path(folder) / "mirror.db", mapping=IMPORTING)
        try:
            yield sides
        finally:
            sides.close()


def told(changes: list[tuple[int, dict[str, str | None]]]) -> list[dict[str, Any]]:
    """The events in the order in which they happened."""
    data = {"contact_id": "c", "email": "ada@x.example", "first_name": "Ada", "last_name": "L"}
    made = {"id": "evt-0", "type": "contact.created", "created_at": "2026-01-20T08:00:00Z"}
    ordered = sorted(enumerate(changes, 1), key=lambda each: (each[1][0], each[0]))
    return [
        {**made, "data": data},
        *(
            {
                "id": f"evt-{number}",
                "type": "contact.updated",
                "created_at": f"2026-01-20T09:{minute:02d}:00Z",
                "data": {"contact_id": "c", "changed_fields": changed},
            }
            for number, (minute, changed) in ordered
        ),
    ]


def deliver(sides: Sides, entry: dict[str, Any], commit: int = 0) -> None:
    """A delivery and its run; where the disk fails at that commit, it is run again with the same, as the inbox has it."""
    items = [(0, item) for item in SOURCE.from_value(entry, now=NOW)]
    arrival = with_values(arrival_of_items(items, "penguinmails"), sides.mapping, now=NOW)

    def job(run: Run) -> None:
        take(run, arrival)
        push_activity(run)

    failpoints.arm(failpoints.Plan({("commit", commit): "disk"}) if commit else None)
    try:
        sides.run(job)
    except (SfsyncError, OSError):
        failpoints.arm(None)
        sides.reopen()
        sides.run(job)
    finally:
        failpoints.arm(None)


def both_sides(sides: Sides) -> tuple[Any, ...]:
    listed = ", ".join(COLUMNS)
    [record] = sides.org.live("Contact")
    there = [record.get(name) for name in ("FirstName", "Phone", "Title", "LastName")]
    return sides.look(f"SELECT email, last_name, {listed} FROM contacts"), there


@settings(max_examples=20, deadline=None)
@given(changes, st.data())
def test_any_order_any_repetition_and_any_end_of_a_run_leave_what_was_said_last(
    said: list[tuple[int, dict[str, str | None]]], data: st.DataObject
) -> None:
    in_order = told(said)
    again = data.draw(st.lists(st.sampled_from(in_order), max_size=3))
    shuffled = data.draw(st.permutations([*in_order, *again]))
    with scene() as right, scene() as other:
        for entry in in_order:
            deliver(right, entry)
        for entry in shuffled:
            deliver(other, entry, data.draw(st.integers(0, 9)))
        for sides in (right, other):
            sides.sync()  # what a run that ended had still to send
        assert both_sides(other) == both_sides(right)
