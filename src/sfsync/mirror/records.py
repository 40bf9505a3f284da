"""Rows of a mapped table: read with their base beside them, and written without losing an edit.

Everything here runs inside a transaction of the caller's. Whatever a plan says, a value that was
written after it was made is not overwritten: a column takes the plan's value only while it still
holds the one that the plan saw (a counter: plus what was counted since). The base moves all the
same, so such a row stays edited and is judged again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sfsync.mirror import changes
from sfsync.mirror.database import Database, Parameters, quoted
from sfsync.mirror.tables import ALL, MappedTable, split_names
from sfsync.model.address import spellings
from sfsync.model.record import Base, Local, LocalId, Row, SalesforceId, Value, Values


# -- reading ---------------------------------------------------------------------------------------
def row_columns(table: MappedTable, columns: Sequence[str]) -> str:
    """What ``read_row`` reads, from ``r`` (the row) and ``b`` (its base, perhaps absent)."""
    return (
        f"r.id, r.salesforce_id, r.deleted_at, {consented(table)}, {table.listed('r', columns)},"
        f" b.id, b.deleted_at, b._edited_at, b._never_agreed, {table.listed('b', columns)}"
    )


def read_row(found: Sequence[Value], columns: Sequence[str]) -> Row:
    """The row and its base, from the columns of ``row_columns``."""
    width = len(columns)
    local_id, salesforce_id, deleted_at, has_consented = found[:4]
    values = dict(zip(columns, found[4 : 4 + width], strict=True))
    base_id, base_deleted_at, edited_at, never_agreed = found[4 + width : 8 + width]
    agreed = dict(zip(columns, found[8 + width : 8 + 2 * width], strict=True))
    local = Local(
        LocalId(int(local_id or 0)),
        values,
        _text(deleted_at),
        str(edited_at or ""),
        bool(has_consented),
    )
    linked = SalesforceId(str(salesforce_id)) if salesforce_id is not None else None
    if base_id is None:
        # nobody has edited it: it is agreed as it stands
        return Row(local, Base(values, _text(deleted_at)), linked)
    if never_agreed == ALL:
        ended = deleted_at is not None and base_deleted_at is not None
        return Row(local, Base({}, _text(base_deleted_at)) if ended else None, linked)
    for column in split_names(str(never_agreed)):
        agreed.pop(column, None)
    return Row(local, Base(agreed, _text(base_deleted_at)), linked)


def consented(table: MappedTable) -> str:
    """SQL over ``r``: the person has explicitly consented to emails since the last opt-out."""
    return f"EXISTS (SELECT 1 FROM _consented AS c WHERE c.spelling = {table.match('r')})"


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def find(database: Database, table: MappedTable, where: str, parameters: Parameters) -> Row | None:
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


def has_address(database: Database, table: MappedTable, key: str) -> bool:
    """Whether some row has this address, in either spelling of its domain."""
    return any(
        database.value(f"SELECT 1 FROM {table.name} WHERE {table.match()} = ? LIMIT 1", [spelling])
        is not None
        for spelling in spellings(key)
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

    A counter that has changed since it was seen goes on from the new value: what was counted
    meanwhile stays.
    """
    if not values:
        return
    assigned: list[str] = []
    parameters: list[Value] = []
    for column, value in values.items():
        name = quoted(column)
        if seen is None or column not in seen:
            assigned.append(f"{name} = ?")
            parameters.append(value)
        elif table.is_counter(column):
            # counted since: on top of the new value
            assigned.append(
                f"{name} = CASE WHEN {name} IS ? THEN ?"
                f" ELSE coalesce(?, 0) + coalesce({name}, 0) - coalesce(?, 0) END"
            )
            parameters += [seen[column], value, value, seen[column]]
        else:
            # edited since: the edit stands
            assigned.append(f"{name} = CASE WHEN {name} IS ? THEN ? ELSE {name} END")
            parameters += [seen[column], value]
    database.run(
        f"UPDATE {table.name} SET {', '.join(assigned)} WHERE id = ?", [*parameters, local_id]
    )


def add_to(
    database: Database, table: MappedTable, local_id: LocalId, amounts: Mapping[str, Value]
) -> None:
    """Add to counters of a row; a blank one counts from 0."""
    for column, amount in amounts.items():
        name = quoted(column)
        database.run(
            f"UPDATE {table.name} SET {name} = coalesce({name}, 0) + ? WHERE id = ?",
            [amount, local_id],
        )


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
    move_references(database, table, other, table, local_id)
    database.run(f"DELETE FROM {table.name} WHERE id = ?", [other])
    changes.name_survivor(database, table, other, local_id)
    return True


def move_references(
    database: Database, old: MappedTable, old_id: LocalId, new: MappedTable, new_id: LocalId
) -> None:
    """Events, activities and segments of one row are another's from now on."""
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
        f"INSERT OR IGNORE INTO contact_segments (segment_id, {table.person_column}, added_at)"
        " VALUES (?, ?, ?)",
        [segment_id(database, segment), local_id, database.now()],
    )


def segment_id(database: Database, segment: str) -> int:
    """The id of a segment, which is made at need."""
    database.run("INSERT OR IGNORE INTO segments (name) VALUES (?)", [segment])
    return int(database.value("SELECT id FROM segments WHERE name = ?", [segment]))
