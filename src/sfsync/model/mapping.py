"""What a valid mapping is, as frozen values; ``parse`` makes them, everything else reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from sfsync.model.event import EventType
from sfsync.model.field_types import FieldType
from sfsync.model.merges import Merge
from sfsync.model.objects import OBJECTS, PERSON_NAME, ObjectKind
from sfsync.model.record import Value


class Direction(StrEnum):
    """Which way a field travels."""

    BOTH = "both"
    PULL = "pull"
    PUSH = "push"


class OnMultiple(StrEnum):
    """What to do where several records in the org have the address."""

    QUARANTINE = "quarantine"
    NEWEST = "newest"
    OLDEST = "oldest"


class MissingPerson(StrEnum):
    """What to do with an event of somebody whom neither side knows."""

    CREATE_CONTACT = "create_contact"
    CREATE_LEAD = "create_lead"
    QUARANTINE = "quarantine"

    @property
    def creates(self) -> str:
        """The object that the missing person is made as; empty where nobody is made."""
        if self is MissingPerson.QUARANTINE:
            return ""
        return self.value.removeprefix("create_")


class DeletedPerson(StrEnum):
    """What to do with an event of a person whose record was deleted."""

    KEEP_WAITING = "keep_waiting"
    QUARANTINE = "quarantine"
    RECREATE = "recreate"


class OnLocalDelete(StrEnum):
    """What a soft delete in the mirror means for the org."""

    KEEP = "keep"
    DELETE = "delete"


class OncePer(StrEnum):
    """How often an event type becomes a Task."""

    EVENT = "event"
    CAMPAIGN = "campaign"


class OnMissing(StrEnum):
    """What a push does with a name that no parent record has."""

    SKIP = "skip"
    CREATE = "create"


class Action(StrEnum):
    """What a rule does."""

    CREATE_TASK = "create_task"
    UPDATE_FIELD = "update_field"
    INCREMENT_FIELD = "increment_field"
    IMPORT = "import"
    UPDATE = "update"
    SOFT_DELETE = "soft_delete"


class MachineEvents(StrEnum):
    """What to do with an event that a privacy proxy or a bot caused."""

    COUNT = "count"
    IGNORE = "ignore"


class RecordEvent(StrEnum):
    """What can happen to a record in Salesforce, for the rules of that direction."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FieldMap:
    """One field of the org tied to one column of the mirror.

    Attributes:
        remote: the org's API name, ``Email``, or one step to a parent, ``Account.Name``.
        placeholder: what the org gets where it requires a value and the mirror has none; it is read
            back as blank, so it never comes down.
        scale: how many digits the org keeps after a number's point; ``None`` where that is not
            known.
        on_missing: for a parent's name that may also be written, by linking the record to the
            parent of that name: what to do where there is none. ``None``: a parent's field is only
            read.
    """

    remote: str
    column: str
    type: FieldType = FieldType.TEXT
    direction: Direction = Direction.BOTH
    merge: Merge = Merge.SALESFORCE_WINS
    placeholder: str | None = None
    on_missing: OnMissing | None = None
    scale: int | None = None

    @property
    def pulls(self) -> bool:
        """Whether the org's value comes down."""
        return self.direction is not Direction.PUSH

    @property
    def pushes(self) -> bool:
        """Whether the mirror's value goes up."""
        return self.direction is not Direction.PULL


