"""The triggers that write the feed of changes, ``_changes``: whoever changes a row, with whatever tool.

One row of ``_changes`` is a line of the feed. Where sfsync inserts many rows by one statement it
raises the guard to ``BULK``, and notes all of them as one row (``changes.note_rows``): a row for
each would make a first pull a good deal slower.

Values are put together as JSON from text, for the JSON functions of SQLite 3.38 to 3.40 are refused
in triggers wherever ``trusted_schema`` is off, as it is here. Control characters stay as they are,
so that what reads ``changed`` has to allow them in strings.

Trap: ``REPLACE`` deletes rows without firing their delete trigger. ``remember_replaced`` keeps
them before an insert, and ``tell_inserted`` looks afterwards what has become of them. An insert
that is ignored, or becomes an update, leaves what was kept; the next insert forgets it.
Source: https://www.sqlite.org/lang_conflict.html
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sfsync.mirror.database import BULK, GUARDED, literal, quoted
from sfsync.mirror.tables import MappedTable, differs
from sfsync.model.objects import OBJECTS, OWN_COLUMNS

TRIGGERS = ("feed_inserted", "feed_updated", "feed_deleted")
SEGMENTS = "contact_segments"

NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
_TELL = (
    "INSERT INTO _changes (at, object, row_id, salesforce_id, action, changed, origin, run) SELECT"
)


def to_build(table: MappedTable) -> dict[str, str]:
    """The statements that make a mapped table's triggers, by name."""
    bodies = (_inserted(table), _updated(table), _deleted(table))
    names = [f"_{table.object_map.table}_{what}" for what in TRIGGERS]
    return {
        name: f"CREATE TRIGGER {quoted(name)} {body}"
        for name, body in zip(names, bodies, strict=True)
    }


# -- inserts, updates, deletes ---------------------------------------------------------------------
def _inserted(table: MappedTable) -> str:
    """One row of sfsync's own; other inserts are told by the trigger that keeps their base."""
    return (
        f"AFTER INSERT ON {table.name} WHEN (SELECT guard FROM _sync) = {GUARDED} BEGIN"
        f" {_TELL} {NOW}, '{table.object}', NEW.id, NEW.salesforce_id, 'import',"
        f" {_changed(table, _nothing, _of('NEW'))}, origin, run FROM _sync;"
        " END"
    )


def _updated(table: MappedTable) -> str:
    """A merged or converted record's row names its survivor."""
    watched = watched_columns(table)
    ends = "OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL"
    return (
        f"AFTER UPDATE OF {table.listed('', watched)} ON {table.name}"
        f" WHEN {differs('OLD', 'NEW', watched)} BEGIN"
        " INSERT INTO _changes (at, object, row_id, salesforce_id, action, changed,"
        " survivor_object, survivor_salesforce_id, origin, run) SELECT"
        f" {NOW}, '{table.object}', NEW.id, NEW.salesforce_id,"
        " CASE y.reason WHEN 'merged' THEN 'merge' WHEN 'converted' THEN 'convert'"
        f" ELSE {_action('OLD.deleted_at', 'NEW.deleted_at')} END,"
        f" {_changed(table, _of('OLD'), _of('NEW'))},"
        " y.successor_object, y.successor_id, origin, run"
        f" FROM _sync LEFT JOIN _successors AS y ON {ends}"
        f" AND y.object = '{table.object}' AND y.salesforce_id = NEW.salesforce_id"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table.replaced} WHERE _inserted = 1);"
        " END"
    )


def _deleted(table: MappedTable) -> str:
    return (
        f"AFTER DELETE ON {table.name} BEGIN"
        f" DELETE FROM {table.replaced} WHERE id = OLD.id;"
        f" {_TELL} {NOW}, '{table.object}', OLD.id, OLD.salesforce_id, 'delete',"
        f" {_changed(table, _of('OLD'), _nothing)}, origin, run FROM _sync;"
        " END"
    )


# -- parts of the triggers that keep bases ---------------------------------------------------------
def remember_replaced(table: MappedTable) -> str:
    """Statements before an insert: the rows that ``REPLACE`` may be about to delete."""
    watched = watched_columns(table)
    return (
        f"DELETE FROM {table.replaced};"
        f" INSERT INTO {table.replaced} (id, {table.listed('', watched)})"
        f" SELECT r.id, {table.listed('r', watched)} FROM {table.name} AS r"
        " WHERE r.id = NEW.id OR r.salesforce_id = NEW.salesforce_id"
        # the row gets back the record that is in its base, which may be another row's by now
        f" OR r.salesforce_id = (SELECT _salesforce_id FROM {table.base} WHERE id = NEW.id);"
    )


def begin_insert(table: MappedTable) -> str:
    """The first statement after an insert: until ``tell_inserted`` a change of the row is part of it."""
    return f"UPDATE {table.replaced} SET _inserted = 1;"


