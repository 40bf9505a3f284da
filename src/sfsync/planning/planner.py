"""What should become of one record: the three copies in, a plan for both sides out.

The same function serves pull, push and diff. A pull applies the mirror's half (``to_local``,
``new_base``) and leaves the row edited where the org still has to learn something; a push sends
``to_org`` and, once that is accepted, the base becomes ``new_base`` and what was sent. Planning
again after applying is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from sfsync.model.change import DELETED_THERE, FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.mapping import (
    Action,
    Direction,
    FieldMap,
    ObjectMap,
    OnLocalDelete,
    RecordEvent,
    SyncRules,
)
from sfsync.model.record import (
    DELETED_AT,
    MISSING,
    Base,
    Local,
    Remote,
    RemoteState,
    Triple,
    Value,
    Values,
)
from sfsync.planning.merge import ONLY_HERE, agreed_value, merge_field
from sfsync.planning.policy import Contest
from sfsync.planning.survivor import lost_edits, lost_revival

OPT_OUT = "opt_out"
EDITED_THERE = "edited in Salesforce"
_WITH_SURVIVOR = (RemoteState.MERGED, RemoteState.CONVERTED)


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
    plan, local, remote = _nothing(triple), triple.local, triple.remote
    if local is None:
        if remote is None:
            return plan
        return _new_there(plan, remote, object_map, rules)
    if remote is None:
        return _new_here(plan, local, object_map, rules)
    if remote.state is RemoteState.GONE:
        # It may be purged, or merely out of this user's sight: nothing is concluded from that.
        return replace(
            plan, skip="not found in Salesforce: purged, or no longer visible to this user"
        )
    pair = _Pair(local, remote, triple.base, object_map, rules)
    if remote.state is not RemoteState.PRESENT:
        return _ended_there(plan, pair)
    if local.deleted_at:
        return _deleted_here(plan, pair)
    return _both_live(plan, pair)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A row and its record."""

    local: Local
    remote: Remote
    base: Base | None
    object_map: ObjectMap
    rules: SyncRules


def _nothing(triple: Triple) -> RowPlan:
    """The plan that does nothing, with what identifies the row and the record."""
    local_id, edited_at = None, ""
    if triple.local is not None:
        local_id, edited_at = triple.local.local_id, triple.local.edited_at
    salesforce_id, modified_at = None, ""
    if triple.remote is not None:
        salesforce_id, modified_at = triple.remote.salesforce_id, triple.remote.modified_at
    return RowPlan(
        triple.object, local_id, salesforce_id, edited_at=edited_at, modified_at=modified_at
    )


def _wants(rules: SyncRules, on: RecordEvent, action: Action) -> bool:
    rule = rules.record_rule(on)
    return rules.pulls and rule is not None and rule.action is action


# -- on one side only ----------------------------------------------------------------------------


