"""What a section of the configuration looks like: its keys, their types and their choices, as pydantic models.

Each section and each entry is read on its own, so that a mistake in one never hides those of the
next. What the entries mean together is for the ``parse_*`` modules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import ErrorDetails

from sfsync.document.problems import Path, Problems, label_of, shown, suggestion
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


_Lax = Strict(False)  # strict models want an enum's member; files hold its text


class Shape(BaseModel):
    """What every section has in common: no unknown keys, and no silent conversions."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class FieldShape(Shape):
    """The long form of one line of ``fields``."""

    to: str
    type: Annotated[FieldType | None, _Lax] = None
    direction: Annotated[Direction | None, _Lax] = None
    merge: Annotated[Merge | None, _Lax] = None
    placeholder: str | None = None


class CompanyShape(Shape):
    """How a company's name goes up: the record is linked to the Account of that name."""

    lookup: str
    on_missing: Annotated[OnMissing, _Lax] = OnMissing.SKIP


class ObjectShape(Shape):
    """One entry of ``objects``; its fields are read one by one."""

    fields: dict[str, Any]
    sobject: str | None = None
    match_on: str = "email"
    external_id: str | None = None
    on_multiple: Annotated[OnMultiple, _Lax] = OnMultiple.QUARANTINE
    on_local_delete: Annotated[OnLocalDelete, _Lax] = OnLocalDelete.KEEP
    opt_out: list[str] = []
    company: Any = None


class ActivitiesShape(Shape):
    """The section ``activities``."""

    fields: dict[str, Any]
    sobject: str = "Task"
    external_id: str | None = None
    timezone: str = "UTC"
    missing_person: Annotated[MissingPerson | None, _Lax] = None
    activity_types: list[Any] | None = None


class RulesShape(Shape):
    """One entry of ``sync_rules``; its rules are read one by one."""

    direction: Annotated[RuleDirection, _Lax] = RuleDirection.BIDIRECTIONAL
    frequency: str = "real_time"
    fallback: str = "hourly_batch"
    penguinmails_to_salesforce: list[Any] = []
    salesforce_to_penguinmails: list[Any] = []


class EventRuleShape(Shape):
    """One line of ``penguinmails_to_salesforce``."""

    on: str
    action: str
    field: str | None = None
    value: Any = None
    by: int = 1
    once_per: Annotated[OncePer, _Lax] = OncePer.EVENT


class RecordRuleShape(Shape):
    """One line of ``salesforce_to_penguinmails``."""

    on: str
    action: str
    add_to_segment: str = ""
    conflict_resolution: Annotated[Merge | None, _Lax] = None


AShape = TypeVar("AShape", bound=BaseModel)


def shaped(shape: type[AShape], raw: object, path: Path, problems: Problems) -> AShape | None:
    """Read one section or entry.

    Each mistake goes to ``problems``; the keys it concerns are then left out, so that the rest can
    still be checked for what it means. ``None`` where nothing useful is left.
    """
    if not isinstance(raw, dict):
        problems.add(
            path, f"expected keys with values ({', '.join(shape.model_fields)}), found {shown(raw)}"
        )
        return None
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        _tell(shape, detail, path, problems)
    wrong = {detail["loc"][0] for detail in details}
    try:
        return shape.model_validate({key: value for key, value in raw.items() if key not in wrong})
    except ValidationError:
        return None


def _tell(shape: type[BaseModel], detail: ErrorDetails, path: Path, problems: Problems) -> None:
    where = (*path, *detail["loc"])
    match detail["type"]:
        case "missing":
            problems.add(where, f"missing in {label_of(path)}", at_key=True)
        case "extra_forbidden":
            known = suggestion(str(where[-1]), shape.model_fields)
            problems.add(where, f"no such key here{known}", at_key=True)
        case "enum":
            choices = re.findall(r"'([^']+)'", str(detail.get("ctx", {}).get("expected", "")))
            found = shown(detail["input"])
            problems.add(
                where, f"{found} is none of its values{suggestion(str(detail['input']), choices)}"
            )
        case kind:
            problems.add(
                where, f"expected {_EXPECTED.get(kind, kind)}, found {shown(detail['input'])}"
            )


_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
}


def section(document: Mapping[str, Any], key: str, problems: Problems) -> dict[str, Any]:
    """A top-level section; empty where it is missing or, told, of another kind."""
    raw = document.get(key)
    if isinstance(raw, dict):
        return raw
    if key in document:
        problems.add((key,), f"expected keys with values, found {shown(raw)}")
    return {}
