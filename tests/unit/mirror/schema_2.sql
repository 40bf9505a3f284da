BEGIN TRANSACTION;
CREATE TABLE _arrivals (
    id INTEGER PRIMARY KEY,
    object TEXT NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
INSERT INTO "_arrivals" VALUES(1,'contact',1,5,'run-1','2026-01-20T10:00:00Z');
INSERT INTO "_arrivals" VALUES(2,'lead',1,1,'run-1','2026-01-20T10:00:00Z');
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
INSERT INTO "_brought" VALUES(1,'contact',1,'pulled',',email,','','run-1','2026-01-20T10:00:00Z');
INSERT INTO "_brought" VALUES(2,'contact',2,'pulled',',nick,','','run-1','2026-01-20T10:00:00Z');
INSERT INTO "_brought" VALUES(3,'contact',6,'imported',',email,phone,','people.csv','run-1','2026-01-20T10:00:00Z');
CREATE TABLE "_contacts_base" (id INTEGER PRIMARY KEY, "email" TEXT, "last_name" TEXT, "phone" TEXT, "nick" TEXT, "company" TEXT, "score" REAL, "clicks" INTEGER, "opened" TEXT, "gone" INTEGER, "opted_out" INTEGER, "deleted_at" TEXT, "_salesforce_id" TEXT, "_edited_at" TEXT NOT NULL DEFAULT '', "_edit" INTEGER NOT NULL DEFAULT 0, "_unmet" TEXT NOT NULL DEFAULT '', "_held" TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "_contacts_base" VALUES(2,'p2@example.com',NULL,'1','a',NULL,NULL,NULL,NULL,0,0,NULL,'003000000000002AAA','2026-11-28T16:08:04Z',1,'',',nick,');
INSERT INTO "_contacts_base" VALUES(6,'fresh@example.com',NULL,'7',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-28T16:08:04Z',2,'*','');
CREATE TABLE _facts (sobject TEXT PRIMARY KEY, facts TEXT NOT NULL, asked_at TEXT NOT NULL) STRICT;
CREATE TABLE _forgotten (hash TEXT PRIMARY KEY, person TEXT NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID
;
INSERT INTO "_forgotten" VALUES('d7ac77caa151d0641b7881618d0be51b44cd8b88675fdadedd13c1b22cf72568','e11e8fdd20cac02457046667105b5a6f7b540afeaaeb1cf1ac8c1c9b748e5745','2026-01-20T10:00:00Z');
INSERT INTO "_forgotten" VALUES('e11e8fdd20cac02457046667105b5a6f7b540afeaaeb1cf1ac8c1c9b748e5745','e11e8fdd20cac02457046667105b5a6f7b540afeaaeb1cf1ac8c1c9b748e5745','2026-01-20T10:00:00Z');
CREATE TABLE _former (
    object TEXT NOT NULL,
    person_id INTEGER NOT NULL,
    match_key TEXT NOT NULL,
    until TEXT NOT NULL,
    PRIMARY KEY (match_key, object, person_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "_former" VALUES('contact',1,'p1@example.com','2026-01-20T10:00:00Z');
CREATE TABLE "_leads_base" (id INTEGER PRIMARY KEY, "email" TEXT, "last_name" TEXT, "status" TEXT, "opted_out" INTEGER, "deleted_at" TEXT, "_salesforce_id" TEXT, "_edited_at" TEXT NOT NULL DEFAULT '', "_edit" INTEGER NOT NULL DEFAULT 0, "_unmet" TEXT NOT NULL DEFAULT '', "_held" TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE _links (
    object TEXT NOT NULL,
    salesforce_id TEXT NOT NULL,
    successor_object TEXT NOT NULL,
    successor_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    found_at TEXT NOT NULL,
    PRIMARY KEY (object, salesforce_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "_links" VALUES('contact','003000000000004AAA','contact','003000000000003AAA','merged','2026-01-20T10:00:00Z');
CREATE TABLE _mapping (object TEXT PRIMARY KEY, "table" TEXT NOT NULL, columns TEXT NOT NULL) STRICT;
INSERT INTO "_mapping" VALUES('contact','contacts','{"email": "Contact.Email:text", "last_name": "Contact.LastName:text", "phone": "Contact.Phone:text", "nick": "Contact.Nick__c:text", "company": "Contact.Account.Name:text", "score": "Contact.Score__c:number", "clicks": "Contact.Clicks__c:integer", "opened": "Contact.Opened__c:datetime", "gone": "Contact.Gone__c:boolean", "opted_out": "Contact.HasOptedOutOfEmail:boolean"}');
INSERT INTO "_mapping" VALUES('lead','leads','{"email": "Lead.Email:text", "last_name": "Lead.LastName:text", "status": "Lead.Status:text", "opted_out": "Lead.HasOptedOutOfEmail:boolean"}');
CREATE TABLE _notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "_notes" VALUES('forget_key','eff803a97dad63aea16fd91288399c6679a2ad80802481e79e75cad0771844fb');
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
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'sfsync','0001_fixed_tables','2026-11-28 16:08:03.953010+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'sfsync','0002_the_past','2026-11-28 16:08:03.954455+00:00');
CREATE TABLE _sync (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    guard INTEGER NOT NULL DEFAULT 0,
    edit INTEGER NOT NULL DEFAULT 0,
    mirror_key TEXT NOT NULL,
    org_id TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO "_sync" VALUES(1,0,2,'459ce459','');
CREATE TABLE _tokens (profile TEXT PRIMARY KEY, blob BLOB NOT NULL, kept_at TEXT NOT NULL) STRICT;
CREATE TABLE _watermarks (object TEXT PRIMARY KEY, at TEXT NOT NULL, columns TEXT NOT NULL) STRICT;
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
, run_id TEXT NOT NULL DEFAULT '') STRICT;
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
INSERT INTO "conflicts" VALUES(1,'contact',2,'003000000000002AAA','nick','a','b','c','b','held','manual','open','run-1','2026-01-20T10:00:00Z','');
CREATE TABLE contact_segments (
    segment_id INTEGER NOT NULL,
    contact_id INTEGER,
    lead_id INTEGER,
    added_at TEXT,
    UNIQUE (segment_id, contact_id),
    UNIQUE (segment_id, lead_id)
) STRICT;
INSERT INTO "contact_segments" VALUES(1,1,NULL,'2026-01-20T10:00:00Z');
INSERT INTO "contact_segments" VALUES(1,2,NULL,'2026-01-20T10:00:00Z');
INSERT INTO "contact_segments" VALUES(1,3,NULL,'2026-01-20T10:00:00Z');
INSERT INTO "contact_segments" VALUES(1,4,NULL,'2026-01-20T10:00:00Z');
CREATE TABLE "contacts" (id INTEGER PRIMARY KEY AUTOINCREMENT, salesforce_id TEXT UNIQUE, "email" TEXT, "last_name" TEXT, "phone" TEXT, "nick" TEXT, "company" TEXT, "score" REAL, "clicks" INTEGER, "opened" TEXT, "gone" INTEGER, "opted_out" INTEGER, deleted_at TEXT) STRICT;
INSERT INTO "contacts" VALUES(1,'003000000000001AAA','new1@example.com',NULL,'1',NULL,NULL,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "contacts" VALUES(2,'003000000000002AAA','p2@example.com',NULL,'2','b',NULL,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "contacts" VALUES(3,'003000000000003AAA','p3@example.com',NULL,'1',NULL,NULL,NULL,NULL,NULL,0,0,NULL);
INSERT INTO "contacts" VALUES(4,'003000000000004AAA','p4@example.com',NULL,'1',NULL,NULL,NULL,NULL,NULL,0,0,'2026-01-20T10:00:00Z');
INSERT INTO "contacts" VALUES(6,NULL,'fresh@example.com',NULL,'7',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
CREATE TABLE "leads" (id INTEGER PRIMARY KEY AUTOINCREMENT, salesforce_id TEXT UNIQUE, "email" TEXT, "last_name" TEXT, "status" TEXT, "opted_out" INTEGER, deleted_at TEXT) STRICT;
INSERT INTO "leads" VALUES(1,'00Q000000000001AAA','l1@example.com',NULL,NULL,0,NULL);
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
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'running',
    report TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO "runs" VALUES('run-1','pull','2026-01-20T10:00:00Z','','running','');
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "segments" VALUES(1,'All');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX _segments_of_contact ON contact_segments (contact_id);
CREATE INDEX _segments_of_lead ON contact_segments (lead_id);
CREATE INDEX _events_waiting ON events (timestamp, id) WHERE state = 'new';
CREATE INDEX _events_unresolved ON events (match_key) WHERE state = 'new';
CREATE INDEX _events_by_address ON events (match_key);
CREATE INDEX _events_of_person ON events (object, person_id);
CREATE INDEX _activities_waiting ON activities (id) WHERE state IN ('queued', 'sending');
CREATE INDEX _activities_of_person ON activities (object, person_id);
CREATE INDEX _activities_of_event ON activities (event_id);
CREATE UNIQUE INDEX _conflicts_open ON conflicts (object, person_id, "column") WHERE state = 'open';
CREATE INDEX _conflicts_of_person ON conflicts (object, person_id);
CREATE INDEX _quarantine_of_person ON quarantine (object, person_id) WHERE state <> 'settled';
CREATE INDEX _quarantine_of_event ON quarantine (event_id) WHERE state <> 'settled';
CREATE INDEX _runs_by_start ON runs (started_at);
CREATE INDEX _outbox_in_doubt ON _outbox (object, ref) WHERE state IN ('sending', 'unknown');
CREATE INDEX _outbox_of_run ON _outbox (run_id);
CREATE INDEX _outbox_of_person ON _outbox (object, person_id);
CREATE INDEX _activities_of_run ON activities (run_id) WHERE run_id <> '';
CREATE INDEX _brought_to_person ON _brought (object, person_id);
CREATE INDEX _former_of_person ON _former (object, person_id);
CREATE INDEX "_contacts_match" ON "contacts" (lower(trim("email")));
CREATE INDEX "_contacts_unlinked" ON "contacts" (coalesce(lower(trim("email")), ''), id) WHERE salesforce_id IS NULL AND deleted_at IS NULL;
CREATE INDEX "_leads_match" ON "leads" (lower(trim("email")));
CREATE INDEX "_leads_unlinked" ON "leads" (coalesce(lower(trim("email")), ''), id) WHERE salesforce_id IS NULL AND deleted_at IS NULL;
CREATE TRIGGER "_contacts_replacing" BEFORE INSERT ON "contacts" WHEN (SELECT guard FROM _sync) = 0 BEGIN INSERT INTO "_contacts_base" (id, "email", "last_name", "phone", "nick", "company", "score", "clicks", "opened", "gone", "opted_out", deleted_at, _salesforce_id, _unmet) SELECT r.id, r."email", r."last_name", r."phone", r."nick", r."company", r."score", r."clicks", r."opened", r."gone", r."opted_out", r.deleted_at, r.salesforce_id, '' FROM "contacts" AS r WHERE r.id = NEW.id AND NOT EXISTS (SELECT 1 FROM "_contacts_base" WHERE id = NEW.id); END;
CREATE TRIGGER "_contacts_inserted" AFTER INSERT ON "contacts" WHEN (SELECT guard FROM _sync) = 0 BEGIN UPDATE _sync SET edit = edit + 1; INSERT INTO "_contacts_base" (id, "email", "last_name", "phone", "nick", "company", "score", "clicks", "opened", "gone", "opted_out", deleted_at, _salesforce_id, _unmet) SELECT NEW.id, NEW."email", NEW."last_name", NEW."phone", NEW."nick", NEW."company", NEW."score", NEW."clicks", NEW."opened", NEW."gone", NEW."opted_out", NEW.deleted_at, NEW.salesforce_id, '*' WHERE NOT EXISTS (SELECT 1 FROM "_contacts_base" WHERE id = NEW.id); UPDATE "_contacts_base" SET _edit = (SELECT edit FROM _sync), _edited_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), _held = '' WHERE id = NEW.id; UPDATE "contacts" SET salesforce_id = (SELECT _salesforce_id FROM "_contacts_base" WHERE id = NEW.id) WHERE id = NEW.id AND NEW.salesforce_id IS NULL AND (SELECT _salesforce_id FROM "_contacts_base" WHERE id = NEW.id) IS NOT NULL; UPDATE "_contacts_base" SET _unmet = '*' WHERE id = NEW.id AND _salesforce_id IS NOT (SELECT salesforce_id FROM "contacts" WHERE id = NEW.id); END;
CREATE TRIGGER "_contacts_edited" AFTER UPDATE OF "email", "last_name", "phone", "nick", "company", "score", "clicks", "opened", "gone", "opted_out", deleted_at, salesforce_id ON "contacts" WHEN (SELECT guard FROM _sync) = 0 AND (OLD."email" IS NOT NEW."email" OR OLD."last_name" IS NOT NEW."last_name" OR OLD."phone" IS NOT NEW."phone" OR OLD."nick" IS NOT NEW."nick" OR OLD."company" IS NOT NEW."company" OR OLD."score" IS NOT NEW."score" OR OLD."clicks" IS NOT NEW."clicks" OR OLD."opened" IS NOT NEW."opened" OR OLD."gone" IS NOT NEW."gone" OR OLD."opted_out" IS NOT NEW."opted_out" OR OLD."deleted_at" IS NOT NEW."deleted_at" OR OLD."salesforce_id" IS NOT NEW."salesforce_id") BEGIN UPDATE _sync SET edit = edit + 1; INSERT INTO "_contacts_base" (id, "email", "last_name", "phone", "nick", "company", "score", "clicks", "opened", "gone", "opted_out", deleted_at, _salesforce_id, _unmet) SELECT OLD.id, OLD."email", OLD."last_name", OLD."phone", OLD."nick", OLD."company", OLD."score", OLD."clicks", OLD."opened", OLD."gone", OLD."opted_out", OLD.deleted_at, OLD.salesforce_id, '' WHERE NOT EXISTS (SELECT 1 FROM "_contacts_base" WHERE id = OLD.id); UPDATE "_contacts_base" SET _edit = (SELECT edit FROM _sync), _edited_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), _held = '', _unmet = CASE WHEN OLD.salesforce_id IS NOT NEW.salesforce_id AND NEW.salesforce_id IS NOT _salesforce_id THEN '*' ELSE _unmet END WHERE id = OLD.id; DELETE FROM "_contacts_base" WHERE id = NEW.id AND _unmet = '' AND "email" IS NEW."email" AND "last_name" IS NEW."last_name" AND "phone" IS NEW."phone" AND "nick" IS NEW."nick" AND "company" IS NEW."company" AND "score" IS NEW."score" AND "clicks" IS NEW."clicks" AND "opened" IS NEW."opened" AND "gone" IS NEW."gone" AND "opted_out" IS NEW."opted_out" AND "deleted_at" IS NEW."deleted_at"; END;
CREATE TRIGGER "_contacts_deleted" AFTER DELETE ON "contacts" BEGIN DELETE FROM "_contacts_base" WHERE id = OLD.id; DELETE FROM contact_segments WHERE contact_id = OLD.id; END;
CREATE TRIGGER "_contacts_renumbered" BEFORE UPDATE OF id ON "contacts" WHEN OLD.id IS NOT NEW.id BEGIN SELECT RAISE(ABORT, 'the id of a row is for ever: sfsync has made Salesforce ids from it'); END;
CREATE TRIGGER "_leads_replacing" BEFORE INSERT ON "leads" WHEN (SELECT guard FROM _sync) = 0 BEGIN INSERT INTO "_leads_base" (id, "email", "last_name", "status", "opted_out", deleted_at, _salesforce_id, _unmet) SELECT r.id, r."email", r."last_name", r."status", r."opted_out", r.deleted_at, r.salesforce_id, '' FROM "leads" AS r WHERE r.id = NEW.id AND NOT EXISTS (SELECT 1 FROM "_leads_base" WHERE id = NEW.id); END;
CREATE TRIGGER "_leads_inserted" AFTER INSERT ON "leads" WHEN (SELECT guard FROM _sync) = 0 BEGIN UPDATE _sync SET edit = edit + 1; INSERT INTO "_leads_base" (id, "email", "last_name", "status", "opted_out", deleted_at, _salesforce_id, _unmet) SELECT NEW.id, NEW."email", NEW."last_name", NEW."status", NEW."opted_out", NEW.deleted_at, NEW.salesforce_id, '*' WHERE NOT EXISTS (SELECT 1 FROM "_leads_base" WHERE id = NEW.id); UPDATE "_leads_base" SET _edit = (SELECT edit FROM _sync), _edited_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), _held = '' WHERE id = NEW.id; UPDATE "leads" SET salesforce_id = (SELECT _salesforce_id FROM "_leads_base" WHERE id = NEW.id) WHERE id = NEW.id AND NEW.salesforce_id IS NULL AND (SELECT _salesforce_id FROM "_leads_base" WHERE id = NEW.id) IS NOT NULL; UPDATE "_leads_base" SET _unmet = '*' WHERE id = NEW.id AND _salesforce_id IS NOT (SELECT salesforce_id FROM "leads" WHERE id = NEW.id); END;
CREATE TRIGGER "_leads_edited" AFTER UPDATE OF "email", "last_name", "status", "opted_out", deleted_at, salesforce_id ON "leads" WHEN (SELECT guard FROM _sync) = 0 AND (OLD."email" IS NOT NEW."email" OR OLD."last_name" IS NOT NEW."last_name" OR OLD."status" IS NOT NEW."status" OR OLD."opted_out" IS NOT NEW."opted_out" OR OLD."deleted_at" IS NOT NEW."deleted_at" OR OLD."salesforce_id" IS NOT NEW."salesforce_id") BEGIN UPDATE _sync SET edit = edit + 1; INSERT INTO "_leads_base" (id, "email", "last_name", "status", "opted_out", deleted_at, _salesforce_id, _unmet) SELECT OLD.id, OLD."email", OLD."last_name", OLD."status", OLD."opted_out", OLD.deleted_at, OLD.salesforce_id, '' WHERE NOT EXISTS (SELECT 1 FROM "_leads_base" WHERE id = OLD.id); UPDATE "_leads_base" SET _edit = (SELECT edit FROM _sync), _edited_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), _held = '', _unmet = CASE WHEN OLD.salesforce_id IS NOT NEW.salesforce_id AND NEW.salesforce_id IS NOT _salesforce_id THEN '*' ELSE _unmet END WHERE id = OLD.id; DELETE FROM "_leads_base" WHERE id = NEW.id AND _unmet = '' AND "email" IS NEW."email" AND "last_name" IS NEW."last_name" AND "status" IS NEW."status" AND "opted_out" IS NEW."opted_out" AND "deleted_at" IS NEW."deleted_at"; END;
CREATE TRIGGER "_leads_deleted" AFTER DELETE ON "leads" BEGIN DELETE FROM "_leads_base" WHERE id = OLD.id; DELETE FROM contact_segments WHERE lead_id = OLD.id; END;
CREATE TRIGGER "_leads_renumbered" BEFORE UPDATE OF id ON "leads" WHEN OLD.id IS NOT NEW.id BEGIN SELECT RAISE(ABORT, 'the id of a row is for ever: sfsync has made Salesforce ids from it'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('contacts',6);
INSERT INTO "sqlite_sequence" VALUES('leads',1);
COMMIT;
