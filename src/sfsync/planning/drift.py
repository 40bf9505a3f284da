"""Drift: is a record still as it was when its plan was made? Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.record import (
    MISSING,
    Local,
    LocalId,
    Missing,
    Remote,
    RemoteState,
    Row,
    SalesforceId,
    Triple,
    Value,
    Values,
)


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as it was when the plan was made.

    Attributes:
        side: ``mirror`` or ``salesforce``.
        what: a column, or what became of the row or record.
    """

    object: str
    local_id: LocalId | None
    salesforce_id: SalesforceId | None
    side: str
    what: str
    was: Value
    now: Value


def drifts(
    triple: Triple, plan: RowPlan, row: Row | None, remote: Remote | None
) -> tuple[Drift, ...]:
    """What has changed since, on either side, field by field; empty where the plan still holds."""
    local = row.local if row else None
    by_side = {
        "mirror": (*_row_changes(triple.local, local), *_base_changes(plan, row)),
        "salesforce": _record_changes(triple.remote, remote),
    }
    return tuple(
        Drift(plan.object, plan.local_id, plan.salesforce_id, side, what, was, now)
        for side, changes in by_side.items()
        for what, was, now in changes
    )


def _row_changes(was: Local | None, now: Local | None) -> Iterator[tuple[str, Value, Value]]:
    if was is None and now is None:
        return
    if was is None or now is None:
        yield "row", _presence(was), _presence(now)
        return
    if was.deleted_at != now.deleted_at:
        yield "deleted_at", was.deleted_at, now.deleted_at
    yield from _value_changes(was.values, now.values)


def _base_changes(plan: RowPlan, row: Row | None) -> Iterator[tuple[str, Value, Value]]:
    """Fields to be written whose base has moved: both sides have agreed on something since.

    The values alone do not show it: an edit of 5 to 7 that has arrived leaves 7 here, as it was, and
    a plan to add 2 would add it once more.
    """
    if row is None or row.base is None:
        return
    agreed = row.base.values
    for each in plan.decisions:
        if each.column not in plan.to_org or each.base is MISSING:
            continue
        now = agreed.get(each.column)
        if now != each.base:
            yield f"{each.column} (agreed)", _shown(each.base), now


def _shown(value: Value | Missing) -> Value:
    return None if value is MISSING else value


def _record_changes(was: Remote | None, now: Remote | None) -> Iterator[tuple[str, Value, Value]]:
    if was is None and now is None:
        return
    if now is None and was is not None and was.state is RemoteState.GONE:
        return  # the org did not return it then either
    if was is None or now is None:
        yield "record", _presence(was), _presence(now)
        return
    if was.state is not now.state:
        yield "record", was.state.value, now.state.value
        return
    yield from _value_changes(was.values, now.values)


def _value_changes(was: Values, now: Values) -> Iterator[tuple[str, Value, Value]]:
    for column, value in was.items():
        if now.get(column) != value:
            yield column, value, now.get(column)


def _presence(one: object) -> str:
    return "none" if one is None else "present"


def is_carried_out(plan: RowPlan, row: Row | None, remote: Remote | None) -> bool:
    """Whether both sides hold what the plan wanted."""
    if plan.org_action is OrgAction.DELETE:
        return remote is None or remote.state is not RemoteState.PRESENT
    if row is None:
        return False
    if plan.local_action is LocalAction.SOFT_DELETE:
        return row.local.deleted_at is not None
    if not _holds(row.local.values, plan.to_local):
        return False
    if not plan.to_org:
        return True
    return remote is not None and _holds(remote.values, plan.to_org)


def _holds(values: Values, wanted: Values) -> bool:
    return all(values.get(column) == value for column, value in wanted.items())
