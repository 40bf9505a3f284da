"""The fixed tables, in named steps that are only ever added to.

Mapped tables (``contacts``, ``leads``) are not here: ``tables`` makes them fit the configuration.
All pending steps run in one immediate transaction, each recorded by sqlite-utils beside what it
did; ``user_version`` counts them, so that an up-to-date mirror is recognised without importing
sqlite-utils at all.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from typing import TYPE_CHECKING

from sfsync.errors import MirrorError
from sfsync.mirror.database import Database, quoted, translated
from sfsync.mirror.migration_steps import (
    ARRIVALS,
    CHANGES,
    CONSENT,
    CONTACTS,
    DELIVERIES,
    FIXED,
    PAST,
    RENAMED_BASE_COLUMNS,
    RENAMED_INDEXES,
    RENAMED_TABLES,
    STREAM,
)

if TYPE_CHECKING:
    from sqlite_utils import Database as SchemaDatabase
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x73667379
"""``sfsy``, in the file's header: whose database this is."""

SCHEMA = 9
"""How many steps there are."""


def migrate(database: Database) -> None:
    """Bring the fixed tables up to date; one read where they are.

    Raises:
        MirrorError: the file belongs to another program, or to a newer sfsync.
    """
    version = int(database.value("PRAGMA user_version"))
    owner = int(database.value("PRAGMA application_id"))
    if owner == APPLICATION_ID and version == SCHEMA:
        return
    _refuse_strangers(database, owner, version)
    _apply(database)


def _refuse_strangers(database: Database, owner: int, version: int) -> None:
    if owner == APPLICATION_ID:
        if version > SCHEMA:
            raise MirrorError(
                f"{database.path}: this mirror was written by a newer sfsync"
                f" (schema {version}, this one knows {SCHEMA})",
                hint="Update sfsync: it never takes a mirror back to an older form.",
            )
        return
    if owner or version or database.value("SELECT count(*) FROM sqlite_master"):
        raise MirrorError(
            f"{database.path}: this database belongs to another program",
            hint="Point mirror.path at a file of its own; sfsync makes it.",
        )


def _apply(database: Database) -> None:
    from sqlite_utils import Database as SchemaDatabase

    with database.transaction(edits=True):
        # another process may have been quicker
        if int(database.value("PRAGMA user_version")) == SCHEMA:
            return
        try:
            _steps().apply(SchemaDatabase(database.connection, execute_plugins=False))
        except sqlite3.Error as error:
            raise translated(error, database.path) from error
        database.run(f"PRAGMA application_id = {APPLICATION_ID}")
        database.run(f"PRAGMA user_version = {SCHEMA}")


def _steps() -> Migrations:
    from sqlite_utils.migrations import Migrations

    steps = Migrations("sfsync")

    @steps(name="0001_fixed_tables")
    def fixed_tables(schema: SchemaDatabase) -> None:
        _run_all(schema, FIXED)
        schema.execute("INSERT INTO _sync (id, mirror_key) VALUES (1, ?)", [secrets.token_hex(4)])

    @steps(name="0002_the_past")
    def the_past(schema: SchemaDatabase) -> None:
        _run_all(schema, PAST)

    @steps(name="0003_plain_names")
    def plain_names(schema: SchemaDatabase) -> None:
        _rename_tables(schema)
        _run_all(schema, RENAMED_INDEXES)
        for (table,) in schema.execute('SELECT "table" FROM _mapping').fetchall():
            _rename_base_columns(schema, table)

    @steps(name="0004_consent")
    def consent(schema: SchemaDatabase) -> None:
        _run_all(schema, CONSENT)

    @steps(name="0005_arrivals")
    def arrivals(schema: SchemaDatabase) -> None:
        _run_all(schema, ARRIVALS)

    @steps(name="0006_changes")
    def changes(schema: SchemaDatabase) -> None:
        _run_all(schema, CHANGES)

    @steps(name="0007_stream")
    def stream(schema: SchemaDatabase) -> None:
        _run_all(schema, STREAM)

    @steps(name="0008_deliveries")
    def deliveries(schema: SchemaDatabase) -> None:
        _run_all(schema, DELIVERIES)

    @steps(name="0009_contacts")
    def contacts(schema: SchemaDatabase) -> None:
        _run_all(schema, CONTACTS)

    return steps


def _run_all(schema: SchemaDatabase, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            schema.execute(statement)


def _rename_tables(schema: SchemaDatabase) -> None:
    # otherwise SQLite refuses to rename anything while some view of the user's is broken
    schema.execute("PRAGMA legacy_alter_table = ON")
    for old, new in RENAMED_TABLES.items():
        schema.execute(f"ALTER TABLE {old} RENAME TO {new}")
    schema.execute("PRAGMA legacy_alter_table = OFF")


def _rename_base_columns(schema: SchemaDatabase, table: str) -> None:
    """A base table with new names, and its triggers, for other programs may edit next.

    By a copy, for it is small, and ``RENAME COLUMN`` stops at a broken view of the user's whatever
    is set.
    """
    base = f"_{table}_base"
    created = schema.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [base]
    ).fetchone()
    if created is None:
        return
    # columns that are mapped are quoted and never begin with an underscore
    triggers = schema.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        " AND (tbl_name = ? OR instr(sql, ?))",
        [table, quoted(base)],
    ).fetchall()
    for name, _ in triggers:
        schema.execute(f"DROP TRIGGER {quoted(name)}")
    schema.execute(f"CREATE TEMP TABLE _copied AS SELECT * FROM {quoted(base)}")
    schema.execute(f"DROP TABLE {quoted(base)}")
    schema.execute(_with_new_names(created[0]))
    schema.execute(f"INSERT INTO {quoted(base)} SELECT * FROM temp._copied")
    schema.execute("DROP TABLE temp._copied")
    for _, sql in triggers:
        schema.execute(_with_new_names(sql))


def _with_new_names(sql: str) -> str:
    for old, new in RENAMED_BASE_COLUMNS.items():
        sql = re.sub(rf"\b{old}\b", new, sql)
    return sql
