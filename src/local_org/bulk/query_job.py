"""One query job of Bulk API 2.0: a query run once, its rows kept, its pages written on demand.

Rows are values that never change, so the result stands still while the org moves on, and holds no
copy.

Source: docs/salesforce.md §5.2; "Aggregate Relationships not supported in Bulk Query" as matched by
gh:forcedotcom/dataloader.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_org import soql, timestamps
from local_org.api_error import ApiError
from local_org.bulk.csv_dialect import Dialect
from local_org.schema.sobject import Field
from local_org.soql.grammar import parse
from local_org.soql.syntax import Aggregate, FieldSet
from local_org.state.org import OrgState
from local_org.state.tables import Row

_NOT_IN_BULK = "Aggregate Relationships not supported in Bulk Query"


@dataclass(slots=True, eq=False)
class QueryJob:
    """A query job; ``result`` is there once it ran."""

    job_id: str
    operation: str
    text: str
    sobject: str
    dialect: Dialect
    version: str
    user_id: str
    created_at: int
    state: str = "UploadComplete"
    modified_at: int = 0
    polls: int = 0
    result: soql.Result | None = None

    def run(self, state: OrgState) -> None:
        """Run the query and keep what it found.

        A query the org refuses fails the job, without a message.
        """
        try:
            everything = self.operation == "queryAll"
            self.result = soql.run(
                state, self.text, everything=everything, user_id=self.user_id, version=self.version
            )
            self.state = "JobComplete"
        except ApiError:
            self.state = "Failed"
        self.modified_at = state.stamp()

    def page(self, start: int, size: int, lock: Any) -> tuple[bytes, int, str]:
        """Some rows as CSV, how many, and the locator of what follows (``null`` at the end)."""
        if self.result is None:
            raise ApiError("INVALIDJOBSTATE", f"InvalidJobState : the job is {self.state}")
        writers = [_cell_writer(output) for output in self.result.outputs]
        with lock:
            rows = self.result.rows[start : start + size]
            lines = ([write(row) for write in writers] for row in rows)
            header = [[output.path for output in self.result.outputs]]
            content = self.dialect.write((*header, *lines))
        end = start + len(rows)
        return content, len(rows), locator_of(end) if end < self.result.total else "null"


def check(state: OrgState, text: str) -> str:
    """See that a query may be a bulk query; gives its object's name in the org's spelling.

    Raises:
        ApiError: for a query that is malformed, asks for what is not there, or for what Bulk does
            not do.
    """
    query = parse(text)
    grouped = query.items is None or any(isinstance(item, Aggregate) for item in query.items)
    if grouped or query.group_by:
        raise ApiError("FUNCTIONALITY_NOT_ENABLED", _NOT_IN_BULK)
    if query.offset:
        raise ApiError("FUNCTIONALITY_NOT_ENABLED", "OFFSET is not supported in Bulk Query")
    if any(isinstance(item, FieldSet) and item.which != "STANDARD" for item in query.items or ()):
        raise ApiError(
            "FUNCTIONALITY_NOT_ENABLED", "unbounded FIELDS() is not supported in Bulk Query"
        )
    trial = soql.run(state, text)
    if any(output.field.type == "address" for output in trial.outputs):
        raise ApiError(
            "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query"
        )
    return trial.kind.name


def locator_of(start: int) -> str:
    """The locator of the page that begins there.

    >>> locator_of(10000)
    'MTAwMDA'
    """
    return base64.urlsafe_b64encode(str(start).encode()).decode().rstrip("=")


def start_of(locator: str) -> int:
    """Where a locator's page begins.

    Raises:
        ApiError: where it is no locator.
    """
    try:
        start = int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (ValueError, binascii.Error):
        start = -1
    if start < 0:
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    return start


def _cell_writer(output: soql.Output) -> Callable[[Row], str]:
    read, write = output.read, _formatter(output.field)

    def cell(row: Row) -> str:
        value = read(row)
        return "" if value is None else write(value)

    return cell


def _formatter(field: Field) -> Callable[[Any], str]:
    if field.type == "datetime":
        return timestamps.bulk_text
    if field.type == "boolean":
        return lambda value: "true" if value else "false"
    if field.type in {"double", "currency"}:
        return lambda value: _plain(value, field.scale)
    return str


def _plain(value: float, scale: int) -> str:
    """A number without exponent, with one decimal place at least.

    >>> _plain(5.0, 2), _plain(0.25, 2), _plain(1e17, 0)
    ('5.0', '0.25', '100000000000000000.0')
    """
    whole, _, decimals = f"{value:.{scale}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
