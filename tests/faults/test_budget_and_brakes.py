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
from tests.faults.day import a_day, tried
from tests.faults.pair import Opener, Pair, addresses, event, telling


class Small:
    """An org that takes two writes a call."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def __getattr__(self, name: str) -> Any:
        return getattr(self._org, name)

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        return replace(self._org.batching(action_count, creating=creating), size=2)


def leave(pair: Pair, calls: int) -> int:
    """Let so many calls be left above the reserve; gives the org's limit."""
    pair.local.state.meter.reset()
    limit = 1_000
    pair.local.state.settings.daily_api_requests = limit
    for _ in range(800 - calls):
        pair.local.state.meter.count()
    pair.limits = replace(pair.limits, api_per_run=1.0)
    return limit


def plenty(pair: Pair) -> None:
    pair.local.state.meter.reset()
    pair.local.state.settings.daily_api_requests = 15_000


# -- the budget ------------------------------------------------------------------------------------
def test_a_push_that_needs_more_calls_than_are_left_sends_nothing(pair: Pair) -> None:
    for email in addresses(pair)[:8]:
        pair.edit(email, job_title="Edited")
    pair.between = Small
    leave(pair, 4)
    there = pair.everything()
    error = tried(pair, "push")
    assert isinstance(error, BudgetSpent)
    assert error.exit_code == 5
    assert "of its 1000 API calls" in error.message
    assert "20% of them are left for everyone else" in error.message
    assert "about 4 more" in error.message
    assert pair.everything() == there
    assert pair.undone() == []
    plenty(pair)
    pair.do("push")
    assert sum(row["Title"] == "Edited" for row in pair.live("Contact").values()) == 8


def test_tasks_that_need_more_calls_than_are_left_wait(pair: Pair) -> None:
    people = addresses(pair)
    pair.hand_in(*(event(EventType.REPLIED, email) for email in people[:8]))
    pair.between = Small
    leave(pair, 3)
    error = tried(pair, "push_activity")
    assert isinstance(error, BudgetSpent)
    assert "about 4 more" in error.message
    assert not any(task["PenguinMails_Event_Id__c"] for task in pair.live("Task").values())
    assert len(pair.undone()) == 8
    plenty(pair)
    pair.converge()
    assert sum(bool(task["PenguinMails_Event_Id__c"]) for task in pair.live("Task").values()) == 8


def test_a_pull_that_needs_more_calls_than_are_left_applies_nothing(open_one: Opener) -> None:
    pair = open_one(contacts=900, leads=1, pulled=False)
    pair.run()
    leave(pair, 5)
    error = tried(pair, "pull")
    assert isinstance(error, BudgetSpent)
    assert pair.rows() == []
    assert pair.watermark() == ""
    plenty(pair)
    pair.do("pull")
    assert len(pair.rows()) == 900


@pytest.mark.parametrize("calls", telling(range(1, 10), 2, 5))
def test_whatever_is_left_the_reserve_is_never_touched_and_the_next_run_goes_on(
    pair: Pair, calls: int
) -> None:
    day = a_day(pair)
    limit = leave(pair, calls)
    error = tried(pair)
    assert error is None or isinstance(error, BudgetSpent)
    assert pair.local.state.meter.used <= limit * 0.8
    assert isinstance(error, BudgetSpent) or calls >= 8
    plenty(pair)
    day.ends_well(pair)


def test_one_run_takes_no_more_than_its_share(pair: Pair) -> None:
    day = a_day(pair)
    pair.local.state.settings.daily_api_requests = 100
    pair.limits = replace(pair.limits, api_per_run=0.04)
    error = tried(pair)
    assert isinstance(error, BudgetSpent)
    assert "this run has made" in error.message
    assert "4% of the org's 100 a day" in error.message
    assert "api_per_run" in error.hint
    assert pair.local.state.meter.used <= 4
    plenty(pair)
    day.ends_well(pair)


def test_an_org_whose_calls_are_spent_ends_the_run_and_keeps_what_was_done(pair: Pair) -> None:
    """The org's own refusal, in the middle of the day's work."""
    day = a_day(pair)
    pair.limits = replace(pair.limits, api_reserve=0.0, api_per_run=1.0)
    pair.local.state.settings.daily_api_requests = 5
    error = tried(pair)
    assert isinstance(error, BudgetSpent)
    assert pair.local.state.meter.used <= 5
    plenty(pair)
    day.ends_well(pair)


