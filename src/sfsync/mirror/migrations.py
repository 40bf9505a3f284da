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

if TYPE_CHECKING:
    from sqlite_utils import Database as SchemaDatabase
    from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x73667379
"""``sfsy``, in the file's header: whose database this is."""

SCHEMA = 6
"""How many steps there are."""

FIXED = """
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE contact_segments (
    segment_id INTEGER NOT NULL,
    contact_id INTEGER,
    lead_id INTEGER,
    added_at TEXT,
    UNIQUE (segment_id, contact_id),
    UNIQUE (segment_id, lead_id)
) STRICT;
CREATE INDEX _segments_of_contact ON contact_segments (contact_id);
CREATE INDEX _segments_of_lead ON contact_segments (lead_id);
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    email TEXT NOT NULL,
    match_key TEXT NOT NULL,
    campaign_id TEXT NOT NULL DEFAULT '',
    campaign_name TEXT NOT NULL DEFAULT '',
    timestamp TEXT NOT NULL,
    received_at TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'handled', 'quarantined')),
    object TEXT,
    person_id INTEGER,
    note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX _events_waiting ON events (timestamp, id) WHERE state = 'new';
CREATE INDEX _events_unresolved ON events (match_key) WHERE state = 'new';
CREATE INDEX _events_by_address ON events (match_key);
CREATE INDEX _events_of_person ON events (object, person_id);
CREATE TABLE activities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'done', 'quarantined')),
    task_id TEXT,
    queued_at TEXT NOT NULL,
    sent_at TEXT NOT NULL DEFAULT '',
    settled_at TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX _activities_waiting ON activities (id) WHERE state IN ('queued', 'sending');
CREATE INDEX _activities_of_person ON activities (object, person_id);
CREATE INDEX _activities_of_event ON activities (event_id);
CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY,
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    salesforce_id TEXT,
    "column" TEXT NOT NULL,
    base ANY,
    local ANY,
    remote ANY,
    value ANY,
    winner TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('decided', 'open', 'settled')),
    run_id TEXT NOT NULL DEFAULT '',
    found_at TEXT NOT NULL,
    settled_at TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX _conflicts_open ON conflicts (object, person_id, "column") WHERE state = 'open';
CREATE INDEX _conflicts_of_person ON conflicts (object, person_id);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    object TEXT NOT NULL DEFAULT '',
    person_id INTEGER,
    event_id TEXT NOT NULL DEFAULT '',
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    hint TEXT NOT NULL DEFAULT '',
    payload TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ignored', 'settled')),
    run_id TEXT NOT NULL DEFAULT '',
    quarantined_at TEXT NOT NULL,
    settled_at TEXT NOT NULL DEFAULT '',
    _edit INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX _quarantine_of_person ON quarantine (object, person_id) WHERE state <> 'settled';
CREATE INDEX _quarantine_of_event ON quarantine (event_id) WHERE state <> 'settled';
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'running',
    report TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX _runs_by_start ON runs (started_at);
CREATE TABLE _sync (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    guard INTEGER NOT NULL DEFAULT 0,
    edit INTEGER NOT NULL DEFAULT 0,
    mirror_key TEXT NOT NULL,
    org_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE _notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE _watermarks (object TEXT PRIMARY KEY, at TEXT NOT NULL, columns TEXT NOT NULL) STRICT;
CREATE TABLE _mapping (object TEXT PRIMARY KEY, "table" TEXT NOT NULL, columns TEXT NOT NULL) STRICT;
CREATE TABLE _facts (sobject TEXT PRIMARY KEY, facts TEXT NOT NULL, asked_at TEXT NOT NULL) STRICT;
CREATE TABLE _outbox (
    ref INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL DEFAULT '',
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    salesforce_id TEXT,
    action TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sending', 'unknown', 'accepted', 'rejected')),
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    plan TEXT NOT NULL,
    edit INTEGER NOT NULL DEFAULT 0,
    sent_at TEXT NOT NULL,
    settled_at TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX _outbox_in_doubt ON _outbox (object, ref) WHERE state IN ('sending', 'unknown');
CREATE INDEX _outbox_of_run ON _outbox (run_id);
CREATE INDEX _outbox_of_person ON _outbox (object, person_id);
CREATE TABLE _links (
    object TEXT NOT NULL,
    salesforce_id TEXT NOT NULL,
    successor_object TEXT NOT NULL,
    successor_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    found_at TEXT NOT NULL,
    PRIMARY KEY (object, salesforce_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE _tokens (profile TEXT PRIMARY KEY, blob BLOB NOT NULL, kept_at TEXT NOT NULL) STRICT;
"""

