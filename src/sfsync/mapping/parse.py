"""The configuration's sections on data, as plain values -> ``Mapping``; every mistake at once, with its place.

Shapes (keys, types, choices) are checked by pydantic models, one entry at a time, so that a mistake in one
entry never hides those of the next; what entries mean together is checked by plain functions after. YAML and
files are ``config``'s business: here a document is dicts, lists and scalars, and ``Places`` knows the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import ErrorDetails

from sfsync.errors import ConfigError
from sfsync.mapping.coerce import canonical
from sfsync.mapping.place import Path, Places, Problems, label_of, nearest, shown, suggestion
from sfsync.mapping.schema import (
    Action,
    ActivityMap,
    Direction,
    EventRule,
    FieldMap,
    FieldType,
    Mapping,
    Merge,
    MissingPerson,
    ObjectMap,
    OncePer,
    OnLocalDelete,
    OnMultiple,
    RecordEvent,
    RecordRule,
    SyncRules,
)
from sfsync.mapping.template import EVENT_NAMES, NAMES, segments
from sfsync.model.event import EventType
from sfsync.model.record import Value

# -- the words of the file -------------------------------------------------------------------------------------
SOBJECTS: Final = {"contact": "Contact", "lead": "Lead"}
"""What can be kept in step; in the order in which a person is looked for."""

TABLES: Final = {"contact": "contacts", "lead": "leads"}

SECTIONS: Final = ("objects", "activities", "sync_rules")
"""The top-level keys read here; ``org``, ``mirror`` and ``limits`` are ``config``'s."""

RESERVED_COLUMNS: Final = frozenset({"id", "salesforce_id", "deleted_at", "rowid", "oid"})
"""The mirror's own columns, and SQLite's."""

OWN_FIELDS: Final = frozenset({"id", "isdeleted", "masterrecordid", "systemmodstamp"})
"""Fields of the org that sfsync reads for itself."""

FREQUENCIES: Final = ("real_time", "hourly_batch", "daily_batch", "manual")
FALLBACKS: Final = ("hourly_batch", "daily_batch", "none")

EVENT_ACTIONS: Final = {
    "create_task": Action.CREATE_TASK,
    "update_field": Action.UPDATE_FIELD,
    "update_custom_field": Action.UPDATE_FIELD,
    "increment_field": Action.INCREMENT_FIELD,
}
"""The actions on an email event."""

GENERAL_MERGES: Final = (Merge.SALESFORCE_WINS, Merge.LOCAL_WINS, Merge.NEWEST, Merge.MANUAL)
"""The merges that suit any field; the others belong to a kind of value."""

MERGE_TYPES: Final = {
    Merge.COUNTER: (FieldType.INTEGER,),
    Merge.STICKY_TRUE: (FieldType.BOOLEAN,),
    Merge.LATEST: (FieldType.DATETIME, FieldType.DATE),
}
"""Which types a merge can work on; the first is taken where the file states none."""

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class RuleDirection(StrEnum):
    """``direction`` of an object's rules, in the seed's words."""

    BIDIRECTIONAL = "bidirectional"
    TO_SALESFORCE = "to_salesforce"
    FROM_SALESFORCE = "from_salesforce"


_DIRECTIONS: Final = {
    RuleDirection.BIDIRECTIONAL: Direction.BOTH,
    RuleDirection.TO_SALESFORCE: Direction.PUSH,
    RuleDirection.FROM_SALESFORCE: Direction.PULL,
}

_Lax = Strict(False)  # strict models want an enum's member; files hold its text


