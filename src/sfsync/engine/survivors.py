"""A record that lives on in another, by a merge or a conversion: what its row still owes goes along.

Pull and push both meet such records. Each is followed alone, after everything before it is
committed, so that a chain of them (merged, and merged again) hands on from row to row whatever its
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sfsync.engine.run import Run
from sfsync.mapping.project import Projection
from sfsync.model.change import RowPlan
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import RemoteState, Row, SalesforceId, Triple
from sfsync.planning.planner import fold, lost_edits, plan_row

CONTACT = "contact"
"""What a converted Lead lives on in."""


def commit_with_survivors(
    run: Run, plans: Sequence[RowPlan], *, segment: str = ""
) -> list[RowPlan]:
    """Commit the mirror's half of these plans.

    Returns:
        The plans as they were applied: with what went along, or could not.
    """
    applied: list[RowPlan] = []
    waiting: list[RowPlan] = []
    for plan in plans:
        if plan.successor_id is None:
            waiting.append(plan)
            continue
        run.mirror.rows.commit(waiting, segment=segment)
        followed = _followed(run, plan)
        run.mirror.rows.commit([followed])
        applied += [*waiting, followed]
        waiting = []
    run.mirror.rows.commit(waiting, segment=segment)
    return applied + waiting


def _followed(run: Run, plan: RowPlan) -> RowPlan:
    """The plan with what its row owes to the record it lives on in; see ``planner.fold``."""
    if plan.local_id is None or plan.successor_id is None:
        return plan
    row = run.mirror.rows.by_local_id(plan.object, plan.local_id)
    if row is None:
        return plan
    triple = Triple(plan.object, row.base, row.local, None)
    object_map = run.usable.objects[plan.object]
    found = _survivor(run, plan.successor_object, plan.successor_id)
    if found is None:
        return replace(plan, decisions=lost_edits(triple, object_map))
    target, survivor = found
    setting, adding, kept = fold(triple, survivor.local.values, object_map, target)
    return replace(
        plan,
        decisions=kept,
        successor_object=target.name,
        successor_id=survivor.salesforce_id,
        to_successor=setting,
        add_to_successor=adding,
    )


def _survivor(
    run: Run, object_name: str, salesforce_id: SalesforceId | None
) -> tuple[ObjectMap, Row] | None:
    """The live row at the end of the trail; ``None`` where it leads to nobody the mirror can know."""
    trail: set[SalesforceId] = set()
    while salesforce_id is not None and salesforce_id not in trail:
        trail.add(salesforce_id)
        target = run.usable.objects.get(object_name)
        if target is None:
            return None
        row = run.mirror.rows.by_salesforce_id(object_name, salesforce_id)
        if row is None:
            row, successor = _bring_in(run, target, salesforce_id)
        elif row.local.deleted_at:
            row, successor = None, run.mirror.rows.successor(object_name, salesforce_id)
        else:
            successor = None
        if row is not None:
            return target, row
        object_name, salesforce_id = successor or (object_name, None)
    return None


def _bring_in(
    run: Run, target: ObjectMap, salesforce_id: SalesforceId
) -> tuple[Row | None, tuple[str, SalesforceId] | None]:
    """The survivor is not in the mirror yet: bring it in now, so that nothing owed to it is dropped.

    Returns:
        Its row; or, where it has ended itself, what it lives on in.
    """
    columns = tuple(column for column, field_map in target.by_column.items() if field_map.pulls)
    projection = Projection(target, columns)
    rules = run.usable.rules_for(target.name)
    for page in run.org.fetch(target.sobject, projection.remote_fields, [salesforce_id]):
        for raw in page:
            remote = projection.to_remote_record(raw)
            if remote.successor_id is not None:
                converted = remote.state is RemoteState.CONVERTED
                return None, (CONTACT if converted else target.name, remote.successor_id)
            run.mirror.rows.commit(
                [plan_row(Triple(target.name, None, None, remote), target, rules)]
            )
    return run.mirror.rows.by_salesforce_id(target.name, salesforce_id), None
