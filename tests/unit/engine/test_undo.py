"""undo between a real mirror and an org in memory: what comes between, and what a crash leaves."""

from __future__ import annotations

from functools import partial

import pytest

from sfsync.engine.run import Run
from sfsync.engine.undo import Undoing, carry_out, plan_undo
from sfsync.errors import UnsafePlan
from sfsync.failpoints import Plan, arm
from sfsync.model.outcome import RunReport
from tests.sides import Sides


def undo(sides: Sides, run_id: str, **options: bool) -> tuple[RunReport, Undoing]:
    kept: list[Undoing] = []

    def job(run: Run) -> None:
        with plan_undo(run, run_id) as undoing:
            kept.append(undoing)
            carry_out(run, undoing)

    return sides.run(job, **options), kept[0]


def pushed(sides: Sides, count: int = 3) -> tuple[list[str], dict, str]:
    """So many people, all edited here and pushed: their records, the org as it was, and the run."""
    ids = [
        sides.org.create(
            "Contact", LastName=f"P{at}", Email=f"p{at}@example.com", Phone=f"old {at}"
        )
        for at in range(count)
    ]
    sides.pull()
    before = {one: sides.remote(one, "Phone", "LastName") for one in ids}
    sides.edit("UPDATE contacts SET phone = 'new ' || id")
    return ids, before, sides.push().run_id


def now(sides: Sides, ids: list[str]) -> dict:
    return {one: sides.remote(one, "Phone", "LastName") for one in ids}


def test_the_org_is_as_before_and_nothing_is_left_to_push(sides: Sides) -> None:
    ids, before, run_id = pushed(sides)
    undo(sides, run_id)
    assert now(sides, ids) == before
    assert list(sides.mirror.rows.dirty_ids("contact", ("phone",))) == []
    assert sides.push().push["contact"].updated == 0


def test_an_edit_made_while_it_is_put_back_stays(sides: Sides) -> None:
    ids, before, run_id = pushed(sides)

    def job(run: Run) -> None:
        with plan_undo(run, run_id) as undoing:
            sides.org.edit(ids[0], Phone="typed meanwhile")
            carry_out(run, undoing)
            assert [left.now for left in undoing.left] == ["typed meanwhile"]

    sides.run(job)
    assert now(sides, ids) == before | {ids[0]: ("typed meanwhile", "P0")}


def test_an_edit_made_here_after_the_run_is_still_to_be_pushed(sides: Sides) -> None:
    ids, before, run_id = pushed(sides)
    sides.edit("UPDATE contacts SET phone = 'newer' WHERE id = 1")
    undo(sides, run_id)
    assert now(sides, ids) == before
    assert sides.local("p0@example.com", "phone") == "newer"
    sides.push()
    assert sides.remote(ids[0], "Phone") == "newer"


@pytest.mark.parametrize("place", ["push.journaled", "push.sent", "push.settled"])
def test_killed_half_way_the_same_command_finishes(sides: Sides, place: str) -> None:
    ids, before, run_id = pushed(sides)
    arm(Plan.parse(f"{place}=disk"))
    try:
        with pytest.raises(OSError, match="Input"):
            undo(sides, run_id)
    finally:
        arm(Plan())
    sides.reopen()
    undo(sides, run_id)
    assert now(sides, ids) == before
    assert sides.look("SELECT DISTINCT phone FROM contacts ORDER BY 1") == [
        (f"old {at}",) for at in range(3)
    ]
    assert sides.push().push["contact"].updated == 0


def test_a_dry_run_changes_nothing(sides: Sides) -> None:
    _, _, run_id = pushed(sides)
    both = sides.bytes_of_both()
    report, undoing = undo(sides, run_id, dry_run=True)
    assert sides.bytes_of_both() == both
    assert (report.push["contact"].updated, undoing.count) == (3, 3)


def test_the_brake_holds_for_an_undo_too(sides: Sides) -> None:
    ids = [
        sides.org.create("Contact", LastName=f"P{at}", Email=f"p{at}@example.com")
        for at in range(30)
    ]
    sides.pull()
    sides.edit("UPDATE contacts SET phone = '1'")
    run_id = sides.push().run_id
    with pytest.raises(UnsafePlan):
        undo(sides, run_id)
    assert sides.remote(ids[0], "Phone") == "1"
    undo(sides, run_id, allow_mass_change=True)
    assert sides.remote(ids[0], "Phone") is None


def test_what_two_runs_wrote_goes_back_one_after_the_other(sides: Sides) -> None:
    ids, before, first = pushed(sides)
    sides.edit("UPDATE contacts SET phone = 'second ' || id")
    second = sides.push().run_id
    _, undoing = undo(sides, first)
    assert undoing.left_count == 3
    list(map(partial(undo, sides), (second, first)))
    assert now(sides, ids) == before


def test_an_address_that_is_taken_back_still_leads_to_its_person(sides: Sides) -> None:
    record = sides.org.create("Contact", LastName="Ada", Email="ada@example.com")
    lead = sides.org.create("Lead", LastName="L", Company="C", Email="new@example.com")
    sides.pull()
    sides.edit("UPDATE contacts SET email = 'new@example.com'")
    moved = sides.push()
    sides.org.edit(lead, HasOptedOutOfEmail=True)  # one person has both
    sides.pass_time()
    undo(sides, moved.run_id)
    sides.sync_until_quiet()
    raw = sides.org.records[record]
    assert (raw["Email"], raw["HasOptedOutOfEmail"]) == ("ada@example.com", True)
