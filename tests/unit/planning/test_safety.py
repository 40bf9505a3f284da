"""The brake."""

from __future__ import annotations

import pytest

from sfsync.errors import UnsafePlan
from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.record import LocalId, SalesforceId
from sfsync.planning.safety import Damage, check, check_changed, check_emptied, damage

PLAN = {
    "object": "contact",
    "local_id": LocalId(1),
    "salesforce_id": SalesforceId("003000000000001AAA"),
}


def test_deletions_on_either_side_and_blanked_values_are_damage() -> None:
    blank = FieldDecision("title", "CTO", "CTO", None, None, Side.REMOTE, "changed there")
    assert damage(RowPlan(**PLAN, local_action=LocalAction.SOFT_DELETE)) == Damage(deleted=1)
    assert damage(RowPlan(**PLAN, org_action=OrgAction.DELETE)) == Damage(deleted=1)
    assert damage(RowPlan(**PLAN, local_action=LocalAction.UPDATE, decisions=(blank,))) == Damage(
        blanked=1
    )


def test_a_person_who_lives_on_elsewhere_is_no_damage() -> None:
    plan = RowPlan(
        **PLAN,
        local_action=LocalAction.SOFT_DELETE,
        successor_id=SalesforceId("003000000000002AAA"),
    )
    assert damage(plan) == Damage()


def test_a_few_rows_are_always_allowed() -> None:
    check("contact", Damage(deleted=20), rows=30, share=0.1, at_least=20)


def test_too_much_stops_the_run_and_tells_the_figures() -> None:
    with pytest.raises(
        UnsafePlan, match="delete 60 and blank 50 of 1000 rows; the limit is 100"
    ) as caught:
        check("contact", Damage(deleted=60, blanked=50), rows=1000, share=0.1, at_least=20)
    assert caught.value.exit_code == 7
    assert "diff" in caught.value.hint


def test_changes_are_no_damage_and_have_a_limit_of_their_own() -> None:
    check_changed("contact", 1000, rows=1000, share=1.0, at_least=20)
    check_changed("contact", 20, rows=30, share=0.1, at_least=20)
    with pytest.raises(UnsafePlan, match="change 501 of 1000 rows; the limit is 500") as caught:
        check_changed("contact", 501, rows=1000, share=0.5, at_least=20)
    assert caught.value.exit_code == 7
    assert "limits.max_change" in caught.value.hint


def test_an_object_that_was_there_and_shows_nothing_stops_the_run() -> None:
    check_emptied("contact", found=0, missed=0)
    check_emptied("contact", found=1, missed=900)
    with pytest.raises(UnsafePlan, match="not one record, and the mirror has 3 rows") as caught:
        check_emptied("contact", found=0, missed=3)
    assert "--allow-mass-change" in caught.value.hint
