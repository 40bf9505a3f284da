"""Where the values of a row came from, and addresses that it had."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sfsync.mirror.database import Database
from sfsync.mirror.tables import MappedTable, joined_names
from sfsync.model.change import RowPlan
from sfsync.model.record import LocalId


def note(
    database: Database,
    table: MappedTable,
    local_id: LocalId,
    how: str,
    columns: Iterable[str],
    source: str,
    run_id: str,
) -> None:
    """Keep where the values of these columns came from.

    Args:
        how: ``pulled``, ``imported``, ``event`` or, of a merged or converted record, ``lives on``.
        source: the file, the event or the record.
    """
    database.run(
        "INSERT INTO _provenance (object, person_id, how, columns, source, run_id, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [table.object, local_id, how, joined_names(columns), source, run_id, database.now()],
    )


def note_pulled_rows(
    database: Database, table: MappedTable, first: LocalId, last: LocalId, run_id: str
) -> None:
    """Keep that these rows, one after the other, were inserted by a pull."""
    database.run(
        "INSERT INTO _pulled_rows (object, first_id, last_id, run_id, at) VALUES (?, ?, ?, ?, ?)",
        [table.object, first, last, run_id, database.now()],
    )


def note_former_address(
    database: Database, table: MappedTable, local_id: LocalId, plan: RowPlan
) -> None:
    """Keep an address that a plan replaces, and that it was the row's until the record was changed."""
    match_on = table.object_map.match_on
    if match_on not in plan.to_local:
        return
    key = table.match()
    database.run(
        "INSERT OR REPLACE INTO _former_addresses (object, person_id, match_key, until)"
        f" SELECT ?, id, {key}, ? FROM {table.name}"
        f" WHERE id = ? AND {key} <> '' AND {key} <> lower(trim(?))",
        [
            table.object,
            plan.modified_at or database.now(),
            local_id,
            plan.to_local[match_on] or "",
        ],
    )


def note_replaced_addresses(database: Database, table: MappedTable, ids: Sequence[int]) -> None:
    """Keep the addresses that these rows have until now, edited ones too: they still lead to their people."""
    now, key = database.now(), table.match("r")
    database.run(
        "INSERT OR REPLACE INTO _former_addresses (object, person_id, match_key, until)"
        f" SELECT ?, r.id, {key}, ? FROM {table.name} AS r"
        f" WHERE {key} <> '' AND r.id IN (SELECT value FROM json_each(?))",
        [table.object, now, json.dumps(list(ids))],
    )


def move(database: Database, table: MappedTable, old: LocalId, new: LocalId) -> None:
    """Where one row's values came from, and what addresses it had, is another row's from now on."""
    whose = [new, table.object, old]
    database.run("UPDATE _provenance SET person_id = ? WHERE object = ? AND person_id = ?", whose)
    # an address that both had ended at the later time
    database.run(
        "INSERT INTO _former_addresses (object, person_id, match_key, until)"
        " SELECT object, ?, match_key, until FROM _former_addresses"
        " WHERE object = ? AND person_id = ?"
        " ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
        whose,
    )
    database.run(
        "DELETE FROM _former_addresses WHERE object = ? AND person_id = ?", [table.object, old]
    )
