"""The sections on data: objects, activities and rules, each with its keys, their types and choices.

What the entries mean together is for the ``parse_*`` modules.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from sfsync.document.shapes import LAX, Shape
from sfsync.model.mapping import (
    Direction,
    FieldType,
    Merge,
    MissingPerson,
    OncePer,
    OnLocalDelete,
    OnMissing,
    OnMultiple,
)

SOBJECTS: Final = {"contact": "Contact", "lead": "Lead"}
"""What can be kept in step; in the order in which a person is looked for."""

REMOTE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""An API name of the org, without a step to a parent."""


class RuleDirection(StrEnum):
    """``direction`` of an object's rules, in the seed's words."""

    BIDIRECTIONAL = "bidirectional"
    TO_SALESFORCE = "to_salesforce"
    FROM_SALESFORCE = "from_salesforce"


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
    on_multiple: Annotated[OnMultiple, LAX] = OnMultiple.QUARANTINE
    on_local_delete: Annotated[OnLocalDelete, LAX] = OnLocalDelete.KEEP
    opt_out: list[str] = Field(default_factory=list)
    company: Any = None


class ActivitiesShape(Shape):
    """The section ``activities``."""

    fields: dict[str, Any]
    sobject: str = "Task"
    external_id: str | None = None
    timezone: str = "UTC"
    missing_person: Annotated[MissingPerson | None, LAX] = None
    activity_types: list[Any] | None = None


class RulesShape(Shape):
    """One entry of ``sync_rules``; its rules are read one by one."""

    direction: Annotated[RuleDirection, LAX] = RuleDirection.BIDIRECTIONAL
    frequency: str = "real_time"
    fallback: str = "hourly_batch"
    penguinmails_to_salesforce: list[Any] = Field(default_factory=list)
    salesforce_to_penguinmails: list[Any] = Field(default_factory=list)


class EventRuleShape(Shape):
    """One line of ``penguinmails_to_salesforce``."""

    on: str
    action: str
    field: str | None = None
    value: Any = None
    by: int = 1
    once_per: Annotated[OncePer, LAX] = OncePer.EVENT


class RecordRuleShape(Shape):
    """One line of ``salesforce_to_penguinmails``."""

    on: str
    action: str
    add_to_segment: str = ""
    conflict_resolution: Annotated[Merge | None, LAX] = None
