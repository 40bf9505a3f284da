"""Bulk API 2.0, for many records at few calls: reading by query jobs, writing by ingest jobs.

Talked to directly on our session: simple-salesforce's own handler polls every two seconds at the
cost of a call, takes null for "leave alone", and aborts a running job when one poll fails.

A job runs in the org whatever becomes of us. So its id is handed out before any data is sent, a
trouble while waiting never aborts it, and what became of each row is asked for until every row has
an outcome.

Source: Bulk API 2.0 and Bulk API Developer Guide; salesforce-facts §5, §10.3.
"""

from __future__ import annotations

import csv
import io
import logging
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests

from sfsync.errors import ProtocolError, SfsyncError
from sfsync.failpoints import reach
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import salesforce_id
from sfsync.salesforce.budget import BULK_PAGE, REST_PAGE, bulk_ingest_calls
from sfsync.salesforce.composite import matched_id
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry, Repeat
from sfsync.salesforce.prefetch import Prefetch
from sfsync.salesforce.retry import repeat_read, repeat_write

log = logging.getLogger(__name__)

OnJob = Callable[[str, Sequence[OrgWrite]], None]
"""Told the id of an ingest job, and its writes, before any data is sent."""

NULL = "#N/A"
"""What clears a field in a Bulk CSV; an empty cell leaves it alone. Source: salesforce-facts §5.1."""

MAX_UPLOAD_BYTES = 100_000_000
"""Raw CSV in one job: 150 MB counted as base64. Source: salesforce-facts §5.1."""

ENDED = frozenset({"JobComplete", "Failed", "Aborted"})

_ERROR = re.compile(
    r"(?P<code>[A-Z][A-Z0-9_]+):(?P<message>.*?)(?:(?::(?P<fields>[\w., ]*?))?\s*--\s*)?", re.DOTALL
)
_LARGEST_CELL = 2**24


@dataclass(frozen=True, slots=True)
class Polling:
    """How often a job is asked for its state, in seconds: growing gaps, because each question is a call.

    Attributes:
        patience_seconds: after so long the job is left to itself.
    """

    first_gap_seconds: float = 0.25
    growth: float = 2.0
    longest_gap_seconds: float = 30.0
    patience_seconds: float = 3_600.0

    def gaps(self) -> Iterator[float]:
        """The gaps, as long as patience lasts."""
        gap, waited = self.first_gap_seconds, 0.0
        while waited < self.patience_seconds:
            yield gap
            waited += gap
            gap = min(gap * self.growth, self.longest_gap_seconds)


class JobFailed(ProtocolError):
    """A query job ended without results. Salesforce often gives no reason."""


