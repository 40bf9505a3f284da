"""The temporary table of a stage: fresh records, one a row, kept outside the mirror's file.

It is not durable, and a crash loses nothing but work, for the watermark has not moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.record import Remote, RemoteState, SalesforceId, Value

OWN_COLUMNS = ("salesforce_id", "_state", "_successor_id", "_modified_at", "_absent")
"""What stands before the mapped columns. ``_absent`` names those that the record did not state."""


class StageTable:
    """One stage's table, as SQL names it.

    Args:
        columns: the mapped columns it holds.
        name: unique on this connection.
    """

    def __init__(
        self, database: Database, table: MappedTable, columns: Sequence[str], name: str
    ) -> None:
        self._database = database
        self._table = table
        self._bare = name
        self.columns = tuple(columns)
        self.name = f"temp.{quoted(name)}"
        self.width = len(OWN_COLUMNS) + len(self.columns)
        own = ", ".join(f"{column} TEXT" for column in OWN_COLUMNS[1:])
        mapped = "".join(f", {quoted(column)} {table.type_of(column)}" for column in self.columns)
        with database.temporary():
            database.run(
                f"CREATE TABLE {self.name} (salesforce_id TEXT PRIMARY KEY, {own}{mapped})"
                " WITHOUT ROWID"
            )
        marks = ", ".join("?" * self.width)
        self._insert = f"INSERT OR REPLACE INTO {self.name} VALUES ({marks})"

    def drop(self) -> None:
        """Forget everything staged."""
        with self._database.temporary():
            self._database.run(f"DROP TABLE IF EXISTS {self.name}")

    def add(self, records: Iterable[Remote]) -> int:
        """Stage one page; a record staged before is replaced. Returns how many."""
        with self._database.temporary():
            return self._database.run_many(self._insert, map(self._written, records))

    def _written(self, remote: Remote) -> tuple[Value, ...]:
        values = remote.values
        absent = "" if len(values) >= len(self.columns) else _absent(values, self.columns)
        return (
            remote.salesforce_id,
            remote.state.value,
            remote.successor_id,
            remote.modified_at,
            absent,
            *[values.get(column) for column in self.columns],
        )

    def selected(self) -> str:
        """What ``read`` reads, from ``s``."""
        return ", ".join(f"s.{quoted(column)}" for column in (*OWN_COLUMNS, *self.columns))

    def read(self, found: Sequence[Value]) -> Remote:
        """A record, from the columns of ``selected``."""
        salesforce_id, state, successor_id, modified_at, absent = found[: len(OWN_COLUMNS)]
        values = dict(zip(self.columns, found[len(OWN_COLUMNS) : self.width], strict=True))
        for column in str(absent or "").split(","):
            values.pop(column, None)
        return Remote(
            SalesforceId(str(salesforce_id)),
            values,
            RemoteState(str(state)),
            SalesforceId(str(successor_id)) if successor_id is not None else None,
            str(modified_at or ""),
        )

    def index_by_address(self) -> None:
        """Make looking up by match key fast; once is enough."""
        with self._database.temporary():
            self._database.run(
                f"CREATE INDEX IF NOT EXISTS temp.{quoted(self._bare + '_match')}"
                f" ON {quoted(self._bare)} ({self._table.match()})"
            )


def _absent(values: Mapping[str, Value], columns: Sequence[str]) -> str:
    return ",".join(column for column in columns if column not in values)