def tell_inserted(table: MappedTable) -> str:
    """The last statements after an insert: new, or what is different from the row that was replaced."""
    action = _action("o.deleted_at", "r.deleted_at")
    return (
        f"{_TELL} {NOW}, '{table.object}', o.id, o.salesforce_id, 'delete',"
        f" {_changed(table, _of('o'), _nothing)}, origin, run"
        f" FROM _sync, {table.replaced} AS o WHERE o.id <> NEW.id"
        f" AND NOT EXISTS (SELECT 1 FROM {table.name} WHERE id = o.id);"
        f" {_TELL} {NOW}, '{table.object}', r.id, r.salesforce_id,"
        f" iif(o.id IS NULL, 'import', {action}), {_changed(table, _of('o'), _of('r'))}, origin, run"
        f" FROM _sync, {table.name} AS r LEFT JOIN {table.replaced} AS o ON o.id = r.id"
        f" WHERE r.id = NEW.id AND (o.id IS NULL OR {differs('o', 'r', watched_columns(table))});"
        f" DELETE FROM {table.replaced};"
    )


# -- segments --------------------------------------------------------------------------------------
def segment_triggers() -> dict[str, str]:
    """The statements that make the triggers of ``contact_segments``, by name."""
    people = [name for name, kind in OBJECTS.items() if kind.is_people]
    not_there_yet = (
        "NOT EXISTS (SELECT 1 FROM contact_segments WHERE segment_id = NEW.segment_id"
        " AND {0} IS NEW.{0})"
    )
    moved = "OLD.segment_id IS NOT NEW.segment_id OR OLD.{0} IS NOT NEW.{0}"
    bodies = {
        # before, for REPLACE puts in again what is there
        "joining": (
            f"BEFORE INSERT ON contact_segments WHEN (SELECT guard FROM _sync) <> {BULK}",
            [_tell_segment(name, "joined", "NEW", not_there_yet) for name in people],
        ),
        "left": (
            "AFTER DELETE ON contact_segments",
            [_tell_segment(name, "left", "OLD", "1") for name in people],
        ),
        "moved": (
            "AFTER UPDATE ON contact_segments",
            [_tell_segment(name, "left", "OLD", moved) for name in people]
            + [_tell_segment(name, "joined", "NEW", moved) for name in people],
        ),
    }
    return {
        f"_{SEGMENTS}_{what}": f"CREATE TRIGGER _{SEGMENTS}_{what} {when} BEGIN {' '.join(body)} END"
        for what, (when, body) in bodies.items()
    }


def _tell_segment(object_name: str, action: str, alias: str, condition: str) -> str:
    column = quoted(f"{object_name}_id")
    return (
        "INSERT INTO _changes (at, object, row_id, action, changed, segment, origin, run)"
        f" SELECT {NOW}, '{object_name}', {alias}.{column}, '{action}', '{{}}',"
        f" (SELECT name FROM segments WHERE id = {alias}.segment_id), origin, run FROM _sync"
        f" WHERE {alias}.{column} IS NOT NULL AND ({condition.format(column)});"
    )


# -- values ----------------------------------------------------------------------------------------
def watched_columns(table: MappedTable) -> list[str]:
    """The columns that the feed tells of: the mapped ones, the record's Id and the time of deletion."""
    return [*table.columns, *(name for name in OWN_COLUMNS if name != "id")]


def _of(alias: str) -> Callable[[str], str]:
    return lambda column: f"{alias}.{quoted(column)}"


def _nothing(_column: str) -> str:
    return "NULL"


def _action(old_deleted_at: str, new_deleted_at: str) -> str:
    return (
        f"CASE WHEN {old_deleted_at} IS NULL AND {new_deleted_at} IS NOT NULL THEN 'delete'"
        f" WHEN {old_deleted_at} IS NOT NULL AND {new_deleted_at} IS NULL THEN 'restore'"
        " ELSE 'update' END"
    )


def _changed(table: MappedTable, old: Callable[[str], str], new: Callable[[str], str]) -> str:
    """SQL: the columns whose value is different, with both values, as JSON."""
    parts = [
        f"iif({old(name)} IS NOT {new(name)}, ',{literal(json.dumps(name))}:{{\"old\":'"
        f" || {_as_json(old(name))} || ',\"new\":' || {_as_json(new(name))} || '}}', '')"
        for name in watched_columns(table)
    ]
    # ltrim, for substr ends at a NUL in the text
    return f"'{{' || ltrim({' || '.join(parts)}, ',') || '}}'"


def _as_json(value: str) -> str:
    """SQL: a value as JSON, with every digit of a number; ``null`` for infinity, which JSON has no word for.

    A table that another tool has rebuilt may hold bytes, too.
    """
    if value == "NULL":
        return "'null'"
    escaped = f"replace(replace(CAST({value} AS TEXT), '\\', '\\\\'), '\"', '\\\"')"
    return (
        f"CASE typeof({value}) WHEN 'null' THEN 'null' WHEN 'integer' THEN CAST({value} AS TEXT)"
        f" WHEN 'real' THEN iif(abs({value}) = 9e999, 'null', quote({value}))"
        f" ELSE '\"' || {escaped} || '\"' END"
    )