# -- shapes ----------------------------------------------------------------------------------------------------
class Shape(BaseModel):
    """What every section has in common: no unknown keys, and no silent conversions."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class _FieldShape(Shape):
    to: str
    type: Annotated[FieldType | None, _Lax] = None
    direction: Annotated[Direction | None, _Lax] = None
    merge: Annotated[Merge | None, _Lax] = None
    placeholder: str | None = None


class _ObjectShape(Shape):
    fields: dict[str, Any]
    sobject: str | None = None
    match_on: str = "email"
    external_id: str | None = None
    on_multiple: Annotated[OnMultiple, _Lax] = OnMultiple.QUARANTINE
    on_local_delete: Annotated[OnLocalDelete, _Lax] = OnLocalDelete.KEEP
    opt_out: list[str] = []


class _ActivitiesShape(Shape):
    fields: dict[str, Any]
    sobject: str = "Task"
    external_id: str | None = None
    timezone: str = "UTC"
    missing_person: Annotated[MissingPerson | None, _Lax] = None
    activity_types: list[Any] | None = None


class _RulesShape(Shape):
    direction: Annotated[RuleDirection, _Lax] = RuleDirection.BIDIRECTIONAL
    frequency: str = "real_time"
    fallback: str = "hourly_batch"
    penguinmails_to_salesforce: list[Any] = []
    salesforce_to_penguinmails: list[Any] = []


class _EventRuleShape(Shape):
    on: str
    action: str
    field: str | None = None
    value: Any = None
    by: int = 1
    once_per: Annotated[OncePer, _Lax] = OncePer.EVENT


class _RecordRuleShape(Shape):
    on: str
    action: str
    add_to_segment: str = ""
    conflict_resolution: Annotated[Merge | None, _Lax] = None


AShape = TypeVar("AShape", bound=BaseModel)


def shaped(shape: type[AShape], raw: object, path: Path, problems: Problems) -> AShape | None:
    """Read one section or entry.

    Each mistake goes to ``problems``; the keys it concerns are then left out, so that the rest can still be
    checked for what it means. ``None`` where nothing useful is left.
    """
    if not isinstance(raw, dict):
        problems.add(path, f"expected keys with values ({', '.join(shape.model_fields)}), found {shown(raw)}")
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
            problems.add(where, f"{found} is none of its values{suggestion(str(detail['input']), choices)}")
        case kind:
            problems.add(where, f"expected {_EXPECTED.get(kind, kind)}, found {shown(detail['input'])}")


_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
}


# -- the whole -------------------------------------------------------------------------------------------------
def parse_mapping(document: MappingABC[str, Any], places: Places | None = None) -> Mapping:
    """Make a mapping of the sections ``objects``, ``activities`` and ``sync_rules``.

    Args:
        document: plain values; other keys are not looked at.
        places: where in the file each key and value stands.

    Raises:
        ConfigError: with every mistake in ``problems``.
    """
    problems = Problems(places)
    mapping = read_mapping(document, problems)
    if problems:
        raise ConfigError(f"the mapping has {counted(len(problems))}", problems=problems.told())
    return mapping


def counted(mistakes: int) -> str:
    """``1 mistake``, ``3 mistakes``."""
    return "1 mistake" if mistakes == 1 else f"{mistakes} mistakes"


def read_mapping(document: MappingABC[str, Any], problems: Problems) -> Mapping:
    """``parse_mapping`` for a caller with mistakes of its own; worth something only while there are none."""
    rules = _rule_shapes(document, problems)
    drafts = _object_drafts(document, rules, problems)
    activities = _activities(document, drafts, problems)
    objects = {name: draft.map for name, draft in drafts.items() if draft.map}
    parsed = {
        name: _sync_rules(name, shape, drafts[name], activities, problems)
        for name, shape in rules.items()
        if name in drafts
    }
    return Mapping(objects, activities or ActivityMap(types=()), parsed)


def _section(document: MappingABC[str, Any], key: str, problems: Problems) -> dict[str, Any]:
    raw = document.get(key)
    if isinstance(raw, dict):
        return raw
    if key in document:
        problems.add((key,), f"expected keys with values, found {shown(raw)}")
    return {}


# -- objects and fields ----------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Draft:
    """One object while it is read: ``told`` are the names of fields whose entry is wrong, told already."""

    name: str
    map: ObjectMap | None
    told: set[str]


def _object_drafts(
    document: MappingABC[str, Any], rules: MappingABC[str, _RulesShape], problems: Problems
) -> dict[str, _Draft]:
    section = _section(document, "objects", problems)
    if "objects" not in document:
        problems.add(("objects",), "missing: say which fields of contact and lead are to be kept in step")
    elif not section and isinstance(document["objects"], dict):
        problems.add(("objects",), "empty: say which fields of contact and lead are to be kept in step")
    for name in section:
        if name not in SOBJECTS:
            problems.add(("objects", name), f"no such object{suggestion(name, SOBJECTS)}", at_key=True)
    return {
        name: _object(name, section[name], _default_merge(rules.get(name)), problems)
        for name in SOBJECTS
        if name in section
    }


def _default_merge(rules: _RulesShape | None) -> Merge:
    """``conflict_resolution`` of the rule for updated records."""
    for entry in rules.salesforce_to_penguinmails if rules else ():
        if isinstance(entry, dict) and str(entry.get("on")).endswith("_updated"):
            stated = entry.get("conflict_resolution")
            if isinstance(stated, str) and stated in set(GENERAL_MERGES):
                return Merge(stated)
    return Merge.SALESFORCE_WINS


def _object(name: str, raw: object, default: Merge, problems: Problems) -> _Draft:
    path: Path = ("objects", name)
    shape = shaped(_ObjectShape, raw, path, problems)
    if shape is None:
        return _Draft(name, None, set())
    if shape.sobject not in {None, SOBJECTS[name]}:
        problems.add(
            (*path, "sobject"), f"{name} is kept in step with {SOBJECTS[name]}, not {shown(shape.sobject)}"
        )
    if not shape.fields:
        problems.add((*path, "fields"), "empty: at least the field to match on is needed")
    fields = [_field(name, remote, entry, default, path, problems) for remote, entry in shape.fields.items()]
    good = [field for field in fields if field is not None]
    told = {remote for remote, field in zip(shape.fields, fields, strict=True) if field is None}
    _check_unique(good, path, problems)
    external_id = shape.external_id or ""
    _check_external_id(external_id, good, path, problems)
    object_map = ObjectMap(
        name=name,
        table=TABLES[name],
        sobject=SOBJECTS[name],
        match_on=shape.match_on,
        fields=tuple(good),
        external_id=external_id,
        on_multiple=shape.on_multiple,
        on_local_delete=shape.on_local_delete,
        opt_out=_opt_out(shape.opt_out, good, told, path, problems),
    )
    if not told:
        _check_match(object_map, path, problems)
    return _Draft(name, object_map, told)


def _field(
    object_name: str, remote: str, raw: object, default: Merge, path: Path, problems: Problems
) -> FieldMap | None:
    where = (*path, "fields", remote)
    before = len(problems)
    if isinstance(raw, str):
        raw, at_column = {"to": raw}, where
    else:
        at_column = (*where, "to")
        if not isinstance(raw, dict):
            problems.add(where, f"expected a column, or {{to: column, …}}, found {shown(raw)}")
            return None
    shape = shaped(_FieldShape, raw, where, problems)
    if shape is None:
        return None
    _check_column(shape.to, at_column, problems)
    remote, shape = _company_of_contact(object_name, remote, shape)
    _check_remote(remote, shape, where, problems)
    field_map = _typed(remote, shape, default, where, problems)
    return field_map if len(problems) == before else None


def _company_of_contact(object_name: str, remote: str, shape: _FieldShape) -> tuple[str, _FieldShape]:
    """A Contact has no Company: what the seed's line means is the name of its Account, which is read only.

    Source: salesforce-facts §0.
    """
    if object_name == "contact" and remote == "Company":
        return "Account.Name", shape.model_copy(update={"direction": shape.direction or Direction.PULL})
    return remote, shape


def _check_column(column: str, path: Path, problems: Problems) -> None:
    if not _COLUMN.fullmatch(column):
        problems.add(
            path, f"{shown(column)} is no column name: letters, digits and _, a letter first, at most 63"
        )
    elif column.lower() in RESERVED_COLUMNS:
        problems.add(path, f"{shown(column)} is a column of the mirror's own; choose another name")


def _check_remote(remote: str, shape: _FieldShape, path: Path, problems: Problems) -> None:
    steps = remote.split(".")
    if not all(_REMOTE.fullmatch(step) for step in steps):
        problems.add(path, "that is no API name of a Salesforce field", at_key=True)
    elif remote.lower() in OWN_FIELDS:
        problems.add(path, "sfsync reads this field for itself; leave the line out", at_key=True)
    elif len(steps) > 2:
        problems.add(path, "only one step to a parent is possible, like Account.Name", at_key=True)
    elif len(steps) == 2 and shape.direction is not Direction.PULL:
        line = f"{remote}: {{to: {shape.to}, direction: pull}}"
        problems.add(path, f"a parent's field can only be read; write {line}", at_key=True)


def _typed(remote: str, shape: _FieldShape, default: Merge, path: Path, problems: Problems) -> FieldMap:
    direction = shape.direction or Direction.BOTH
    merge = shape.merge or _merge_for(direction, default)
    suited = MERGE_TYPES.get(merge, ())
    field_type = shape.type or (suited[0] if suited else FieldType.TEXT)
    if suited and field_type not in suited:
        names = " or ".join(suited)
        problems.add((*path, "merge"), f"{merge} needs type {names}, not {field_type}")
    if direction is Direction.PULL and shape.merge is Merge.LOCAL_WINS:
        problems.add(
            (*path, "merge"), "local_wins cannot be where the value only comes down (direction: pull)"
        )
    if direction is Direction.PUSH and shape.merge is Merge.SALESFORCE_WINS:
        problems.add(
            (*path, "merge"), "salesforce_wins cannot be where the value only goes up (direction: push)"
        )
    if shape.placeholder is not None:
        _check_placeholder(shape.placeholder, field_type, direction, (*path, "placeholder"), problems)
    return FieldMap(remote, shape.to, field_type, direction, merge, shape.placeholder)


def _merge_for(direction: Direction, default: Merge) -> Merge:
    if direction is Direction.PUSH:
        return Merge.LOCAL_WINS
    return Merge.SALESFORCE_WINS if direction is Direction.PULL else default


def _check_placeholder(
    placeholder: str, field_type: FieldType, direction: Direction, path: Path, problems: Problems
) -> None:
    if field_type is not FieldType.TEXT:
        problems.add(path, f"only a text field can have one, and this is {field_type}")
    elif not placeholder.strip():
        problems.add(path, "blank: Salesforce would refuse it like no value at all")
    elif placeholder != placeholder.strip():
        problems.add(path, "has blanks at its ends, which Salesforce would not keep")
    elif direction is Direction.PULL:
        problems.add(path, "is never sent where the value only comes down (direction: pull)")


def _check_unique(fields: Iterable[FieldMap], path: Path, problems: Problems) -> None:
    columns: dict[str, FieldMap] = {}
    remotes: dict[str, FieldMap] = {}
    for field in fields:
        where = (*path, "fields", field.remote)
        other = columns.setdefault(field.column.lower(), field)
        if other is not field:
            told = "" if other.column == field.column else f", written {other.column}"
            problems.add(where, f"the column {field.column} is taken by {other.remote}{told}")
        same = remotes.setdefault(field.remote.lower(), field)
        if same is not field:
            told = f"{same.remote} is the same field: Salesforce does not tell capital letters apart"
            problems.add(where, told, at_key=True)


def _check_external_id(name: str, fields: Iterable[FieldMap], path: Path, problems: Problems) -> None:
    where = (*path, "external_id")
    if name and not _REMOTE.fullmatch(name):
        problems.add(where, f"{shown(name)} is no API name of a Salesforce field")
    for field in fields:
        if name and field.remote.lower() == name.lower() and field.pushes:
            problems.add(
                (*path, "fields", field.remote), "is the external_id, which sfsync writes itself", at_key=True
            )


def _check_match(object_map: ObjectMap, path: Path, problems: Problems) -> None:
    where = (*path, "match_on")
    field = object_map.by_column.get(object_map.match_on)
    if field is None:
        by_name = object_map.by_remote.get(object_map.match_on)
        near = (
            f"; did you mean {by_name.column}?"
            if by_name
            else suggestion(object_map.match_on, object_map.columns)
        )
        problems.add(where, f"{shown(object_map.match_on)} is no mapped column{near}")
    elif field.type is not FieldType.TEXT or "." in field.remote:
        problems.add(
            where, f"{field.column} cannot recognise a person: a text field of the record itself is needed"
        )
    elif field.placeholder is not None:
        problems.add((*path, "fields", field.remote), "the field to match on cannot have a placeholder")


def _opt_out(
    names: list[str], fields: list[FieldMap], told: set[str], path: Path, problems: Problems
) -> tuple[str, ...]:
    by_remote = {field.remote: field for field in fields}
    columns: list[str] = []
    for index, name in enumerate(names):
        where = (*path, "opt_out", index)
        field = by_remote.get(name)
        if field is None:
            if name not in told:
                known = [field.remote for field in fields if field.merge is Merge.STICKY_TRUE]
                near = _by_column(name, fields) or suggestion(name, known)
                problems.add(where, f"{name} is not among the fields{near}")
        elif field.merge is not Merge.STICKY_TRUE:
            problems.add(where, f"{name} needs merge: sticky_true, or an opt-out could be undone")
        elif field.column in columns:
            problems.add(where, f"{name} stands here twice")
        else:
            columns.append(field.column)
    return tuple(columns)


def _by_column(name: str, fields: Iterable[FieldMap]) -> str:
    """A hint for somebody who wrote the column where the Salesforce field belongs."""
    return next((f"; did you mean {field.remote}?" for field in fields if field.column == name), "")


# -- activities ------------------------------------------------------------------------------------------------
def _activities(
    document: MappingABC[str, Any], drafts: MappingABC[str, _Draft], problems: Problems
) -> ActivityMap | None:
    if "activities" not in document:
        return None
    path: Path = ("activities",)
    shape = shaped(_ActivitiesShape, document["activities"], path, problems)
    if shape is None:
        return ActivityMap()
    if shape.sobject != "Task":
        problems.add((*path, "sobject"), f"email activity is logged as Task, not {shown(shape.sobject)}")
    _check_timezone(shape.timezone, (*path, "timezone"), problems)
    external_id = shape.external_id or ""
    if external_id and not _REMOTE.fullmatch(external_id):
        problems.add((*path, "external_id"), f"{shown(external_id)} is no API name of a Salesforce field")
    return ActivityMap(
        external_id=external_id,
        timezone=shape.timezone,
        missing_person=_missing_person(shape.missing_person, drafts, problems),
        fields=_task_fields(shape.fields, external_id, (*path, "fields"), problems),
        types=_activity_types(shape.activity_types, (*path, "activity_types"), problems),
    )


def _check_timezone(name: str, path: Path, problems: Problems) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, or these for odd names
        known = False
    except KeyError:
        known = False
    else:
        known = True
    if not known:
        near = nearest(name, available_timezones())
        hint = f"; did you mean {near}?" if near else "; write it like Europe/Berlin or America/New_York"
        problems.add(path, f"no such time zone: {shown(name)}{hint}")


def _missing_person(
    stated: MissingPerson | None, drafts: MappingABC[str, _Draft], problems: Problems
) -> MissingPerson:
    wanted = {MissingPerson.CREATE_CONTACT: "contact", MissingPerson.CREATE_LEAD: "lead"}
    if stated is None:
        here = [choice for choice, name in wanted.items() if name in drafts]
        return here[0] if here else MissingPerson.QUARANTINE
    if stated in wanted and drafts and wanted[stated] not in drafts:
        problems.add(("activities", "missing_person"), f"{stated} needs {wanted[stated]} among the objects")
    return stated


def _task_fields(
    raw: MappingABC[str, Any], external_id: str, path: Path, problems: Problems
) -> tuple[tuple[str, str], ...]:
    fields: list[tuple[str, str]] = []
    for name, template in raw.items():
        where = (*path, name)
        if not _REMOTE.fullmatch(name):
            problems.add(where, "that is no API name of a Task's field", at_key=True)
        elif name == external_id:
            problems.add(where, "is the external_id, which sfsync writes itself", at_key=True)
        elif any(name.lower() == other.lower() for other, _ in fields):
            problems.add(
                where, "the same field twice: Salesforce does not tell capital letters apart", at_key=True
            )
        elif not isinstance(template, str):
            problems.add(where, f"expected text, found {shown(template)}; put it in quotes")
        else:
            _check_template(template, NAMES, where, problems)
        fields.append((name, str(template)))
    if "WhoId" in raw and raw["WhoId"] != "contact_id":
        problems.add((*path, "WhoId"), "the Task's person is contact_id; write WhoId: contact_id")
    elif not any(str(template).strip("{}") == "contact_id" for template in raw.values()):
        problems.add(
            path, "no field holds contact_id, so Tasks would belong to nobody; add WhoId: contact_id"
        )
    return tuple(fields)


def _check_template(template: str, known: tuple[str, ...], path: Path, problems: Problems) -> bool:
    try:
        parts = segments(template, known)
    except ValueError as error:
        problems.add(path, str(error))
        return False
    if (True, "contact_id") in parts and len(parts) > 1:
        problems.add(
            path, "contact_id can only stand alone: a new person has none yet when the text is written"
        )
        return False
    return True


def _activity_types(raw: list[Any] | None, path: Path, problems: Problems) -> tuple[EventType, ...]:
    if raw is None:
        return tuple(EventType)
    labels = {event_type.label: event_type for event_type in EventType}
    names = labels | {event_type.value: event_type for event_type in EventType}
    types: list[EventType] = []
    for index, name in enumerate(raw):
        where = (*path, index)
        if not isinstance(name, str) or name not in names:
            problems.add(where, f"no such activity type: {shown(name)}{suggestion(str(name), labels)}")
        elif names[name] in types:
            problems.add(where, f"{name} stands here twice")
        else:
            types.append(names[name])
    return tuple(types)


# -- rules -----------------------------------------------------------------------------------------------------
def _rule_shapes(document: MappingABC[str, Any], problems: Problems) -> dict[str, _RulesShape]:
    """The rules by object, before what they say is looked at."""
    section = _section(document, "sync_rules", problems)
    by_key = {f"{name}_sync": name for name in SOBJECTS}
    objects = document.get("objects")
    shapes: dict[str, _RulesShape] = {}
    for key, raw in section.items():
        path: Path = ("sync_rules", key)
        if key not in by_key:
            problems.add(path, f"no such rules{suggestion(key, by_key)}", at_key=True)
            continue
        if isinstance(objects, dict) and by_key[key] not in objects:
            problems.add(path, f"there is no {by_key[key]} among the objects", at_key=True)
        shape = shaped(_RulesShape, raw, path, problems)
        if shape is not None:
            shapes[by_key[key]] = shape
    return shapes


def _sync_rules(
    name: str, shape: _RulesShape, draft: _Draft, activities: ActivityMap | None, problems: Problems
) -> SyncRules:
    path: Path = ("sync_rules", f"{name}_sync")
    _check_word(shape.frequency, FREQUENCIES, (*path, "frequency"), problems)
    _check_word(shape.fallback, FALLBACKS, (*path, "fallback"), problems)
    direction = _DIRECTIONS[shape.direction]
    up, down = shape.penguinmails_to_salesforce, shape.salesforce_to_penguinmails
    if direction is Direction.PULL and up:
        told = (
            "direction is from_salesforce, so nothing goes up; leave these rules out or make it bidirectional"
        )
        problems.add((*path, "penguinmails_to_salesforce"), told, at_key=True)
    if direction is Direction.PUSH and down:
        told = "direction is to_salesforce, so nothing comes down; leave these rules out or make it bidirectional"
        problems.add((*path, "salesforce_to_penguinmails"), told, at_key=True)
    return SyncRules(
        object=name,
        direction=direction,
        frequency=shape.frequency,
        fallback=shape.fallback,
        events=_event_rules(up, (*path, "penguinmails_to_salesforce"), draft, activities, problems),
        records=_record_rules(down, (*path, "salesforce_to_penguinmails"), name, problems),
    )


def _check_word(word: str, known: tuple[str, ...], path: Path, problems: Problems) -> None:
    if word not in known:
        problems.add(path, f"{shown(word)} is none of its values{suggestion(word, known)}")


def _event_rules(
    raw: list[Any], path: Path, draft: _Draft, activities: ActivityMap | None, problems: Problems
) -> tuple[EventRule, ...]:
    rules: list[EventRule] = []
    for index, entry in enumerate(raw):
        where = (*path, index)
        shape = shaped(_EventRuleShape, entry, where, problems)
        rule = _event_rule(shape, where, draft, activities, problems) if shape else None
        if rule is None:
            continue
        if any(
            (rule.on, rule.action, rule.column) == (other.on, other.action, other.column) for other in rules
        ):
            problems.add(
                where, f"a second {rule.action} on {rule.on} for the same field would count everything twice"
            )
        rules.append(rule)
    return tuple(rules)


def _event_rule(
    shape: _EventRuleShape, path: Path, draft: _Draft, activities: ActivityMap | None, problems: Problems
) -> EventRule | None:
    event = _email_event(shape.on, (*path, "on"), problems)
    action = _event_action(shape.action, (*path, "action"), draft.name, problems)
    if event is None or action is None:
        return None
    _check_keys(shape, action, path, problems)
    if action is Action.CREATE_TASK:
        _check_task_rule(event, activities, path, problems)
        return EventRule(event, action, once_per=shape.once_per)
    field = _rule_field(shape, action, path, draft, problems)
    if field is None:
        return None
    if action is Action.INCREMENT_FIELD:
        return _increment(event, shape, field, path, problems)
    has_value = "value" in shape.model_fields_set and not _is_event_time(shape.value, field)
    value = _rule_value(shape.value, field, (*path, "value"), problems) if has_value else None
    if not has_value and field.type not in {FieldType.DATETIME, FieldType.DATE, FieldType.TEXT}:
        problems.add(path, f"{shape.field} is {field.type} and cannot hold the event's time; add a value")
    return EventRule(event, action, column=field.column, value=value, has_value=has_value)


def _email_event(name: str, path: Path, problems: Problems) -> EventType | None:
    if name in set(EventType):
        return EventType(name)
    problems.add(path, f"no such email event: {shown(name)}{suggestion(name, [*EventType])}")
    return None


def _event_action(name: str, path: Path, object_name: str, problems: Problems) -> Action | None:
    if name in EVENT_ACTIONS:
        return EVENT_ACTIONS[name]
    if name in record_actions(object_name):
        problems.add(
            path, f"{name} answers to a change in Salesforce; it belongs under salesforce_to_penguinmails"
        )
    else:
        problems.add(path, f"no such action: {shown(name)}{suggestion(name, EVENT_ACTIONS)}")
    return None


_RULE_KEYS: Final = {
    Action.CREATE_TASK: {"once_per"},
    Action.UPDATE_FIELD: {"field", "value"},
    Action.INCREMENT_FIELD: {"field", "by"},
}


def _check_keys(shape: _EventRuleShape, action: Action, path: Path, problems: Problems) -> None:
    for key in sorted(shape.model_fields_set - {"on", "action"} - _RULE_KEYS[action]):
        problems.add((*path, key), f"{shape.action} does not use it", at_key=True)


def _check_task_rule(
    event: EventType, activities: ActivityMap | None, path: Path, problems: Problems
) -> None:
    if activities is None:
        problems.add(
            (*path, "action"), "create_task needs the section `activities`, which says what a Task holds"
        )
    elif event not in activities.types:
        problems.add(
            (*path, "on"), f"{event.label} is not among activities.activity_types, so it is never logged"
        )


def _rule_field(
    shape: _EventRuleShape, action: Action, path: Path, draft: _Draft, problems: Problems
) -> FieldMap | None:
    where = (*path, "field")
    if not shape.field:
        problems.add(where, f"missing: {shape.action} has to say which")
        return None
    if draft.map is None or shape.field in draft.told:
        return None
    field = draft.map.by_remote.get(shape.field)
    if field is None:
        near = _by_column(shape.field, draft.map.fields) or suggestion(shape.field, draft.map.by_remote)
        problems.add(where, f"{shape.field} is not among the fields of {draft.name}{near}")
        return None
    if not field.pushes:
        problems.add(
            where, f"{shape.field} only comes down (direction: pull), so this would never reach Salesforce"
        )
    if action is Action.INCREMENT_FIELD and field.type not in {FieldType.INTEGER, FieldType.NUMBER}:
        problems.add(where, f"{shape.field} is {field.type}; only an integer or a number can be incremented")
        return None
    return field


def _increment(
    event: EventType, shape: _EventRuleShape, field: FieldMap, path: Path, problems: Problems
) -> EventRule:
    if shape.by < 1:
        problems.add((*path, "by"), f"expected a whole number from 1, found {shape.by}")
    return EventRule(event, Action.INCREMENT_FIELD, column=field.column, by=shape.by)


def _rule_value(raw: Any, field: FieldMap, path: Path, problems: Problems) -> Value:
    if raw is None or isinstance(raw, dict | list):
        told = "a rule cannot blank a field" if raw is None else "expected a single value"
        problems.add(path, f"{told}, found {shown(raw)}; without `value` the event's time is written")
        return None
    if isinstance(raw, str) and field.type is FieldType.TEXT:
        _check_template(raw, EVENT_NAMES, path, problems)
        return raw
    try:
        value = canonical(field.type, raw)
    except ValueError as error:
        problems.add(path, f"{error}, and {field.remote} is {field.type}")
        return None
    if field.merge is Merge.STICKY_TRUE and value == 0:
        problems.add(path, f"{field.remote} is sticky_true: a rule cannot take an opt-out back")
    return value


def _is_event_time(raw: object, field: FieldMap) -> bool:
    """Whether a value says what is done without one: a time field gets the event's time."""
    is_time = field.type in {FieldType.DATE, FieldType.DATETIME}
    return is_time and isinstance(raw, str) and raw in {"event_timestamp", "{event_timestamp}"}


