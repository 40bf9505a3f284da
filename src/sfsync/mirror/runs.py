"""Runs: what was done when, and how it ended; and what a look at the mirror tells a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sfsync.mapping.check import narrow
from sfsync.mirror import records
from sfsync.mirror.database import Database
from sfsync.mirror.tables import MappedTable
from sfsync.model.facts import SObjectFacts
from sfsync.model.journal import JournaledWrite
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import LocalId, SalesforceId

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


_RUN = "SELECT run_id, command, started_at, finished_at, status, report FROM runs"


def listed(database: Database, limit: int) -> list[dict[str, Any]]:
    """The last runs, the latest first, each with its report."""
    found = database.rows(f"{_RUN} ORDER BY started_at DESC, rowid DESC LIMIT ?", [limit])
    return [_told(database, row) for row in found]


def _told(database: Database, row: Sequence[Any]) -> dict[str, Any]:
    run_id, command, started, finished, status, report = row
    return {
        "run_id": run_id,
        "command": command,
        "started_at": started,
        "finished_at": finished or None,
        "status": status,
        "report": database.parsed(report) if report else None,
    }


def last_good(database: Database) -> str | None:
    """When the last run ended that did its work."""
    marks = ", ".join("?" * len(GOOD))
    found = database.value(f"SELECT max(finished_at) FROM runs WHERE status IN ({marks})", GOOD)
    return found or None


def sent_by(database: Database, run_id: str) -> list[JournaledWrite]:
    """What a run wrote to the org and the org accepted, the latest first."""
    found = database.rows(
        f"SELECT {_WRITE} FROM _outbox WHERE run_id = ? AND state = 'accepted' ORDER BY ref DESC",
        [run_id],
    )
    return [_write(database, row) for row in found]


_WRITE = "ref, object, person_id, salesforce_id, action, before, after, sent_at"
_PAGE = 1_000


def _write(database: Database, row: Sequence[Any]) -> JournaledWrite:
    ref, name, person, linked, action, was, now, sent_at = row
    read = database.parsed
    return JournaledWrite(
        ref, name, LocalId(person), SalesforceId(linked), action, read(was), read(now), sent_at
    )


def written(
    database: Database, run_id: str, object_name: str, ids: Sequence[SalesforceId] | None = None
) -> Iterator[list[JournaledWrite]]:
    """What ``undo`` puts back: the accepted writes of a run, record by record, each record's oldest first.

    Args:
        ids: only these records; all where ``None``.
    """
    chosen = "" if ids is None else " AND salesforce_id IN (SELECT value FROM json_each(:ids))"
    of_run = f"FROM _outbox WHERE run_id = :run AND object = :object AND state = 'accepted'{chosen}"
    given = {
        "run": run_id,
        "object": object_name,
        "ids": json.dumps(ids or []),
        "after": "",
        "upto": "",
    }
    while upto := database.value(
        f"SELECT max(salesforce_id) FROM (SELECT DISTINCT salesforce_id {of_run}"
        f" AND salesforce_id > :after ORDER BY salesforce_id LIMIT {_PAGE})",
        given,
    ):
        given["upto"] = upto
        page = database.rows(
            f"SELECT {_WRITE} {of_run} AND salesforce_id > :after AND salesforce_id <= :upto"
            " ORDER BY salesforce_id, ref",
            given,
        )
        for _, writes in groupby(page, key=itemgetter(3)):
            yield [_write(database, row) for row in writes]
        given["after"] = upto


def tasks_of(database: Database, run_id: str) -> list[SalesforceId]:
    """Tasks that a run logged."""
    found = database.rows(
        "SELECT task_id FROM activities WHERE run_id = ? AND task_id IS NOT NULL ORDER BY id",
        [run_id],
    )
    return [SalesforceId(task) for (task,) in found]


def writes_of(database: Database, run_id: str, *, after: int, limit: int) -> list[dict[str, Any]]:
    """A page of what a run sent, record by record, in the order it went, whatever became of it."""
    found = database.rows(
        f"SELECT {_WRITE}, state, settled_at, error FROM _outbox WHERE run_id = ? AND ref > ? ORDER BY ref LIMIT ?",
        [run_id, after, limit],
    )
    return [
        {
            "ref": row[0],
            "object": row[1],
            "local_id": row[2],
            "salesforce_id": row[3],
            "action": row[4],
            "before": database.parsed(row[5]),
            "after": database.parsed(row[6]),
            "sent_at": row[7],
            "state": row[8],
            "settled_at": row[9] or None,
            "error": row[10],
        }
        for row in found
    ]


def named(database: Database, run_id: str) -> dict[str, Any] | None:
    """One run with its report; ``None`` where there is none of that name."""
    found = database.rows(f"{_RUN} WHERE run_id = ?", [run_id])
    return _told(database, found[0]) if found else None


def ids(database: Database, *, limit: int = 10_000) -> list[str]:
    """The names of the last runs, the latest first."""
    return [
        name
        for (name,) in database.rows(
            "SELECT run_id FROM runs ORDER BY started_at DESC LIMIT ?", [limit]
        )
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
    told["runs"] = [
        {key: run[key] for key in run if key != "report"} for run in listed(database, 5)
    ]
    return told


def _object_status(database: Database, table: MappedTable) -> dict[str, Any]:
    live, deleted = database.row(
        f"SELECT count(*) FILTER (WHERE deleted_at IS NULL), count(deleted_at) FROM {table.name}"
    ) or (0, 0)
    pushed = [
        field.column for field in _sendable(database, table.object_map).fields if field.pushes
    ]
    edited = database.value(
        f"SELECT count(*) FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
        f" WHERE {records.dirty(table, pushed)}"
    )
    mark = database.value("SELECT at FROM _watermarks WHERE object = ?", [table.object])
    return {
        "object": table.object,
        "rows": live,
        "deleted": deleted,
        "edited": edited,
        "watermark": mark,
    }


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
