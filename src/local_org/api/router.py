"""The REST API: which address does what.

``Api.dispatch`` takes an authenticated ``Call`` and gives a ``Reply``; it knows neither sockets nor
tokens. Further resources (collections, composite, Bulk) join by ``Endpoint`` lists of their own.

Source: salesforce-facts §2 and §3; REST API Developer Guide, the resource pages named there.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local_org import ids, soql
from local_org.api.call import Call, Reply, error_reply
from local_org.api_error import ApiError, entity_is_deleted, not_found
from local_org.records import writes
from local_org.rest import replication
from local_org.schema.sobject import Field, SObjectType
from local_org.state.access import running
from local_org.state.org import OrgState
from local_org.state.rendering import record_url, whole_record
from local_org.state.tables import Row

NEWEST_VERSION = 68
OLDEST_VERSION = 41
_CURSOR_SECONDS = 2 * 86_400
_KEPT_CURSORS = 500
_SEASONS = ("Winter", "Spring", "Summer")
_EDITIONS_BEFORE_2026 = 65
Handler = Callable[..., Reply]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address.

    Args:
        methods: the HTTP methods, separated by blanks.
        pattern: a regular expression over the path after the version, each part still its own.
        handle: takes the call and the pattern's groups.
    """

    methods: str
    pattern: re.Pattern[str]
    handle: Handler


def endpoint(methods: str, path: str, handle: Handler) -> Endpoint:
    """An endpoint from a path with ``{}`` for each variable part, for example ``/sobjects/{}/describe``."""
    escaped = "([^/]+)".join(re.escape(part) for part in path.split("{}"))
    return Endpoint(methods, re.compile(escaped + "/?", re.IGNORECASE), handle)


