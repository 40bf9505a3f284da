"""Local rows with their base beside them: reading them, and writing them without losing an edit.

Everything here runs inside a transaction of the caller's. Whatever a plan says, a value that
somebody wrote after it was made is not overwritten: a column takes the plan's value only while it
still holds the one that the plan saw (a counter: plus what was counted since). The base moves all
the same, so such a row stays edited and is judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sfsync.mirror import quarantine
from sfsync.mirror.database import Database, literal, quoted
from sfsync.mirror.tables import ALL, MappedTable, joined_names, split_names
from sfsync.model.change import FieldDecision, RowPlan, Side
from sfsync.model.merges import Merge
from sfsync.model.record import MISSING, Base, Local, LocalId, Row, SalesforceId, Value, Values


# -- reading ---------------------------------------------------------------------------------------
def row_columns(table: MappedTable, columns: Sequence[str]) -> str:
    """What ``read_row`` reads, from ``r`` (the row) and ``b`` (its base, perhaps absent)."""
    return (
        f"r.id, r.salesforce_id, r.deleted_at, {table.listed('r', columns)},"
        f" b.id, b.deleted_at, b._edited_at, b._never_agreed, {table.listed('b', columns)}"
    )


def read_row(found: Sequence[Value], columns: Sequence[str]) -> Row:
    """The row and its base, from the columns of ``row_columns``."""
    width = len(columns)
    local_id, salesforce_id, deleted_at = found[0], found[1], found[2]
    values = dict(zip(columns, found[3 : 3 + width], strict=True))
    base_id, base_deleted_at, edited_at, unmet = found[3 + width : 7 + width]
    local = Local(LocalId(int(local_id or 0)), values, _text(deleted_at), str(edited_at or ""))
    linked = SalesforceId(str(salesforce_id)) if salesforce_id is not None else None
    if base_id is None:
        return Row(local, Base(values, _text(deleted_at)), linked)
    if unmet == ALL:
        return Row(local, None, linked)
    agreed = dict(zip(columns, found[7 + width : 7 + 2 * width], strict=True))
    for column in split_names(str(unmet)):
        agreed.pop(column, None)
    return Row(local, Base(agreed, _text(base_deleted_at)), linked)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def find(
    database: Database, table: MappedTable, where: str, parameters: Sequence[Value]
) -> Row | None:
    """The first row for which ``where`` holds, over ``r`` and ``b``."""
    found = database.row(
        f"SELECT {row_columns(table, table.columns)} FROM {table.name} AS r"
        f" LEFT JOIN {table.base} AS b ON b.id = r.id WHERE {where} ORDER BY r.id LIMIT 1",
        parameters,
    )
    return None if found is None else read_row(found, table.columns)


def id_of(database: Database, table: MappedTable, salesforce_id: SalesforceId) -> LocalId | None:
    """The row of a record."""
    found = database.value(f"SELECT id FROM {table.name} WHERE salesforce_id = ?", [salesforce_id])
    return None if found is None else LocalId(found)


def dirty(table: MappedTable, columns: Sequence[str]) -> str:
    """SQL over ``r`` and ``b``: the row holds something that the org should hear of.

    Not a row in quarantine that nobody has edited since, nor one that differs only in fields which
    wait for a person's decision.
    """
    moved = " OR ".join(
        f"((r.{quoted(name)} IS NOT b.{quoted(name)} OR instr(b._never_agreed, ',{literal(name)},'))"
        f" AND NOT instr(b._held_columns, ',{literal(name)},'))"
        for name in columns
    )
    deletes = "b.deleted_at IS NULL" if table.object_map.on_local_delete == "delete" else "0"
    live = f"b.deleted_at IS NOT NULL OR b._never_agreed = '*' OR {moved or '0'}"
    return (
        f"CASE WHEN r.deleted_at IS NOT NULL THEN {deletes} AND r.salesforce_id IS NOT NULL ELSE ({live}) END"
        f" AND NOT {put_aside(table)}"
    )


def put_aside(table: MappedTable) -> str:
    """SQL over ``r`` and ``b``: the row is in quarantine and nobody has edited it since."""
    return (
        "EXISTS (SELECT 1 FROM quarantine AS q WHERE q.kind = 'record' AND q.state <> 'settled'"
        f" AND q.object = '{literal(table.object)}' AND q.person_id = r.id AND q._edit >= coalesce(b._edit, 0))"
    )


def has_address(database: Database, table: MappedTable, key: str) -> bool:
    """Whether some row has this address."""
    return (
        database.value(f"SELECT 1 FROM {table.name} WHERE {table.match()} = ? LIMIT 1", [key])
        is not None
    )


# -- writing ---------------------------------------------------------------------------------------
def insert(
    database: Database,
    table: MappedTable,
    values: Values,
    salesforce_id: SalesforceId | None = None,
) -> LocalId:
    """A new row."""
    names = list(values)
    marks = ", ".join("?" * (len(names) + 1))
    listed = ", ".join(["salesforce_id", *(quoted(name) for name in names)])
    return LocalId(
        database.insert(
            f"INSERT INTO {table.name} ({listed}) VALUES ({marks})",
            [salesforce_id, *(values[name] for name in names)],
        )
    )


def write(
    database: Database,
    table: MappedTable,
    local_id: LocalId,
    values: Mapping[str, Value],
    seen: Mapping[str, Value] | None = None,
) -> None:
    """Set columns of a row; one that is named in ``seen`` only while it still holds that value.

    A counter that has moved on since it was seen moves on from the new value: what was counted
        meanwhile stays.
    """
    if not values:
        return
    parts: list[str] = []
    parameters: list[Value] = []
    for column, value in values.items():
        name = quoted(column)
        if seen is not None and column in seen and _counts(table, column):
            parts.append(
                f"{name} = CASE WHEN {name} IS ? THEN ?"
                f" ELSE coalesce(?, 0) + coalesce({name}, 0) - coalesce(?, 0) END"
            )
            parameters += [seen[column], value, value, seen[column]]
        elif seen is not None and column in seen:
            parts.append(f"{name} = CASE WHEN {name} IS ? THEN ? ELSE {name} END")
            parameters += [seen[column], value]
        else:
            parts.append(f"{name} = ?")
            parameters.append(value)
    database.run(
        f"UPDATE {table.name} SET {', '.join(parts)} WHERE id = ?", [*parameters, local_id]
    )


def _counts(table: MappedTable, column: str) -> bool:
    return table.object_map.by_column[column].merge is Merge.COUNTER


def keep_base(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """Make sure that a base row is there: the row as it stands, where nobody has edited it."""
    database.run(table.sql_keep_base, {"id": local_id})


def agree(
    database: Database,
    table: MappedTable,
    local_id: LocalId,
    values: Mapping[str, Value],
    held: set[str],
) -> None:
    """Both sides hold these values now; the base, which is there, moves to them.

    A column that nobody ever agreed on, is not named and is blank here counts as agreed: there is
    nothing to lose. One that holds a value stays unmet.
    """
    kept = database.row(
        f"SELECT _never_agreed, _held_columns FROM {table.base} WHERE id = ?", [local_id]
    )
    if kept is None:
        return
    named = {column: value for column, value in values.items() if column in table.columns}
    unmet = (set(table.columns) if kept[0] == ALL else split_names(kept[0])) - named.keys()
    if unmet - held:
        named |= _blank_here(database, table, local_id, sorted(unmet - held))
    now_held = (split_names(kept[1]) - named.keys()) | held
    parts = "".join(f"{quoted(column)} = ?, " for column in named)
    database.run(
        f"UPDATE {table.base} SET {parts}_never_agreed = ?, _held_columns = ?,"
        f" _salesforce_id = (SELECT salesforce_id FROM {table.name} WHERE id = ?),"
        f" deleted_at = CASE WHEN (SELECT deleted_at FROM {table.name} WHERE id = ?) IS NULL THEN NULL"
        " ELSE deleted_at END WHERE id = ?",
        [
            *named.values(),
            joined_names(unmet - named.keys()),
            joined_names(now_held),
            local_id,
            local_id,
            local_id,
        ],
    )


def _blank_here(
    database: Database, table: MappedTable, local_id: LocalId, columns: Sequence[str]
) -> dict[str, Value]:
    found = database.row(
        f"SELECT {table.listed('', columns)} FROM {table.name} WHERE id = ?", [local_id]
    )
    return {
        column: None for column, value in zip(columns, found or (), strict=False) if value is None
    }


def prune(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """Drop the base where it says nothing any more: the row is as agreed, and a refusal of it is over."""
    gone = database.run(table.sql_prune, {"id": local_id})
    if gone:
        quarantine.over(database, table.object, local_id)


def forget_base(database: Database, table: MappedTable, local_id: LocalId) -> None:
    """Nothing is left to agree on: the record is gone on both sides."""
    database.run(f"DELETE FROM {table.base} WHERE id = ?", [local_id])
    quarantine.over(database, table.object, local_id)


def link(
    database: Database, table: MappedTable, local_id: LocalId, salesforce_id: SalesforceId
) -> bool:
    """Give a row its record.

    Returns:
        Whether the row has it now. Another row that holds the Id makes room where nobody has edited
        it: it is the copy that a pull made before the reply to a create was known.
    """
    other = id_of(database, table, salesforce_id)
    if other == local_id:
        return True
    if other is not None and not _make_room(database, table, other, local_id):
        return False
    touched = database.run(
        f"UPDATE {table.name} SET salesforce_id = ? WHERE id = ? AND salesforce_id IS NULL",
        [salesforce_id, local_id],
    )
    return bool(touched)


def _make_room(database: Database, table: MappedTable, other: LocalId, local_id: LocalId) -> bool:
    if database.value(f"SELECT 1 FROM {table.base} WHERE id = ?", [other]):
        return False
    move_person(database, table, other, table, local_id)
    database.run(f"DELETE FROM {table.name} WHERE id = ?", [other])
    return True


def move_person(
    database: Database, old: MappedTable, old_id: LocalId, new: MappedTable, new_id: LocalId
) -> None:
    """What hangs on one row hangs on another from now on: events, activities, segments."""
    where = [new.object, new_id, old.object, old_id]
    database.run(
        "UPDATE events SET object = ?, person_id = ? WHERE object = ? AND person_id = ?", where
    )
    database.run(
        "UPDATE activities SET object = ?, person_id = ? WHERE object = ? AND person_id = ?", where
    )
    if old.person_column and new.person_column:
        database.run(
            f"INSERT OR IGNORE INTO contact_segments (segment_id, {new.person_column}, added_at)"
            f" SELECT segment_id, ?, added_at FROM contact_segments WHERE {old.person_column} = ?",
            [new_id, old_id],
        )


def join_segment(database: Database, table: MappedTable, local_id: LocalId, segment: str) -> None:
    """Put a row into a segment, which is made at need."""
    if not segment or not table.person_column:
        return
    database.run(
        f"INSERT OR IGNORE INTO contact_segments (segment_id, {table.person_column}, added_at) VALUES (?, ?, ?)",
        [segment_id(database, segment), local_id, database.now()],
    )


def segment_id(database: Database, segment: str) -> int:
    """The id of a segment, which is made at need."""
    database.run("INSERT OR IGNORE INTO segments (name) VALUES (?)", [segment])
    return int(database.value("SELECT id FROM segments WHERE name = ?", [segment]))


# -- where values come from ------------------------------------------------------------------------
def note_provenance(
    database: Database,
    table: MappedTable,
    local_id: LocalId,
    how: str,
    columns: Iterable[str],
    source: str,
    run_id: str,
) -> None:
    """Keep, for the person's story, who brought the values of these columns: ``pulled``, ``imported``, ``event``."""
    database.run(
        "INSERT INTO _provenance (object, person_id, how, columns, source, run_id, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [table.object, local_id, how, joined_names(columns), source, run_id, database.now()],
    )


