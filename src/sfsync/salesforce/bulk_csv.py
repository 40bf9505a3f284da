"""Bulk's CSV, both ways: writes as rows, result rows as outcomes, whether a page is whole. Pure.

Source: Bulk API 2.0 and Bulk API Developer Guide; docs/salesforce.md §5.1.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sfsync.errors import ProtocolError
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Deferred, Outcome
from sfsync.model.record import salesforce_id
from sfsync.salesforce.faults import CallFailed, ErrorEntry, Repeat
from sfsync.salesforce.write_outcomes import accepted, deferred, refused

NULL = "#N/A"
"""What clears a field in a Bulk CSV; an empty cell leaves it alone.

Source: docs/salesforce.md §5.1.
"""

MAX_UPLOAD_BYTES = 100_000_000
"""Raw CSV in one job: 150 MB counted as base64. Source: docs/salesforce.md §5.1."""

Meaning = Callable[[OrgWrite, Mapping[str, str]], Outcome]
"""What a result row means for its write."""

_ERROR = re.compile(
    r"(?P<code>[A-Z][A-Z0-9_]+):(?P<message>.*?)(?:(?::(?P<fields>[\w., ]*?))?\s*--\s*)?", re.DOTALL
)
_LARGEST_CELL = 2**24


def is_expressible(write: OrgWrite) -> bool:
    """Whether a Bulk CSV can say this write: no text that means null, no nested value.

    >>> is_expressible(OrgWrite(1, OrgAction.CREATE, "Contact", {"Title": "#N/A"}))
    False
    """
    return all(map(_is_plain_value, (*write.fields.values(), write.key_value)))


def _is_plain_value(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, str | int | float) and value != NULL


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


class WriteTable:
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
            self._waiting[self._identity(self._row(write))].append(write)

    @classmethod
    def of(cls, writes: Sequence[OrgWrite]) -> WriteTable:
        """The table for writes of one kind."""
        first = writes[0]
        fields = list(dict.fromkeys(name for write in writes for name in write.fields))
        if first.action is OrgAction.UPDATE:
            return cls(writes, "update", "Id", _key_first("Id", fields))
        if first.action is OrgAction.DELETE:
            return cls(writes, "delete", "Id", ["Id"])
        if first.key_field:
            return cls(writes, "upsert", first.key_field, _key_first(first.key_field, fields))
        return cls(writes, "insert", "", fields)

    def csv(self) -> bytes:
        r"""The upload: UTF-8 without BOM, ``\n`` line ends; an empty cell leaves a field alone."""
        target = io.StringIO(newline="")
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(self.columns)
        for write in self.writes:
            row = self._row(write)
            writer.writerow([row.get(name, "") for name in self.columns])
        content = target.getvalue().encode()
        if len(content) > MAX_UPLOAD_BYTES:
            raise ProtocolError(
                f"{len(self.writes)} writes are more than one Bulk job takes ({len(content)} bytes)"
            )
        return content

    def settle(self, row: Mapping[str, str], meaning: Meaning) -> list[Outcome]:
        """The outcome of a result row for its write; none where it is about none of ours."""
        waiting = self._waiting.get(self._identity(row))
        return [meaning(waiting.popleft(), row)] if waiting else []

    def accept(self, write: OrgWrite) -> list[Outcome]:
        """The outcome of an update or delete that the job's counts say was done."""
        return self.settle(self._row(write), success)

    def unsettled(self) -> list[OrgWrite]:
        """The writes without an outcome."""
        return [write for waiting in self._waiting.values() for write in waiting]

    def _row(self, write: OrgWrite) -> dict[str, str]:
        row = {name: cell(value) for name, value in write.fields.items() if name in self.columns}
        if self._key == "Id":
            row["Id"] = str(write.salesforce_id)
        elif self._key:
            row[self._key] = write.key_value
        return row

    def _identity(self, row: Mapping[str, str]) -> object:
        """What a row of the upload and its result have in common, and no other has."""
        if self._key == "Id":
            return salesforce_id(row.get("Id") or row.get("sf__Id") or "")
        if self._key:
            return row.get(self._key, "").casefold()
        return tuple(_echoed(row.get(name, "")) for name in self.columns)


def _key_first(key: str, fields: Sequence[str]) -> list[str]:
    return [key, *(name for name in fields if name != key)]


def _echoed(text: str) -> str:
    """A cell as it may be echoed: no blanks at the ends, one kind of line end, null as empty."""
    stripped = text.strip().replace("\r\n", "\n")
    return "" if stripped == NULL else stripped


def success(write: OrgWrite, row: Mapping[str, str]) -> Outcome:
    """What a row of ``successfulResults`` means."""
    return accepted(write, row.get("sf__Id"), created=row.get("sf__Created") == "true")


def unprocessed(write: OrgWrite, _row: Mapping[str, str]) -> Outcome:
    """What a row of ``unprocessedrecords`` means."""
    return Deferred(write.ref, "UNPROCESSED", "the Bulk job ended before it came to this record")


def failure(write: OrgWrite, row: Mapping[str, str]) -> Outcome:
    """What a row of ``failedResults`` means."""
    entry = error_entry_of(row.get("sf__Error", ""))
    if entry.repeat is Repeat.LATER:
        return deferred(write, entry)
    return refused(write, entry)


def error_entry_of(text: str) -> ErrorEntry:
    """An ``sf__Error`` cell: ``CODE:message:Field1, Field2 --``.

    Source: docs/salesforce.md §5.1 (how sf__Error looks).

    >>> error_entry_of("REQUIRED_FIELD_MISSING:missing: [LastName]:LastName --").fields
    ('LastName',)
    """
    found = _ERROR.fullmatch(text)
    if not found:
        return ErrorEntry("", text)
    fields = tuple(name.strip() for name in (found["fields"] or "").split(",") if name.strip())
    return ErrorEntry(found["code"], found["message"], fields)


def count_records(content: bytes) -> int:
    """How many records a CSV has, checked to be whole.

    Raises:
        CallFailed: it ends inside a value, a row has another number of cells than the header, or it
            is not UTF-8.
    """
    reader = _reader(content)
    try:
        width = len(next(reader, []))
        count = 0
        for row in reader:
            if len(row) != width:
                raise CallFailed("the org's CSV is cut short or garbled")
            count += 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise CallFailed("the org's CSV is cut short or garbled") from error
    return count


def read_rows(content: bytes, size: int) -> Iterator[list[dict[str, str]]]:
    """A whole CSV as ``{column: text}``, ``size`` rows at a time."""
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
    """A CSV reader over bytes, decoding as it goes; a byte order mark is no part of the header."""
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    return csv.reader(text, strict=True)
