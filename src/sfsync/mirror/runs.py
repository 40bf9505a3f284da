"""Runs: what was done when, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sfsync.mirror.context import MirrorContext
from sfsync.mirror.mapped_schema import prune_bases

GOOD = ("ok", "partial")
"""How a run ends that did its work; some records may be in quarantine."""

IDLE_RUN = "idle_run"
"""Note: when a run ended that did nothing and is not kept."""

_RUN = "SELECT run_id, command, started_at, finished_at, status, report FROM runs"


class Runs:
    """The journal of runs."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def begin(self, run_id: str, command: str) -> None:
        """A run begins; what is written from now on is noted under it."""
        self._context.run_id = run_id
        with self._database.transaction(edits=True):
            self._database.run(
                "INSERT INTO runs (run_id, command, started_at) VALUES (?, ?, ?)",
                [run_id, command, self._database.now()],
            )
        for table in self._context.tables.values():
            with self._database.transaction():
                prune_bases(self._database, table)

    def finish(self, run_id: str, status: str, report: Mapping[str, Any]) -> None:
        """A run is over: how it ended, and its report."""
        with self._database.transaction(edits=True):
            self._database.run(
                "UPDATE runs SET finished_at = ?, status = ?, report = ? WHERE run_id = ?",
                [self._database.now(), status, json.dumps(report), run_id],
            )

    def forget(self, run_id: str) -> None:
        """A run is over that did nothing, and is one of many: only when it was is kept."""
        now = self._database.now()
        with self._database.transaction(edits=True):
            self._database.run("DELETE FROM runs WHERE run_id = ?", [run_id])
            self._database.run(
                "INSERT OR REPLACE INTO _notes (name, value) VALUES (?, ?)", [IDLE_RUN, now]
            )

    def listed(self, *, limit: int = 20) -> list[dict[str, Any]]:
        """The last runs, the latest first, each with its report."""
        found = self._database.rows(f"{_RUN} ORDER BY started_at DESC, rowid DESC LIMIT ?", [limit])
        return [self._as_dict(row) for row in found]

    def find(self, run_id: str) -> dict[str, Any] | None:
        """One run with its report; ``None`` where there is none of that name."""
        found = self._database.row(f"{_RUN} WHERE run_id = ?", [run_id])
        return None if found is None else self._as_dict(found)

    def ids(self, *, limit: int = 10_000) -> list[str]:
        """The names of the last runs, the latest first."""
        found = self._database.rows(
            "SELECT run_id FROM runs ORDER BY started_at DESC LIMIT ?", [limit]
        )
        return [name for (name,) in found]

    def last_that_wrote(self) -> str:
        """The latest run that wrote to Salesforce; empty where none did."""
        found = self._database.value(
            "SELECT run_id FROM _outbox WHERE state = 'accepted' ORDER BY ref DESC LIMIT 1"
        )
        return str(found or "")

    def last_good(self) -> str | None:
        """When the last run ended that did its work."""
        marks = ", ".join("?" * len(GOOD))
        found = self._database.value(
            f"SELECT max(finished_at) FROM runs WHERE status IN ({marks})", GOOD
        )
        idle = self._database.value("SELECT value FROM _notes WHERE name = ?", [IDLE_RUN])
        return max(found or "", idle or "") or None

    def _as_dict(self, row: Sequence[Any]) -> dict[str, Any]:
        run_id, command, started, finished, status, report = row
        return {
            "run_id": run_id,
            "command": command,
            "started_at": started,
            "finished_at": finished or None,
            "status": status,
            "report": self._database.parsed(report) if report else None,
        }