# -- the brakes ------------------------------------------------------------------------------------
def stopped(pair: Pair, *verbs: str, **options: Any) -> UnsafePlan:
    """The brake stops these verbs, and nothing is applied on either side; only a person's word lets them go on."""
    there, here, mark = pair.everything(), pair.here(), pair.watermark()
    with pytest.raises(UnsafePlan) as caught:
        pair.do(*verbs, **options)
    assert caught.value.exit_code == 7
    assert "Nothing was applied" in caught.value.message
    assert "--allow-mass-change" in caught.value.hint
    assert (pair.everything(), pair.here(), pair.watermark()) == (there, here, mark)
    with pytest.raises(UnsafePlan):
        pair.do(*verbs, **options)
    return caught.value


def remove(pair: Pair, sobject: str, how: str, only: Sequence[str] | None = None) -> None:
    for record_id in only or list(pair.live(sobject)):
        pair.people.delete(record_id)
        if how == "purged":
            pair.people.purge(record_id)


@pytest.mark.parametrize("how", ["deleted", "purged"])
def test_an_org_that_was_emptied_empties_nothing_here(pair: Pair, how: str) -> None:
    remove(pair, "Contact", how)
    told = stopped(pair, "pull", full=True)
    assert "not one record, and the mirror has 12 rows" in told.message
    assert all(row["deleted_at"] is None for row in pair.rows())
    pair.allow_mass_change = True
    pair.do("pull", full=True)
    gone = [row for row in pair.rows() if row["deleted_at"]]
    assert len(gone) == (
        12 if how == "deleted" else 0
    )  # what is merely not found is never taken for deleted


def test_more_deletions_than_the_limit_stop_an_everyday_pull(open_one: Opener) -> None:
    pair = open_one(contacts=60)
    remove(pair, "Contact", "deleted", sorted(pair.live("Contact"))[:25])
    told = stopped(pair, "sync")
    assert "would delete 25" in told.message
    pair.allow_mass_change = True
    pair.do("sync")
    assert sum(row["deleted_at"] is None for row in pair.rows()) == 35


def test_an_object_that_never_had_a_record_is_no_trouble(open_one: Opener) -> None:
    pair = open_one(contacts=0, leads=0, pulled=False)
    pair.run()
    pair.sql("INSERT INTO contacts (email, last_name) VALUES ('first@here.example', 'First')")
    pair.do("sync", *())
    assert pair.record("first@here.example")["LastName"] == "First"


@pytest.mark.parametrize("verb", ["pull", "push", "push_activity"])
def test_another_org_behind_the_login_is_refused_before_anything_is_asked(
    pair: Pair, verb: str
) -> None:
    a_day(pair)
    here = pair.here()
    pair.local.state.org_id = "00D000000000999AAA"
    with pytest.raises(WrongOrg) as caught:
        pair.do(verb)
    assert caught.value.exit_code == 4
    assert "another profile" in caught.value.hint
    assert pair.local.state.meter.used == 0
    assert pair.here() == here


def mapped_otherwise(mapping: SyncMapping, column: str, remote: str) -> SyncMapping:
    """The contact's column taken from another field."""
    contact = mapping.objects["contact"]
    fields = tuple(
        replace(field, remote=remote) if field.column == column else field
        for field in contact.fields
    )
    return replace(mapping, objects={**mapping.objects, "contact": replace(contact, fields=fields)})


def test_a_mapping_that_would_blank_much_is_stopped(open_one: Opener) -> None:
    pair = open_one(contacts=60)
    before = {row["id"]: row["phone"] for row in pair.rows()}
    assert sum(phone is not None for phone in before.values()) > 20
    pair.mapping = mapped_otherwise(pair.mapping, "phone", "Fax")
    pair.run()
    told = stopped(pair, "sync")
    assert "blank" in told.message
    assert {row["id"]: row["phone"] for row in pair.rows()} == before
    pair.allow_mass_change = True
    pair.do("sync")
    assert all(row["phone"] is None for row in pair.rows())


def test_blanking_many_rows_here_is_not_sent(open_one: Opener) -> None:
    pair = open_one(contacts=60)
    pair.sql("UPDATE contacts SET job_title = NULL")
    stopped(pair, "push")
    pair.allow_mass_change = True
    pair.do("push")
    assert all(row["Title"] is None for row in pair.live("Contact").values())
