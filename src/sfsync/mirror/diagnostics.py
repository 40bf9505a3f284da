"""How the mirror is: for ``sfsync status`` and ``sfsync org check``. Reads only."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from sfsync.mirror import bases
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import quoted
from sfsync.mirror.lock import holder
from sfsync.mirror.runs import GOOD, Runs
from sfsync.mirror.tables import MappedTable
from sfsync.model.mapping import ObjectMap

MOST_RUNS = 20
"""Runs that the usual cost is taken from."""

_COUNTED = {
    "events_waiting": "events WHERE state = 'new'",
    "tasks_waiting": "activities WHERE state IN ('queued', 'sending')",
    "conflicts_open": "conflicts WHERE state = 'open'",
    "quarantined": "quarantine WHERE state = 'open'",
    "in_doubt": "_outbox WHERE state IN ('sending', 'unknown')",
}


class Diagnostics:
    """Looks at the file, the lock, the tables and the runs."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def table_names(self) -> list[str]:
        """The names of all tables of the file, bookkeeping too, which begins with ``_`` or ``sqlite_``."""
        found = self._database.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        )
        return [name for (name,) in found]

    # -- what waits --------------------------------------------------------------------------------
    def status(self, sendable: Iterable[ObjectMap] = ()) -> dict[str, Any]:
        """What waits, what is open, the watermarks, the last runs; for people.

        Args:
            sendable: the mapping of objects less what the org does not have: an edit that cannot
                be sent is not counted. An object that is not among them counts with all its fields.
        """
        runs, value = Runs(self._context), self._database.value
        narrowed = {object_map.name: object_map for object_map in sendable}
        status: dict[str, Any] = {"org_id": value("SELECT org_id FROM _sync") or None}
        status["objects"] = [
            self._object_status(table, narrowed.get(name, table.object_map))
            for name, table in self._context.tables.items()
        ]
        for name, what in _COUNTED.items():
            status[name] = value(f"SELECT count(*) FROM {what}")
        status["edits_of_deleted"] = sum(
            value(
                f"SELECT count(*) FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
                f" WHERE r.salesforce_id IS NOT NULL AND {bases.is_edit_of_ended(table)}"
            )
            for table in self._context.tables.values()
        )
        status["paused_since"] = value("SELECT value FROM _notes WHERE name = 'paused'")
        status["last_good_run"] = runs.last_good()
        status["runs"] = [
            {key: run[key] for key in run if key != "report"} for run in runs.listed(limit=5)
        ]
        return status

    def _object_status(self, table: MappedTable, sendable: ObjectMap) -> dict[str, Any]:
        counts = self._database.row(
            "SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at)"
            f" FROM {table.name}"
        )
        live, deleted = counts or (0, 0)
        pushed = [field.column for field in sendable.fields if field.pushes]
        edited = self._database.value(
            f"SELECT count(*) FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
            f" WHERE {bases.is_dirty(table, pushed)}"
        )
        watermark = self._database.value(
            "SELECT at FROM _watermarks WHERE object = ?", [table.object]
        )
        return {
            "object": table.object,
            "rows": live,
            "deleted": deleted,
            "edited": edited,
            "watermark": watermark,
        }

    # -- the file ----------------------------------------------------------------------------------
    def damage(self) -> str:
        """What SQLite's own quick check finds, in its own words; empty for nothing."""
        found = [str(row[0]) for row in self._database.rows("PRAGMA quick_check(3)")]
        return "" if found == ["ok"] else "; ".join(found)[:300]

    def journal_mode(self) -> str:
        """``delete``, or ``wal`` where another tool has changed it."""
        return str(self._database.value("PRAGMA journal_mode"))

    def lock_holder(self) -> tuple[str, str] | None:
        """Who holds the run lock now, in a sentence, and since when; ``None`` where nobody does."""
        return holder(self._database)

    # -- what is in it -----------------------------------------------------------------------------
    def usual_calls(self) -> int | None:
        """Median API calls of the last good runs that made any; ``None`` before there was one."""
        spent = [
            int(run["report"]["api_calls"])
            for run in Runs(self._context).listed(limit=MOST_RUNS)
            if run["status"] in GOOD and run["report"] and run["report"].get("api_calls")
        ]
        return int(statistics.median(spent)) if spent else None

    def widest(self, object_name: str) -> dict[str, int]:
        """Characters of the longest text in each text column; one pass over the table."""
        table = self._context.table(object_name)
        columns = [field.column for field in table.object_map.fields if field.type.traits.is_text]
        if not columns:
            return {}
        asked = ", ".join(f"max(length({quoted(column)}))" for column in columns)
        found = self._database.row(f"SELECT {asked} FROM {table.name} WHERE deleted_at IS NULL")
        return {column: longest or 0 for column, longest in zip(columns, found or (), strict=False)}

    def distinct(self, object_name: str, column: str, *, limit: int = 200) -> tuple[str, ...]:
        """The values of a column among live rows, each once."""
        found = self._database.rows(
            f"SELECT DISTINCT {quoted(column)} FROM {self._context.table(object_name).name}"
            f" WHERE deleted_at IS NULL AND {quoted(column)} <> '' ORDER BY 1 LIMIT ?",
            [limit],
        )
        return tuple(str(row[0]) for row in found)
