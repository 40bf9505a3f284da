"""What should become of one record: the three copies in, a plan for both sides out.

The same function serves pull, push and diff. A pull applies the mirror's half (``to_local``,
``new_base``) and leaves the row edited where the org still has to learn something; a push sends
``to_org`` and, once that is accepted, the base becomes ``new_base`` and what was sent. Planning
again after applying is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.mapping import Action, ObjectMap, OnLocalDelete, RecordEvent, SyncRules
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, Base, Local, Missing, Remote, RemoteState, Triple, Value
from sfsync.planning.merge import ONLY_HERE, merge_field
from sfsync.planning.policy import Contest

OPT_OUT = "opt_out"
DELETED_THERE = "deleted in Salesforce"
_LIVES_ON = (RemoteState.MERGED, RemoteState.CONVERTED)


def plan_row(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    """Decide what becomes of one record on both sides.

    Args:
        triple: its three copies, as far as there are any.
        object_map: the object's mapping, already narrowed to what the org has.
        rules: what the configuration wants done when a record is created, updated or deleted in
            Salesforce.

    Returns:
        The plan; ``is_empty`` where both sides are as they should be.
    """
    local, remote = triple.local, triple.remote
    if local is None:
        return _new_there(triple, object_map, rules) if remote else _plan(triple)
    if remote is None:
        return _new_here(triple, object_map, rules)
    if remote.state is RemoteState.GONE:
        return replace(
            _plan(triple), skip="not found in Salesforce: purged, or no longer visible to this user"
        )
    if remote.state is not RemoteState.PRESENT:
        return _gone_there(triple, object_map, rules)
    if local.deleted_at:
        return _deleted_here(triple, object_map, rules)
    return _both_live(triple, object_map, rules)


def _plan(triple: Triple) -> RowPlan:
    return RowPlan(
        triple.object,
        triple.local.local_id if triple.local else None,
        triple.remote.salesforce_id if triple.remote else None,
        edited_at=triple.local.edited_at if triple.local else "",
        modified_at=triple.remote.modified_at if triple.remote else "",
    )


def _new_there(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    plan, remote = _plan(triple), triple.remote
    if remote is None or remote.state is not RemoteState.PRESENT:
        return plan
    if not _wants(rules, RecordEvent.CREATED, Action.IMPORT):
        return plan
    values = {
        column: value
        for column, value in remote.values.items()
        if object_map.by_column[column].pulls
    }
    consent = _opt_out(object_map, values)
    decisions = tuple(
        FieldDecision(column, MISSING, None, remote.values.get(column), 1, Side.BOTH, OPT_OUT)
        for column in consent
    )
    return replace(
        plan,
        local_action=LocalAction.INSERT,
        org_action=OrgAction.UPDATE if consent and rules.pushes else OrgAction.NONE,
        decisions=decisions,
        to_local=values | consent,
        to_org=consent if rules.pushes else {},
        new_base=values,
        reason="new in Salesforce",
    )


def _new_here(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    plan, local = _plan(triple), triple.local
    if local is None or local.deleted_at:
        return plan
    if not rules.pushes:
        return replace(plan, skip="the rules send nothing to Salesforce")
    values = dict(local.values) | _opt_out(object_map, local.values)
    to_org = {
        column: value
        for column, value in values.items()
        if value is not None and object_map.by_column[column].pushes
    }
    return replace(
        plan,
        org_action=OrgAction.CREATE,
        decisions=tuple(
            FieldDecision(
                column, MISSING, local.values.get(column), MISSING, value, Side.LOCAL, "new here"
            )
            for column, value in to_org.items()
        ),
        to_local={
            column: value for column, value in values.items() if value != local.values.get(column)
        },
        to_org=to_org,
        reason="new in the mirror",
    )


def _gone_there(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    """Deleted, merged into another, or converted: the row is soft-deleted, and what was typed here is kept."""
    plan, local, remote = _plan(triple), triple.local, triple.remote
    if local is None or remote is None or local.deleted_at:
        return plan
    followed = remote.state in _LIVES_ON
    if not followed and not _wants(rules, RecordEvent.DELETED, Action.SOFT_DELETE):
        return replace(plan, skip="deleted in Salesforce, and the rules do nothing then")
    survivor = "contact" if remote.state is RemoteState.CONVERTED else triple.object
    return replace(
        plan,
        local_action=LocalAction.SOFT_DELETE,
        decisions=() if followed else lost_edits(triple, object_map),
        reason=f"{remote.state.value} in Salesforce",
        successor_id=remote.successor_id if followed else None,
        successor_object=survivor if followed and remote.successor_id else "",
    )


def lost_edits(triple: Triple, object_map: ObjectMap) -> tuple[FieldDecision, ...]:
    """Edits made here to a record that is gone there: each is kept as a conflict."""
    local, base = triple.local, triple.base
    if local is None or base is None:
        return ()
    return tuple(
        FieldDecision(column, old, new, None, new, Side.REMOTE, DELETED_THERE, conflict=True)
        for column in object_map.columns
        if (new := local.values.get(column)) != (old := _agreed_value(base, column))
        and new is not None
    )


def _deleted_here(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    """Soft-deleted here and live there: an edit made here, or an undelete there."""
    plan, local, remote, base = _plan(triple), triple.local, triple.remote, triple.base
    if local is None or remote is None:
        return plan
    if base is not None and base.deleted_at:
        if not _wants(rules, RecordEvent.CREATED, Action.IMPORT):
            return replace(plan, skip="undeleted in Salesforce, and the rules import nothing")
        merged = _both_live(triple, object_map, rules)
        return replace(merged, local_action=LocalAction.RESTORE, reason="undeleted in Salesforce")
    if object_map.on_local_delete is OnLocalDelete.DELETE and rules.pushes:
        return replace(plan, org_action=OrgAction.DELETE, reason="soft-deleted in the mirror")
    return replace(plan, skip="soft-deleted in the mirror; the record in Salesforce is kept")


def _both_live(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    plan, local, remote = _plan(triple), triple.local, triple.remote
    if local is None or remote is None:
        return plan
    if (
        rules.pulls
        and triple.base is not None
        and not _wants(rules, RecordEvent.UPDATED, Action.UPDATE)
    ):
        return _only_ours(triple, object_map, rules)
    decisions = _decisions(object_map, local, remote, triple.base)
    return _assemble(plan, object_map, rules, local, remote, decisions)


def _only_ours(triple: Triple, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    """No rule takes updates down: only what was edited here moves."""
    plan, local, remote = _plan(triple), triple.local, triple.remote
    if local is None or remote is None:
        return plan
    decisions = {
        column: decision
        for column, decision in _decisions(object_map, local, remote, triple.base).items()
        if decision.winner in (Side.LOCAL, Side.BOTH)
    }
    return replace(_assemble(plan, object_map, rules, local, remote, decisions), new_base={})


def _decisions(
    object_map: ObjectMap, local: Local, remote: Remote, base: Base | None
) -> dict[str, FieldDecision]:
    decisions = {}
    merged: dict[str, Value] = {}
    for column, theirs in remote.values.items():
        field_map = object_map.by_column.get(column)
        if field_map is None:
            continue
        ours = local.values.get(column)
        agreed = _agreed_value(base, column)
        contest = Contest(agreed, ours, theirs, local.edited_at, remote.modified_at)
        decision = merge_field(field_map, contest)
        merged[column] = decision.value if decision else ours
        if decision:
            decisions[column] = decision
    for column, value in _opt_out(object_map, merged).items():
        agreed = _agreed_value(base, column)
        decisions[column] = FieldDecision(
            column,
            agreed,
            local.values.get(column),
            remote.values.get(column),
            value,
            Side.BOTH,
            OPT_OUT,
        )
    return decisions


def _agreed_value(base: Base | None, column: str) -> Value | Missing:
    """What both sides last agreed on for one field; a column that was never read has no base of its own."""
    return MISSING if base is None else base.values.get(column, MISSING)


def _opt_out(object_map: ObjectMap, values: Mapping[str, Value]) -> dict[str, Value]:
    """The opt-out columns that still have to become true because another one is."""
    known = [column for column in object_map.opt_out if column in values]
    if not any(values[column] for column in known):
        return {}
    return {column: 1 for column in known if values[column] != 1}


def _assemble(
    plan: RowPlan,
    object_map: ObjectMap,
    rules: SyncRules,
    local: Local,
    remote: Remote,
    decisions: Mapping[str, FieldDecision],
) -> RowPlan:
    settled = [decision for decision in decisions.values() if decision.winner is not Side.HELD]
    to_local = {d.column: d.value for d in settled if d.value != local.values.get(d.column)}
    to_org = {
        d.column: d.value
        for d in settled
        if rules.pushes
        and d.value != remote.values.get(d.column)
        and object_map.by_column[d.column].pushes
    }
    return replace(
        plan,
        local_action=LocalAction.UPDATE if to_local else LocalAction.NONE,
        org_action=OrgAction.UPDATE if to_org else OrgAction.NONE,
        decisions=tuple(decisions.values()),
        to_local=to_local,
        to_org=to_org,
        new_base=dict(_agreed(object_map, local, remote, decisions)),
    )


def _agreed(
    object_map: ObjectMap, local: Local, remote: Remote, decisions: Mapping[str, FieldDecision]
) -> Iterable[tuple[str, Value]]:
    """What both sides will have in common once the mirror's half is applied: the org's values.

    Not a held field: it keeps the base that the two sides left from. Nor a field at rest although
    the two differ (a one-way field): nobody agreed on that.
    """
    for column, theirs in remote.values.items():
        if column not in object_map.by_column:
            continue
        decision = decisions.get(column)
        if (decision is None and local.values.get(column) == theirs) or (
            decision is not None and decision.winner is not Side.HELD
        ):
            yield column, theirs


def _wants(rules: SyncRules, on: RecordEvent, action: Action) -> bool:
    rule = rules.record_rule(on)
    return rules.pulls and rule is not None and rule.action is action


def fold(
    triple: Triple, survivor: Mapping[str, Value], object_map: ObjectMap, survivor_map: ObjectMap
) -> tuple[dict[str, Value], dict[str, Value], tuple[FieldDecision, ...]]:
    """What a merged or converted record's row still owes to the record it lives on in.

    An opt-out goes along always; what was added to a counter here and never sent is added there; a
    later time wins. Any other edit that Salesforce never saw cannot be placed safely: it is kept as
    a conflict.

    Args:
        triple: the row that ends, with its base.
        survivor: the values of the row it lives on in, by that object's columns.

    Returns:
        ``(values to set, amounts to add, edits that are kept as conflicts)``.
    """
    local, base = triple.local, triple.base
    if local is None:
        return {}, {}, ()
    setting: dict[str, Value] = {}
    adding: dict[str, Value] = {}
    kept: list[FieldDecision] = []
    if any(local.values.get(column) for column in object_map.opt_out):
        setting |= {column: 1 for column in survivor_map.opt_out if survivor.get(column) != 1}
    for column, ours in local.values.items():
        agreed = _agreed_value(base, column)
        if base is None or ours == agreed or column in object_map.opt_out:
            continue
        target = survivor_map.by_column.get(column)
        merge = target.merge if target and target.pushes else None
        if merge is Merge.COUNTER and isinstance(ours, int | float):
            adding[column] = ours - (agreed if isinstance(agreed, int | float) else 0)
        elif merge is Merge.LATEST and str(ours or "") > str(survivor.get(column) or ""):
            setting[column] = ours
        elif ours is not None and survivor.get(column) != ours:
            theirs = survivor.get(column)
            kept.append(
                FieldDecision(
                    column, agreed, ours, theirs, theirs, Side.REMOTE, "lives on", conflict=True
                )
            )
    return setting, adding, tuple(kept)


__all__ = ["DELETED_THERE", "ONLY_HERE", "OPT_OUT", "fold", "lost_edits", "plan_row"]