class Bulk:
    """Bulk jobs of one org.

    Args:
        sleep: waits so many seconds between two questions.
        page_rows: rows a page of query results.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        polling: Polling | None = None,
        sleep: Callable[[float], None] = time.sleep,
        page_rows: int = BULK_PAGE,
    ) -> None:
        self._connection = connection
        self._polling = polling or Polling()
        self._sleep = sleep
        self._page_rows = page_rows

    # -- reading

    def query(self, statement: str, *, everything: bool) -> Iterator[list[dict[str, str]]]:
        """The rows of a query, a few thousand at a time, in no order; every value is text, null is empty.

        The job is made and waited for before this returns; its pages are fetched as they are
        wanted.

        Raises:
            JobFailed: the job ended without results; nothing was read.
            CallRefused: this query, or this user, cannot use Bulk.

        Source: salesforce-facts §5.2 (no ORDER BY, so that Salesforce may split the work).
        """
        operation = "queryAll" if everything else "query"
        job_id = self._create("jobs/query", {"operation": operation, "query": statement})
        info = self._wait("jobs/query", job_id)
        if info.get("state") != "JobComplete":
            raise JobFailed(f"Bulk query job {job_id} ended as {info.get('state')}: {_why(info)}")
        return self._results(job_id, info.get("numberRecordsProcessed"))

    def _results(self, job_id: str, expected: Any) -> Iterator[list[dict[str, str]]]:
        path = f"jobs/query/{job_id}/results?maxRecords={self._page_rows}"
        response, seen = self._whole_page(path), 0
        while True:
            locator = response.headers.get("Sforce-Locator", "null")
            more = locator not in {"null", ""}
            coming = (
                Prefetch(partial(self._whole_page, f"{path}&locator={locator}")) if more else None
            )
            for rows in _dicts(response.content, REST_PAGE):
                seen += len(rows)
                yield rows
            if coming is None:
                break
            response = coming.result()
        if isinstance(expected, int) and seen != expected:
            raise ProtocolError(f"Bulk query job {job_id} read {expected} records and gave {seen}")

    def _whole_page(self, path: str) -> requests.Response:
        """A page of results that is certainly whole; fetched again by its locator where it is not."""

        def once() -> requests.Response:
            response = self._connection.raw("GET", path, headers={"Accept": "text/csv"})
            told = response.headers.get("Sforce-NumberOfRecords", "")
            counted = _count(response.content)
            if told.isdecimal() and int(told) != counted:
                raise CallFailed(f"the org announced {told} records and sent {counted}")
            return response

        return repeat_read(once, self._connection.patience)

    # -- writing

    def ingest(self, writes: Sequence[OrgWrite], on_job: OnJob | None = None) -> list[Outcome]:
        """Do these writes of one kind in one job; one outcome for each.

        No assignment rule is named, so that none runs for Leads.

        Args:
            writes: of one kind, no record twice, all ``expressible``.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable, CallRefused: before the job was closed; nothing
                was done.

        Source: salesforce-facts §5.1; Bulk API 2.0 Developer Guide, "Create a Job"
        (assignmentRuleId).
        """
        session = self._connection.session
        session.budget.check(bulk_ingest_calls())
        table = _Table.of(writes)
        with session.finishing():
            job_id = self._create("jobs/ingest", table.job)
            if on_job is not None:
                on_job(job_id, writes)
            reach("bulk.job_created")
            try:
                self._upload(job_id, table.csv())
            except SfsyncError as error:
                self._abort(job_id)
                return [Deferred(write.ref, error.slug, error.message) for write in writes]
            reach("bulk.uploaded")
            if not self._close(job_id):
                return [
                    Unknown(write.ref, f"no answer about Bulk job {job_id}") for write in writes
                ]
            reach("bulk.closed")
            outcomes = self.collect(job_id, writes)
            reach("bulk.results_read")
            return outcomes

    def finish(self, job_id: str) -> None:
        """Bring a job of an earlier process to its end: one that never ran is given up, one that runs is waited for.

        Only then does a look at the records tell what the job has done.

        Raises:
            OrgUnavailable: the org does not answer, or the job takes longer than patience lasts.
        """
        try:
            state = self._info("jobs/ingest", job_id).get("state")
        except CallRefused as refused:
            if refused.code == "NOT_FOUND":
                return  # kept seven days, and then forgotten
            raise
        if state == "Open":
            self._json("PATCH", f"jobs/ingest/{job_id}", {"state": "Aborted"})
        elif state not in ENDED:
            self._wait("jobs/ingest", job_id)

    def collect(self, job_id: str, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """What became of a closed job's writes, waiting for it where it still runs.

        Rows that the job never came to are ``Deferred``; where the org does not answer, all that is
        not known yet is ``Unknown``.
        """
        table = _Table.of(writes)
        outcomes: list[Outcome] = []
        try:
            info = self._wait("jobs/ingest", job_id)
            self._sort_out(job_id, info, table, outcomes)
        except SfsyncError as error:
            log.warning("Bulk job %s: %s", job_id, error.message)
            reason = f"{error.message} (Bulk job {job_id})"
        else:
            reason = f"Bulk job {job_id} has no result for this record"
        return [*outcomes, *(Unknown(write.ref, reason) for write in table.left())]

    def _sort_out(
        self, job_id: str, info: Mapping[str, Any], table: _Table, outcomes: list[Outcome]
    ) -> None:
        """Give each row its outcome, with as few calls as the job's own counts allow."""
        complete = info.get("state") == "JobComplete"
        processed, failed = info.get("numberRecordsProcessed"), info.get("numberRecordsFailed")
        if not (complete and failed == 0):
            for row in self._rows(job_id, "failedResults"):
                outcomes += table.settle(row, _failure)
        if not (complete and processed == len(table.writes)):
            for row in self._rows(job_id, "unprocessedrecords"):
                outcomes += table.settle(row, _unprocessed)
        left = table.left()
        counts = (
            isinstance(processed, int)
            and isinstance(failed, int)
            and len(left) == processed - failed
        )
        if complete and counts and table.knows_ids:
            outcomes += [outcome for write in left for outcome in table.accept(write)]
        elif left:
            for row in self._rows(job_id, "successfulResults"):
                outcomes += table.settle(row, _success)

    def _rows(self, job_id: str, which: str) -> Iterator[dict[str, str]]:
        response = self._whole_page(f"jobs/ingest/{job_id}/{which}")
        for rows in _dicts(response.content, REST_PAGE):
            yield from rows

    def _create(self, path: str, job: Mapping[str, Any]) -> str:
        """Make a job. A job whose reply was lost holds no data and does nothing, so this may be repeated."""
        told = repeat_read(lambda: self._json("POST", path, job), self._connection.patience)
        job_id = told.get("id")
        if not isinstance(job_id, str) or not job_id:
            raise ProtocolError("the org made a Bulk job and did not say which")
        return salesforce_id(job_id)

    def _upload(self, job_id: str, content: bytes) -> None:
        """Send the data; only once, because Salesforce takes one PUT a job."""
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        path = f"jobs/ingest/{job_id}/batches"
        repeat_write(
            lambda: self._connection.raw("PUT", path, headers=headers, data=content),
            self._connection.patience,
        )

    def _close(self, job_id: str) -> bool:
        """Let the job run; where the answer is lost, ask whether it does. ``False`` where that cannot be told.

        Closing twice does no harm: the second is refused.
        """
        for _ in range(3):
            try:
                repeat_write(
                    lambda: self._json(
                        "PATCH", f"jobs/ingest/{job_id}", {"state": "UploadComplete"}
                    ),
                    self._connection.patience,
                )
            except CallFailed as failure:
                if not failure.may_have_acted:
                    raise
                state = self._state("jobs/ingest", job_id)
                if state == "Open":
                    continue
                return bool(state)
            else:
                return True
        return False

    def _abort(self, job_id: str) -> None:
        """Give up a job that was never closed; where even that fails it stays open and does nothing."""
        try:
            self._json("PATCH", f"jobs/ingest/{job_id}", {"state": "Aborted"})
        except SfsyncError as error:
            log.info("Bulk job %s stays open: %s", job_id, error.message)

    def _state(self, path: str, job_id: str) -> str:
        try:
            return str(self._info(path, job_id).get("state", ""))
        except SfsyncError:
            return ""

    def _wait(self, path: str, job_id: str) -> Mapping[str, Any]:
        """The job's description once it has ended.

        Raises:
            CallFailed: it has not, for longer than patience lasts.
        """
        for gap in self._polling.gaps():
            self._sleep(gap)
            info = self._info(path, job_id)
            if info.get("state") in ENDED:
                return info
        raise CallFailed(f"Bulk job {job_id} is still running", repeatable=False)

    def _info(self, path: str, job_id: str) -> Mapping[str, Any]:
        return repeat_read(lambda: self._json("GET", f"{path}/{job_id}"), self._connection.patience)

    def _json(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        response = self._connection.raw(method, path, body=body)
        try:
            told = response.json()
        except requests.JSONDecodeError as error:
            raise CallFailed("the org's answer about a Bulk job is cut short or garbled") from error
        if not isinstance(told, Mapping):
            raise ProtocolError("the org's answer about a Bulk job has not the shape of one")
        return told


def expressible(write: OrgWrite) -> bool:
    """Whether a Bulk CSV can say this write: no text that means null, no nested value.

    >>> expressible(OrgWrite(1, OrgAction.CREATE, "Contact", {"Title": "#N/A"}))
    False
    """
    return all(
        value is None or (isinstance(value, str | int | float) and value != NULL)
        for value in (*write.fields.values(), write.key_value)
    )


def cell(value: str | float | bool | None) -> str:
    """A JSON value as a Bulk CSV says it; blank text is null to Salesforce, and said so.

    >>> cell(None), cell(True), cell("a"), cell(12.0)
    ('#N/A', 'true', 'a', '12.0')
    """
    if value is None or value == "":
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


class _Table:
    """Writes of one kind as rows, and the way back from a result row to its write.

    Results come shuffled and carry only what was uploaded: an update or delete is known again by
    its Id, an upsert by its key, an insert by all its values (rows with equal values are as good as
    each other).
    """

    def __init__(
        self, writes: Sequence[OrgWrite], operation: str, key: str, columns: Sequence[str]
    ) -> None:
        self.writes = writes
        self.columns = columns
        self.knows_ids = operation in {"update", "delete"}
        self._key = key
        self.job: dict[str, Any] = {
            "object": writes[0].sobject,
            "operation": operation,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        if operation == "upsert":
            self.job["externalIdFieldName"] = key
        self._waiting: dict[object, deque[OrgWrite]] = defaultdict(deque)
        for write in writes:
            self._waiting[self._mark(self._row(write))].append(write)

    @classmethod
    def of(cls, writes: Sequence[OrgWrite]) -> _Table:
        """The table for writes of one kind."""
        first = writes[0]
        fields = list(dict.fromkeys(name for write in writes for name in write.fields))
        if first.action is OrgAction.UPDATE:
            return cls(writes, "update", "Id", ["Id", *(name for name in fields if name != "Id")])
        if first.action is OrgAction.DELETE:
            return cls(writes, "delete", "Id", ["Id"])
        if first.key_field:
            columns = [first.key_field, *(name for name in fields if name != first.key_field)]
            return cls(writes, "upsert", first.key_field, columns)
        return cls(writes, "insert", "", fields)

    def csv(self) -> bytes:
        r"""The upload: UTF-8 without BOM, ``\n`` line ends; an empty cell leaves a field alone."""
        target = io.StringIO(newline="")
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(
            [row.get(name, "") for name in self.columns] for row in map(self._row, self.writes)
        )
        content = target.getvalue().encode()
        if len(content) > MAX_UPLOAD_BYTES:
            raise ProtocolError(
                f"{len(self.writes)} writes are more than one Bulk job takes ({len(content)} bytes)"
            )
        return content

    def settle(
        self, row: Mapping[str, str], meaning: Callable[[OrgWrite, Mapping[str, str]], Outcome]
    ) -> list[Outcome]:
        """The outcome of a result row, for the write it is about; none where it is about none of ours."""
        waiting = self._waiting.get(self._mark(row))
        return [meaning(waiting.popleft(), row)] if waiting else []

    def accept(self, write: OrgWrite) -> list[Outcome]:
        """The outcome of an update or delete that the job's counts say was done."""
        return self.settle(self._row(write), _success)

    def left(self) -> list[OrgWrite]:
        """The writes without an outcome."""
        return [write for waiting in self._waiting.values() for write in waiting]

    def _row(self, write: OrgWrite) -> dict[str, str]:
        row = {name: cell(value) for name, value in write.fields.items() if name in self.columns}
        if self._key == "Id":
            row["Id"] = str(write.salesforce_id)
        elif self._key:
            row[self._key] = write.key_value
        return row

    def _mark(self, row: Mapping[str, str]) -> object:
        if self._key == "Id":
            return salesforce_id(row.get("Id") or row.get("sf__Id") or "")
        if self._key:
            return row.get(self._key, "").casefold()
        return tuple(_plain(row.get(name, "")) for name in self.columns)


def _plain(text: str) -> str:
    """A cell as it may be echoed: without blanks at the ends, one kind of line end, null as empty."""
    stripped = text.strip().replace("\r\n", "\n")
    return "" if stripped == NULL else stripped


def _success(write: OrgWrite, row: Mapping[str, str]) -> Outcome:
    record_id = row.get("sf__Id") or write.salesforce_id
    if not record_id:
        return Unknown(write.ref, "the org did it, and did not say to which record")
    return Accepted(write.ref, salesforce_id(record_id), created=row.get("sf__Created") == "true")


def _unprocessed(write: OrgWrite, _row: Mapping[str, str]) -> Outcome:
    return Deferred(write.ref, "UNPROCESSED", "the Bulk job ended before it came to this record")


def _failure(write: OrgWrite, row: Mapping[str, str]) -> Outcome:
    entry = error_entry_of(row.get("sf__Error", ""))
    if entry.repeat is Repeat.LATER:
        return Deferred(write.ref, entry.code, entry.message)
    if (
        write.action is OrgAction.DELETE
        and entry.code == "ENTITY_IS_DELETED"
        and write.salesforce_id
    ):
        return Accepted(write.ref, write.salesforce_id)
    return Rejected(
        write.ref, entry.code, entry.message, entry.fields, matched_id(entry, write.sobject)
    )


def error_entry_of(text: str) -> ErrorEntry:
    """``sf__Error`` as a entry: ``CODE:message:Field1, Field2 --``.

    Source: salesforce-facts §5.1 (how sf__Error looks).

    >>> error_entry_of("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --").fields
    ('LastName',)
    """
    found = _ERROR.fullmatch(text)
    if not found:
        return ErrorEntry("", text)
    fields = tuple(name.strip() for name in (found["fields"] or "").split(",") if name.strip())
    return ErrorEntry(found["code"], found["message"], fields)


def _count(content: bytes) -> int:
    """How many records a CSV has, checked to be whole.

    Raises:
        CallFailed: it ends inside a value, or a row has another number of cells than the header.
    """
    reader = _reader(content)
    try:
        width = len(next(reader, []))
        count = 0
        for row in reader:
            if len(row) != width:
                raise CallFailed("the org's CSV is cut short or garbled")
            count += 1
    except csv.Error as error:
        raise CallFailed("the org's CSV is cut short or garbled") from error
    return count


def _dicts(content: bytes, size: int) -> Iterator[list[dict[str, str]]]:
    """A whole CSV as dictionaries, ``size`` at a time."""
    reader = _reader(content)
    header: list[str] = next(reader, [])
    rows: list[dict[str, str]] = []
    for row in reader:
        rows.append(dict(zip(header, row, strict=True)))
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows


def _reader(content: bytes) -> Any:
    """A CSV reader over bytes, decoding as it goes; a byte order mark is no part of the first name."""
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    return csv.reader(
        io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""), strict=True
    )


def _why(info: Mapping[str, Any]) -> str:
    return str(info.get("errorMessage") or "Salesforce gives no reason")
