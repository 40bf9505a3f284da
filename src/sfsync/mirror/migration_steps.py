"""What each step of ``migrations`` does, as SQL. What stands here has been done to people's files: it is never changed."""

from __future__ import annotations

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

STREAM = """
CREATE TABLE _stream_positions (
    channel TEXT PRIMARY KEY, org_id TEXT NOT NULL, position BLOB NOT NULL, stored_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE _stream_hints (
    object TEXT NOT NULL,
    salesforce_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    is_full INTEGER NOT NULL DEFAULT 0,
    echo TEXT,
    since TEXT NOT NULL,
    PRIMARY KEY (object, salesforce_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX _stream_hints_by_number ON _stream_hints (number)
"""
"""How far the org's change events were followed, and what they say is to be read: see ``hints``."""

DELIVERIES = """
CREATE TABLE _endpoints (
    name TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'stopped')),
    reason TEXT NOT NULL DEFAULT '',
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT NOT NULL DEFAULT '',
    held_until TEXT NOT NULL DEFAULT '',
    last_answer TEXT NOT NULL DEFAULT '',
    last_at TEXT NOT NULL DEFAULT '',
    delivered INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE _deliveries (
    endpoint TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (endpoint, cursor)
) STRICT, WITHOUT ROWID
"""
"""Who is told of changes by webhook, and which lines of the feed are on their way: see ``deliveries``."""

CONTACTS = """
CREATE TABLE _contact_ids (contact_id TEXT PRIMARY KEY, match_key TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX _contact_ids_by_address ON _contact_ids (match_key);
CREATE TABLE _contact_edits (
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    "column" TEXT NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (object, person_id, "column")
) STRICT, WITHOUT ROWID;
CREATE TABLE _contact_waiting (
    id TEXT PRIMARY KEY, contact_id TEXT NOT NULL, edit TEXT NOT NULL, since TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
"""Who the email platform's ids are, when it last said something of a column, and what overtook its person: see
``contact_edits``."""
