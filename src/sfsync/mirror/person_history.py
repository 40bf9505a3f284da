"""One person's history: who it is, and everything that ever happened to their rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sfsync.mirror import records
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable, split_names
from sfsync.model.address import match_key, spellings
from sfsync.model.record import LocalId, SalesforceId, Value

_RECORD = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_ROW = re.compile(r"(?:(?P<object>\w+)[ :])?(?P<id>[0-9]{1,18})")
Person = tuple[MappedTable, LocalId]


LISTED = {
    "activities": ("activities", "id"),
    "conflicts": ("conflicts", "id"),
    "quarantine": ("quarantine", "id"),
    "brought": ("_provenance", "id"),
    "former": ("_former_addresses", "until"),
    "writes": ("_outbox", "ref"),
}
"""What tables hold of a person: ``{name in the history: (table, order)}``."""


class PersonHistory:
    """What ``explain`` shows."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context

    def of(self, who: str) -> dict[str, Any]:
        """Everything the mirror knows of a person, soft-deleted rows too.

        Returns:
            ``rows`` (each with its object, local, base, segments, survivor), and, oldest first,
            ``arrivals``, ``brought``, ``events``, ``activities``, ``conflicts``, ``quarantine``,
            ``former`` (addresses), ``writes`` and ``links`` (survivors).
        """
        database = self._context.database
        persons = people(database, list(self._context.tables.values()), who)
        history: dict[str, Any] = {"email": who}
        history["rows"] = [_row(database, *person) for person in persons]
        keys = {match_key(who)} | {match_key(key) for key in addresses(database, persons)}
        history["events"] = _events(database, persons, keys)
        for name, (table_name, order) in LISTED.items():
            history[name] = []
            for table, local_id in persons:
                where = "object = ? AND person_id = ?"
                history[name] += _dicts(
                    database, table_name, where, [table.object, local_id], order
                )
        for entry in history["brought"]:
            entry["columns"] = sorted(split_names(entry["columns"]))
        history["writes"] = [_write(database, entry) for entry in history["writes"]]
        history["arrivals"] = []
        history["links"] = []
        for table, local_id in persons:
            history["arrivals"] += _arrivals(database, table, local_id)
            history["links"] += _successors(database, table, local_id)
        return history


def people(database: Database, tables: Sequence[MappedTable], who: str) -> list[Person]:
    """The rows of a person: by address, Salesforce Id, or local id (``contact:12``).

    An address may be a former one. Merged and converted records are followed both ways, for they
    are one person.
    """
    found = [(table, local_id) for table in tables for local_id in _rows_of(database, table, who)]
    for table, local_id in found:  # grows while it is walked
        for other in _kin(database, tables, table, local_id):
            if other not in found:
                found.append(other)
    return sorted(found, key=lambda person: (tables.index(person[0]), person[1]))


def _rows_of(database: Database, table: MappedTable, who: str) -> list[LocalId]:
    number = _ROW.fullmatch(who.strip())
    if number and number["object"] in (None, table.object):
        return _ids(database, f"SELECT id FROM {table.name} WHERE id = ?", [int(number["id"])])
    if "@" not in who and _RECORD.fullmatch(who.strip()):
        return _ids(
            database,
            # all that begin so, by the index: the row's Id may have 15 characters or 18
            f"SELECT id FROM {table.name} WHERE salesforce_id BETWEEN ?1 AND ?1 || 'zzz'",
            [who.strip()[:15]],
        )
    key = match_key(who)
    is_people = table.object_map.kind.is_people
    # an address is a person's: an account that holds it in some column is not told of
    if not key or ("@" in who and not is_people):
        return []
    found: set[LocalId] = set()
    for spelling in spellings(key):
        found.update(_rows_with_address(database, table, spelling))
    return sorted(found)


def _rows_with_address(database: Database, table: MappedTable, spelling: str) -> list[LocalId]:
    """Rows that have this address, had it, or were once sent with it."""
    match_on = table.object_map.match_on
    was = "lower(trim(json_extract(before, ?3)))"
    return _ids(
        database,
        f"SELECT id FROM {table.name} WHERE {table.match()} = ?1"
        " OR id IN (SELECT person_id FROM _former_addresses WHERE match_key = ?1 AND object = ?2)"
        " OR id IN (SELECT person_id FROM _outbox WHERE object = ?2 AND state = 'accepted'"
        f" AND instr(before, '@') AND {was} = ?1)",
        [spelling, table.object, f'$."{match_on}"'],
    )


def _ids(database: Database, sql: str, parameters: Sequence[Value]) -> list[LocalId]:
    return [LocalId(found) for (found,) in database.rows(sql, parameters)]


