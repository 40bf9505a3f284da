"""Plans for people, record by record and field by field, and the same as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from sfsync.cli.layout import cell, table
from sfsync.cli.text import one_line
from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan
from sfsync.model.record import MISSING

if TYPE_CHECKING:
    from rich.console import Console


def title_of(plan: RowPlan) -> str:
    """One record's headline in a diff."""
    here = f"{plan.object} {plan.local_id}" if plan.local_id is not None else f"new {plan.object}"
    there = plan.salesforce_id or "(not in Salesforce)"
    does = [plan.reason] if plan.reason else []
    if plan.org_action is not OrgAction.NONE:
        does.append(f"{plan.org_action.value} in Salesforce")
    if plan.local_action is not LocalAction.NONE:
        does.append(f"{plan.local_action.value.replace('_', '-')} in the mirror")
    if plan.skip:
        does.append(f"skipped: {plan.skip}")
    return one_line(f"{here}  {there}  {', '.join(does)}")


def show_plans(console: Console, plans: Iterable[RowPlan]) -> int:
    """Plans, record by record, field by field. Returns how many there were."""
    count = 0
    for count, plan in enumerate(plans, 1):  # noqa: B007  the last number is the answer
        console.print(Text(title_of(plan), style="bold"))
        shown = plan.decisions
        if plan.local_action is LocalAction.INSERT or plan.org_action is OrgAction.CREATE:
            shown = shown[:0]
            values = plan.to_local if plan.local_action is LocalAction.INSERT else plan.to_org
            told = ", ".join(
                f"{column}={one_line(str(value))}"
                for column, value in values.items()
                if value is not None
            )
            console.print(Text("  " + (told if len(told) < 150 else told[:149] + "…")))
        if shown:
            console.print(_decisions(shown))
    return count


def _decisions(decisions: Sequence[FieldDecision]) -> Table:
    made = table("field", "local", "base", "remote", "wins", "rule")
    for decision in decisions:
        made.add_row(
            cell(decision.column, width=18),
            cell(decision.local, width=13),
            cell(decision.base, width=12),
            cell(decision.remote, width=13),
            Text(decision.winner.value, style="bold" if decision.conflict else ""),
            Text(decision.rule),
        )
    return made


def plan_document(plan: RowPlan) -> dict[str, Any]:
    """A plan for ``--json``."""
    return {
        "object": plan.object,
        "id": plan.local_id,
        "salesforce_id": plan.salesforce_id,
        "in_mirror": plan.local_action.value,
        "in_salesforce": plan.org_action.value,
        "reason": plan.reason,
        "skipped": plan.skip,
        "fields": [_decision_document(decision) for decision in plan.decisions],
        "to_mirror": dict(plan.to_local),
        "to_salesforce": dict(plan.to_org),
    }


def _decision_document(decision: FieldDecision) -> dict[str, Any]:
    return {
        "field": decision.column,
        "base": None if decision.base is MISSING else decision.base,
        "base_known": decision.base is not MISSING,
        "local": None if decision.local is MISSING else decision.local,
        "remote": None if decision.remote is MISSING else decision.remote,
        "value": decision.value,
        "winner": decision.winner.value,
        "rule": decision.rule,
        "conflict": decision.conflict,
    }
