"""Email events: once for ever, however often, in whatever order and by however many files they come."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.config.file import example_config, load_config
from sfsync.intake.event_files import read_events
from sfsync.model.arrival import Unreadable
from sfsync.model.event import EventType
from sfsync.model.mapping import SyncMapping
from tests.sides import MAPPING, Sides, event, fast_folder

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
def two_people(mapping: SyncMapping = MAPPING) -> Iterator[Sides]:
    with TemporaryDirectory(dir=fast_folder()) as folder:
        sides = Sides(Path(folder) / "mirror.db", mapping=mapping)
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


# -- machines --------------------------------------------------------------------------------------
STRANGER = "stranger@x.example"


def ignoring_machines() -> SyncMapping:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sfsync.yaml"
        stated = ("  # machine_events: ignore ", "  machine_events: ignore ")
        path.write_text(example_config().replace(*stated), encoding="utf-8")
        return load_config(path, {"SFSYNC_CLIENT_ID": "none"}).mapping


IGNORING = ignoring_machines()

caused = st.lists(
    st.tuples(
        st.sampled_from([*EventType]),
        st.sampled_from([*PEOPLE, STRANGER]),
        st.integers(0, 59),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def both_sides(sides: Sides) -> tuple[Any, ...]:
    """Rows, Tasks, consent and records, without what numbers and clocks make of them."""
    return (
        sides.look("SELECT email, total_opens, total_clicks, last_email_opened, unsubscribed, opted_out FROM contacts ORDER BY email"),
        sides.look("SELECT key, state FROM activities ORDER BY key"),
        sides.look("SELECT address_key, state, since, reason FROM consent ORDER BY 1, 2, 3, 4"),
        Counter(str(sorted((name, raw.get(name)) for name in SEEN)) for raw in sides.org.records.values()),
    )  # fmt: skip


SEEN = (
    "_sobject", "Email", "Subject", "HasOptedOutOfEmail", "PenguinMails_Unsubscribed__c",
    "PenguinMails_Total_Opens__c", "PenguinMails_Total_Clicks__c", "PenguinMails_Last_Email_Opened__c",
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(caused)
def test_events_of_machines_that_are_ignored_change_nothing_on_either_side(
    told: list[tuple[EventType, str, int, bool]],
) -> None:
    given_in = [
        replace(event(number, email, kind, minute=minute), is_machine=is_machine)
        for number, (kind, email, minute, is_machine) in enumerate(told)
    ]
    counting = [each for each in given_in if each.type.is_about_consent or not each.is_machine]
    with two_people(IGNORING) as all_of_them, two_people(IGNORING) as without:
        report = all_of_them.push_activity(*given_in)
        without.push_activity(*counting)
        assert both_sides(all_of_them) == both_sides(without)
        assert report.activity is not None
        assert report.activity.left_out == len(given_in) - len(counting)
        kept = all_of_them.look("SELECT count(*) FROM events WHERE state <> 'new'")
        assert kept == [(len(given_in),)]
