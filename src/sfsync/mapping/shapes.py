"""The sections on data: objects, activities and rules, each with its keys, their types and choices.

A default stands at the value that is made of an entry (``model.mapping``), where there is one. What
the entries mean together is for the ``parse_*`` modules.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from sfsync.document.shapes import LAX, Shape, default_of, takes_default
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    ActivityMap,
    DeletedPerson,
    Direction,
    EventRule,
    MachineEvents,
    MissingPerson,
    ObjectMap,
    OncePer,
    OnLocalDelete,
    OnMissing,
    OnMultiple,
    SyncRules,
)
from sfsync.model.merges import Merge

REMOTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""An API name of the org, without a step to a parent."""


class RuleDirection(StrEnum):
    """``direction`` of an object's rules, in the words of docs/configuration.md, "sync_rules"."""

    BIDIRECTIONAL = "bidirectional"
    TO_SALESFORCE = "to_salesforce"
    FROM_SALESFORCE = "from_salesforce"


DIRECTIONS: Final = {
    RuleDirection.BIDIRECTIONAL: Direction.BOTH,
    RuleDirection.TO_SALESFORCE: Direction.PUSH,
    RuleDirection.FROM_SALESFORCE: Direction.PULL,
}


def default_direction() -> RuleDirection:
    """Which way an object goes where its rules do not say."""
    standard = default_of(SyncRules, "direction")
    return next(word for word, direction in DIRECTIONS.items() if direction is standard)


class FieldShape(Shape):
    """The long form of one line of ``fields``."""

    to: str
    type: Annotated[FieldType | None, LAX] = None
    direction: Annotated[Direction | None, LAX] = None
    merge: Annotated[Merge | None, LAX] = None
    placeholder: str | None = None


class CompanyShape(Shape):
    """How a company's name goes up: the record is linked to the Account of that name."""

    lookup: str
    on_missing: Annotated[OnMissing, LAX] = OnMissing.SKIP


class ObjectShape(Shape):
    """One entry of ``objects``; its fields are read one by one."""

    fields: dict[str, Any]
    sobject: str | None = None
    match_on: str = "email"
    external_id: str | None = None
    on_multiple: Annotated[OnMultiple, LAX] = takes_default(ObjectMap, "on_multiple")
    on_local_delete: Annotated[OnLocalDelete, LAX] = takes_default(ObjectMap, "on_local_delete")
    opt_out: list[str] = Field(default_factory=list)
    company: Any = None


class ActivitiesShape(Shape):
    """The section ``activities``."""

    fields: dict[str, Any]
    sobject: str = takes_default(ActivityMap, "sobject")
    external_id: str | None = None
    timezone: str = takes_default(ActivityMap, "timezone")
    missing_person: Annotated[MissingPerson | None, LAX] = None
    deleted_person: Annotated[DeletedPerson, LAX] = takes_default(ActivityMap, "deleted_person")
    machine_events: Annotated[MachineEvents, LAX] = takes_default(ActivityMap, "machine_events")
    activity_types: list[Any] | None = None


class RulesShape(Shape):
    """One entry of ``sync_rules``; its rules are read one by one."""

    direction: Annotated[RuleDirection, LAX] = Field(default_factory=default_direction)
    frequency: str = takes_default(SyncRules, "frequency")
    fallback: str = takes_default(SyncRules, "fallback")
    penguinmails_to_salesforce: list[Any] = Field(default_factory=list)
    salesforce_to_penguinmails: list[Any] = Field(default_factory=list)


class EventRuleShape(Shape):
    """One line of ``penguinmails_to_salesforce``."""

    on: str
    action: str
    field: str | None = None
    value: Any = None
    by: int = takes_default(EventRule, "by")
    once_per: Annotated[OncePer, LAX] = takes_default(EventRule, "once_per")
    machine_events: Annotated[MachineEvents | None, LAX] = None


class ContactRuleShape(Shape):
    """One line of ``penguinmails_to_salesforce`` that is about people there."""

    on: str
    action: str


class RecordRuleShape(Shape):
    """One line of ``salesforce_to_penguinmails``."""

    on: str
    action: str
    add_to_segment: str = ""
    conflict_resolution: Annotated[Merge | None, LAX] = None
