"""A plan from a file is held against the configuration: it may do nothing that a sync would not do. Pure.

A file may have been made by anybody. So that no plan gets around the mapping, its directions, its merges and its rules:
``forbidden`` says what none of them allows, whatever the two sides hold, before anything is written; ``differs`` says
whether a sync would decide the same for the row and the record as they are now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.field_types import canonical
from sfsync.model.mapping import (
    Action,
    FieldMap,
    ObjectMap,
    OnLocalDelete,
    RecordEvent,
    SyncMapping,
    SyncRules,
)
from sfsync.model.record import Remote, RemoteState, Row, Triple, Value
from sfsync.planning.planner import plan_row


def forbidden(triple: Triple, plan: RowPlan, mapping: SyncMapping) -> str:
    """What the configuration does not allow of a plan, as a sentence; empty where it allows all."""
    object_map = mapping.objects.get(plan.object)
    if object_map is None:
        return f"the configuration has no object {plan.object!r}"
    if plan.skip:
        return ""  # nothing is done, whatever else it says
    rules = mapping.rules_for(plan.object)
    reasons = (
        *_writes_to_org(triple, plan, object_map, rules),
        *_writes_to_mirror(triple, plan, object_map, rules),
        *_values(plan, object_map),
    )
    return next(iter(reasons), "")


def _writes_to_org(
    triple: Triple, plan: RowPlan, object_map: ObjectMap, rules: SyncRules
) -> Iterator[str]:
    if plan.org_action is OrgAction.NONE:
        if plan.to_org:
            yield "it has values for Salesforce, and writes nothing there"
        return
    if not rules.pushes:
        yield f"the rules send nothing of a {plan.object} to Salesforce"
    if plan.org_action is OrgAction.DELETE:
        yield from _deletion(triple, plan, object_map)
    if plan.org_action is OrgAction.CREATE and (triple.local is None or plan.salesforce_id):
        yield "it creates a record that is there, or that has no row"
    if plan.org_action is OrgAction.UPDATE and not plan.salesforce_id:
        yield "it changes a record and names none"
    for column in plan.to_org:
        field_map = object_map.by_column.get(column)
        if field_map is not None and not field_map.pushes:
            yield f"the mapping does not send {column} to Salesforce"


def _deletion(triple: Triple, plan: RowPlan, object_map: ObjectMap) -> Iterator[str]:
    if object_map.on_local_delete is not OnLocalDelete.DELETE:
        yield f"it deletes a {plan.object} in Salesforce, and on_local_delete is keep"
    if triple.local is None or not triple.local.deleted_at:
        yield "it deletes a record whose row is not deleted"
    if plan.to_org:
        yield "it deletes a record and has values for it"


def _writes_to_mirror(
    triple: Triple, plan: RowPlan, object_map: ObjectMap, rules: SyncRules
) -> Iterator[str]:
    if plan.local_action in (LocalAction.INSERT, LocalAction.RESTORE):
        if not _wants(rules, RecordEvent.CREATED, Action.IMPORT):
            yield f"the rules take no new {plan.object} in"
    elif plan.local_action is LocalAction.SOFT_DELETE and not _may_soft_delete(triple, rules):
        yield f"the rules do not delete a {plan.object} here"
    for column in plan.to_local:
        field_map = object_map.by_column.get(column)
        if field_map is not None and not _may_change_here(field_map, object_map):
            yield f"the mapping does not take {column} from Salesforce"


def _may_soft_delete(triple: Triple, rules: SyncRules) -> bool:
    # whatever the rules say of deleting, the row of a record that has a survivor ends
    if triple.remote is not None and triple.remote.state in (
        RemoteState.MERGED,
        RemoteState.CONVERTED,
    ):
        return True
    return _wants(rules, RecordEvent.DELETED, Action.SOFT_DELETE)


def _may_change_here(field_map: FieldMap, object_map: ObjectMap) -> bool:
    """Whether a plan may change the column of the row: an opt-out in any case, for one is all of them."""
    return field_map.pulls or field_map.column in object_map.opt_out


def _wants(rules: SyncRules, on: RecordEvent, action: Action) -> bool:
    rule = rules.record_rule(on)
    return rules.pulls and rule is not None and rule.action is action


def _values(plan: RowPlan, object_map: ObjectMap) -> Iterator[str]:
    by_column = object_map.by_column
    for decision in plan.decisions:
        if decision.column not in by_column:
            yield f"the mapping has no column {decision.column}"
    for values in (plan.to_local, plan.to_org, plan.new_base):
        yield from _unfit(values, by_column)


def _unfit(values: Mapping[str, Value], by_column: Mapping[str, FieldMap]) -> Iterator[str]:
    for column, value in values.items():
        field_map = by_column.get(column)
        if field_map is None:
            yield f"the mapping has no column {column}"
            continue
        try:
            canonical(field_map.type, value)
        except (ValueError, TypeError) as error:
            yield f"{column}: {error}"


def differs(plan: RowPlan, row: Row | None, record: Remote | None, mapping: SyncMapping) -> bool:
    """Whether a sync would now decide otherwise than a plan does.

    Args:
        row: the row as it is, in canonical form, with what was last agreed on; ``None`` where there is none.
        record: the record as it is.
    """
    base, local = (row.base, row.local) if row else (None, None)
    triple = Triple(plan.object, base, local, record)
    now = plan_row(triple, mapping.objects[plan.object], mapping.rules_for(plan.object))
    return _effect(now) != _effect(plan)


def _effect(plan: RowPlan) -> tuple[object, ...]:
    """All that a plan does to the two sides."""
    return (
        plan.local_action,
        plan.org_action,
        dict(plan.to_local),
        dict(plan.to_org),
        dict(plan.new_base),
        plan.successor_id or "",
    )