def record_actions(object_name: str) -> dict[str, tuple[RecordEvent, Action]]:
    """The actions on a change in Salesforce, and the change each answers to.

    >>> list(record_actions("lead"))
    ['import_lead', 'update_lead', 'soft_delete_lead']
    """
    return {
        f"import_{object_name}": (RecordEvent.CREATED, Action.IMPORT),
        f"update_{object_name}": (RecordEvent.UPDATED, Action.UPDATE),
        f"soft_delete_{object_name}": (RecordEvent.DELETED, Action.SOFT_DELETE),
    }


def _record_rules(raw: list[Any], path: Path, name: str, problems: Problems) -> tuple[RecordRule, ...]:
    rules: list[RecordRule] = []
    for index, entry in enumerate(raw):
        where = (*path, index)
        shape = shaped(_RecordRuleShape, entry, where, problems)
        rule = _record_rule(shape, where, name, problems) if shape else None
        if rule is None:
            continue
        if any(rule.on is other.on for other in rules):
            problems.add(where, f"a second rule on {name}_{rule.on} would never be asked")
        rules.append(rule)
    return tuple(rules)


def _record_rule(shape: _RecordRuleShape, path: Path, name: str, problems: Problems) -> RecordRule | None:
    on = _record_event(shape.on, (*path, "on"), name, problems)
    action = _record_action(shape.action, (*path, "action"), name, problems)
    if on is None or action is None:
        return None
    answers_to, does = action
    if answers_to is not on:
        problems.add((*path, "action"), f"{shape.action} answers to {name}_{answers_to}, not to {shape.on}")
        return None
    if shape.add_to_segment and does is not Action.IMPORT:
        problems.add((*path, "add_to_segment"), f"{shape.action} does not use it", at_key=True)
    if shape.conflict_resolution is not None:
        _check_resolution(shape, does, (*path, "conflict_resolution"), problems)
    return RecordRule(on, does, shape.add_to_segment.strip(), shape.conflict_resolution)