def _new_there(plan: RowPlan, remote: Remote, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    if remote.state is not RemoteState.PRESENT:
        return plan  # it ended before it ever came in
    if not _wants(rules, RecordEvent.CREATED, Action.IMPORT):
        return plan
    values = {
        column: value
        for column, value in remote.values.items()
        if object_map.by_column[column].pulls
    }
    # One opt-out is all of them: the row comes in opted out, and the org learns of it at once.
    consent = _missing_opt_outs(object_map, values)
    to_org = consent if rules.pushes else {}
    return replace(
        plan,
        local_action=LocalAction.INSERT,
        org_action=OrgAction.UPDATE if to_org else OrgAction.NONE,
        decisions=tuple(
            FieldDecision(column, MISSING, None, remote.values.get(column), 1, Side.BOTH, OPT_OUT)
            for column in consent
        ),
        to_local=values | consent,
        to_org=to_org,
        new_base=values,
        reason="new in Salesforce",
    )


def _new_here(plan: RowPlan, local: Local, object_map: ObjectMap, rules: SyncRules) -> RowPlan:
    if local.deleted_at:
        return plan  # deleted before it was ever sent
    if not rules.pushes:
        return replace(plan, skip="the rules send nothing to Salesforce")
    consent = _missing_opt_outs(object_map, local.values)
    to_org = {
        column: value
        for column, value in {**local.values, **consent}.items()
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
        to_local=consent,
        to_org=to_org,
        reason="new in the mirror",
    )


# -- ended on one side ---------------------------------------------------------------------------


def _ended_there(plan: RowPlan, pair: _Pair) -> RowPlan:
    """Deleted, merged into another, or converted: the row is soft-deleted."""
    local, remote = pair.local, pair.remote
    if local.deleted_at:
        return plan
    ended = replace(
        plan,
        local_action=LocalAction.SOFT_DELETE,
        reason=f"{remote.state.value} in Salesforce",
    )
    if remote.state in _WITH_SURVIVOR:
        # Whatever the rules say of deleting: the person is still there, in the survivor. What this
        # row leaves to it is decided when it is known, see ``survivor.inherited``.
        if not remote.successor_id:
            return ended
        converted = remote.state is RemoteState.CONVERTED
        survivor = pair.object_map.kind.survivor_object(converted=converted)
        return replace(ended, successor_id=remote.successor_id, successor_object=survivor)
    if not _wants(pair.rules, RecordEvent.DELETED, Action.SOFT_DELETE):
        return replace(plan, skip="deleted in Salesforce, and the rules do nothing then")
    triple = Triple(plan.object, pair.base, local, remote)
    lost = (*lost_revival(triple), *lost_edits(triple, pair.object_map))
    return replace(ended, decisions=lost)


def _deleted_here(plan: RowPlan, pair: _Pair) -> RowPlan:
    """Soft-deleted here and live there: an undelete there, or a deletion made here."""
    if pair.base is not None and pair.base.deleted_at:
        # Both had agreed that it is deleted, so it is the org that changed.
        if not _wants(pair.rules, RecordEvent.CREATED, Action.IMPORT):
            return replace(plan, skip="undeleted in Salesforce, and the rules import nothing")
        merged = _both_live(plan, pair)
        return replace(merged, local_action=LocalAction.RESTORE, reason="undeleted in Salesforce")
    if pair.object_map.on_local_delete is OnLocalDelete.DELETE and pair.rules.pushes:
        if _edited_there(pair):
            return _kept_for_their_edit(plan, pair)
        return replace(plan, org_action=OrgAction.DELETE, reason="soft-deleted in the mirror")
    consent = _consent_of_deleted(plan, pair)
    if consent.decisions:
        return consent
    return replace(plan, skip="soft-deleted in the mirror; the record in Salesforce is kept")


def _edited_there(pair: _Pair) -> bool:
    """Whether the record holds something that a deletion would lose: changed there, and not the same here."""
    return any(
        theirs not in (agreed_value(pair.base, column), pair.local.values.get(column))
        for column, theirs in pair.remote.values.items()
        if agreed_value(pair.base, column) is not MISSING
        and pair.object_map.by_column[column].pulls
    )


def _kept_for_their_edit(plan: RowPlan, pair: _Pair) -> RowPlan:
    """Deleted here, edited there: a conflict. The record stays, and the row comes back with the edit.

    Whoever deletes it once more has seen the edit: then the record is deleted.
    """
    merged = _assemble(plan, pair, _decisions(pair))
    deletion = FieldDecision(
        DELETED_AT,
        None,
        pair.local.deleted_at,
        None,
        None,
        Side.REMOTE,
        EDITED_THERE,
        conflict=True,
    )
    return replace(
        merged,
        local_action=LocalAction.RESTORE,
        decisions=(deletion, *merged.decisions),
        reason="soft-deleted in the mirror, and edited in Salesforce",
    )


def _consent_of_deleted(plan: RowPlan, pair: _Pair) -> RowPlan:
    """What is said of consent travels all the same: the record that is kept is still mailed."""
    opt_out = pair.object_map.opt_out
    decisions = _said_on_both_sides(pair) | {
        column: decision for column, decision in _decisions(pair).items() if column in opt_out
    }
    assembled = _assemble(plan, pair, decisions)
    agreed = {column: value for column, value in assembled.new_base.items() if column in opt_out}
    return replace(assembled, new_base=agreed)


def _said_on_both_sides(pair: _Pair) -> dict[str, FieldDecision]:
    """The opt-outs that both sides have since and had not agreed on: only the base has yet to learn of it."""
    decisions = {}
    for column in pair.object_map.opt_out:
        agreed, ours = agreed_value(pair.base, column), pair.local.values.get(column)
        if ours == pair.remote.values.get(column) == 1 and agreed != 1:
            decisions[column] = FieldDecision(column, agreed, ours, ours, ours, Side.BOTH, OPT_OUT)
    return decisions


# -- live on both sides --------------------------------------------------------------------------


def _both_live(plan: RowPlan, pair: _Pair) -> RowPlan:
    decisions = _decisions(pair)
    rules = pair.rules
    if not rules.pulls or pair.base is None or _wants(rules, RecordEvent.UPDATED, Action.UPDATE):
        return _assemble(plan, pair, decisions)
    # No rule takes updates down: only what was edited here moves, and nothing new is agreed on.
    ours = {
        column: decision
        for column, decision in decisions.items()
        if decision.winner in (Side.LOCAL, Side.BOTH)
    }
    return replace(_assemble(plan, pair, ours), new_base={})


def _decisions(pair: _Pair) -> dict[str, FieldDecision]:
    """Column -> decision, for the fields where something moves or is held."""
    local, remote, object_map = pair.local, pair.remote, pair.object_map
    decisions: dict[str, FieldDecision] = {}
    merged: dict[str, Value] = {}
    for column, theirs in remote.values.items():
        field_map = object_map.by_column.get(column)
        if field_map is None:
            continue
        if not pair.rules.pushes:
            field_map = _only_down(field_map)
        agreed, ours = agreed_value(pair.base, column), local.values.get(column)
        contest = Contest(
            agreed, ours, theirs, local.edited_at, remote.modified_at, local.consented
        )
        decision = merge_field(field_map, contest)
        if decision is None:
            merged[column] = ours
        else:
            merged[column] = decision.value
            decisions[column] = decision
    decisions |= _spreading(pair, decisions)
    # Whatever the fields' own merges say: one opt-out is all of them.
    for column, value in _missing_opt_outs(object_map, merged).items():
        decisions[column] = FieldDecision(
            column,
            agreed_value(pair.base, column),
            local.values.get(column),
            remote.values.get(column),
            value,
            Side.BOTH,
            OPT_OUT,
        )
    return decisions


def _spreading(pair: _Pair, decisions: Mapping[str, FieldDecision]) -> dict[str, FieldDecision]:
    """The opt-outs that stand here because both sides have agreed on another one: nobody edited them."""
    agreed = {column for column in pair.object_map.opt_out if agreed_value(pair.base, column) == 1}
    return {
        column: replace(decision, rule=OPT_OUT)
        for column, decision in decisions.items()
        if column in pair.object_map.opt_out
        and (decision.rule, decision.value) == (ONLY_HERE, 1)
        and agreed - {column}
    }


@lru_cache(maxsize=256)
def _only_down(field_map: FieldMap) -> FieldMap:
    """The field where the object's rules send nothing: whatever it says itself, it only comes down."""
    return replace(field_map, direction=Direction.PULL)


def _missing_opt_outs(object_map: ObjectMap, values: Values) -> dict[str, Value]:
    """The opt-out columns that still have to become true because another one is."""
    known = [column for column in object_map.opt_out if column in values]
    if not any(values[column] for column in known):
        return {}
    return {column: 1 for column in known if values[column] != 1}


def _assemble(plan: RowPlan, pair: _Pair, decisions: Mapping[str, FieldDecision]) -> RowPlan:
    """The plan that brings both sides to what was decided."""
    to_local: dict[str, Value] = {}
    to_org: dict[str, Value] = {}
    for column, decision in decisions.items():
        if decision.winner is Side.HELD:
            continue  # each side keeps its own until a person decides
        if decision.value != pair.local.values.get(column):
            to_local[column] = decision.value
        sent = pair.rules.pushes and pair.object_map.by_column[column].pushes
        if sent and decision.value != pair.remote.values.get(column):
            to_org[column] = decision.value
    return replace(
        plan,
        local_action=LocalAction.UPDATE if to_local else LocalAction.NONE,
        org_action=OrgAction.UPDATE if to_org else OrgAction.NONE,
        decisions=tuple(decisions.values()),
        to_local=to_local,
        to_org=to_org,
        new_base=_agreed(pair, decisions),
    )


def _agreed(pair: _Pair, decisions: Mapping[str, FieldDecision]) -> dict[str, Value]:
    """What both sides have in common once the mirror's half is applied: the org's values."""
    agreed = {}
    for column, theirs in pair.remote.values.items():
        if column not in pair.object_map.by_column:
            continue
        decision = decisions.get(column)
        if decision is None:
            # At rest although the two differ: a one-way field. Nobody agreed on that.
            if pair.local.values.get(column) == theirs:
                agreed[column] = theirs
        elif decision.winner is not Side.HELD:
            # A held field keeps the base from which the two sides went apart.
            agreed[column] = theirs
    return agreed


__all__ = ["DELETED_THERE", "EDITED_THERE", "ONLY_HERE", "OPT_OUT", "plan_row"]
