"""Plans for people, record by record and field by field, and the same as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    row = f"new {plan.object}"
    if plan.local_id is not None:
        row = f"{plan.object} {plan.local_id}"
    record = plan.salesforce_id or "(not in Salesforce)"
    actions = []
    if plan.reason:
        actions.append(plan.reason)
    if plan.org_action is not OrgAction.NONE:
        actions.append(f"{plan.org_action.value} in Salesforce")
    if plan.local_action is not LocalAction.NONE:
        actions.append(f"{plan.local_action.value.replace('_', '-')} in the mirror")
    if plan.skip:
        actions.append(f"skipped: {plan.skip}")
    return one_line(f"{row}  {record}  {', '.join(actions)}")


def show_plans(console: Console, plans: Iterable[RowPlan]) -> int:
    """Print plans, record by record, field by field. Returns how many there were."""
    count = 0
    for plan in plans:
        count += 1
        console.print(Text(title_of(plan), style="bold"))
        if plan.local_action is LocalAction.INSERT:  # new in the mirror: nothing to compare
            console.print(Text(_values_line(plan.to_local)))
        elif plan.org_action is OrgAction.CREATE:
            console.print(Text(_values_line(plan.to_org)))
        elif plan.decisions:
            console.print(_decisions(plan.decisions))
    return count


_LONGEST_LINE = 150


def _values_line(values: Mapping[str, object]) -> str:
    """A new record's values on one line; long ones are cut."""
    line = ", ".join(
        f"{column}={one_line(str(value))}" for column, value in values.items() if value is not None
    )
    if len(line) >= _LONGEST_LINE:
        line = line[: _LONGEST_LINE - 1] + "…"
    return f"  {line}"


def _decisions(decisions: Sequence[FieldDecision]) -> Table:
    decisions_table = table("field", "local", "base", "remote", "wins", "rule")
    for decision in decisions:
        decisions_table.add_row(
            cell(decision.column, width=18),
            cell(decision.local, width=13),
            cell(decision.base, width=12),
            cell(decision.remote, width=13),
            Text(decision.winner.value, style="bold" if decision.conflict else ""),
            Text(decision.rule),
        )
    return decisions_table


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
