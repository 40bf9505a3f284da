"""Making the mapped tables fit the configuration: tables, columns, types, triggers."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sfsync.errors import ConfigError, MirrorError
from sfsync.mirror import base_triggers, changes, feed_triggers
from sfsync.mirror.base_triggers import INDEXES, TRIGGERS
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.feed_triggers import TRIGGERS as FEED
from sfsync.mirror.tables import BASE_COLUMNS, MappedTable, field_meaning
from sfsync.model.mapping import ObjectMap, SyncMapping
from sfsync.model.objects import OWN_COLUMNS


def fit(database: Database, mapping: SyncMapping) -> tuple[str, ...]:
    """Make every mapped table fit; nothing is written where all of them do.

    Returns:
        The objects whose columns mean something else than when they were last pulled.
    """
    for object_map in mapping.objects.values():
        check_column_names(object_map)
        table = MappedTable(object_map)
        if not _fits(database, table):
            with database.transaction():
                _make_fit(database, table)
    _fit_segments(database)
    return tuple(
        name
        for name, object_map in mapping.objects.items()
        if _reads_differently(database, object_map)
    )


def check_column_names(object_map: ObjectMap) -> None:
    """Stop at names the mirror needs for itself.

    Raises:
        ConfigError: a mapped column has such a name, or two differ in case alone.
    """
    seen: set[str] = set()
    for column in object_map.columns:
        low = column.lower()
        own = low in OWN_COLUMNS or low.startswith("_")
        # a comma separates names where the base keeps several
        unwritable = "," in low or not low.isprintable()
        if own or unwritable or low in seen:
            raise ConfigError(
                f"{object_map.name}: a column of the mirror cannot be called {column!r}",
                hint="id, salesforce_id, deleted_at and names that begin with _ are sfsync's own; "
                "SQLite does not tell upper from lower case.",
            )
        seen.add(low)


def _reads_differently(database: Database, object_map: ObjectMap) -> bool:
    kept = database.value("SELECT columns FROM _watermarks WHERE object = ?", [object_map.name])
    if kept is None:
        return False
    read: dict[str, str] = database.parsed(kept)
    for column, meaning in read.items():
        if column in object_map.by_column and field_meaning(object_map, column) != meaning:
            return True
    return any(field.pulls and field.column not in read for field in object_map.fields)


def _fits(database: Database, table: MappedTable) -> bool:
    kept = database.row('SELECT "table", columns FROM _mapping WHERE object = ?', [table.object])
    if kept is None:
        return False
    name, meanings = kept[0], database.parsed(kept[1])
    if name != table.object_map.table or meanings != _meanings(table):
        return False
    if _built(database, _names(table)) != _to_build(table):
        return False
    return _types(database, name).keys() >= {*OWN_COLUMNS, *table.columns}


def _meanings(table: MappedTable) -> dict[str, str]:
    return {column: field_meaning(table.object_map, column) for column in table.columns}


def _to_build(table: MappedTable) -> dict[str, str]:
    return base_triggers.to_build(table) | feed_triggers.to_build(table)


def _built(database: Database, names: Sequence[str]) -> dict[str, str]:
    """Those of these triggers and indexes that stand in the file."""
    marks = ", ".join("?" * len(names))
    found = database.rows(f"SELECT name, sql FROM sqlite_master WHERE name IN ({marks})", names)
    return dict(found)


def _names(table: MappedTable) -> list[str]:
    return [f"_{table.object_map.table}_{what}" for what in (*INDEXES, *TRIGGERS, *FEED)]


def _make_fit(database: Database, table: MappedTable) -> None:
    name = table.object_map.table
    stored = database.value("SELECT columns FROM _mapping WHERE object = ?", [table.object])
    exists = bool(_types(database, name))
    if exists and stored is None:
        raise MirrorError(
            f"{database.path}: there is a table {name} that sfsync did not make",
            hint="Point mirror.path at a file of its own.",
        )
    watched, is_told = (_has_all(database, table, names) for names in (TRIGGERS, FEED))
    _drop_indexes_and_triggers(database, table)
    if exists:
        changed = _change(database, table, database.parsed(stored), watched=watched)
        if changed or not is_told:
            changes.begin_anew(database)
    else:
        _create(database, table)
    watched_columns = table.listed("", feed_triggers.watched_columns(table))
    database.run(f"DROP TABLE IF EXISTS {table.replaced}")
    database.run(
        f"CREATE TABLE {table.replaced} (id INTEGER PRIMARY KEY, {watched_columns},"
        " _inserted INTEGER NOT NULL DEFAULT 0)"
    )
    for sql in _to_build(table).values():
        database.run(sql)
    database.run(
        'INSERT INTO _mapping (object, "table", columns) VALUES (?, ?, ?)'
        " ON CONFLICT (object) DO UPDATE"
        ' SET "table" = excluded."table", columns = excluded.columns',
        [table.object, name, json.dumps(_meanings(table))],
    )


def _fit_segments(database: Database) -> None:
    wanted = feed_triggers.segment_triggers()
    found = _built(database, list(wanted))
    if found == wanted:
        return
    with database.transaction():
        for name, sql in wanted.items():
            database.run(f"DROP TRIGGER IF EXISTS {name}")
            database.run(sql)
        if found.keys() != wanted.keys():
            changes.begin_anew(database)


def _change(
    database: Database, table: MappedTable, known: dict[str, str], *, watched: bool
) -> bool:
    """Give a table that is there the columns of the mapping.

    Returns:
        Whether some column may hold other values now than the feed of changes has told.
    """
    name = table.object_map.table
    _check_own_columns(database, name)
    _add_columns(database, name, table, {})
    _add_columns(database, f"_{name}_base", table, BASE_COLUMNS)
    for column in table.columns:
        if column not in known:
            _mark_never_agreed(database, table, column)
    if not watched:
        _mark_nothing_agreed(database, table)
    return known != _meanings(table)


def _types(database: Database, name: str) -> dict[str, str]:
    return {row[1]: row[2] for row in database.rows(f"PRAGMA table_info({quoted(name)})")}


def _has_all(database: Database, table: MappedTable, triggers: Sequence[str]) -> bool:
    """Whether all of these triggers are there, in whatever form."""
    found = _built(database, _names(table))
    return all(f"_{table.object_map.table}_{what}" in found for what in triggers)


def _drop_indexes_and_triggers(database: Database, table: MappedTable) -> None:
    for what in INDEXES:
        database.run(f"DROP INDEX IF EXISTS {quoted(f'_{table.object_map.table}_{what}')}")
    for what in (*TRIGGERS, *FEED):
        database.run(f"DROP TRIGGER IF EXISTS {quoted(f'_{table.object_map.table}_{what}')}")


def _create(database: Database, table: MappedTable) -> None:
    # AUTOINCREMENT: an id is never given twice, for external ids in the org are made from it
    columns = "".join(f", {quoted(name)} {table.type_of(name)}" for name in table.columns)
    database.run(
        f"CREATE TABLE {table.name} (id INTEGER PRIMARY KEY AUTOINCREMENT,"
        f" salesforce_id TEXT UNIQUE{columns}, deleted_at TEXT) STRICT"
    )
    own = "".join(f", {quoted(name)} {kind}" for name, kind in BASE_COLUMNS.items())
    database.run(f"DROP TABLE IF EXISTS {table.base}")
    database.run(f"CREATE TABLE {table.base} (id INTEGER PRIMARY KEY{columns}{own}) STRICT")
    database.run("DELETE FROM _watermarks WHERE object = ?", [table.object])


def _check_own_columns(database: Database, name: str) -> None:
    types = _types(database, name)
    if any(column not in types for column in OWN_COLUMNS):
        raise MirrorError(
            f"{database.path}: the table {name} was rebuilt by another tool"
            f" and lacks {', '.join(OWN_COLUMNS)}",
            hint=f"Restore a backup, or drop the table {name}: the next pull reads it again.",
        )


def _add_columns(database: Database, name: str, table: MappedTable, own: dict[str, str]) -> None:
    wanted = {column: table.type_of(column) for column in table.columns} | own
    types = _types(database, name)
    for column, kind in wanted.items():
        if column not in types:
            database.run(f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column)} {kind}")
        elif column in table.columns and types[column].upper() != kind:
            _retype(database, quoted(name), column, kind)


def _retype(database: Database, name: str, column: str, kind: str) -> None:
    """Give a column another type; what is no value of it becomes blank, and is pulled again."""
    old, new = quoted(f"_old_{column}"), quoted(column)
    database.run(f"ALTER TABLE {name} RENAME COLUMN {new} TO {old}")
    database.run(f"ALTER TABLE {name} ADD COLUMN {new} {kind}")
    database.run(f"UPDATE {name} SET {new} = {_AS_TYPE[kind].format(old)}")
    database.run(f"ALTER TABLE {name} DROP COLUMN {old}")


_AS_TYPE = {
    "TEXT": "CAST({0} AS TEXT)",
    "INTEGER": """CASE
        WHEN typeof({0}) = 'text' AND CAST(CAST({0} AS INTEGER) AS TEXT) <> trim({0}) THEN NULL
        WHEN typeof({0}) = 'real' AND CAST({0} AS INTEGER) <> {0} THEN NULL
        ELSE CAST({0} AS INTEGER)
    END""",
    "REAL": """CASE
        WHEN typeof({0}) = 'text' AND ({0} GLOB '*[^-+0-9.eE]*' OR {0} NOT GLOB '*[0-9]*') THEN NULL
        ELSE CAST({0} AS REAL)
    END""",
}
"""A value as another SQL type; null where it is none: ``CAST`` alone makes 0 of any text."""


_WITHOUT_BASE = "NOT EXISTS (SELECT 1 FROM {} AS b WHERE b.id = r.id)"


def _mark_never_agreed(database: Database, table: MappedTable, column: str) -> None:
    """A column that enters the mapping, perhaps with values in it: they were never agreed on."""
    name = quoted(column)
    database.run(
        f"UPDATE {table.base} SET {name} = NULL, _never_agreed = CASE _never_agreed"
        " WHEN '*' THEN '*' WHEN '' THEN ? ELSE _never_agreed || ? END",
        [f",{column},", f"{column},"],
    )
    database.run(
        f"INSERT INTO {table.base}"
        f" (id, {table.listed()}, deleted_at, _salesforce_id, _never_agreed)"
        f" SELECT id, {table.listed()}, deleted_at, salesforce_id, ? FROM {table.name} AS r"
        f" WHERE {name} IS NOT NULL AND {_WITHOUT_BASE.format(table.base)}",
        [f",{column},"],
    )


def _mark_nothing_agreed(database: Database, table: MappedTable) -> None:
    """The triggers were gone (a tool rebuilt the table): any row may have been edited unseen."""
    database.run(f"UPDATE {table.base} SET _never_agreed = '*'")
    database.run(
        f"INSERT INTO {table.base}"
        f" (id, {table.listed()}, deleted_at, _salesforce_id, _never_agreed)"
        f" SELECT id, {table.listed()}, deleted_at, salesforce_id, '*' FROM {table.name} AS r"
        f" WHERE {_WITHOUT_BASE.format(table.base)}"
    )
    database.run("DELETE FROM _watermarks WHERE object = ?", [table.object])


def prune_bases(database: Database, table: MappedTable) -> None:
    """Drop base rows that say nothing: of rows that are gone, or that are back where they were."""
    database.run(
        f"DELETE FROM {table.base} WHERE id IN (SELECT b.id FROM {table.base} AS b"
        f" LEFT JOIN {table.name} AS r ON r.id = b.id"
        f" WHERE r.id IS NULL OR {table.same_as_base})"
    )
