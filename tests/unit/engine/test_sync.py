"""sync and diff: both sides together, and what would be done, told beforehand."""

from __future__ import annotations

from sfsync.engine.diff import Cost, diff
from sfsync.engine.run import Run
from sfsync.model.change import RowPlan
from tests.sides import Sides, event


def busy(sides: Sides) -> tuple[str, str]:
    """Work on both sides, a contest, somebody new on each, and an event."""
    ada = sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example")
    bob = sides.org.create("Contact", LastName="Bob", Email="bob@x.example")
    sides.pull()
    sides.edit(
        "UPDATE contacts SET phone = '555', job_title = 'ours' WHERE email = 'ada@x.example'"
    )
    sides.org.edit(ada, Title="theirs", MailingCity="London")
    sides.org.edit(bob, Title="Builder")
    sides.edit(
        "INSERT INTO leads (email, last_name, company) VALUES ('new@x.example', 'New', 'Co')"
    )
    sides.org.create("Lead", LastName="Hopper", Company="Navy", Email="grace@x.example")
    sides.keep(event(1, "bob@x.example"))
    return ada, bob


def plans(sides: Sides, **options) -> tuple[list[RowPlan], Cost]:
    cost = Cost()
    found: list[RowPlan] = []

    def job(run: Run) -> None:
        found.extend(diff(run, cost=cost, **options))

    sides.run(job, dry_run=True)
    return found, cost


def test_a_sync_brings_both_sides_together_and_the_second_one_does_nothing(sides: Sides) -> None:
    ada, bob = busy(sides)
    sides.sync()
    assert sides.remote(ada, "Phone", "Title") == ("555", "theirs")
    assert sides.local("ada@x.example", "phone", "job_title", "city") == ("555", "theirs", "London")
    assert sides.local("bob@x.example", "job_title", "total_opens") == ("Builder", 1)
    assert sides.remote(bob, "PenguinMails_Total_Opens__c") == 1
    assert len(sides.org.live("Lead")) == sides.one("SELECT count(*) FROM leads") == 2
    assert len(sides.tasks()) == 1
    state = sides.state()
    report = sides.sync()
    assert sides.state() == state
    assert report.api_calls == 2


def test_a_diff_tells_what_a_sync_does_and_changes_nothing(sides: Sides) -> None:
    busy(sides)
    before = sides.bytes_of_both()
    told, cost = plans(sides)
    assert sides.bytes_of_both() == before
    decided = {
        (plan.object, d.column): (d.value, d.conflict) for plan in told for d in plan.decisions
    }
    assert decided["contact", "phone"] == ("555", False)
    assert decided["contact", "job_title"] in {("theirs", True), ("Builder", False)}
    assert cost.org_writes == 2
    sides.sync()
    told, cost = plans(sides)
    assert (told, cost.org_writes) == ([], 0)


def test_a_diff_of_one_row_tells_of_that_row_alone(sides: Sides) -> None:
    ada, _ = busy(sides)
    told, _cost = plans(sides, ids=[ada])
    assert {plan.salesforce_id for plan in told} == {ada}


def test_a_diff_shows_no_difference_where_only_the_spelling_differs(sides: Sides) -> None:
    sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example", Title="Countess")
    sides.pull()
    sides.edit("UPDATE contacts SET job_title = ' Countess '")
    assert plans(sides)[0] == []


def test_a_dry_sync_changes_neither_side(sides: Sides) -> None:
    busy(sides)
    before = sides.bytes_of_both()
    sides.sync(dry_run=True)
    assert sides.bytes_of_both() == before


def test_a_sync_of_one_object_leaves_the_other_alone(sides: Sides) -> None:
    from sfsync.engine.sync import sync

    sides.org.create("Contact", LastName="Lovelace", Email="ada@x.example")
    sides.org.create("Lead", LastName="Hopper", Company="Navy", Email="grace@x.example")
    sides.run(lambda run: sync(run, ["lead"]))
    assert sides.one("SELECT count(*) FROM contacts") == 0
    assert sides.one("SELECT count(*) FROM leads") == 1
