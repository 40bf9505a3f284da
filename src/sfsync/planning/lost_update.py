"""What a write replaced without having been judged against it: a value typed between our reading and our writing.

A write to many records cannot be made to depend on each field's value. What the org held just
before it is told with the answer, and judged here by the same merge as everything else, so that
such a value is never swallowed.
"""

from __future__ import annotations

from collections.abc import Mapping

from sfsync.model.change import FieldDecision, OrgAction, RowPlan, Side
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import MISSING, Remote, Value
from sfsync.planning.merge import merge_field
from sfsync.planning.policy import Contest

PUT_BACK = "put back"


def lost_updates(
    plan: RowPlan, object_map: ObjectMap, seen: Mapping[str, Value], seen_at: str
) -> tuple[FieldDecision, ...]:
    """Decide the fields that had moved when the plan's write came.

    Args:
        plan: what was written, and what it was judged against.
        seen: column -> the org's value just before the write.
        seen_at: the record's stamp then.

    Returns:
        A decision for each field in which something would be lost: a conflict to keep, a value to
            put back.
    """
    found = []
    for decision in plan.decisions:
        column, was = decision.column, decision.remote
        if column not in plan.to_org or column not in seen or was is MISSING or seen[column] == was:
            continue
        ours = None if decision.local is MISSING else decision.local
        contest = Contest(decision.base, ours, seen[column], plan.edited_at, seen_at)
        late = merge_field(object_map.by_column[column], contest)
        if late and (
            late.conflict or late.winner is Side.HELD or late.value != plan.to_org[column]
        ):
            found.append(late)
    return tuple(found)


def restore_held(plan: RowPlan, late: tuple[FieldDecision, ...], now: Remote) -> RowPlan | None:
    """What a held field held in the org goes back there: until a person decides, each side keeps its own value.

    Args:
        plan: what was written over it.
        now: the record, read after that.

    Returns:
        The write; ``None`` where no field is held, or others have changed them all since.
    """
    held = tuple(
        decision
        for decision in late
        if decision.winner is Side.HELD
        and now.values.get(decision.column) == plan.to_org[decision.column]
    )
    to_org = {
        decision.column: None if decision.remote is MISSING else decision.remote
        for decision in held
    }
    if not to_org:
        return None
    return RowPlan(
        plan.object,
        plan.local_id,
        now.salesforce_id,
        org_action=OrgAction.UPDATE,
        decisions=held,
        to_org=to_org,
        reason=PUT_BACK,
        edited_at=plan.edited_at,
        modified_at=now.modified_at,
    )