def versions() -> list[dict[str, str]]:
    """The reply of ``/services/data/``: every version that answers, ascending."""
    return [
        {"label": _season(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
    ]


def _season(version: int) -> str:
    """The release name: three a year, v65 being Winter '26."""
    releases = version - _EDITIONS_BEFORE_2026
    return f"{_SEASONS[releases % 3]} '{26 + releases // 3}"


@dataclass(slots=True)
class _Cursor:
    """An open query."""

    result: soql.Result
    resource: str
    size: int
    opened_at: float


class Api:
    """The REST API of one org.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state
        self._cursors: dict[str, _Cursor] = {}
        self._opened = 0
        self._endpoints: list[Endpoint] = self._own_endpoints()

    def extend(self, endpoints: Iterable[Endpoint]) -> None:
        """Let further resources join; an earlier endpoint wins."""
        self._endpoints.extend(endpoints)

    def dispatch(self, call: Call) -> Reply:
        """Handle one call; refusals become replies."""
        try:
            _check_version(call)
            with running(call.user_id, tooling=call.segments[1:2] == ["tooling"]):
                self._check_user(call)
                return self._route(call)
        except ApiError as error:
            return error_reply(error)

    def _check_user(self, call: Call) -> None:
        if not self.state.access(call.user_id).may("ApiEnabled"):
            raise ApiError(
                "API_CURRENTLY_DISABLED", "API is currently disabled for this user", status=403
            )

    def _route(self, call: Call) -> Reply:
        path = "/" + "/".join(call.path.split("/")[4:])
        method = "GET" if call.method == "HEAD" else call.query.get("_HttpMethod", call.method)
        barred = False
        for each in self._endpoints:
            found = each.pattern.fullmatch(path)
            if found is None:
                continue
            if method in each.methods.split():
                return each.handle(call, *(unquote(part) for part in found.groups()))
            barred = True
        if barred:
            message = f"HTTP Method '{method}' not allowed. Allowed are {self._allowed(path)}"
            raise ApiError("METHOD_NOT_ALLOWED", message, status=405)
        raise not_found()

    def _allowed(self, path: str) -> str:
        methods = (each.methods for each in self._endpoints if each.pattern.fullmatch(path))
        return ",".join(dict.fromkeys(" ".join(methods).split()))

    def _own_endpoints(self) -> list[Endpoint]:
        return [
            endpoint("GET", "/", self._resources),
            endpoint("GET", "/limits", self._limits),
            endpoint("GET", "/limits/recordCount", self._record_count),
            endpoint("GET", "/sobjects", self._global_describe),
            endpoint("GET", "/sobjects/{}", self._basic_describe),
            endpoint("POST", "/sobjects/{}", self._create),
            endpoint("GET", "/sobjects/{}/describe", self._describe),
            endpoint("GET", "/sobjects/{}/updated", self._updated),
            endpoint("GET", "/sobjects/{}/deleted", self._deleted),
            endpoint("POST", "/sobjects/{}/Id", self._create),
            endpoint("GET", "/sobjects/{}/{}", self._retrieve),
            endpoint("PATCH", "/sobjects/{}/{}", self._update),
            endpoint("DELETE", "/sobjects/{}/{}", self._delete),
            endpoint("GET", "/sobjects/{}/{}/{}", self._retrieve_by_key),
            endpoint("PATCH", "/sobjects/{}/{}/{}", self._upsert),
            endpoint("DELETE", "/sobjects/{}/{}/{}", self._delete_by_key),
            endpoint("GET", "/query", self._query),
            endpoint("GET", "/queryAll", self._query_all),
            endpoint("GET", "/query/{}", self._next_page),
            endpoint("GET", "/queryAll/{}", self._next_page),
        ]

    # -- about the org

    def _resources(self, call: Call) -> Reply:
        names = ("limits", "sobjects", "query", "queryAll", "composite", "jobs")
        found = {name: f"/services/data/v{call.version}/{name}" for name in names}
        host = call.headers.get("host", "localhost")
        identity = f"http://{host}/id/{self.state.org_id}/{call.user_id}"
        return Reply(body={**found, "identity": identity})

    def _limits(self, _call: Call) -> Reply:
        maximum = self.state.settings.daily_api_requests
        storage = self.state.settings.storage_records
        megabytes = 5 if storage is None else max(1, storage * 2 // 1024)
        used = (
            sum(len(self.state.table(name).rows) for name in ("Account", "Contact", "Lead", "Task"))
            * 2
            // 1024
        )
        figures = {
            "DailyApiRequests": (maximum, maximum - self.state.meter.used),
            "DailyBulkApiBatches": (15_000, 15_000),
            "DailyBulkV2QueryJobs": (10_000, 10_000),
            "DailyBulkV2QueryFileStorageMB": (976_562, 976_562),
            "DataStorageMB": (megabytes, max(0, megabytes - used)),
            "FileStorageMB": (20, 20),
            "HourlyPublishedPlatformEvents": (50_000, 50_000),
        }
        return Reply(
            body={
                name: {"Max": top, "Remaining": max(0, left)}
                for name, (top, left) in figures.items()
            }
        )

    def _record_count(self, call: Call) -> Reply:
        wanted = [name for name in call.query.get("sObjects", "").split(",") if name]
        names = wanted or [table.kind.name for table in self.state.tables]
        with self.state.lock:
            counts = {
                self.state.table(name).kind.name: sum(
                    "IsDeleted" not in row for row in self.state.table(name).visible_rows()
                )
                for name in names
                if self.state.has_object(name)
            }
        return Reply(
            body={
                "sObjects": [
                    {"count": count, "name": name} for name, count in counts.items() if count
                ]
            }
        )

    def _global_describe(self, call: Call) -> Reply:
        names = [table.kind.name for table in self.state.tables]
        kinds = [self.state.kind(name) for name in names if self.state.has_object(name)]
        summaries = [
            kind.summary(call.version) for kind in sorted(kinds, key=lambda kind: kind.name)
        ]
        return Reply(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": summaries})

    def _basic_describe(self, call: Call, sobject: str) -> Reply:
        return Reply(
            body={
                "objectDescribe": self.state.kind(sobject).summary(call.version),
                "recentItems": [],
            }
        )

    def _describe(self, call: Call, sobject: str) -> Reply:
        return Reply(body=self.state.kind(sobject).describe(call.version))

    # -- single records

    def _create(self, call: Call, sobject: str) -> Reply:
        body = call.json_object()
        call.row_fault(0)
        record_id = writes.create(self.state, sobject, body, call.writer())
        name = self.state.kind(sobject).name
        location = record_url(call.version, name, record_id)
        return Reply(201, {"id": record_id, "success": True, "errors": []}, {"Location": location})

    def _retrieve(self, call: Call, sobject: str, record_id: str) -> Reply:
        with self.state.lock:
            kind = self.state.kind(sobject)
            return self._shown(call, kind, self._seen(sobject, record_id))

    def _seen(self, sobject: str, record_id: str) -> Row:
        """The record as a reader sees it.

        Raises:
            ApiError: NOT_FOUND, or ENTITY_IS_DELETED.
        """
        table = self.state.table(sobject)
        row = table.visible(ids.canonical(record_id))
        if row is None:
            if table.rows.get(ids.canonical(record_id)) is not None:
                raise not_found()
            return writes.live_row(table, record_id)
        if row.get("IsDeleted"):
            raise entity_is_deleted()
        return row

    def _shown(self, call: Call, kind: SObjectType, row: Row) -> Reply:
        changed = int(row["LastModifiedDate"])
        since = call.moment("if-modified-since")
        if since is not None and changed <= since:
            return Reply(304)
        unless = call.moment("if-unmodified-since")
        if unless is not None and changed > unless:
            return Reply(412)
        fields = (
            wanted_fields(kind, call.query["fields"].split(","))
            if call.query.get("fields")
            else None
        )
        return Reply(body=whole_record(kind, row, call.version, fields))

    def _update(self, call: Call, sobject: str, record_id: str) -> Reply:
        body = call.json_object()
        call.row_fault(0)
        unless = call.moment("if-unmodified-since")
        since = call.moment("if-modified-since")
        with self.state.transaction():
            row = writes.live_row(self.state.table(sobject), record_id)
            if since is not None and row["LastModifiedDate"] <= since:
                return Reply(304)
            if unless is not None and row["LastModifiedDate"] > unless:
                return Reply(412)
            writes.update(self.state, sobject, record_id, body, call.writer())
        return Reply(204)

    def _delete(self, call: Call, sobject: str, record_id: str) -> Reply:
        call.row_fault(0)
        writes.delete(self.state, sobject, record_id, call.writer())
        return Reply(204)

    # -- by a key

    def _by_key(self, sobject: str, key: str, value: str) -> list[str]:
        field = writes.key_field(self.state.kind(sobject), key)
        return writes.matching_ids(self.state, sobject, field, value)

    def _several(self, call: Call, sobject: str, record_ids: list[str]) -> Reply:
        name = self.state.kind(sobject).name
        return Reply(300, [record_url(call.version, name, each) for each in record_ids])

    def _retrieve_by_key(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        with self.state.lock:
            found = self._by_key(sobject, key, value)
            if len(found) > 1:
                return self._several(call, sobject, found)
            if not found:
                raise not_found()
            return self._shown(call, self.state.kind(sobject), self._seen(sobject, found[0]))

    def _upsert(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        body = call.json_object()
        call.row_fault(0)
        if any(name.lower() == key.lower() for name in body):
            raise ApiError(
                "INVALID_FIELD", f"The {key} field should not be specified in the sobject data."
            )
        try:
            done = writes.upsert(
                self.state,
                sobject,
                key,
                value,
                body,
                call.writer(),
                update_only=call.flag("updateOnly"),
            )
        except writes.SeveralMatch as several:
            return self._several(call, sobject, several.record_ids)
        if not done.created and float(call.version) < 46:
            return Reply(204)
        answer = {"id": done.record_id, "success": True, "errors": [], "created": done.created}
        location = record_url(call.version, self.state.kind(sobject).name, done.record_id)
        return Reply(
            201 if done.created else 200, answer, {"Location": location} if done.created else {}
        )

    def _delete_by_key(self, call: Call, sobject: str, key: str, value: str) -> Reply:
        with self.state.lock:
            found = self._by_key(sobject, key, value)
            if len(found) > 1:
                return self._several(call, sobject, found)
            if not found:
                raise not_found()
            return self._delete(call, sobject, found[0])

    # -- queries

    def _query(self, call: Call) -> Reply:
        return self._run_query(call, "query")

    def _query_all(self, call: Call) -> Reply:
        return self._run_query(call, "queryAll")

    def _run_query(self, call: Call, resource: str) -> Reply:
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
        asked = call.options("sforce-query-options").get("batchsize", "2000")
        size = min(2000, max(200, int(asked))) if asked.isdigit() else 2000
        cursor = _Cursor(result, resource, size, self.state.clock.seconds())
        return self._page(call, cursor, None, 0)

    def _next_page(self, call: Call, locator: str) -> Reply:
        name, _, start = locator.partition("-")
        cursor = self._cursors.get(name)
        expired = cursor is None or self.state.clock.seconds() - cursor.opened_at > _CURSOR_SECONDS
        if cursor is None or expired or not start.isdigit() or int(start) >= cursor.result.total:
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(call, cursor, name, int(start))

    def _page(self, call: Call, cursor: _Cursor, name: str | None, start: int) -> Reply:
        with self.state.lock:
            records = cursor.result.page(start, cursor.size, call.version)
        end = start + cursor.size
        body: dict[str, Any] = {"totalSize": cursor.result.total, "done": True}
        if records and end < cursor.result.total:
            name = name or self._open(cursor)
            body["done"] = False
            body["nextRecordsUrl"] = (
                f"/services/data/v{call.version}/{cursor.resource}/{name}-{end}"
            )
        return Reply(body={**body, "records": records})

    def _open(self, cursor: _Cursor) -> str:
        self._opened += 1
        name = ids.make("01g", self._opened)
        self._cursors[name] = cursor
        while len(self._cursors) > _KEPT_CURSORS:
            del self._cursors[next(iter(self._cursors))]
        return name

    # -- replication

    def _updated(self, call: Call, sobject: str) -> Reply:
        return Reply(body=replication.updated(self.state, sobject, call.query))

    def _deleted(self, call: Call, sobject: str) -> Reply:
        return Reply(body=replication.deleted(self.state, sobject, call.query))


def wanted_fields(kind: SObjectType, names: Iterable[str]) -> list[Field]:
    """The fields of those names.

    Raises:
        ApiError: INVALID_FIELD for one that is missing or hidden.
    """
    fields: dict[str, Field] = {}
    for name in names:
        field = kind.field(name.strip())
        if field is None:
            raise ApiError(
                "INVALID_FIELD", f"No such column '{name.strip()}' on sobject of type {kind.name}"
            )
        fields[field.name] = field
    return list(fields.values())


def _check_version(call: Call) -> None:
    found = re.fullmatch(r"v(\d+)\.0", call.segments[0]) if call.segments else None
    if found is None:
        raise not_found()
    number = int(found[1])
    if number < 31:
        raise ApiError(
            "UNSUPPORTED_API_VERSION",
            f"The requested API version ({number}.0) is retired",
            status=410,
        )
    if number > NEWEST_VERSION:
        raise not_found()
