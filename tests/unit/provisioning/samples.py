"""Small mappings for what an org needs."""

from __future__ import annotations

from dataclasses import replace

from sfsync.model.mapping import (
    ActivityMap,
    FieldMap,
    MissingPerson,
    ObjectMap,
    SyncMapping,
    SyncRules,
)

CONTACT = ObjectMap("contact", "contacts", "Contact", "email", (FieldMap("Email", "email"),))
LEAD = ObjectMap("lead", "leads", "Lead", "email", (FieldMap("Email", "email"),))
TASK = ActivityMap(
    fields=(("Type", "Email"), ("Subject", "x")), missing_person=MissingPerson.QUARANTINE
)


def mapping(*objects: ObjectMap, activities: ActivityMap = TASK, **rules: SyncRules) -> SyncMapping:
    return SyncMapping({each.name: each for each in objects}, activities, rules)


def contact(*fields: FieldMap, **changes: object) -> ObjectMap:
    return replace(CONTACT, fields=(*CONTACT.fields, *fields), **changes)
