"""The checks of the other tests here notice each kind of harm, done on purpose after a good run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.local_sides import LocalSides, OpenSides, task_key
from tests.faults.workload import NEW_HERE, Workload, start_workload
from tests.telling_cells import telling_cells


def ours(sides: LocalSides) -> dict[str, Any]:
    return next(task for task in sides.live("Task").values() if task_key(task))


def a_task_twice(sides: LocalSides, _: Workload) -> None:
    """As a reply that was lost and a blind repeat would leave it, in an org without external ids."""
    task = ours(sides)
    sides.people.create(
        "Task", {name: task[name] for name in ("Subject", "WhoId", "Description", "Status")}
    )


def a_task_of_nobodys(sides: LocalSides, workload: Workload) -> None:
    who = sides.record(workload.people[0])["Id"]
    sides.people.create("Task", {"Subject": "Email: January", "WhoId": who, "Status": "Completed"})


def a_task_gone(sides: LocalSides, _: Workload) -> None:
    sides.people.delete(ours(sides)["Id"])


def a_person_twice(sides: LocalSides, _: Workload) -> None:
    sides.people.create("Contact", {"LastName": "Newhere", "Email": NEW_HERE})
    sides.do("pull")


def a_click_twice(sides: LocalSides, workload: Workload) -> None:
    record = sides.record(workload.people[4])
    sides.people.edit(
        record["Id"], {"PenguinMails_Total_Clicks__c": record["PenguinMails_Total_Clicks__c"] + 1}
    )
    sides.do("pull")


def an_edit_here_lost(sides: LocalSides, workload: Workload) -> None:
    sides.people.edit(sides.record(workload.people[0])["Id"], {"Title": "As before"})
    sides.do("pull")


def an_edit_there_lost(sides: LocalSides, workload: Workload) -> None:
    sides.people.edit(sides.record(workload.people[2])["Id"], {"Phone": None})
    sides.do("pull")


def a_loser_of_a_conflict_forgotten(sides: LocalSides, _: Workload) -> None:
    sides.sql("DELETE FROM conflicts")


def somebody_else_touched(sides: LocalSides, workload: Workload) -> None:
    bystander = next(iter(workload.left_alone))
    sides.people.edit(bystander, {"Department": "Touched"})
    sides.do("pull")


HARM: dict[str, Callable[[LocalSides, Workload], None]] = {
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
@pytest.mark.parametrize(
    "harm", telling_cells(HARM, ["a Task twice", "an edit made here lost", "a person twice"])
)
def test_harm_is_noticed(open_sides: OpenSides, harm: str) -> None:
    sides = open_sides(external_ids=harm != "a Task twice")
    workload = start_workload(sides)
    sides.do("sync")
    workload.check_outcome(sides)
    HARM[harm](sides, workload)
    with pytest.raises((AssertionError, ValueError)):
        workload.check_outcome(sides)
