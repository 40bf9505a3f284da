"""What a run may cost, and how much it may take away: it stops before it begins, says so, and nothing is applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sfsync.engine.ports import Org
from sfsync.errors import BudgetSpent, UnsafePlan, WrongOrg
from sfsync.model.event import EventType
from sfsync.model.mapping import SyncMapping
from sfsync.model.traffic import Batching
from tests.faults.local_sides import LocalSides, OpenSides, addresses, daily_cells, event
from tests.faults.workload import run_tolerating_errors, start_workload


class Small:
    """An org that takes two writes a call."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def __getattr__(self, name: str) -> Any:
        return getattr(self._org, name)

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        return replace(self._org.batching(action_count, creating=creating), size=2)


def leave(sides: LocalSides, calls: int) -> int:
    """Let so many calls be left above the reserve; gives the org's limit."""
    sides.local.state.meter.reset()
    limit = 1_000
    sides.local.state.settings.daily_api_requests = limit
    for _ in range(800 - calls):
        sides.local.state.meter.count()
    sides.limits = replace(sides.limits, api_per_run=1.0)
    return limit


def plenty(sides: LocalSides) -> None:
    sides.local.state.meter.reset()
    sides.local.state.settings.daily_api_requests = 15_000


# -- the budget ------------------------------------------------------------------------------------
def test_a_push_that_needs_more_calls_than_are_left_sends_nothing(sides: LocalSides) -> None:
    for email in addresses(sides)[:8]:
        sides.edit(email, job_title="Edited")
    sides.between = Small
    leave(sides, 4)
    there = sides.everything()
    error = run_tolerating_errors(sides, "push")
    assert isinstance(error, BudgetSpent)
    assert error.exit_code == 5
    assert "of its 1000 API calls" in error.message
    assert "20% of them are left for everyone else" in error.message
    assert "about 4 more" in error.message
    assert sides.everything() == there
    assert sides.unfinished() == []
    plenty(sides)
    sides.do("push")
    assert sum(row["Title"] == "Edited" for row in sides.live("Contact").values()) == 8


def test_tasks_that_need_more_calls_than_are_left_wait(sides: LocalSides) -> None:
    people = addresses(sides)
    sides.keep_events(*(event(EventType.REPLIED, email) for email in people[:8]))
    sides.between = Small
    leave(sides, 3)
    error = run_tolerating_errors(sides, "push_activity")
    assert isinstance(error, BudgetSpent)
    assert "about 4 more" in error.message
    assert not any(task["PenguinMails_Event_Id__c"] for task in sides.live("Task").values())
    assert len(sides.unfinished()) == 8
    plenty(sides)
    sides.converge()
    assert sum(bool(task["PenguinMails_Event_Id__c"]) for task in sides.live("Task").values()) == 8


def test_a_pull_that_needs_more_calls_than_are_left_applies_nothing(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=900, leads=1, pulled=False)
    sides.run()
    leave(sides, 5)
    error = run_tolerating_errors(sides, "pull")
    assert isinstance(error, BudgetSpent)
    assert sides.rows() == []
    assert sides.watermark() == ""
    plenty(sides)
    sides.do("pull")
    assert len(sides.rows()) == 900


@pytest.mark.parametrize("calls", daily_cells(range(1, 10), 2, 5))
def test_whatever_is_left_the_reserve_is_never_touched_and_the_next_run_goes_on(
    sides: LocalSides, calls: int
) -> None:
    workload = start_workload(sides)
    limit = leave(sides, calls)
    error = run_tolerating_errors(sides)
    assert error is None or isinstance(error, BudgetSpent)
    assert sides.local.state.meter.used <= limit * 0.8
    assert isinstance(error, BudgetSpent) or calls >= 8
    plenty(sides)
    workload.check_outcome(sides)


def test_one_run_takes_no_more_than_its_share(sides: LocalSides) -> None:
    workload = start_workload(sides)
    sides.local.state.settings.daily_api_requests = 100
    sides.limits = replace(sides.limits, api_per_run=0.04)
    error = run_tolerating_errors(sides)
    assert isinstance(error, BudgetSpent)
    assert "this run has made" in error.message
    assert "4% of the org's 100 a day" in error.message
    assert "api_per_run" in error.hint
    assert sides.local.state.meter.used <= 4
    plenty(sides)
    workload.check_outcome(sides)