def _check_resolution(shape: _RecordRuleShape, does: Action, path: Path, problems: Problems) -> None:
    if does is not Action.UPDATE:
        problems.add(path, f"{shape.action} does not use it", at_key=True)
    elif shape.conflict_resolution not in GENERAL_MERGES:
        names = ", ".join(GENERAL_MERGES)
        problems.add(path, f"{shape.conflict_resolution} suits single fields only; for all of them: {names}")


def _record_event(on: str, path: Path, name: str, problems: Problems) -> RecordEvent | None:
    known = {f"{name}_{event}": event for event in RecordEvent}
    if on in known:
        return known[on]
    owner, _, event = on.rpartition("_")
    if owner in SOBJECTS and event in set(RecordEvent):
        problems.add(path, f"{on} belongs under {owner}_sync")
    elif on in set(EventType):
        problems.add(path, f"{on} is an email event; it belongs under penguinmails_to_salesforce")
    else:
        problems.add(path, f"no such change in Salesforce: {shown(on)}{suggestion(on, known)}")
    return None


def _record_action(
    action: str, path: Path, name: str, problems: Problems
) -> tuple[RecordEvent, Action] | None:
    known = record_actions(name)
    if action in known:
        return known[action]
    if action in EVENT_ACTIONS:
        problems.add(path, f"{action} answers to an email event; it belongs under penguinmails_to_salesforce")
    else:
        problems.add(path, f"no such action: {shown(action)}{suggestion(action, known)}")
    return None
