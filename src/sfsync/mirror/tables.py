"""The mapped tables: made to fit the configuration, and watched by triggers that keep the base.

Beside ``contacts`` stands ``_contacts_base``: a row of it holds what both sides last agreed on, and
exists only where the row has moved since. A row without one is agreed as it stands. Triggers write
it at a row's first edit, whoever edits with whatever tool, so that what changed here is that table
itself, not a scan.

Its own columns: ``_never_agreed`` names the columns nobody ever agreed on (``*`` for all of them, else
``,phone,title,``), ``_held_columns`` those that wait for a person's decision, ``_edit`` counts edits over
the whole mirror (a clock that never stands still), ``_salesforce_id`` is the record it was agreed
with.

Trap: inside a trigger the outer statement's conflict clause rules, so under somebody's ``INSERT OR
REPLACE`` an ``INSERT OR IGNORE`` here would replace the base. Hence ``WHERE NOT EXISTS``
throughout.
Trap: ``REPLACE`` deletes a row without firing its delete trigger. Hence a trigger before each
insert that saves what is about to be replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sfsync.errors import ConfigError, MirrorError
from sfsync.mirror.database import Database, quoted
from sfsync.model.mapping import ObjectMap, SyncMapping

ALL = "*"
"""``_never_agreed`` of a row whose two sides never met."""

_OWN = ("id", "salesforce_id", "deleted_at")
_NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
_GUARD_IS_DOWN = "(SELECT guard FROM _sync) = 0"
_BASE_COLUMNS = {
    "deleted_at": "TEXT",
    "_salesforce_id": "TEXT",
    "_edited_at": "TEXT NOT NULL DEFAULT ''",
    "_edit": "INTEGER NOT NULL DEFAULT 0",
    "_never_agreed": "TEXT NOT NULL DEFAULT ''",
    "_held_columns": "TEXT NOT NULL DEFAULT ''",
}


@dataclass(frozen=True)
class MappedTable:
    """One object's table, as SQL names it.

    Attributes:
        object_map: its mapping.
    """

    object_map: ObjectMap

    @cached_property
    def object(self) -> str:
        """The configuration's name of the object."""
        return self.object_map.name

    @cached_property
    def name(self) -> str:
        """The table, quoted."""
        return quoted(self.object_map.table)

    @cached_property
    def base(self) -> str:
        """Its base table, quoted."""
        return quoted(f"_{self.object_map.table}_base")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The mapped columns."""
        return self.object_map.columns

    @cached_property
    def person_column(self) -> str:
        """Its column in ``contact_segments``; empty where that has none for it."""
        return f"{self.object}_id" if self.object in {"contact", "lead"} else ""

    @cached_property
    def match_index(self) -> str:
        """The index by match key, quoted."""
        return quoted(f"_{self.object_map.table}_match")

    @cached_property
    def unlinked_index(self) -> str:
        """The index of live rows without a Salesforce Id, by match key, quoted.

        Queries name it (INDEXED BY): SQLite takes ``salesforce_id IS NULL`` for one row, the column
        being unique, and would walk all of them.
        """
        return quoted(f"_{self.object_map.table}_unlinked")

    def match(self, alias: str = "") -> str:
        """The match key of a row, as SQL: the same as ``model.event.match_key``."""
        column = quoted(self.object_map.match_on)
        return f"lower(trim({alias}.{column}))" if alias else f"lower(trim({column}))"

    def match_or_blank(self, alias: str = "") -> str:
        """The same, and blank where there is none: what the index of unlinked rows is ordered by."""
        return f"coalesce({self.match(alias)}, '')"

    def listed(self, alias: str = "", columns: Sequence[str] | None = None) -> str:
        """Columns, quoted, with commas between them."""
        chosen = self.columns if columns is None else columns
        return ", ".join(f"{alias}.{quoted(name)}" if alias else quoted(name) for name in chosen)

    @cached_property
    def sql_keep_base(self) -> str:
        """A base row for ``:id``: the row as it stands, where there is none yet."""
        return (
            f"INSERT INTO {self.base} (id, {self.listed()}, deleted_at, _salesforce_id)"
            f" SELECT id, {self.listed()}, deleted_at, salesforce_id FROM {self.name}"
            f" WHERE id = :id AND NOT EXISTS (SELECT 1 FROM {self.base} WHERE id = :id)"
        )

    @cached_property
    def same_as_base(self) -> str:
        """SQL over ``r`` and ``b``: the row is as agreed, and all of it is."""
        equal = (f"r.{quoted(name)} IS b.{quoted(name)}" for name in (*self.columns, "deleted_at"))
        return f"(b._never_agreed = '' AND {' AND '.join(equal)})"

    @cached_property
    def sql_prune(self) -> str:
        """Drop the base row of ``:id`` where it says nothing any more."""
        return (
            f"DELETE FROM {self.base} WHERE id = :id AND EXISTS (SELECT 1 FROM {self.name} AS r, {self.base} AS b"
            f" WHERE r.id = :id AND b.id = :id AND {self.same_as_base})"
        )

    def type_of(self, column: str) -> str:
        """The SQL type of a mapped column."""
        return self.object_map.by_column[column].type.traits.sql


def differs(left: str, right: str, columns: Iterable[str]) -> str:
    """SQL: some of these columns is not the same in both; null equals null."""
    return (
        " OR ".join(f"{left}.{quoted(name)} IS NOT {right}.{quoted(name)}" for name in columns)
        or "0"
    )


def joined_names(columns: Iterable[str]) -> str:
    """A set of columns as ``_never_agreed`` and ``_held_columns`` hold it.

    >>> joined_names(["phone", "title"])
    ',phone,title,'
    """
    names = sorted(columns)
    return f",{','.join(names)}," if names else ""


def split_names(text: str) -> set[str]:
    """The reverse of ``joined_names``."""
    return {name for name in text.split(",") if name}


# -- fitting ---------------------------------------------------------------------------------------
def fit(database: Database, mapping: SyncMapping) -> tuple[str, ...]:
    """Make every mapped table fit; nothing is written where all of them do.

    Returns:
        The objects whose columns mean something else than when they were last pulled.
    """
    for object_map in mapping.objects.values():
        refuse_names(object_map)
        table = MappedTable(object_map)
        if not _fits(database, table):
            with database.transaction():
                _make_fit(database, table)
    return tuple(
        name
        for name, object_map in mapping.objects.items()
        if _reads_differently(database, object_map)
    )


def refuse_names(object_map: ObjectMap) -> None:
    """Stop at names the mirror needs for itself.

    Raises:
        ConfigError: a mapped column has such a name, or two differ in case alone.
    """
    seen: set[str] = set()
    for column in object_map.columns:
        low = column.lower()
        if low in _OWN or low.startswith("_") or "," in low or low in seen or not low.isprintable():
            raise ConfigError(
                f"{object_map.name}: a column of the mirror cannot be called {column!r}",
                hint="id, salesforce_id, deleted_at and names that begin with _ are sfsync's own; "
                "SQLite does not tell upper from lower case.",
            )
        seen.add(low)


def meaning(object_map: ObjectMap, column: str) -> str:
    """Which field of the org a column is tied to, and how it is kept."""
    field_map = object_map.by_column[column]
    return f"{object_map.sobject}.{field_map.remote}:{field_map.type.value}"


def _reads_differently(database: Database, object_map: ObjectMap) -> bool:
    kept = database.value("SELECT columns FROM _watermarks WHERE object = ?", [object_map.name])
    if kept is None:
        return False
    read: dict[str, str] = database.parsed(kept)
    return any(
        column in object_map.by_column and meaning(object_map, column) != was
        for column, was in read.items()
    ) or any(field.pulls and field.column not in read for field in object_map.fields)


def _fits(database: Database, table: MappedTable) -> bool:
    kept = database.row('SELECT "table", columns FROM _mapping WHERE object = ?', [table.object])
    if kept is None or (kept[0], database.parsed(kept[1])) != (
        table.object_map.table,
        _meanings(table),
    ):
        return False
    return _built(database, table) == _to_build(table) and _types(
        database, table.object_map.table
    ).keys() >= {
        *_OWN,
        *table.columns,
    }


def _meanings(table: MappedTable) -> dict[str, str]:
    return {column: meaning(table.object_map, column) for column in table.columns}


def _built(database: Database, table: MappedTable) -> dict[str, str]:
    """Our triggers and index, as they stand in the file."""
    names = _names(table)
    marks = ", ".join("?" * len(names))
    found = database.rows(f"SELECT name, sql FROM sqlite_master WHERE name IN ({marks})", names)
    return dict(found)


def _names(table: MappedTable) -> list[str]:
    return [f"_{table.object_map.table}_{what}" for what in (*_INDEXES, *_TRIGGERS)]


def _to_build(table: MappedTable) -> dict[str, str]:
    name = table.object_map.table
    built = {
        f"_{name}_match": f"CREATE INDEX {table.match_index} ON {table.name} ({table.match()})",
        f"_{name}_unlinked": (
            f"CREATE INDEX {table.unlinked_index} ON {table.name} ({table.match_or_blank()}, id)"
            " WHERE salesforce_id IS NULL AND deleted_at IS NULL"
        ),
    }
    for what, body in _triggers(table).items():
        built[f"_{name}_{what}"] = f"CREATE TRIGGER {quoted(f'_{name}_{what}')} {body}"
    return built


def _make_fit(database: Database, table: MappedTable) -> None:
    name = table.object_map.table
    stored = database.value("SELECT columns FROM _mapping WHERE object = ?", [table.object])
    exists = bool(_types(database, name))
    if exists and stored is None:
        raise MirrorError(
            f"{database.path}: there is a table {name} that sfsync did not make",
            hint="Point mirror.path at a file of its own.",
        )
    unwatched = exists and not _watched(database, table)
    _take_down(database, table)
    if exists:
        _refuse_strange_shape(database, name)
        _add_columns(database, name, table, {})
        _add_columns(database, f"_{name}_base", table, _BASE_COLUMNS)
        known = set(database.parsed(stored or "{}"))
        for column in table.columns:
            if column not in known:
                _never_agreed(database, table, column)
        if unwatched:
            _nothing_agreed(database, table)
    else:
        _create(database, table)
    for sql in _to_build(table).values():
        database.run(sql)
    database.run(
        'INSERT INTO _mapping (object, "table", columns) VALUES (?, ?, ?)'
        ' ON CONFLICT (object) DO UPDATE SET "table" = excluded."table", columns = excluded.columns',
        [table.object, name, json.dumps(_meanings(table))],
    )


def _types(database: Database, name: str) -> dict[str, str]:
    return {row[1]: row[2] for row in database.rows(f"PRAGMA table_info({quoted(name)})")}


def _watched(database: Database, table: MappedTable) -> bool:
    found = _built(database, table)
    return all(f"_{table.object_map.table}_{what}" in found for what in _TRIGGERS)


def _take_down(database: Database, table: MappedTable) -> None:
    for what in _INDEXES:
        database.run(f"DROP INDEX IF EXISTS {quoted(f'_{table.object_map.table}_{what}')}")
    for what in _TRIGGERS:
        database.run(f"DROP TRIGGER IF EXISTS {quoted(f'_{table.object_map.table}_{what}')}")


def _create(database: Database, table: MappedTable) -> None:
    # AUTOINCREMENT: an id is never given twice, for external ids in the org are made from it
    columns = "".join(f", {quoted(name)} {table.type_of(name)}" for name in table.columns)
    database.run(
        f"CREATE TABLE {table.name} (id INTEGER PRIMARY KEY AUTOINCREMENT, salesforce_id TEXT UNIQUE"
        f"{columns}, deleted_at TEXT) STRICT"
    )
    own = "".join(f", {quoted(name)} {kind}" for name, kind in _BASE_COLUMNS.items())
    database.run(f"DROP TABLE IF EXISTS {table.base}")
    database.run(f"CREATE TABLE {table.base} (id INTEGER PRIMARY KEY{columns}{own}) STRICT")
    database.run("DELETE FROM _watermarks WHERE object = ?", [table.object])


def _refuse_strange_shape(database: Database, name: str) -> None:
    types = _types(database, name)
    if any(column not in types for column in _OWN):
        raise MirrorError(
            f"{database.path}: the table {name} was rebuilt by another tool and lacks {', '.join(_OWN)}",
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
    """Give a column another type; what cannot be read that way becomes blank, and is pulled again."""
    old, new = quoted(f"_old_{column}"), quoted(column)
    database.run(f"ALTER TABLE {name} RENAME COLUMN {new} TO {old}")
    database.run(f"ALTER TABLE {name} ADD COLUMN {new} {kind}")
    database.run(f"UPDATE {name} SET {new} = {_AS_TYPE[kind].format(old)}")
    database.run(f"ALTER TABLE {name} DROP COLUMN {old}")


_AS_TYPE = {
    "TEXT": "CAST({0} AS TEXT)",
    "INTEGER": "CASE WHEN typeof({0}) = 'text' AND CAST(CAST({0} AS INTEGER) AS TEXT) <> trim({0}) THEN NULL"
    " WHEN typeof({0}) = 'real' AND CAST({0} AS INTEGER) <> {0} THEN NULL ELSE CAST({0} AS INTEGER) END",
    "REAL": "CASE WHEN typeof({0}) = 'text' AND ({0} GLOB '*[^-+0-9.eE]*' OR {0} NOT GLOB '*[0-9]*') THEN NULL"
    " ELSE CAST({0} AS REAL) END",
}


def _never_agreed(database: Database, table: MappedTable, column: str) -> None:
    """A column that enters the mapping with values in it: nobody ever agreed on them."""
    name = quoted(column)
    database.run(
        f"UPDATE {table.base} SET {name} = NULL,"
        " _never_agreed = CASE _never_agreed WHEN '*' THEN '*' WHEN '' THEN ? ELSE _never_agreed || ? END",
        [f",{column},", f"{column},"],
    )
    database.run(
        f"INSERT INTO {table.base} (id, {table.listed()}, deleted_at, _salesforce_id, _never_agreed)"
        f" SELECT id, {table.listed()}, deleted_at, salesforce_id, ? FROM {table.name} AS r"
        f" WHERE {name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {table.base} AS b WHERE b.id = r.id)",
        [f",{column},"],
    )


def _nothing_agreed(database: Database, table: MappedTable) -> None:
    """The triggers were gone for a while (a tool rebuilt the table): any row may have been edited unseen."""
    database.run(f"UPDATE {table.base} SET _never_agreed = '*'")
    database.run(
        f"INSERT INTO {table.base} (id, {table.listed()}, deleted_at, _salesforce_id, _never_agreed)"
        f" SELECT id, {table.listed()}, deleted_at, salesforce_id, '*' FROM {table.name} AS r"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table.base} AS b WHERE b.id = r.id)"
    )
    database.run("DELETE FROM _watermarks WHERE object = ?", [table.object])


# -- watching --------------------------------------------------------------------------------------
_INDEXES = ("match", "unlinked")
_TRIGGERS = ("replacing", "inserted", "edited", "deleted", "renumbered")


def _triggers(table: MappedTable) -> dict[str, str]:
    names = table.listed()
    own = [*table.columns, "deleted_at"]
    none_yet = f"NOT EXISTS (SELECT 1 FROM {table.base} WHERE id = {{}}.id)"
    saved = (
        f"INSERT INTO {table.base} (id, {names}, deleted_at, _salesforce_id, _never_agreed) SELECT"
    )
    stamp = f"_edit = (SELECT edit FROM _sync), _edited_at = {_NOW}, _held_columns = ''"
    same = " AND ".join(f"{quoted(name)} IS NEW.{quoted(name)}" for name in own)
    segments = (
        f" DELETE FROM contact_segments WHERE {table.person_column} = OLD.id;"
        if table.person_column
        else ""
    )
    return {
        "replacing": (
            f"BEFORE INSERT ON {table.name} WHEN {_GUARD_IS_DOWN} BEGIN"
            f" {saved} r.id, {table.listed('r')}, r.deleted_at, r.salesforce_id, '' FROM {table.name} AS r"
            f" WHERE r.id = NEW.id AND {none_yet.format('NEW')};"
            " END"
        ),
        "inserted": (
            f"AFTER INSERT ON {table.name} WHEN {_GUARD_IS_DOWN} BEGIN"
            " UPDATE _sync SET edit = edit + 1;"
            f" {saved} NEW.id, {table.listed('NEW')}, NEW.deleted_at, NEW.salesforce_id, '*'"
            f" WHERE {none_yet.format('NEW')};"
            f" UPDATE {table.base} SET {stamp} WHERE id = NEW.id;"
            # a row replaced without its Salesforce Id keeps it
            f" UPDATE {table.name} SET salesforce_id = (SELECT _salesforce_id FROM {table.base} WHERE id = NEW.id)"
            " WHERE id = NEW.id AND NEW.salesforce_id IS NULL"
            f" AND (SELECT _salesforce_id FROM {table.base} WHERE id = NEW.id) IS NOT NULL;"
            f" UPDATE {table.base} SET _never_agreed = '*' WHERE id = NEW.id"
            f" AND _salesforce_id IS NOT (SELECT salesforce_id FROM {table.name} WHERE id = NEW.id);"
            " END"
        ),
        "edited": (
            f"AFTER UPDATE OF {names}, deleted_at, salesforce_id ON {table.name}"
            f" WHEN {_GUARD_IS_DOWN} AND ({differs('OLD', 'NEW', [*own, 'salesforce_id'])}) BEGIN"
            " UPDATE _sync SET edit = edit + 1;"
            f" {saved} OLD.id, {table.listed('OLD')}, OLD.deleted_at, OLD.salesforce_id, ''"
            f" WHERE {none_yet.format('OLD')};"
            f" UPDATE {table.base} SET {stamp},"
            " _never_agreed = CASE WHEN OLD.salesforce_id IS NOT NEW.salesforce_id"
            " AND NEW.salesforce_id IS NOT _salesforce_id THEN '*' ELSE _never_agreed END WHERE id = OLD.id;"
            f" DELETE FROM {table.base} WHERE id = NEW.id AND _never_agreed = '' AND {same};"
            " END"
        ),
        "deleted": f"AFTER DELETE ON {table.name} BEGIN DELETE FROM {table.base} WHERE id = OLD.id;{segments} END",
        "renumbered": (
            f"BEFORE UPDATE OF id ON {table.name} WHEN OLD.id IS NOT NEW.id BEGIN"
            " SELECT RAISE(ABORT, 'the id of a row is for ever: sfsync has made Salesforce ids from it'); END"
        ),
    }


def tidy(database: Database, table: MappedTable) -> None:
    """Drop base rows that say nothing: of rows that are gone, or that are back where they were."""
    database.run(
        f"DELETE FROM {table.base} WHERE id IN (SELECT b.id FROM {table.base} AS b LEFT JOIN {table.name} AS r"
        f" ON r.id = b.id WHERE r.id IS NULL OR {table.same_as_base})"
    )
