"""Lost updates: what a write replaced without having been judged against it. Pure.

Such a value was typed between our reading and our writing: a write to many records cannot be made
to depend on each field's value. What the org held just before the write comes with the answer, and
is judged here by the same merge as everything else, so that no such value vanishes.
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
    """Decide the fields that had changed when the plan's write came.

    Args:
        plan: what was written, and what it was judged against.
        seen: column -> the org's value just before the write.
        seen_at: the record's stamp then.

    Returns:
        A decision for each field in which something would be lost: a conflict to keep, a value to
            restore.
    """
    found = []
    for decision in plan.decisions:
        column, was = decision.column, decision.remote
        if column not in plan.to_org or column not in seen:
            continue  # not written, or the answer does not say what it replaced
        if was is MISSING or seen[column] == was:
            continue  # judged against this very value, or against none
        ours = None if decision.local is MISSING else decision.local
        contest = Contest(decision.base, ours, seen[column], plan.edited_at, seen_at)
        judged = merge_field(object_map.by_column[column], contest)
        if judged is None:
            continue
        as_written = judged.value == plan.to_org[column] and judged.winner is not Side.HELD
        if judged.conflict or not as_written:
            found.append(judged)
    return tuple(found)


def restore_held(
    plan: RowPlan, lost_updates: tuple[FieldDecision, ...], now: Remote
) -> RowPlan | None:
    """Give held fields back what the org held: each side keeps its own until a person decides.

    Args:
        plan: what was written over it.
        now: the record, read after that.

    Returns:
        The write; ``None`` where no field is held, or others have changed them all since.
    """
    held = tuple(
        decision
        for decision in lost_updates
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
