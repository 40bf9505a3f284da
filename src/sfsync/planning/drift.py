"""Is a record still as it was when it was planned? Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.record import LocalId, Remote, RemoteState, Row, SalesforceId, Triple, Value


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as it was judged.

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
    """What has changed since, on either side, field by field; nothing where the plan still stands."""

    def told(side: str, what: str, was: Value, now: Value) -> Drift:
        return Drift(plan.object, plan.local_id, plan.salesforce_id, side, what, was, now)

    found = [told("mirror", what, was, now) for what, was, now in _here(triple, row)]
    found += [told("salesforce", what, was, now) for what, was, now in _there(triple, remote)]
    return tuple(found)


def _here(triple: Triple, row: Row | None) -> Iterator[tuple[str, Value, Value]]:
    was, now = triple.local, row.local if row else None
    if was is None or now is None:
        if was is not now:
            yield "row", _there_or_not(was), _there_or_not(now)
        return
    if was.deleted_at != now.deleted_at:
        yield "deleted_at", was.deleted_at, now.deleted_at
    for column, value in was.values.items():
        if now.values.get(column) != value:
            yield column, value, now.values.get(column)


def _there(triple: Triple, now: Remote | None) -> Iterator[tuple[str, Value, Value]]:
    was = triple.remote
    if was is None or now is None:
        gone = was is not None and was.state is RemoteState.GONE
        if was is not now and not gone:
            yield "record", _there_or_not(was), _there_or_not(now)
        return
    if was.state is not now.state:
        yield "record", was.state.value, now.state.value
        return
    for column, value in was.values.items():
        if now.values.get(column) != value:
            yield column, value, now.values.get(column)


def _there_or_not(one: object) -> str:
    return "none" if one is None else "present"


def is_carried_out(plan: RowPlan, row: Row | None, remote: Remote | None) -> bool:
    """Whether both sides hold what the plan wanted."""
    if plan.org_action is OrgAction.DELETE:
        return remote is None or remote.state is not RemoteState.PRESENT
    if row is None:
        return False
    if plan.local_action is LocalAction.SOFT_DELETE:
        return row.local.deleted_at is not None
    here = all(row.local.values.get(column) == value for column, value in plan.to_local.items())
    there = not plan.to_org or (
        remote is not None
        and all(remote.values.get(column) == value for column, value in plan.to_org.items())
    )
    return here and there
