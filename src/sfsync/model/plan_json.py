"""A plan as JSON can hold it, and back: for the outbox, a plan file, a spool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.record import MISSING, Missing, Value

_MISSING_MARK = {"missing": True}
_OFTEN_BLANK = ("skip", "reason", "successor_id", "successor_object", "edited_at", "modified_at")


def plan_to_json(plan: RowPlan) -> dict[str, Any]:
    """What settling needs of a plan."""
    return {
        "object": plan.object,
        "local_id": plan.local_id,
        "salesforce_id": plan.salesforce_id,
        "local_action": plan.local_action.value,
        "org_action": plan.org_action.value,
        "to_local": dict(plan.to_local),
        "to_org": dict(plan.to_org),
        "new_base": dict(plan.new_base),
        "is_part": plan.is_part,
        "decisions": [
            [
                d.column,
                value_to_json(d.base),
                value_to_json(d.local),
                value_to_json(d.remote),
                d.value,
                d.winner.value,
                d.rule,
                d.conflict,
            ]
            for d in plan.decisions
        ],
    }


def full_plan_to_json(plan: RowPlan) -> dict[str, Any]:
    """All of a plan, for one that is carried out later."""
    return plan_to_json(plan) | {
        name: kept for name in _OFTEN_BLANK if (kept := getattr(plan, name))
    }


def plan_from_json(stored: Mapping[str, Any]) -> RowPlan:
    """The reverse of ``plan_to_json`` and of ``full_plan_to_json``."""
    return RowPlan(
        object=stored["object"],
        local_id=stored["local_id"],
        salesforce_id=stored["salesforce_id"],
        local_action=LocalAction(stored["local_action"]),
        org_action=OrgAction(stored["org_action"]),
        decisions=tuple(
            FieldDecision(
                column,
                value_from_json(base),
                value_from_json(local),
                value_from_json(remote),
                value,
                Side(winner),
                rule,
                conflict,
            )
            for column, base, local, remote, value, winner, rule, conflict in stored["decisions"]
        ),
        to_local=stored["to_local"],
        to_org=stored["to_org"],
        new_base=stored["new_base"],
        is_part=stored.get("is_part", False),
        **{name: stored[name] for name in _OFTEN_BLANK if name in stored},
    )


def value_to_json(value: Value | Missing) -> Any:
    """A value, or the mark for none."""
    return _MISSING_MARK if value is MISSING else value


def value_from_json(stored: Any) -> Value | Missing:
    """The reverse of ``value_to_json``."""
    return MISSING if stored == _MISSING_MARK else stored