PAST = """
ALTER TABLE activities ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
CREATE INDEX _activities_of_run ON activities (run_id) WHERE run_id <> '';
CREATE TABLE _arrivals (
    id INTEGER PRIMARY KEY,
    object TEXT NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE _brought (
    id INTEGER PRIMARY KEY,
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    how TEXT NOT NULL CHECK (how IN ('pulled', 'imported', 'event', 'lives on')),
    columns TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    run_id TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL
) STRICT;
CREATE INDEX _brought_to_person ON _brought (object, person_id);
CREATE TABLE _former (
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    match_key TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (match_key, object, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX _former_of_person ON _former (object, person_id);
CREATE TABLE _forgotten (hash TEXT PRIMARY KEY, person TEXT NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID
"""
"""What ``undo``, ``explain`` and ``purge`` remember."""

RENAMED_TABLES = {
    "_brought": "_provenance",
    "_former": "_former_addresses",
    "_arrivals": "_pulled_rows",
    "_links": "_successors",
    "_forgotten": "_purged_people",
}
RENAMED_BASE_COLUMNS = {"_unmet": "_never_agreed", "_held": "_held_columns"}
RENAMED_INDEXES = """
DROP INDEX _brought_to_person;
CREATE INDEX _provenance_of_person ON _provenance (object, person_id);
DROP INDEX _former_of_person;
CREATE INDEX _former_addresses_of_person ON _former_addresses (object, person_id);
DROP INDEX _outbox_in_doubt;
CREATE INDEX _outbox_unsettled ON _outbox (object, ref) WHERE state IN ('sending', 'unknown')
"""

CONSENT = """
ALTER TABLE events ADD COLUMN _waits INTEGER NOT NULL DEFAULT 0;
CREATE INDEX _events_asleep ON events (match_key) WHERE state = 'new' AND _waits = 1;
CREATE TABLE consent (
    id INTEGER PRIMARY KEY,
    address_key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('opted_out', 'consented')),
    since TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    run_id TEXT NOT NULL DEFAULT '',
    recorded_at TEXT NOT NULL,
    UNIQUE (address_key, state, since, source, reason)
) STRICT;
CREATE TABLE _opted_out (
    spelling TEXT PRIMARY KEY, address_key TEXT NOT NULL, since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE _consented (
    spelling TEXT PRIMARY KEY, address_key TEXT NOT NULL, since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE _purged_consent (hash TEXT PRIMARY KEY, since TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX _opted_out_by_key ON _opted_out (address_key);
CREATE INDEX _consented_by_key ON _consented (address_key)
"""
"""Statements about addresses, and what they add up to in each spelling: see ``consent``."""


ARRIVALS = """
ALTER TABLE events ADD COLUMN link TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN machine INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN bounce TEXT NOT NULL DEFAULT '';
CREATE TABLE _campaigns (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, learned_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE quarantine ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN line INTEGER;
UPDATE quarantine SET source = substr(message, 1, instr(message, ', line ') - 1),
    line = CAST(substr(message, instr(message, ', line ') + 7) AS INTEGER)
WHERE kind = 'input' AND instr(message, ', line ') > 1;
CREATE INDEX _quarantine_of_line ON quarantine (source, line) WHERE kind = 'input' AND state <> 'settled';
INSERT INTO _notes (name, value)
SELECT 'short_ids_until', max(received_at) FROM events WHERE id LIKE 'auto-%'
HAVING max(received_at) IS NOT NULL
"""
"""More of each event, where the lines in quarantine stand, and names of campaigns: see ``arrivals``."""

CHANGES = """
ALTER TABLE _sync ADD COLUMN origin TEXT NOT NULL DEFAULT 'local';
ALTER TABLE _sync ADD COLUMN run TEXT NOT NULL DEFAULT '';
ALTER TABLE _sync ADD COLUMN changes_gone INTEGER NOT NULL DEFAULT 0;
CREATE TABLE _changes (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    line_count INTEGER NOT NULL DEFAULT 1,
    at TEXT NOT NULL,
    object TEXT NOT NULL,
    row_id INTEGER NOT NULL,
    salesforce_id TEXT,
    action TEXT NOT NULL,
    changed TEXT,
    segment TEXT,
    survivor_object TEXT,
    survivor_id INTEGER,
    survivor_salesforce_id TEXT,
    origin TEXT NOT NULL,
    run TEXT NOT NULL
) STRICT
"""
"""The feed of changes, and who writes at the moment: see ``changes``."""


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