def test_an_org_whose_calls_are_spent_ends_the_run_and_keeps_what_was_done(
    sides: LocalSides,
) -> None:
    """The org's own refusal, in the middle of the day's work."""
    workload = start_workload(sides)
    sides.limits = replace(sides.limits, api_reserve=0.0, api_per_run=1.0)
    sides.local.state.settings.daily_api_requests = 5
    error = run_tolerating_errors(sides)
    assert isinstance(error, BudgetSpent)
    assert sides.local.state.meter.used <= 5
    plenty(sides)
    workload.check_outcome(sides)


# -- the brakes ------------------------------------------------------------------------------------
def stopped(sides: LocalSides, *verbs: str, **options: Any) -> UnsafePlan:
    """The brake stops these verbs, and nothing is applied on either side; only a person's word lets them go on."""
    there, here, mark = sides.everything(), sides.mirror_tables(), sides.watermark()
    with pytest.raises(UnsafePlan) as caught:
        sides.do(*verbs, **options)
    assert caught.value.exit_code == 7
    assert "Nothing was applied" in caught.value.message
    assert "--allow-mass-change" in caught.value.hint
    assert (sides.everything(), sides.mirror_tables(), sides.watermark()) == (there, here, mark)
    with pytest.raises(UnsafePlan):
        sides.do(*verbs, **options)
    return caught.value


def remove(sides: LocalSides, sobject: str, how: str, only: Sequence[str] | None = None) -> None:
    for record_id in only or list(sides.live(sobject)):
        sides.people.delete(record_id)
        if how == "purged":
            sides.people.purge(record_id)


@pytest.mark.parametrize("how", ["deleted", "purged"])
def test_an_org_that_was_emptied_empties_nothing_here(sides: LocalSides, how: str) -> None:
    remove(sides, "Contact", how)
    told = stopped(sides, "pull", full=True)
    assert "not one record, and the mirror has 12 rows" in told.message
    assert all(row["deleted_at"] is None for row in sides.rows())
    sides.allow_mass_change = True
    sides.do("pull", full=True)
    gone = [row for row in sides.rows() if row["deleted_at"]]
    assert len(gone) == (
        12 if how == "deleted" else 0
    )  # what is merely not found is never taken for deleted


def test_more_deletions_than_the_limit_stop_an_everyday_pull(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=60)
    remove(sides, "Contact", "deleted", sorted(sides.live("Contact"))[:25])
    told = stopped(sides, "sync")
    assert "would delete 25" in told.message
    sides.allow_mass_change = True
    sides.do("sync")
    assert sum(row["deleted_at"] is None for row in sides.rows()) == 35


def test_an_object_that_never_had_a_record_is_no_trouble(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=0, leads=0, pulled=False)
    sides.run()
    sides.sql("INSERT INTO contacts (email, last_name) VALUES ('first@here.example', 'First')")
    sides.do("sync", *())
    assert sides.record("first@here.example")["LastName"] == "First"


@pytest.mark.parametrize("verb", ["pull", "push", "push_activity"])
def test_another_org_behind_the_login_is_refused_before_anything_is_asked(
    sides: LocalSides, verb: str
) -> None:
    start_workload(sides)
    here = sides.mirror_tables()
    sides.local.state.org_id = "00D000000000999AAA"
    with pytest.raises(WrongOrg) as caught:
        sides.do(verb)
    assert caught.value.exit_code == 4
    assert "another profile" in caught.value.hint
    assert sides.local.state.meter.used == 0
    assert sides.mirror_tables() == here


def mapped_otherwise(mapping: SyncMapping, column: str, remote: str) -> SyncMapping:
    """The contact's column taken from another field."""
    contact = mapping.objects["contact"]
    fields = tuple(
        replace(field, remote=remote) if field.column == column else field
        for field in contact.fields
    )
    return replace(mapping, objects={**mapping.objects, "contact": replace(contact, fields=fields)})


def test_a_mapping_that_would_blank_much_is_stopped(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=60)
    before = {row["id"]: row["phone"] for row in sides.rows()}
    assert sum(phone is not None for phone in before.values()) > 20
    sides.mapping = mapped_otherwise(sides.mapping, "phone", "Fax")
    sides.run()
    told = stopped(sides, "sync")
    assert "blank" in told.message
    assert {row["id"]: row["phone"] for row in sides.rows()} == before
    sides.allow_mass_change = True
    sides.do("sync")
    assert all(row["phone"] is None for row in sides.rows())


def test_blanking_many_rows_here_is_not_sent(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=60)
    sides.sql("UPDATE contacts SET job_title = NULL")
    stopped(sides, "push")
    sides.allow_mass_change = True
    sides.do("push")
    assert all(row["Title"] is None for row in sides.live("Contact").values())
