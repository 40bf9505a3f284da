"""Email events: once for ever, however often, in whatever order and by however many files they come."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.intake.event_files import read_events
from sfsync.model.arrival import Unreadable
from sfsync.model.event import EventType
from tests.sides import Sides, fast_folder

NOW = "2026-01-20T10:00:00Z"
PEOPLE = ["a@x.example", "b@x.example"]
KINDS = [EventType.OPENED, EventType.CLICKED, EventType.SENT]

events = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(PEOPLE),
        st.sampled_from(["c-1", "c-2"]),
        st.integers(0, 59),
    ),
    min_size=1,
    max_size=8,
)


def as_line(number: int, told: tuple[EventType, str, str, int]) -> bytes:
    kind, email, campaign, minute = told
    entry = {
        "id": f"evt-{number}",
        "type": kind.value,
        "email": email,
        "campaign_id": campaign,
        "campaign_name": campaign,
        "timestamp": f"2026-01-20T09:{minute:02d}:00Z",
    }
    return json.dumps(entry).encode() + b"\n"


@contextmanager
def two_people() -> Iterator[Sides]:
    with TemporaryDirectory(dir=fast_folder()) as folder:
        sides = Sides(Path(folder) / "mirror.db")
        try:
            for address in PEOPLE:
                sides.org.create("Contact", LastName="P", Email=address)
            sides.sync()
            yield sides
        finally:
            sides.close()


def handed_in(sides: Sides, content: bytes) -> None:
    """One file, as ``push-activity`` takes it."""
    found = list(read_events(io.BytesIO(content), now=NOW))
    assert not any(isinstance(each, Unreadable) for each in found)
    sides.push_activity(*(each[1] for each in found if not isinstance(each, Unreadable)))


def outcome(sides: Sides) -> tuple[Any, ...]:
    """What is left of it all, on both sides."""
    return (
        sides.look("SELECT id, type, email, campaign_id, timestamp, state FROM events ORDER BY id"),
        sides.look(
            "SELECT email, total_opens, total_clicks, last_email_opened FROM contacts ORDER BY email"
        ),
        Counter(raw["Subject"] for raw in sides.org.live("Task")),
    )


@settings(max_examples=12, deadline=None)
@given(events, st.data())
def test_any_order_any_repetition_and_any_split_of_the_file_end_the_same(
    told: list[tuple[EventType, str, str, int]], data: st.DataObject
) -> None:
    lines = [as_line(number, each) for number, each in enumerate(told)]
    shuffled = data.draw(
        st.permutations([*lines, *data.draw(st.lists(st.sampled_from(lines), max_size=4))])
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    with two_people() as at_once, two_people() as in_parts:
        handed_in(at_once, b"".join(lines))
        for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
            handed_in(in_parts, b"".join(shuffled[start:end]))
        assert outcome(in_parts) == outcome(at_once)
        assert len(at_once.tasks()) == len(set(at_once.tasks()))
