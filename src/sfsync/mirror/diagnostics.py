"""How the mirror is: for ``sfsync org check``. Reads only."""

from __future__ import annotations

import statistics

from sfsync.mirror import runs
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.mapping import FieldType

MOST_RUNS = 20


def damage(database: Database) -> str:
    """What SQLite's quick check finds, in its own words; empty for nothing."""
    found = [str(row[0]) for row in database.rows("PRAGMA quick_check(3)")]
    return "" if found == ["ok"] else "; ".join(found)[:300]


def usual_calls(database: Database) -> int | None:
    """API calls of the middle one of the last good runs that wrote; ``None`` before there was one."""
    spent = [
        int(run["report"]["api_calls"])
        for run in runs.listed(database, MOST_RUNS)
        if run["status"] in runs.GOOD and run["report"] and run["report"].get("api_calls")
    ]
    return int(statistics.median(spent)) if spent else None


def widest(database: Database, table: MappedTable) -> dict[str, int]:
    """Characters of the longest text in each text column; one pass over the table."""
    columns = [field.column for field in table.object_map.fields if field.type is FieldType.TEXT]
    if not columns:
        return {}
    asked = ", ".join(f"max(length({quoted(column)}))" for column in columns)
    found = database.row(f"SELECT {asked} FROM {table.name} WHERE deleted_at IS NULL")
    return {column: longest or 0 for column, longest in zip(columns, found or (), strict=False)}


def distinct(database: Database, table: MappedTable, column: str, limit: int) -> tuple[str, ...]:
    """The values of a column among live rows, each once."""
    found = database.rows(
        f"SELECT DISTINCT {quoted(column)} FROM {table.name}"
        f" WHERE deleted_at IS NULL AND {quoted(column)} <> '' ORDER BY 1 LIMIT ?",
        [limit],
    )
    return tuple(str(row[0]) for row in found)
