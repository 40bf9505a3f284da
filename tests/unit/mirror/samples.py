"""A small mapping, and short ways to say what is in the org, in the mirror, and what a foreign tool does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sfsync.mirror.store import SqliteMirror
from sfsync.model.activity import Effect, Person, TaskDraft
from sfsync.model.change import RowPlan
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.field_types import FieldType
from sfsync.model.journal import WriteIntent
from sfsync.model.mapping import (
    Action,
    ActivityMap,
    Direction,
    FieldMap,
    ObjectMap,
    OnLocalDelete,
    RecordEvent,
    RecordRule,
    SyncMapping,
    SyncRules,
)
from sfsync.model.merges import Merge
from sfsync.model.outcome import Accepted
from sfsync.model.record import LocalId, Remote, RemoteState, SalesforceId, Triple, salesforce_id
from sfsync.planning.planner import plan_row

NOW = "2026-01-20T10:00:00Z"

CONTACT = ObjectMap(
    "contact",
    "contacts",
    "Contact",
    "email",
    (
        FieldMap("Email", "email"),
        FieldMap("LastName", "last_name"),
        FieldMap("Phone", "phone"),
        FieldMap("Nick__c", "nick", merge=Merge.MANUAL),
        FieldMap("Account.Name", "company", direction=Direction.PULL),
        FieldMap("Score__c", "score", FieldType.NUMBER, Direction.PUSH, Merge.LOCAL_WINS),
        FieldMap("Clicks__c", "clicks", FieldType.INTEGER, merge=Merge.COUNTER),
        FieldMap("Opened__c", "opened", FieldType.DATETIME, merge=Merge.LATEST),
        FieldMap("Gone__c", "gone", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
        FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
    ),
    external_id="Key__c",
    opt_out=("gone", "opted_out"),
)
LEAD = ObjectMap(
    "lead",
    "leads",
    "Lead",
    "email",
    (
        FieldMap("Email", "email"),
        FieldMap("LastName", "last_name"),
        FieldMap("Status", "status"),
        FieldMap("HasOptedOutOfEmail", "opted_out", FieldType.BOOLEAN, merge=Merge.STICKY_TRUE),
    ),
    on_local_delete=OnLocalDelete.DELETE,
    opt_out=("opted_out",),
)
RULES = SyncRules(
    "contact",
    records=(
        RecordRule(RecordEvent.CREATED, Action.IMPORT),
        RecordRule(RecordEvent.UPDATED, Action.UPDATE),
        RecordRule(RecordEvent.DELETED, Action.SOFT_DELETE),
    ),
)
PULLED = tuple(field.column for field in CONTACT.fields if field.pulls)
PUSHED = tuple(field.column for field in CONTACT.fields if field.pushes)


def mapping(*objects: ObjectMap) -> SyncMapping:
    return SyncMapping({one.name: one for one in objects or (CONTACT, LEAD)}, ActivityMap())


def open_mirror(path: Path, *objects: ObjectMap, **options: Any) -> SqliteMirror:
    mirror = SqliteMirror(path, now=lambda: NOW, run_id="run-1", **options)
    mirror.prepare(mapping(*objects))
    return mirror


def sid(number: int, prefix: str = "003") -> SalesforceId:
    return salesforce_id(f"{prefix}{number:012d}")


BLANK = {
    "last_name": None,
    "phone": None,
    "nick": None,
    "company": None,
    "clicks": None,
    "opened": None,
    "gone": 0,
    "opted_out": 0,
}


def remote(number: int, state: RemoteState = RemoteState.PRESENT, **values: Any) -> Remote:
    """A contact of the org, by number; what is not said is blank."""
    stated = {"email": f"p{number}@example.com", **BLANK, **values}
    return Remote(sid(number), stated, state, modified_at=NOW)


def lead(number: int, **values: Any) -> Remote:
    stated = {
        "email": f"l{number}@example.com",
        "last_name": None,
        "status": None,
        "opted_out": 0,
        **values,
    }
    return Remote(sid(number, "00Q"), stated, modified_at=NOW)


def pull(
    mirror: SqliteMirror, *records: Remote, object_map: ObjectMap = CONTACT, segment: str = ""
) -> None:
    """What the engine's pull does with a page."""
    columns = tuple(field.column for field in object_map.fields if field.pulls)
    with mirror.staging(object_map, columns) as stage:
        stage.add(records)
        stage.settle_plain(insert=True, update=True, segment=segment)
        plans = [
            plan_row(triple, object_map, RULES) for triple in stage.triples(contested_only=True)
        ]
        mirror.rows.commit(plans, segment=segment)


