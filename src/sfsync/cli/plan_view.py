"""Plans for people, record by record and field by field, and the same as JSON documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.table import Table
from rich.text import Text

from sfsync.cli.shown_values import Reader, add_values, stacked, with_address
from sfsync.cli.text import one_line
from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.record import MISSING

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.mirror.rows import Rows
    from sfsync.model.mapping import ObjectMap

Named: TypeAlias = tuple[str, RowPlan]
"""Whom a plan is about, empty where that is not known, and the plan."""


def named(plans: Sequence[RowPlan], rows: Rows, objects: Mapping[str, ObjectMap]) -> list[Named]:
    """The plans, each with whom it is about, as far as the mirror knows."""
    return [(_who(plan, rows, objects[plan.object]), plan) for plan in plans]


def _who(plan: RowPlan, rows: Rows, object_map: ObjectMap) -> str:
    if plan.local_id is None:
        return ""
    row = rows.by_local_id(plan.object, plan.local_id)
    if row is None:
        return ""
    values = row.local.values
    return with_address(object_map.name_in(values), str(values.get(object_map.match_on) or ""))


def title_of(plan: RowPlan, who: str = "") -> str:
    """One record's headline in a diff."""
    row = f"new {plan.object}"
    if plan.local_id is not None:
        row = f"{plan.object} {plan.local_id}"
    if who:
        row = f"{row}  {who}"
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


def show_plans(console: Console, plans: Iterable[Named], reader: Reader) -> int:
    """Print plans, record by record, field by field, every value whole. Returns how many there were."""
    count = 0
    for who, plan in plans:
        count += 1
        console.print(Text(title_of(plan, who), style="bold"))
        if plan.local_action is LocalAction.INSERT:  # new in the mirror: nothing to compare
            console.print(_new_values(plan.object, plan.to_local, reader))
        elif plan.org_action is OrgAction.CREATE:
            console.print(_new_values(plan.object, plan.to_org, reader))
        elif plan.decisions:
            console.print(_decisions(plan, reader))
    return count


def _new_values(object_name: str, values: Mapping[str, object], reader: Reader) -> Table:
    grid = stacked()
    for column, value in values.items():
        if value is not None:
            add_values(grid, column, [("", reader.shown(object_name, column, value))])
    return grid


def _decisions(plan: RowPlan, reader: Reader) -> Table:
    grid = stacked()
    for decision in plan.decisions:
        if decision.conflict:
            _add_conflict(grid, plan, decision, reader)
            continue
        old = decision.local if decision.remote == decision.value else decision.remote
        change = reader.change(plan.object, decision.column, old, decision.value)
        grid.add_row("", one_line(decision.column), _why(decision), change)
    return grid


def _why(decision: FieldDecision) -> str:
    """The reason of a change in a word or two; the run that an undo takes back stands above."""
    if decision.rule.startswith("undo of "):
        return "put back"
    return {"opt_out": "opt-out spreads"}.get(decision.rule, decision.rule)


def _add_conflict(grid: Table, plan: RowPlan, decision: FieldDecision, reader: Reader) -> None:
    sides = {"here": decision.local, "before": decision.base, "Salesforce": decision.remote}
    column = decision.column
    add_values(
        grid,
        column,
        [(label, reader.shown(plan.object, column, value)) for label, value in sides.items()],
    )
    outcome = Text(f"{WINS[decision.winner]}, by {decision.rule}", style="bold")
    if decision.winner is Side.BOTH:
        outcome.append(f": {reader.shown(plan.object, column, decision.value).plain}")
    grid.add_row("", "", "", outcome)


WINS = {
    Side.LOCAL: "the value here wins",
    Side.REMOTE: "Salesforce's value wins",
    Side.BOTH: "both count",
    Side.HELD: "open: a person decides",
}


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