@dataclass(frozen=True)
class ObjectMap:
    """One object of the org tied to one table of the mirror.

    Attributes:
        name: the configuration's key, ``contact``; ``table`` is its plural.
        match_on: the column by which rows and records that never met are recognised.
        external_id: the org's external id field that sfsync's creates are keyed by; empty for none.
        opt_out: columns that all say "no more emails": one true makes all true.
    """

    name: str
    table: str
    sobject: str
    match_on: str
    fields: tuple[FieldMap, ...]
    external_id: str = ""
    on_multiple: OnMultiple = OnMultiple.QUARANTINE
    on_local_delete: OnLocalDelete = OnLocalDelete.KEEP
    opt_out: tuple[str, ...] = ()

    @property
    def kind(self) -> ObjectKind:
        """The object's entry in the registry."""
        return OBJECTS[self.name]

    @cached_property
    def by_column(self) -> Mapping[str, FieldMap]:
        """The fields by the mirror's column."""
        return {field_map.column: field_map for field_map in self.fields}

    @cached_property
    def by_remote(self) -> Mapping[str, FieldMap]:
        """The fields by the org's name."""
        return {field_map.remote: field_map for field_map in self.fields}

    def name_in(self, values: Mapping[str, Value]) -> str:
        """What a person is called, of a row's values; empty where they have no name."""
        columns = [self.by_remote[each].column for each in PERSON_NAME if each in self.by_remote]
        return " ".join(str(values[column]) for column in columns if values.get(column))

    @cached_property
    def linked(self) -> FieldMap | None:
        """The parent's name by which a record is linked to its parent; ``None`` where parents are only read."""
        return next(
            (field_map for field_map in self.fields if field_map.on_missing and field_map.pushes),
            None,
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All mapped columns, in the configuration's order."""
        return tuple(field_map.column for field_map in self.fields)


@dataclass(frozen=True, slots=True)
class EventRule:
    """What an email event does: one line of ``penguinmails_to_salesforce``.

    Attributes:
        column: the mirror's column that the named field is tied to; empty for ``create_task``.
        value: what to write; ``None`` means the event's time.
        by: how much an increment adds.
        machine_events: whether it also answers to events of machines.
    """

    on: EventType
    action: Action
    column: str = ""
    value: str | int | float | None = None
    has_value: bool = False
    by: int = 1
    once_per: OncePer = OncePer.EVENT
    machine_events: MachineEvents = MachineEvents.COUNT


@dataclass(frozen=True, slots=True)
class RecordRule:
    """What a change in Salesforce does: one line of ``salesforce_to_penguinmails``."""

    on: RecordEvent
    action: Action
    add_to_segment: str = ""
    conflict_resolution: Merge | None = None


@dataclass(frozen=True)
class SyncRules:
    """The rules of one object.

    Attributes:
        contacts: which changes of people at the email platform are edits here.
    """

    object: str
    direction: Direction = Direction.BOTH
    frequency: str = "real_time"
    fallback: str = "hourly_batch"
    events: tuple[EventRule, ...] = ()
    records: tuple[RecordRule, ...] = ()
    contacts: tuple[RecordEvent, ...] = ()

    def record_rule(self, on: RecordEvent) -> RecordRule | None:
        """The rule for what happened to a record; ``None`` where the configuration has none: then nothing is done."""
        return next((rule for rule in self.records if rule.on is on), None)

    @property
    def pulls(self) -> bool:
        """Whether this object's records come down at all."""
        return self.direction is not Direction.PUSH

    @property
    def pushes(self) -> bool:
        """Whether this object's rows go up at all."""
        return self.direction is not Direction.PULL


PERSON: Final = "contact_id"
"""The name, in a template, of the Salesforce Id of an event's person; it stands alone."""


@dataclass(frozen=True, slots=True)
class ActivityMap:
    """How an event becomes a Task.

    Attributes:
        fields: ``(sf_field, template)`` in the configuration's order; see ``mapping.template``.
        types: which event types may be logged as Tasks.
        timezone: the IANA zone whose calendar ``ActivityDate`` follows.
        machine_events: what rules that do not say do with events of machines.
    """

    sobject: str = "Task"
    external_id: str = ""
    timezone: str = "UTC"
    missing_person: MissingPerson = MissingPerson.CREATE_CONTACT
    deleted_person: DeletedPerson = DeletedPerson.KEEP_WAITING
    machine_events: MachineEvents = MachineEvents.COUNT
    fields: tuple[tuple[str, str], ...] = ()
    types: tuple[EventType, ...] = tuple(EventType)

    @property
    def who_field(self) -> str:
        """The Task's field that holds the person; empty where none does."""
        for name, template in self.fields:
            if template in {PERSON, f"{{{PERSON}}}"}:
                return name
        return ""


@dataclass(frozen=True)
class SyncMapping:
    """Everything the configuration says about data: objects, activities, rules.

    ``objects`` is ordered: what stands first goes first when somebody is looked for (a Contact
        before a Lead).
    """

    objects: Mapping[str, ObjectMap]
    activities: ActivityMap
    rules: Mapping[str, SyncRules] = field(default_factory=dict)

    def rules_for(self, object_name: str) -> SyncRules:
        """The object's rules; an object without any takes no part."""
        return self.rules.get(object_name, SyncRules(object_name))

    @cached_property
    def fingerprint(self) -> str:
        """A short hash that changes when the mapping does."""
        told = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]
