"""Names of campaigns that come whenever they come, and runs that end anywhere: one Task for each event, for ever the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync import failpoints
from sfsync.engine.push_activity import push_activity, take
from sfsync.engine.run import Run
from sfsync.model.arrival import Arrival
from sfsync.model.event import EventType
from sfsync.planning.campaign_names import PATIENCE
from tests.sides import Sides, event, fast_folder

ADA = "ada@x.example"
CAMPAIGNS = ["c-1", "c-2"]

events = st.tuples(st.just("event"), st.integers(0, 4))
names = st.tuples(st.just("name"), st.integers(0, 1))
waits = st.tuples(st.just("wait"), st.integers(1, 6))
ends = st.tuples(st.just("end"), st.integers(1, 12))
steps = st.lists(st.one_of(events, names, waits, ends), min_size=3, max_size=14)


@contextmanager
def ending_at(commit: int) -> Iterator[None]:
    """The disk fails at a commit, and with it the run."""
    failpoints.arm(failpoints.Plan({("commit", commit): "disk"}) if commit else None)
    try:
        yield
    finally:
        failpoints.arm(None)


def deliver(sides: Sides, arrival: Arrival, commit: int = 0) -> None:
    """A delivery and the run that takes it in; one that fails is run again with the same, as the inbox has it."""

    def job(run: Run) -> None:
        take(run, arrival)
        push_activity(run)

    with suppress(Exception), ending_at(commit):
        sides.run(job)
        return
    sides.reopen()
    sides.run(job)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_each_event_is_one_task_that_never_changes_named_if_its_name_came_in_time(
    told: list[tuple[str, int]],
) -> None:
    with TemporaryDirectory(dir=fast_folder()) as folder:
        sides = Sides(Path(folder) / "mirror.db")
        try:
            sides.org.create("Contact", LastName="P", Email=ADA)
            sides.sync()
            _play(sides, told)
        finally:
            sides.close()


def _play(sides: Sides, told: list[tuple[str, int]]) -> None:
    commit, known, seen, came = 0, set[str](), dict[str, str](), set[str]()
    heard_of: dict[str, datetime] = {}
    for what, number in [*told, ("wait", 6), ("wait", 6)]:
        campaign = CAMPAIGNS[number % 2]
        arrival = Arrival("penguinmails", names_later=True)
        match what:
            case "end":
                commit = number
                continue
            case "wait":
                sides.pass_time(number * 60)
            case "event":
                one = event(number, ADA, EventType.SENT, campaign=campaign)
                arrival = replace(arrival, events=(replace(one, campaign_name=""),))
                came.add(one.id)
                heard_of.setdefault(campaign, sides.now)
            case _:
                arrival = replace(arrival, campaigns={campaign: f"Name of {campaign}"})
                known.add(campaign)
        deliver(sides, arrival, commit)
        commit = 0
        waited_for = {each for each, at in heard_of.items() if sides.now < at + PATIENCE}
        seen = _looked_at(sides, known, waited_for - known, seen)
    assert seen.keys() == came


def _looked_at(
    sides: Sides, known: set[str], waited_for: set[str], before: dict[str, str]
) -> dict[str, str]:
    """The Tasks' subjects by their events: each event has one, and one that was there is as it was."""
    tasks = sides.org.live("Task")
    now = {task["PenguinMails_Event_Id__c"]: task["Subject"] for task in tasks}
    assert len(now) == len(tasks)
    for key, subject in now.items():
        campaign = CAMPAIGNS[int(key.removeprefix("evt-")) % 2]
        if key in before:
            assert subject == before[key]
        elif campaign in known:
            assert subject == f"Email: Name of {campaign}"
        else:
            assert subject == f"Email: {campaign}"
            assert campaign not in waited_for
    return now
