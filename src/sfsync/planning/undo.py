"""What restores the values that a run replaced, where nobody changed them since. Pure.

An opt-out is never taken back, not by an undo either: whoever has opted out in the meantime cannot
be distinguished from whom the run opted out. It is left, and reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.journal import JournaledWrite
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge
from sfsync.model.record import (
    MISSING,
    LocalId,
    Missing,
    Remote,
    RemoteState,
    Row,
    SalesforceId,
    Value,
)

CHANGED_SINCE = "changed in Salesforce since"
NOT_KNOWN = "what it held before is not known"
NOT_WRITABLE = "the field is not mapped, or not written, any more"
CONSENT = "an opt-out is not taken back"
NO_RECORD = "the record is not found in Salesforce"
ANOTHER = "the row belongs to another record now"


@dataclass(frozen=True, slots=True)
class Left:
    """A field that stays as it is.

    Attributes:
        was: before the run.
        wrote: what the run wrote.
        now: what the org holds.
    """

    object: str
    local_id: LocalId
    salesforce_id: SalesforceId
    column: str
    was: Value | Missing
    wrote: Value
    now: Value | Missing
    why: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """One record's part of an undo: the write, if there is one, and the fields that are left."""

    plan: RowPlan | None
    left: tuple[Left, ...] = ()


def restore(
    writes: Sequence[JournaledWrite],
    row: Row | None,
    remote: Remote | None,
    object_map: ObjectMap,
    run_id: str,
) -> Restoration:
    """Take one record's writes of one run back.

    Args:
        writes: what the run wrote to this record, oldest first; no creates and no deletes.
        row: the mirror's row; ``None`` where it is gone.
        remote: the record now; ``None`` where the org does not show it.
        run_id: whose writes they are, for the reason.

    Returns:
        The plan. A field that is back already moves nothing in the org; where the row still holds
        the run's value, the row takes the old one along, so that the next push does not send the
        undone edit again.
    """
    was, wrote = before_and_after(writes)
    first = writes[0]
    record = first.salesforce_id or SalesforceId("")
    barrier = _barrier(row, remote, record)
    restored, left = [], []
    for column, written in wrote.items():
        old = was.get(column, MISSING)
        now = MISSING if remote is None else remote.values.get(column, MISSING)
        why = barrier or _why_left(object_map, column, old, written, now)
        if why:
            left.append(Left(first.object, first.local_id, record, column, old, written, now, why))
            continue
        if old is MISSING or old == written:
            continue  # the run changed nothing here
        if now == old and not _holds(row, column, written):
            continue  # both sides hold the old value already
        restored.append(_decision(column, old, written, now, row, run_id))
    if remote is None or not restored:
        return Restoration(None, tuple(left))
    return Restoration(_plan(first, record, restored, row, remote, run_id), tuple(left))


def _holds(row: Row | None, column: str, written: Value) -> bool:
    return row is not None and row.local.values.get(column) == written


def before_and_after(writes: Iterable[JournaledWrite]) -> tuple[dict[str, Value], dict[str, Value]]:
    """What a record held before the first of these writes, and what the last one left."""
    was: dict[str, Value] = {}
    wrote: dict[str, Value] = {}
    for write in writes:
        for column, value in write.after.items():
            if column not in wrote and column in write.before:
                was[column] = write.before[column]
            wrote[column] = value
    return was, wrote


def _barrier(row: Row | None, remote: Remote | None, record: SalesforceId) -> str:
    """Why nothing of this record can be restored; empty where something may be."""
    if remote is None or remote.state is RemoteState.GONE:
        return NO_RECORD
    if remote.state is not RemoteState.PRESENT:
        return f"the record is {remote.state.value} in Salesforce"
    if row is not None and row.salesforce_id not in (None, record):
        return ANOTHER
    return ""


def _why_left(
    object_map: ObjectMap, column: str, old: Value | Missing, written: Value, now: Value | Missing
) -> str:
    """Why this field is left; empty where it is restored."""
    field = object_map.by_column.get(column)
    if field is None or not field.pushes:
        return NOT_WRITABLE
    if old is MISSING:
        return NOT_KNOWN
    if now not in (written, old):
        return CHANGED_SINCE
    is_consent = field.merge is Merge.STICKY_TRUE or column in object_map.opt_out
    if is_consent and written and not old and now:
        return CONSENT
    return ""


def _decision(
    column: str, old: Value, written: Value, now: Value | Missing, row: Row | None, run_id: str
) -> FieldDecision:
    here: Value | Missing = MISSING if row is None else row.local.values.get(column)
    return FieldDecision(column, written, here, now, old, Side.BOTH, f"undo of {run_id}")


def _plan(
    first: JournaledWrite,
    record: SalesforceId,
    restored: Sequence[FieldDecision],
    row: Row | None,
    remote: Remote,
    run_id: str,
) -> RowPlan:
    old: Mapping[str, Value] = {each.column: each.value for each in restored}
    to_org = {column: value for column, value in old.items() if remote.values[column] != value}
    to_local: dict[str, Value] = {}
    if row is not None:
        # A row that was edited since keeps its edit: the next push sends that.
        to_local = {
            each.column: each.value
            for each in restored
            if each.local == each.base and each.base != each.value
        }
    return RowPlan(
        first.object,
        first.local_id,
        record,
        local_action=LocalAction.UPDATE if to_local else LocalAction.NONE,
        org_action=OrgAction.UPDATE if to_org else OrgAction.NONE,
        decisions=tuple(restored),
        to_local=to_local,
        to_org=to_org,
        new_base=old,
        reason=f"undo of {run_id}",
        edited_at=row.local.edited_at if row else "",
        modified_at=remote.modified_at,
    )
