"""The judge of the other tests here: each kind of harm, done on purpose at the end of a good day, is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.day import NEW_HERE, Day, a_day
from tests.faults.pair import Opener, Pair, task_key


def ours(pair: Pair) -> dict[str, Any]:
    return next(task for task in pair.live("Task").values() if task_key(task))


def a_task_twice(pair: Pair, _: Day) -> None:
    """As a reply that was lost and a blind repeat would leave it, in an org without external ids."""
    task = ours(pair)
    pair.people.create(
        "Task", {name: task[name] for name in ("Subject", "WhoId", "Description", "Status")}
    )


def a_task_of_nobodys(pair: Pair, day: Day) -> None:
    who = pair.record(day.people[0])["Id"]
    pair.people.create("Task", {"Subject": "Email: January", "WhoId": who, "Status": "Completed"})


def a_task_gone(pair: Pair, _: Day) -> None:
    pair.people.delete(ours(pair)["Id"])


def a_person_twice(pair: Pair, _: Day) -> None:
    pair.people.create("Contact", {"LastName": "Newhere", "Email": NEW_HERE})
    pair.do("pull")


def a_click_twice(pair: Pair, day: Day) -> None:
    record = pair.record(day.people[4])
    pair.people.edit(
        record["Id"], {"PenguinMails_Total_Clicks__c": record["PenguinMails_Total_Clicks__c"] + 1}
    )
    pair.do("pull")


def an_edit_here_lost(pair: Pair, day: Day) -> None:
    pair.people.edit(pair.record(day.people[0])["Id"], {"Title": "As before"})
    pair.do("pull")


def an_edit_there_lost(pair: Pair, day: Day) -> None:
    pair.people.edit(pair.record(day.people[2])["Id"], {"Phone": None})
    pair.do("pull")


def a_loser_of_a_conflict_forgotten(pair: Pair, _: Day) -> None:
    pair.sql("DELETE FROM conflicts")


def somebody_else_touched(pair: Pair, day: Day) -> None:
    bystander = next(iter(day.left_alone))
    pair.people.edit(bystander, {"Department": "Touched"})
    pair.do("pull")


HARM: dict[str, Callable[[Pair, Day], None]] = {
    "a Task twice": a_task_twice,
    "a Task of nobody's": a_task_of_nobodys,
    "a Task gone": a_task_gone,
    "a person twice": a_person_twice,
    "a click counted twice": a_click_twice,
    "an edit made here lost": an_edit_here_lost,
    "an edit made there lost": an_edit_there_lost,
    "the loser of a conflict forgotten": a_loser_of_a_conflict_forgotten,
    "somebody else touched": somebody_else_touched,
}


@pytest.mark.always
@pytest.mark.parametrize("harm", HARM)
def test_harm_is_noticed(open_one: Opener, harm: str) -> None:
    pair = open_one(external_ids=harm != "a Task twice")
    day = a_day(pair)
    pair.do("sync")
    day.ends_well(pair)
    HARM[harm](pair, day)
    with pytest.raises((AssertionError, ValueError)):
        day.ends_well(pair)