def _kin(
    database: Database, tables: Sequence[MappedTable], table: MappedTable, local_id: LocalId
) -> list[Person]:
    """Rows of this record's survivor, and of records that it is the survivor of."""
    record = database.value(f"SELECT salesforce_id FROM {table.name} WHERE id = ?", [local_id])
    if record is None:
        return []
    linked = database.rows(
        "SELECT successor_object, successor_id FROM _successors"
        " WHERE object = ?1 AND salesforce_id = ?2"
        " UNION SELECT object, salesforce_id FROM _successors"
        " WHERE successor_object = ?1 AND successor_id = ?2",
        [table.object, record],
    )
    by_name = {each.object: each for each in tables}
    kin = []
    for name, other in linked:
        if name in by_name and (row := records.id_of(database, by_name[name], SalesforceId(other))):
            kin.append((by_name[name], row))
    return kin


def addresses(database: Database, persons: Sequence[Person]) -> list[str]:
    """Match keys of these people, present and former: all that ``people`` finds them by."""
    keys = []
    for table, local_id in persons:
        if not table.object_map.kind.is_people:
            continue  # what recognises an account is no address, whatever it looks like
        keys += database.rows(
            f"SELECT {table.match()} FROM {table.name} WHERE id = ?1 AND {table.match()} <> ''"
            " UNION SELECT match_key FROM _former_addresses WHERE object = ?2 AND person_id = ?1"
            " UNION SELECT lower(trim(json_extract(before, ?3))) FROM _outbox"
            " WHERE object = ?2 AND person_id = ?1 AND state = 'accepted' AND instr(before, '@')",
            [local_id, table.object, f'$."{table.object_map.match_on}"'],
        )
    return [str(key) for (key,) in keys if key]


def _events(database: Database, persons: Sequence[Person], keys: set[str]) -> list[dict[str, Any]]:
    """Events of any of the addresses, and those that were taken for one of the rows."""
    found: list[dict[str, Any]] = []
    for key in keys - {""}:
        found += _dicts(database, "events", "match_key = ?", [key], "timestamp")
    for table, local_id in persons:
        where = "object = ? AND person_id = ?"
        found += _dicts(database, "events", where, [table.object, local_id], "timestamp")
    by_id = {event["id"]: event for event in found}
    return sorted(by_id.values(), key=lambda event: (event["timestamp"], event["id"]))


def _arrivals(database: Database, table: MappedTable, local_id: LocalId) -> list[dict[str, Any]]:
    """The pull that inserted this row."""
    found = _dicts(
        database,
        "_pulled_rows",
        "object = ? AND first_id <= ? AND last_id >= ?",
        [table.object, local_id, local_id],
        "id",
    )
    return [
        {"object": table.object, "person_id": local_id, "run_id": one["run_id"], "at": one["at"]}
        for one in found
    ]


def _successors(database: Database, table: MappedTable, local_id: LocalId) -> list[dict[str, Any]]:
    """The record that this row's was merged or converted into."""
    return _dicts(
        database,
        "_successors",
        f"object = ? AND salesforce_id = (SELECT salesforce_id FROM {table.name} WHERE id = ?)",
        [table.object, local_id],
        "found_at",
    )


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
    survivor = database.row(
        "SELECT successor_object, successor_id, reason FROM _successors"
        " WHERE object = ? AND salesforce_id = ?",
        [table.object, row.salesforce_id],
    )
    survivor_names = ("object", "salesforce_id", "reason")
    return {
        "object": table.object,
        "id": local_id,
        "salesforce_id": row.salesforce_id,
        "local": dict(row.local.values),
        "base": None if row.base is None else dict(row.base.values),
        "edited_at": row.local.edited_at or None,
        "deleted_at": row.local.deleted_at,
        "segments": [name for (name,) in segments],
        "lives_on": dict(zip(survivor_names, survivor, strict=True)) if survivor else None,
    }


def _dicts(
    database: Database, name: str, where: str, parameters: Sequence[Value], order: str
) -> list[dict[str, Any]]:
    columns = [row[1] for row in database.rows(f"PRAGMA table_info({quoted(name)})")]
    found = database.rows(
        f"SELECT * FROM {quoted(name)} WHERE {where} ORDER BY {order}", parameters
    )
    return [
        {
            column: value
            for column, value in zip(columns, row, strict=True)
            if not column.startswith("_")
        }
        for row in found
    ]


def _write(database: Database, entry: Mapping[str, Any]) -> dict[str, Any]:
    write = {name: value for name, value in entry.items() if name not in {"plan", "edit"}}
    write["before"] = database.parsed(write["before"])
    write["after"] = database.parsed(write["after"])
    return write
