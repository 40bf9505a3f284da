"""Commit plans whose records were merged or converted, together with what their survivors inherit.

Pull and push both meet such records. Each is committed alone, after everything before it, so that a
chain of them (merged, and merged again) hands on from row to row whatever its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sfsync.engine.run import Run
from sfsync.mapping.projection import Projection
from sfsync.model.change import RowPlan
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import RemoteState, Row, SalesforceId, Triple
from sfsync.planning.planner import plan_row
from sfsync.planning.survivor import inherited, lost_edits

Successor = tuple[str, SalesforceId]
"""The object and the Id of the record that another one became part of."""


def commit_with_survivors(
    run: Run, plans: Sequence[RowPlan], *, segment: str = ""
) -> list[RowPlan]:
    """Commit the mirror's half of these plans.

    Returns:
        The plans as they were applied: with what was inherited, or could not be.
    """
    applied: list[RowPlan] = []
    waiting: list[RowPlan] = []
    for plan in plans:
        if plan.successor_id is None:
            waiting.append(plan)
            continue
        run.mirror.rows.commit(waiting, segment=segment)
        ended = _with_inheritance(run, plan, plan.successor_id)
        run.mirror.rows.commit([ended])
        applied += [*waiting, ended]
        waiting = []
    run.mirror.rows.commit(waiting, segment=segment)
    return applied + waiting


def _with_inheritance(run: Run, plan: RowPlan, successor_id: SalesforceId) -> RowPlan:
    """The plan with what its row leaves to the survivor; see ``planning.survivor``."""
    if plan.local_id is None:
        return plan
    row = run.mirror.rows.by_local_id(plan.object, plan.local_id)
    if row is None:
        return plan
    triple = Triple(plan.object, row.base, row.local, None)
    object_map = run.usable.objects[plan.object]
    found = _survivor(run, (plan.successor_object, successor_id))
    if found is None:
        return replace(plan, decisions=lost_edits(triple, object_map))
    target, survivor = found
    inheritance = inherited(triple, survivor.local.values, object_map, target)
    return replace(
        plan,
        decisions=inheritance.conflicts,
        successor_object=target.name,
        successor_id=survivor.salesforce_id,
        to_successor=inheritance.to_set,
        add_to_successor=inheritance.to_add,
    )


def _survivor(run: Run, successor: Successor | None) -> tuple[ObjectMap, Row] | None:
    """The live row at the end of a chain of merges and conversions.

    Returns:
        ``None`` where the chain ends in a record that the mirror cannot hold.
    """
    seen: set[SalesforceId] = set()
    while successor is not None and successor[1] not in seen:
        name, salesforce_id = successor
        seen.add(salesforce_id)
        object_map = run.usable.objects.get(name)
        if object_map is None:
            return None  # an object that is not configured
        row = run.mirror.rows.by_salesforce_id(name, salesforce_id)
        if row is not None and row.local.deleted_at:
            successor = run.mirror.rows.successor(name, salesforce_id)
            continue
        if row is None:
            row, successor = _bring_in(run, object_map, salesforce_id)
        if row is not None:
            return object_map, row
    return None


def _bring_in(
    run: Run, object_map: ObjectMap, salesforce_id: SalesforceId
) -> tuple[Row | None, Successor | None]:
    """Bring in a survivor that the mirror does not have yet, so that nothing is dropped.

    Returns:
        Its row; or, where it has ended itself, its own successor.
    """
    columns = tuple(column for column, each in object_map.by_column.items() if each.pulls)
    projection = Projection(object_map, columns)
    rules = run.usable.rules_for(object_map.name)
    for page in run.org.fetch(object_map.sobject, projection.remote_fields, [salesforce_id]):
        for raw in page:
            remote = projection.to_remote_record(raw)
            if remote.successor_id is not None:
                converted = remote.state is RemoteState.CONVERTED
                survivor = object_map.kind.survivor_object(converted=converted)
                return None, (survivor, remote.successor_id)
            triple = Triple(object_map.name, None, None, remote)
            run.mirror.rows.commit([plan_row(triple, object_map, rules)])
    return run.mirror.rows.by_salesforce_id(object_map.name, salesforce_id), None
