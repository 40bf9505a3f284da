"""Runs: what was done when, and how it ended; and what a look at the mirror tells a person."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sfsync.mapping.check import SObjectFacts, narrow
from sfsync.mapping.schema import ObjectMap
from sfsync.mirror import records
from sfsync.mirror.database import Database
from sfsync.mirror.tables import MappedTable
from sfsync.model.record import LocalId, SalesforceId
from sfsync.planning.pending import InDoubt

GOOD = ("ok", "partial")
"""How a run ends that did its work; some records may be in quarantine."""


def begin(database: Database, run_id: str, command: str) -> None:
    """A run begins."""
    with database.transaction(edits=True):
        database.run(
            "INSERT INTO runs (run_id, command, started_at) VALUES (?, ?, ?)",
            [run_id, command, database.now()],
        )


def finish(database: Database, run_id: str, status: str, report: Mapping[str, Any]) -> None:
    """A run is over."""
    with database.transaction(edits=True):
        database.run(
            "UPDATE runs SET finished_at = ?, status = ?, report = ? WHERE run_id = ?",
            [database.now(), status, json.dumps(report), run_id],
        )


def listed(database: Database, limit: int) -> list[dict[str, Any]]:
    """The last runs, the latest first, each with its report."""
    found = database.rows(
        "SELECT run_id, command, started_at, finished_at, status, report FROM runs"
        " ORDER BY started_at DESC, rowid DESC LIMIT ?",
        [limit],
    )
    return [
        {
            "run_id": run_id,
            "command": command,
            "started_at": started,
            "finished_at": finished or None,
            "status": status,
            "report": database.parsed(report) if report else None,
        }
        for run_id, command, started, finished, status, report in found
    ]


def last_good(database: Database) -> str | None:
    """When the last run ended that did its work."""
    marks = ", ".join("?" * len(GOOD))
    found = database.value(f"SELECT max(finished_at) FROM runs WHERE status IN ({marks})", GOOD)
    return found or None


def sent_by(database: Database, run_id: str) -> list[InDoubt]:
    """What a run wrote to the org and the org accepted, the latest first: what ``undo`` puts back."""
    found = database.rows(
        "SELECT ref, object, person_id, salesforce_id, action, before, after, sent_at FROM _outbox"
        " WHERE run_id = ? AND state = 'accepted' ORDER BY ref DESC",
        [run_id],
    )
    return [
        InDoubt(
            ref,
            name,
            LocalId(person),
            SalesforceId(linked),
            action,
            database.parsed(was),
            database.parsed(now),
            sent_at,
        )
        for ref, name, person, linked, action, was, now, sent_at in found
    ]


def status(database: Database, tables: Sequence[MappedTable]) -> dict[str, Any]:
    """Everything ``sfsync status`` tells of the mirror."""
    counted = {
        "events_waiting": "events WHERE state = 'new'",
        "tasks_waiting": "activities WHERE state IN ('queued', 'sending')",
        "conflicts_open": "conflicts WHERE state = 'open'",
        "quarantined": "quarantine WHERE state = 'open'",
        "in_doubt": "_outbox WHERE state IN ('sending', 'unknown')",
    }
    told: dict[str, Any] = {"org_id": database.value("SELECT org_id FROM _sync") or None}
    told["objects"] = [_object_status(database, table) for table in tables]
    told |= {name: database.value(f"SELECT count(*) FROM {what}") for name, what in counted.items()}
    told["paused_since"] = database.value("SELECT value FROM _notes WHERE name = 'paused'")
    told["last_good_run"] = last_good(database)
    told["runs"] = [{key: run[key] for key in run if key != "report"} for run in listed(database, 5)]
    return told


def _object_status(database: Database, table: MappedTable) -> dict[str, Any]:
    live, deleted = database.row(
        f"SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at) FROM {table.name}"
    ) or (0, 0)
    pushed = [field.column for field in _sendable(database, table.object_map).fields if field.pushes]
    edited = database.value(
        f"SELECT count(*) FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
        f" WHERE {records.dirty(table, pushed)}"
    )
    mark = database.value("SELECT at FROM _watermarks WHERE object = ?", [table.object])
    return {"object": table.object, "rows": live, "deleted": deleted, "edited": edited, "watermark": mark}


def _sendable(database: Database, object_map: ObjectMap) -> ObjectMap:
    """The mapping less what the org does not have, as far as it has been asked."""
    kept = database.value("SELECT facts FROM _facts WHERE sobject = ?", [object_map.sobject])
    facts = None if kept is None else facts_from(kept)
    return object_map if facts is None else narrow(object_map, facts)[0]


def facts_from(kept: str) -> SObjectFacts | None:
    """What the org said of an object, as it was kept; ``None`` where that is damaged: it can be asked again."""
    try:
        return SObjectFacts.from_dict(json.loads(kept))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