def note_pulled_rows(
    database: Database, table: MappedTable, first: LocalId, last: LocalId, run_id: str
) -> None:
    """Keep that these rows, one after the other, came in by a pull."""
    database.run(
        "INSERT INTO _pulled_rows (object, first_id, last_id, run_id, at) VALUES (?, ?, ?, ?, ?)",
        [table.object, first, last, run_id, database.now()],
    )


def note_former_address(
    database: Database, table: MappedTable, local_id: LocalId, plan: RowPlan
) -> None:
    """Keep an address that a plan replaces."""
    match_on = table.object_map.match_on
    if match_on in plan.to_local:
        key = table.match()
        database.run(
            f"INSERT OR REPLACE INTO _former_addresses (object, person_id, match_key, until) SELECT ?, id, {key}, ?"
            f" FROM {table.name} WHERE id = ? AND {key} <> '' AND {key} <> lower(trim(?))",
            [table.object, database.now(), local_id, plan.to_local[match_on] or ""],
        )


# -- what a plan saw ------------------------------------------------------------------------------
def seen_values(decisions: Iterable[FieldDecision]) -> dict[str, Value]:
    """What the plan saw in the row, for the columns it decided."""
    return {d.column: d.local for d in decisions if d.local is not MISSING}


def overtaken(database: Database, table: MappedTable, local_id: LocalId, plan: RowPlan) -> set[str]:
    """The columns whose value from the org did not get into the row, because somebody edited it since the plan.

    Asked after ``write``. Whoever edited never saw that value, so nobody agrees on it: with the
    base left where it was, the next plan finds both sides changed.
    """
    seen = seen_values(plan.decisions)
    taken = [
        column
        for column in plan.to_local
        if column in seen and column not in plan.to_org and not _counts(table, column)
    ]
    if not taken:
        return set()
    held = database.row(
        f"SELECT {table.listed('', taken)} FROM {table.name} WHERE id = ?", [local_id]
    )
    return {
        column
        for column, value in zip(taken, held or (), strict=False)
        if value != plan.to_local[column]
    }


def held_columns(plan: RowPlan) -> set[str]:
    """The columns that wait for a person."""
    return {decision.column for decision in plan.decisions if decision.winner is Side.HELD}
