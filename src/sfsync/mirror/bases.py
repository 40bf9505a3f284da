"""The base of a row: what both sides last agreed on. Which rows differ from it, and how it moves.

Everything here runs inside a transaction of the caller's. A base row stands only where it says
something (see ``tables``); the row itself is never changed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sfsync.mirror import quarantine
from sfsync.mirror.database import Database, literal, quoted
from sfsync.mirror.tables import ALL, MappedTable, differs, joined_names, split_names
from sfsync.model.change import FieldDecision, RowPlan, Side
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, LocalId, Value


def is_dirty(table: MappedTable, columns: Sequence[str]) -> str:
    """SQL over ``r`` and ``b``: the row holds something in these columns that the org should get.

    Not a row in quarantine that nobody has edited since, unless it has an opt-out to say: that is
    tried at every run. Nor one that differs only in fields which wait for a person's decision.
    """
    opt_outs = [name for name in table.object_map.opt_out if name in columns]
    due = (
        " OR ".join(f"(r.{quoted(name)} IS 1 AND {_is_edited(table, name)})" for name in opt_outs)
        or "0"
    )
    return (
        f"{is_unsent(table, columns)}"
        f" AND (NOT {quarantine.is_quarantined(table)} OR (r.salesforce_id IS NOT NULL"
        f" AND ({due}) AND NOT {quarantine.is_out_of_sight(table)}))"
    )


def is_unsent(table: MappedTable, columns: Sequence[str]) -> str:
    """SQL over ``r`` and ``b``: as ``is_dirty``, for rows in quarantine too."""
    edited = " OR ".join(_is_edited(table, name) for name in columns) or "0"
    # of a row deleted here alone only consent is sent: its record is kept, and still mailed
    opt_outs = [name for name in table.object_map.opt_out if name in columns]
    consent = " OR ".join(_is_edited(table, name) for name in opt_outs) or "0"
    deletes = f"b.deleted_at IS NULL AND r.salesforce_id IS NOT NULL AND ({consent})"
    if table.object_map.on_local_delete == "delete":
        deletes = "b.deleted_at IS NULL AND r.salesforce_id IS NOT NULL"
    return (
        f"CASE WHEN r.deleted_at IS NOT NULL THEN {deletes}"
        f" ELSE (b.deleted_at IS NOT NULL OR b._never_agreed = '*' OR {edited}) END"
    )


def is_edited(table: MappedTable, columns: Sequence[str]) -> str:
    """SQL over ``r`` and ``b``: one of these columns holds something that the org should get."""
    return "(" + (" OR ".join(_is_edited(table, name) for name in columns) or "0") + ")"


def is_edit_of_ended(table: MappedTable) -> str:
    """SQL over ``r`` and ``b``: gone on both sides, and edited here: it waits for a restored record."""
    ended = "r.deleted_at IS NOT NULL AND b.deleted_at IS NOT NULL"
    return f"({ended} AND ({differs('r', 'b', table.columns)}))"


def is_overruled(table: MappedTable) -> str:
    """SQL over ``r`` and ``b``, where nothing is sent: an edit that Salesforce's value replaces.

    What is said of consent stays.
    """
    edited = [
        _is_replaced(field.column)
        for field in table.object_map.fields
        if field.pulls and field.merge is not Merge.STICKY_TRUE
    ]
    return f"(r.deleted_at IS NULL AND ({' OR '.join(edited) or '0'}))"


def is_unsendable(table: MappedTable, *, sends: bool) -> str:
    """SQL over ``r`` and ``b``: an edit that no push would meet, see ``Rows.unsendable``."""
    kept = [
        f"(r.{quoted(field.column)} IS NOT NULL AND b.{quoted(field.column)} IS NULL)"
        for field in table.object_map.fields
        if not (sends and field.pushes)
    ]
    return f"({is_edit_of_ended(table)} OR (r.deleted_at IS NULL AND ({' OR '.join(kept) or '0'})))"


def _is_edited(table: MappedTable, column: str) -> str:
    listed = f"',{literal(column)},'"
    if not table.object_map.by_column[column].pushes:
        return _is_replaced(column)
    return (
        f"((r.{quoted(column)} IS NOT b.{quoted(column)} OR instr(b._never_agreed, {listed}))"
        f" AND NOT instr(b._held_columns, {listed}))"
    )


def _is_replaced(column: str) -> str:
    """Salesforce's own field was edited here: its value comes back. Where it has none, what was typed may stay."""
    name, listed = quoted(column), f"',{literal(column)},'"
    return (
        f"(b.{name} IS NOT NULL AND r.{name} IS NOT b.{name}"
        f" AND NOT instr(b._never_agreed, {listed}) AND NOT instr(b._held_columns, {listed}))"
    )


