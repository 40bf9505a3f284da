"""Queries by REST, and the cursors that lead from page to page.

Source: docs/salesforce.md §3; REST API Developer Guide, Query, QueryAll, Query Options Header.
"""

from dataclasses import dataclass
from typing import Any

from local_org import ids, soql
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError
from local_org.state.org import OrgState

_CURSOR_SECONDS = 2 * 86_400
_KEPT_CURSORS = 500
_KEY_PREFIX = "01g"
_SMALLEST_PAGE, _LARGEST_PAGE = 200, 2_000


@dataclass(slots=True)
class _Cursor:
    """An open query."""

    result: soql.Result
    resource: str
    page_size: int
    opened_at: float


class Queries:
    """``/query`` and ``/queryAll``.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state
        self._cursors: dict[str, _Cursor] = {}
        self._ids_given = 0

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("GET", "/query", self._query),
            endpoint("GET", "/queryAll", self._query_all),
            endpoint("GET", "/query/{}", self._next_page),
            endpoint("GET", "/queryAll/{}", self._next_page),
        ]

    def _query(self, call: Call) -> Reply:
        return self._run(call, "query")

    def _query_all(self, call: Call) -> Reply:
        return self._run(call, "queryAll")

    def _run(self, call: Call, resource: str) -> Reply:
        text = call.query.get("q")
        if text is None:
            raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
        result = soql.run(
            self.state,
            text,
            everything=resource == "queryAll",
            user_id=call.user_id,
            version=call.version,
        )
        cursor = _Cursor(result, resource, _page_size(call), self.state.clock.seconds())
        return self._page(call, cursor, None, 0)

    def _next_page(self, call: Call, locator: str) -> Reply:
        name, _, start = locator.partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or not start.isdigit() or int(start) >= cursor.result.total:
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        if self.state.clock.seconds() - cursor.opened_at > _CURSOR_SECONDS:
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(call, cursor, name, int(start))

    def _page(self, call: Call, cursor: _Cursor, name: str | None, start: int) -> Reply:
        with self.state.lock:
            records = cursor.result.page(start, cursor.page_size, call.version)
        end = start + cursor.page_size
        body: dict[str, Any] = {"totalSize": cursor.result.total, "done": True}
        if records and end < cursor.result.total:
            name = name or self._open(cursor)
            body["done"] = False
            body["nextRecordsUrl"] = (
                f"/services/data/v{call.version}/{cursor.resource}/{name}-{end}"
            )
        return Reply(body={**body, "records": records})

    def _open(self, cursor: _Cursor) -> str:
        self._ids_given += 1
        name = ids.make(_KEY_PREFIX, self._ids_given)
        self._cursors[name] = cursor
        while len(self._cursors) > _KEPT_CURSORS:
            del self._cursors[next(iter(self._cursors))]
        return name


def _page_size(call: Call) -> int:
    asked = call.options("sforce-query-options").get("batchsize", "")
    if not asked.isdigit():
        return _LARGEST_PAGE
    return min(_LARGEST_PAGE, max(_SMALLEST_PAGE, int(asked)))
