"""A Task whose campaign's name comes later: it waits for ten minutes, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.engine.push_activity import push_activity, take
from sfsync.engine.run import Run
from sfsync.model.arrival import Arrival
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.outcome import ActivityReport
from tests.sides import MAPPING, Sides, event

ADA = "ada@x.example"
CLICKS = "PenguinMails_Total_Clicks__c"


@pytest.fixture
def ada(sides: Sides) -> str:
    record = sides.org.create("Contact", LastName="Lovelace", Email=ADA)
    sides.pull()
    return record


def nameless(number: int, kind: EventType = EventType.CLICKED) -> EmailEvent:
    return replace(event(number, ADA, kind, campaign=f"c-{number}"), campaign_name="")


def delivered(sides: Sides, *events: EmailEvent, **names: str) -> ActivityReport:
    """A delivery of a service that tells names apart, and the run that takes it in; a minute goes by."""
    campaigns = {name.replace("_", "-"): told for name, told in names.items()}

    def job(run: Run) -> None:
        take(run, Arrival("penguinmails", events, campaigns=campaigns, names_later=True))
        push_activity(run)

    report = sides.run(job).activity
    assert report is not None
    return report


def subjects(sides: Sides) -> list[str]:
    return sorted(task["Subject"] for task in sides.org.live("Task"))


def test_only_the_task_waits_and_goes_with_the_name_once_that_is_told(sides: Sides, ada) -> None:
    report = delivered(sides, nameless(1), nameless(2, EventType.UNSUBSCRIBED))
    assert (report.held, report.waiting, report.tasks) == (1, 1, 0)
    assert report.due_at == "2026-01-20T10:12:00Z"
    assert sides.remote(ada, CLICKS) == 1
    assert sides.remote(ada, "HasOptedOutOfEmail") is True
    report = delivered(sides, c_1="January")
    assert (report.held, report.waiting, report.tasks, report.due_at) == (0, 0, 1, "")
    assert subjects(sides) == ["Email: January"]


def test_after_ten_minutes_the_id_is_used_and_a_later_name_changes_nothing(
    sides: Sides, ada
) -> None:
    delivered(sides, nameless(1))
    sides.pass_time(8 * 60)
    assert delivered(sides).held == 1  # nine minutes
    assert delivered(sides).tasks == 1
    assert subjects(sides) == ["Email: c-1"]
    assert delivered(sides, c_1="January").tasks == 0
    assert subjects(sides) == ["Email: c-1"]


def test_a_campaign_is_waited_for_once_not_for_each_event(sides: Sides, ada) -> None:
    delivered(sides, nameless(1))
    sides.pass_time(10 * 60)
    late = replace(nameless(1), id="evt-late", type=EventType.SENT)
    assert delivered(sides, late).tasks == 2
    assert subjects(sides) == ["Email: c-1", "Email: c-1"]


def test_a_name_that_is_known_is_used_at_once(sides: Sides, ada) -> None:
    delivered(sides, c_1="January")
    assert delivered(sides, nameless(1)).tasks == 1
    assert subjects(sides) == ["Email: January"]


def test_what_names_no_campaign_or_comes_in_a_file_does_not_wait(sides: Sides, ada) -> None:
    assert sides.push_activity(nameless(1)).activity.tasks == 1
    fields = tuple(
        (name, "An email" if name == "Subject" else template)
        for name, template in MAPPING.activities.fields
    )
    sides.reopen(replace(MAPPING, activities=replace(MAPPING.activities, fields=fields)))
    assert delivered(sides, nameless(2)).tasks == 1


def test_a_clock_that_was_years_ahead_holds_nothing_up(sides: Sides, ada) -> None:
    right = sides.now
    sides.now = right.replace(year=2031)
    delivered(sides, nameless(1))
    sides.now = right
    assert delivered(sides).tasks == 1


def test_a_name_that_comes_while_its_task_waits_for_an_answer_changes_nothing(
    sides: Sides, ada
) -> None:
    delivered(sides, nameless(1))
    sides.pass_time(10 * 60)
    sides.org.trouble.lost_replies = 1
    delivered(sides)
    assert subjects(sides) == ["Email: c-1"]
    delivered(sides, c_1="January")
    assert subjects(sides) == ["Email: c-1"]
