"""One ingest job of Bulk API 2.0: what was uploaded, how far it is, and what became of each row.

A closed job runs by itself, in a thread of its own, as it would on Salesforce: nobody has to poll
for rows to be written. It goes through the file in batches; within a batch rows keep their order,
but results come shuffled. Every row is written by ``writes``, as over REST, and holds the org's
lock for a chunk of rows only.

Source: docs/salesforce.md §5.1. Unconfirmed: that a key twice in one 200-row chunk fails the later
row, and the texts for rows and files of the wrong shape.
"""

import itertools
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from local_org.api.call import JobFault, RowFault, no_row_fault
from local_org.api_error import ApiError
from local_org.bulk.csv_dialect import BadBatch, Dialect
from local_org.records import values, writes
from local_org.records.lookup import dependants, live_row
from local_org.records.writer import Writer
from local_org.schema.sobject import Field, SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row

CHUNK_ROWS = 200
BATCH_ROWS = 10_000
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
_NULL = "#N/A"


@dataclass(slots=True)
class Results:
    """What became of the rows, as CSV lines ready to send."""

    successful: list[bytes] = field(default_factory=list)
    failed: list[bytes] = field(default_factory=list)
    unprocessed: list[bytes] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class IngestJob:
    """An ingest job.

    Attributes:
        key: the external id field of an upsert, in the org's spelling.
        polls: how often its progress has been asked for since it was closed.
        state: Open, UploadComplete, InProgress, JobComplete, Failed or Aborted.
    """

    job_id: str
    sobject: str
    operation: str
    dialect: Dialect
    version: str
    writer: Writer
    created_at: int
    key: str | None = None
    assignment_rule_id: str | None = None
    content: bytes | None = None
    state: str = "Open"
    modified_at: int = 0
    polls: int = 0
    processed: int = 0
    failures: int = 0
    busy_seconds: float = 0.0
    error: str | None = None
    header: list[str] = field(default_factory=list)
    results: Results = field(default_factory=Results)
    row_fault: RowFault = no_row_fault
    job_fault: JobFault | None = None
    aborted: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one row: its id, whether it was created, or why not."""

    record_id: str
    created: bool = False
    error: str | None = None


class Ingester:
    """Writes the rows of jobs into an org.

    Args:
        state: the org.
        pause: called between batches; tests hold a job in progress with it.
    """

    def __init__(self, state: OrgState, pause: Callable[[IngestJob], None]) -> None:
        self._state = state
        self._pause = pause

    def run(self, job: IngestJob) -> None:
        """Take a closed job to its end, whatever that is; never raises."""
        try:
            columns = self._read_header(job)
            rows = job.dialect.read(job.content or b"")
            next(rows)
            while batch := list(itertools.islice(rows, BATCH_ROWS)):
                self._batch(job, columns, batch)
                self._pause(job)
            job.state = _end_of(job)
        except BadBatch as problem:
            job.error, job.state = str(problem), "Failed"
            job.results.unprocessed.append((job.content or b"").partition(b"\n")[2])
        except Exception as problem:  # noqa: BLE001 - a job never takes the server with it
            job.error, job.state = f"InternalServerError : {problem}", "Failed"
        finally:
            job.modified_at = self._state.stamp()
            job.content = None
            job.finished.set()

    def _read_header(self, job: IngestJob) -> "_Columns":
        """Read the header, and the whole file once.

        Either all of it is well-formed, or no row is written.
        """
        rows = job.dialect.read(job.content or b"")
        job.header = next(rows, [])
        columns = _Columns(self._state.kind(job.sobject), job)
        for cells in rows:
            columns.check_width(cells)
        return columns

    def _batch(self, job: IngestJob, columns: "_Columns", batch: list[list[str]]) -> None:
        good: list[Sequence[str]] = []
        bad: list[Sequence[str]] = []
        for start in range(0, len(batch), CHUNK_ROWS):
            chunk = batch[start : start + CHUNK_ROWS]
            if job.aborted.is_set():
                job.results.unprocessed.append(job.dialect.write(chunk))
                continue
            with self._state.transaction(job.writer.origin):
                self._chunk(job, columns, chunk, good, bad)
        shuffle = random.Random(job.job_id).shuffle  # noqa: S311 - disorder, not secrecy
        shuffle(good)
        shuffle(bad)
        job.results.successful.append(job.dialect.write(good))
        job.results.failed.append(job.dialect.write(bad))

    def _chunk(
        self,
        job: IngestJob,
        columns: "_Columns",
        chunk: list[list[str]],
        good: list[Sequence[str]],
        bad: list[Sequence[str]],
    ) -> None:
        keys: set[str] = set()
        for position, cells in enumerate(chunk):
            if job.job_fault is not None and job.processed >= job.job_fault.after:
                job.results.unprocessed.append(job.dialect.write(chunk[position:]))
                return
            done = self._row(job, columns, cells, keys)
            job.processed += 1
            if done.error is None:
                good.append((done.record_id, "true" if done.created else "false", *cells))
            else:
                job.failures += 1
                bad.append((done.record_id, done.error, *cells))

    def _row(self, job: IngestJob, columns: "_Columns", cells: list[str], keys: set[str]) -> _Done:
        body = columns.body(cells)
        record_id = str(body.get("Id") or "") if job.operation != "insert" else ""
        try:
            job.row_fault(job.processed)
            return self._write(job, columns, body, keys)
        except writes.SeveralMatch as several:
            listed = ", ".join(several.record_ids)
            error = (
                "DUPLICATE_EXTERNAL_ID:More than one record found for external id field:"
                f" [{listed}]:{job.key} --"
            )
            return _Done(record_id, error=error)
        except ApiError as error:
            return _Done(record_id, error=columns.error_text(error, body))

    def _write(self, job: IngestJob, columns: "_Columns", body: Row, keys: set[str]) -> _Done:
        state, name, writer = self._state, columns.kind.name, job.writer
        if job.operation == "insert":
            return _Done(writes.create(state, name, body, writer), created=True)
        if job.operation == "upsert":
            value = self._key_value(job, body, keys)
            done = writes.upsert(state, name, str(job.key), value, body, writer)
            return _Done(done.record_id, done.created)
        record_id = str(body.pop("Id", None) or "")
        if not record_id:
            verb = "an update" if job.operation == "update" else "a delete"
            raise ApiError("MISSING_ARGUMENT", f"Id not specified in {verb} call", [])
        row = live_row(state.table(name), record_id)
        if job.operation == "update":
            writes.update(state, name, record_id, body, writer)
        elif job.operation == "delete":
            writes.delete(state, name, record_id, writer)
        else:
            self._purge(name, row, writer)
        return _Done(row["Id"])

    def _key_value(self, job: IngestJob, body: Row, keys: set[str]) -> Any:
        value = body.pop(str(job.key), None)
        if job.key == "Id":
            return value
        if value is None:
            raise ApiError("MISSING_ARGUMENT", f"{job.key} not specified", [str(job.key)])
        if str(value).lower() in keys:
            raise ApiError(
                "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [str(job.key)]
            )
        keys.add(str(value).lower())
        return value

    def _purge(self, name: str, row: Row, writer: Writer) -> None:
        """Delete without the recycle bin; what depends on the record goes the same way."""
        state = self._state
        with state.transaction(writer.origin):
            gone = [(state.table(name), row), *dependants(state, row["Id"])]
            writes.delete(state, name, row["Id"], writer)
            for table, each in gone:
                state.put(table, each["Id"], None)


def _end_of(job: IngestJob) -> str:
    if job.job_fault is None:
        return "Aborted" if job.aborted.is_set() else "JobComplete"
    if job.job_fault.state == "Failed":
        job.error = "InternalServerError : An internal error has occurred"
    return job.job_fault.state


class _Columns:
    """What the header says each cell is.

    Raises:
        BadBatch: where a column is no field, stands twice, or one that is needed is missing.
    """

    def __init__(self, kind: SObjectType, job: IngestJob) -> None:
        self.kind = kind
        self._width = len(job.header)
        self._targets = [self._target(name) for name in job.header]
        names = [".".join(filter(None, target[:2])).lower() for target in self._targets]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise BadBatch(f"InvalidBatch : Duplicate column name : {twice}")
        needed = _needed_column(job)
        if not names or (needed and needed.lower() not in names):
            raise BadBatch(f"InvalidBatch : Field name not found : {needed or ''}".rstrip())
        if job.operation in {"delete", "hardDelete"} and len(names) > 1:
            raise BadBatch("InvalidBatch : a delete takes the column Id only")

    def _target(self, column: str) -> tuple[str, str | None, str | None]:
        """A column as (field or relationship, field of the related record, its type).

        The type is given for a polymorphic relationship only: ``Contact:Who.Email``.
        """
        path, _, last = column.rpartition(".")
        if not path:
            field = self.kind.field(column)
            if field is None:
                raise BadBatch(f"InvalidBatch : Field name not found : {column}")
            return field.name, None, None
        related_type, _, relationship = path.rpartition(":")
        link = self.kind.relationship(relationship)
        if link is None:
            raise BadBatch(f"InvalidBatch : Field name not found : {column}")
        return str(link.relationship_name), last, related_type or None

    def check_width(self, cells: Sequence[str]) -> None:
        """See that a row has as many cells as the header.

        Raises:
            BadBatch: where it has not.
        """
        if len(cells) != self._width:
            raise BadBatch(
                f"InvalidBatch : a row has {len(cells)} columns where the header has {self._width}"
            )

    def body(self, cells: Sequence[str]) -> Row:
        """The row as a REST body: empty cells left out, ``#N/A`` as null."""
        body: Row = {}
        for (name, inner, related_type), cell in zip(self._targets, cells, strict=True):
            if not cell:
                continue
            value = None if cell == _NULL else cell
            if inner is None:
                body[name] = value
            elif value is not None:
                body[name] = {inner: value}
                if related_type:
                    body[name]["type"] = related_type
        return body

    def error_text(self, error: ApiError, body: Row) -> str:
        """The error as ``sf__Error`` words it: code, text and fields."""
        code, message, fields = error.code, error.message, error.fields or []
        if code == "JSON_PARSER_ERROR":
            culprit = next(
                (each for each in map(self.kind.field, body) if each and _unfit(each, body)), None
            )
            if culprit is not None:
                code, fields = "INVALID_TYPE_ON_FIELD_IN_RECORD", [culprit.name]
                message = f"{culprit.label}: value not of required type: {body[culprit.name]}"
        return f"{code}:{message}:{','.join(fields)} --"


def _needed_column(job: IngestJob) -> str | None:
    """The column that says which record a row is about; none for an insert."""
    if job.operation == "insert":
        return None
    if job.operation == "upsert":
        return job.key
    return "Id"


def _unfit(field: Field, body: Row) -> bool:
    try:
        values.read(field, body[field.name])
    except ApiError as error:
        return error.code == "JSON_PARSER_ERROR"
    return False
