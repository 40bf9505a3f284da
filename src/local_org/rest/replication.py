"""getUpdated and getDeleted: what changed in a span of time.

Both look at whole minutes and tell how far they are sure (``latestDateCovered``): no further than
the start of the oldest transaction still running.

Source: docs/salesforce.md §6.2 and §6.3.
"""

from collections.abc import Mapping
from typing import Any

from local_org import timestamps
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError
from local_org.state.org import OrgState
from local_org.state.tables import Table

_DAY = 86_400
_UPDATED_DAYS = 30
_DELETED_DAYS = 15
_MOST_IDS = 600_000


class Replication:
    """``/sobjects/NAME/updated`` and ``/deleted``.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("GET", "/sobjects/{}/updated", self._updated),
            endpoint("GET", "/sobjects/{}/deleted", self._deleted),
        ]

    def _updated(self, call: Call, sobject: str) -> Reply:
        return Reply(body=updated(self.state, sobject, call.query))

    def _deleted(self, call: Call, sobject: str) -> Reply:
        return Reply(body=deleted(self.state, sobject, call.query))


def updated(state: OrgState, sobject: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The reply of ``/sobjects/NAME/updated?start=&end=``."""
    with state.lock:
        table = _replicated(state, sobject)
        start, end = _span(state, query, _UPDATED_DAYS)
        rows = table.visible_among(table.modstamps.since(start))
        found = [
            row["Id"]
            for row in rows
            if start <= row["SystemModstamp"] < end and "IsDeleted" not in row
        ]
        if len(found) > _MOST_IDS:
            raise ApiError("EXCEEDED_ID_LIMIT", f"too many ids: {len(found)}; narrow the span")
        return {
            "ids": found,
            "latestDateCovered": timestamps.rest_text(_covered(state, table, end)),
        }


def deleted(state: OrgState, sobject: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The reply of ``/sobjects/NAME/deleted?start=&end=``."""
    with state.lock:
        table = _replicated(state, sobject)
        start, end = _span(state, query, _DELETED_DAYS)
        earliest = _earliest(state)
        veiled = table.uncommitted
        found = [
            {"id": record_id, "deletedDate": timestamps.rest_text(at)}
            for record_id, at in table.delete_log.items()
            if max(start, earliest) <= at < end and record_id not in veiled
        ]
        return {
            "deletedRecords": found,
            "earliestDateAvailable": timestamps.rest_text(earliest // 60 * 60),
            "latestDateCovered": timestamps.rest_text(_covered(state, table, end)),
        }


def _replicated(state: OrgState, sobject: str) -> Table:
    table = state.table(sobject)
    if not table.kind.replicateable:
        raise ApiError("INVALID_TYPE", f"entity type {table.kind.name} is not replicateable")
    return table


def _span(state: OrgState, query: Mapping[str, str], days: int) -> tuple[int, int]:
    times: list[int] = []
    for name in ("start", "end"):
        found = timestamps.read_moment(query.get(name, "").replace(" ", "+"))
        if found is None:
            raise ApiError(
                "INVALID_REPLICATION_DATE", f"{name}: a date and time with an offset is required"
            )
        times.append(found // 60 * 60)
    start, end = times
    if end - start < 60:
        raise ApiError(
            "INVALID_REPLICATION_DATE",
            "startDate must be earlier than endDate by more than one minute",
        )
    if start < state.stamp() - days * _DAY - 60:
        raise ApiError(
            "INVALID_REPLICATION_DATE", f"startDate before {days} days ago is not allowed"
        )
    return start, end


def _earliest(state: OrgState) -> int:
    oldest = state.stamp() - _DELETED_DAYS * _DAY
    return max(oldest, state.settings.delete_log_from or 0)


def _covered(state: OrgState, table: Table, end: int) -> int:
    running = [
        table.rows[record_id]["SystemModstamp"]
        for record_id in table.uncommitted
        if record_id in table.rows
    ]
    latest: int = min([state.stamp() - state.settings.replication_lag_seconds, *running])
    return min(end, latest) // 60 * 60
