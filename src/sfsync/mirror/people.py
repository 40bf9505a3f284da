"""People by address: bringing them in from files, telling one person's whole story, and forgetting them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfsync.mirror import records
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.event import match_key
from sfsync.model.record import LocalId, Value, Values


def import_rows(database: Database, table: MappedTable, rows: Iterable[Values]) -> dict[str, int]:
    """Take records from a file in, in one transaction: what is new or different is an edit like any other.

    A row is recognised by its match key; of several live rows with it the oldest is meant. Only the columns
    that a record states are touched.

    Returns:
        How many were ``created``, ``updated`` and ``unchanged``.
    """
    counts = Counter({"created": 0, "updated": 0, "unchanged": 0})
    with database.transaction(edits=True):
        for values in rows:
            counts[_import_one(database, table, values)] += 1
    return dict(counts)


def _import_one(database: Database, table: MappedTable, values: Values) -> str:
    key = match_key(str(values.get(table.object_map.match_on) or ""))
    columns = list(values)
    if key:
        where, parameters = f"{table.match()} = ?", list[Value]([key])
    else:  # nobody to recognise it by: the same record again is no second person
        same = " AND ".join(f"{quoted(name)} IS ?" for name in columns) or "0"
        where, parameters = f"{table.match()} IS NULL AND {same}", [values[name] for name in columns]
    found = database.row(
        f"SELECT id, {table.listed('', columns) or 'NULL'} FROM {table.name}"
        f" WHERE {where} AND deleted_at IS NULL ORDER BY id LIMIT 1",
        parameters,
    )
    if found is None:
        records.insert(database, table, values)
        return "created"
    moved = {
        name: values[name]
        for name, held in zip(columns, found[1:], strict=False)
        if values[name] != held
        and not (name == table.object_map.match_on and match_key(str(held or "")) == key)
    }
    records.write(database, table, LocalId(found[0]), moved)
    return "updated" if moved else "unchanged"


def write_edits(database: Database, table: MappedTable, local_id: LocalId, values: Values) -> bool:
    """Write columns of a row as an edit made here, to be pushed; whether there is such a row."""
    with database.transaction(edits=True):
        there = database.value(f"SELECT 1 FROM {table.name} WHERE id = ?", [local_id]) is not None
        records.write(database, table, local_id, values)
    return there


# -- one person's story ----------------------------------------------------------------------------------------
def story(database: Database, tables: Sequence[MappedTable], email: str) -> dict[str, Any]:
    """Everything the mirror knows of an address, soft-deleted rows too; for ``explain``.

    Returns:
        ``rows`` (each with its object, local, base, segments, links), ``events``, ``activities``,
        ``conflicts``, ``quarantine`` and ``writes``, oldest first.
    """
    key = match_key(email)
    rows = [entry for table in tables for entry in _rows(database, table, key)]
    people = [(entry["object"], entry["id"]) for entry in rows]
    told: dict[str, Any] = {"email": email, "rows": rows}
    told["events"] = _dicts(database, "events", "match_key = ?", [key], "timestamp, id")
    for name, order in (("activities", "id"), ("conflicts", "id"), ("quarantine", "id"), ("_outbox", "ref")):
        told[name.strip("_")] = [
            entry
            for object_name, local_id in people
            for entry in _dicts(
                database, name, "object = ? AND person_id = ?", [object_name, local_id], order
            )
        ]
    told["writes"] = [_write(database, entry) for entry in told.pop("outbox")]
    return told


def _rows(database: Database, table: MappedTable, key: str) -> list[dict[str, Any]]:
    found = database.rows(f"SELECT id FROM {table.name} WHERE {table.match()} = ? ORDER BY id", [key])
    return [_row(database, table, LocalId(local_id)) for (local_id,) in found]


def _row(database: Database, table: MappedTable, local_id: LocalId) -> dict[str, Any]:
    row = records.find(database, table, "r.id = ?", [local_id])
    if row is None:
        return {}
    segments: list[Any] = []
    if table.person_column:
        segments = database.rows(
            "SELECT s.name FROM segments AS s JOIN contact_segments AS c ON c.segment_id = s.id"
            f" WHERE c.{table.person_column} = ? ORDER BY s.name",
            [local_id],
        )
    lives_on = database.row(
        "SELECT successor_object, successor_id, reason FROM _links WHERE object = ? AND salesforce_id = ?",
        [table.object, row.salesforce_id],
    )
    return {
        "object": table.object,
        "id": local_id,
        "salesforce_id": row.salesforce_id,
        "local": dict(row.local.values),
        "base": None if row.base is None else dict(row.base.values),
        "edited_at": row.local.edited_at or None,
        "deleted_at": row.local.deleted_at,
        "segments": [name for (name,) in segments],
        "lives_on": dict(zip(("object", "salesforce_id", "reason"), lives_on, strict=True))
        if lives_on
        else None,
    }


def _dicts(
    database: Database, name: str, where: str, parameters: Sequence[Value], order: str
) -> list[dict[str, Any]]:
    columns = [row[1] for row in database.rows(f"PRAGMA table_info({quoted(name)})")]
    found = database.rows(f"SELECT * FROM {quoted(name)} WHERE {where} ORDER BY {order}", parameters)
    return [
        {column: value for column, value in zip(columns, row, strict=True) if not column.startswith("_")}
        for row in found
    ]


def _write(database: Database, entry: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in entry.items() if name not in {"plan", "edit"}}
    return told | {"before": database.parsed(told["before"]), "after": database.parsed(told["after"])}


# -- forgetting ------------------------------------------------------------------------------------------------
def purge(database: Database, tables: Sequence[MappedTable], email: str) -> dict[str, int]:
    """Remove a person from the mirror and its journal; freed space is overwritten.

    What stays has no personal data in it: the ids of events, so that none counts twice, and of Tasks.

    Returns:
        How many rows went, by table.
    """
    key = match_key(email)
    counts: Counter[str] = Counter()
    with database.wiping(), database.transaction():
        for table in tables:
            found = database.rows(
                f"SELECT id, salesforce_id FROM {table.name} WHERE {table.match()} = ?", [key]
            )
            for local_id, linked in found:
                counts += _purge_row(database, table, local_id, linked)
        numbers = database.rows("SELECT id FROM events WHERE match_key = ?", [key])
        for (event_id,) in numbers:
            counts["activities"] += _blank_activities(database, "event_id = ?", [event_id])
            counts["quarantine"] += database.run("DELETE FROM quarantine WHERE event_id = ?", [event_id])
        counts["events"] += database.run(
            "UPDATE events SET email = '', match_key = '', note = 'purged', object = NULL, person_id = NULL,"
            " state = 'handled' WHERE match_key = ?",
            [key],
        )
        counts["quarantine"] += (
            database.run(
                "DELETE FROM quarantine WHERE instr(lower(payload), ?) OR instr(lower(message), ?)",
                [key, key],
            )
            if key
            else 0
        )
    return dict(counts)


def _purge_row(database: Database, table: MappedTable, local_id: int, linked: str | None) -> Counter[str]:
    person: list[Value] = [table.object, local_id]
    counts: Counter[str] = Counter()
    counts["activities"] = _blank_activities(database, "object = ? AND person_id = ?", person)
    for name in ("conflicts", "quarantine", "_outbox"):
        counts[name.strip("_")] = database.run(
            f"DELETE FROM {name} WHERE object = ? AND person_id = ?", person
        )
    database.run(
        "UPDATE events SET email = '', match_key = '', note = 'purged', object = NULL, person_id = NULL,"
        " state = 'handled' WHERE object = ? AND person_id = ?",
        person,
    )
    if linked is not None:
        database.run("DELETE FROM _links WHERE object = ? AND salesforce_id = ?", [table.object, linked])
    counts[table.object_map.table] = database.run(f"DELETE FROM {table.name} WHERE id = ?", [local_id])
    return counts


def _blank_activities(database: Database, where: str, parameters: Sequence[Value]) -> int:
    """Tasks that were sent keep their key; those still waiting are not sent any more."""
    gone = database.run(
        f"DELETE FROM activities WHERE {where} AND state IN ('queued', 'quarantined')", parameters
    )
    blanked = database.run(
        f"UPDATE activities SET subject = '', fields = '{{}}', error = '' WHERE {where}", parameters
    )
    return gone + blanked