# -- moving ----------------------------------------------------------------------------------------
def keep(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """Make sure that a base row is there: the row as it stands, where nobody has edited it."""
    database.run(table.sql_keep_base, {"id": local_id})


def move(
    database: Database,
    table: MappedTable,
    local_id: LocalId,
    values: Mapping[str, Value],
    held: set[str],
) -> None:
    """Both sides hold these values now; the base, which is there, moves to them.

    A column that was never agreed on, is not named and is blank here counts as agreed: there is
    nothing to lose. One that holds a value stays as it is.

    Args:
        held: columns that wait for a person's decision.
    """
    kept = database.row(
        f"SELECT _never_agreed, _held_columns FROM {table.base} WHERE id = ?", [local_id]
    )
    if kept is None:
        return
    never_agreed = set(table.columns) if kept[0] == ALL else split_names(kept[0])
    agreed = {column: value for column, value in values.items() if column in table.columns}
    never_agreed -= agreed.keys()
    for column in _blank_columns(database, table, local_id, sorted(never_agreed - held)):
        agreed[column] = None
        never_agreed.remove(column)
    held_now = (split_names(kept[1]) - agreed.keys()) | held
    assigned = "".join(f"{quoted(column)} = :{number}, " for number, column in enumerate(agreed))
    database.run(
        f"UPDATE {table.base} SET {assigned}_never_agreed = :never_agreed, _held_columns = :held,"
        f" _salesforce_id = (SELECT salesforce_id FROM {table.name} WHERE id = :id),"
        f" deleted_at = CASE WHEN (SELECT deleted_at FROM {table.name} WHERE id = :id) IS NULL"
        " THEN NULL ELSE deleted_at END"
        " WHERE id = :id",
        {str(number): value for number, value in enumerate(agreed.values())}
        | {
            "never_agreed": joined_names(never_agreed),
            "held": joined_names(held_now),
            "id": local_id,
        },
    )


def _blank_columns(
    database: Database, table: MappedTable, local_id: LocalId, columns: Sequence[str]
) -> list[str]:
    """Those of these columns that hold nothing in the row."""
    if not columns:
        return []
    found = database.row(
        f"SELECT {table.listed('', columns)} FROM {table.name} WHERE id = ?", [local_id]
    )
    return [column for column, value in zip(columns, found or (), strict=False) if value is None]


def prune(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """Drop the base where the row is as agreed again; its quarantine is over."""
    if database.run(table.sql_prune, {"id": local_id}):
        quarantine.settle_row(database, table.object, local_id)


def end(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """The record is gone on both sides: that is agreed.

    What was edited here and Salesforce has not got stays an edit, for the record may be restored.
    """
    database.run(
        f"UPDATE {table.base} SET deleted_at ="
        f" (SELECT deleted_at FROM {table.name} WHERE id = :id) WHERE id = :id",
        {"id": local_id},
    )
    prune(database, table, local_id)
    quarantine.settle_row(database, table.object, local_id)


def drop(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """Nothing is left to agree on: the record is part of another one."""
    database.run(f"DELETE FROM {table.base} WHERE id = ?", [local_id])
    quarantine.settle_row(database, table.object, local_id)


# -- what a plan saw -------------------------------------------------------------------------------
def seen_values(decisions: Iterable[FieldDecision]) -> dict[str, Value]:
    """What the plan saw in the row, for the columns it decided."""
    return {each.column: each.local for each in decisions if each.local is not MISSING}


def held_columns(plan: RowPlan) -> set[str]:
    """The columns that wait for a person."""
    return {decision.column for decision in plan.decisions if decision.winner is Side.HELD}


def edited_since(
    database: Database, table: MappedTable, local_id: LocalId, plan: RowPlan
) -> set[str]:
    """The columns that did not take the org's value, because the row was edited after the plan.

    Asked after ``records.write``. Whoever edited never saw that value, so it is not agreed: with
    the base left where it was, the next plan finds both sides changed.
    """
    seen = seen_values(plan.decisions)
    taken = [
        column
        for column in plan.to_local
        if column in seen and column not in plan.to_org and not table.is_counter(column)
    ]
    if not taken:
        return set()
    values = database.row(
        f"SELECT {table.listed('', taken)} FROM {table.name} WHERE id = ?", [local_id]
    )
    return {
        column
        for column, value in zip(taken, values or (), strict=False)
        if value != plan.to_local[column]
    }