def contested(
    mirror: SqliteMirror,
    *records: Remote,
    columns: Sequence[str] = PULLED,
    object_map: ObjectMap = CONTACT,
) -> list[Triple]:
    with mirror.staging(object_map, columns) as stage:
        stage.add(records)
        return list(stage.triples(contested_only=True))


def push_plans(
    mirror: SqliteMirror, *records: Remote, object_map: ObjectMap = CONTACT
) -> list[RowPlan]:
    """What the engine's push would send, with these records as the org's fresh ones."""
    with mirror.staging(object_map, object_map.columns) as stage:
        stage.add(records)
        triples = list(stage.triples(contested_only=False, dirty_only=True))
    return [plan_row(triple, object_map, RULES) for triple in triples]


def journal(mirror: SqliteMirror, *plans: RowPlan) -> list[int]:
    from sfsync.model.change import OrgWrite

    pending = [
        WriteIntent(
            OrgWrite(0, plan.org_action, "Contact", dict(plan.to_org), plan.salesforce_id), plan
        )
        for plan in plans
    ]
    return [write.ref for write in mirror.outbox.journal(pending)]


@contextmanager
def foreign(mirror: SqliteMirror) -> Iterator[sqlite3.Connection]:
    """Another program's connection: no pragma, no function, no idea of sfsync."""
    with closing(sqlite3.connect(mirror.path)) as connection, connection:
        yield connection


def edit(mirror: SqliteMirror, sql: str, *parameters: Any) -> None:
    with foreign(mirror) as connection:
        connection.execute(sql, parameters)


def look(mirror: SqliteMirror, sql: str, *parameters: Any) -> list[Any]:
    with foreign(mirror) as connection:
        return connection.execute(sql, parameters).fetchall()


def one(mirror: SqliteMirror, sql: str, *parameters: Any) -> Any:
    (row,) = look(mirror, sql, *parameters)
    return row[0] if len(row) == 1 else row


def base_of(mirror: SqliteMirror, number: int, column: str = "phone") -> Any:
    return look(
        mirror,
        f"SELECT b.{column} FROM _contacts_base AS b JOIN contacts AS r USING (id) WHERE r.salesforce_id = ?",
        sid(number),
    )


def event(number: int, email: str = "p1@example.com", **facts: Any) -> EmailEvent:
    told = EmailEvent(
        f"evt-{number}", EventType.OPENED, email, f"2026-01-20T10:00:{number % 60:02d}Z", "c-7"
    )
    return replace(told, **facts)


def ids(values: Iterable[Any]) -> list[Any]:
    return list(values)


def busy_person(mirror: SqliteMirror) -> None:
    """A person with data in every table, and another one."""
    pull(mirror, remote(1, phone="1", last_name="Lovelace"), remote(2), segment="All")
    edit(mirror, "UPDATE contacts SET phone = 'mine' WHERE id = 1")
    pull(mirror, remote(1, phone="theirs", last_name="Lovelace"))
    edit(mirror, "UPDATE contacts SET phone = 'again' WHERE id = 1")
    fresh = Remote(
        sid(1), {**remote(1, phone="theirs", last_name="Lovelace").values, "score": None}
    )
    (ref,) = journal(mirror, *push_plans(mirror, fresh))
    mirror.outbox.settle([Accepted(ref, sid(1))])
    mirror.events.keep([event(1), event(2), event(3, email="p2@example.com")], source="test")
    who = Person("contact", LocalId(1), sid(1))
    task = TaskDraft("k1", "Email: January", {"Description": "Email opened by Lovelace"})
    mirror.events.apply([Effect(event(1), who, task=task)])
    mirror.events.apply([Effect(event(2), who, task=TaskDraft("k2", "Hello Lovelace", {}))])
    mirror.tasks.settle([Accepted(1, sid(1, "00T"))])
    mirror.quarantine.put(
        kind="record", code="X", message="no", object_name="contact", local_id=LocalId(1)
    )
    mirror.quarantine.put(
        kind="input", code="X", message="line 3", payload="P1@example.com,Lovelace"
    )
