"""The section ``objects``: which field of the org is which column of the mirror, and how it travels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sfsync.document.problems import Path, Problems, shown, suggestion
from sfsync.document.shapes import default_of, section, shaped
from sfsync.mapping.shapes import (
    REMOTE_NAME,
    CompanyShape,
    FieldShape,
    ObjectShape,
    RulesShape,
)
from sfsync.model.field_types import FieldType, types_for_merge
from sfsync.model.mapping import Direction, FieldMap, ObjectMap
from sfsync.model.merges import GENERAL_MERGES, Merge
from sfsync.model.objects import OBJECTS, OWN_COLUMNS, SYSTEM_FIELDS, ObjectKind

RESERVED_COLUMNS: Final = frozenset({*OWN_COLUMNS, "rowid", "oid"})
"""The mirror's own columns, and SQLite's."""

OWN_FIELDS: Final = frozenset(name.lower() for name in SYSTEM_FIELDS)
"""Fields of the org that sfsync reads for itself."""

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


@dataclass(slots=True)
class Draft:
    """One object while it is read: ``told`` are the names of fields whose entry is wrong, told already."""

    name: str
    map: ObjectMap | None
    told: set[str]


def object_drafts(
    document: Mapping[str, Any], rules: Mapping[str, RulesShape], problems: Problems
) -> dict[str, Draft]:
    """The section ``objects``, in the registry's order; ``rules`` give the default merge."""
    entries = section(document, "objects", problems)
    if "objects" not in document:
        problems.add(
            ("objects",), "missing: say which fields of contact and lead are to be kept in step"
        )
    elif not entries and isinstance(document["objects"], dict):
        problems.add(
            ("objects",), "empty: say which fields of contact and lead are to be kept in step"
        )
    for name in entries:
        if name not in OBJECTS:
            problems.add(
                ("objects", name), f"no such object{suggestion(name, OBJECTS)}", at_key=True
            )
    return {
        name: _object(kind, entries[name], _default_merge(rules.get(name)), problems)
        for name, kind in OBJECTS.items()
        if name in entries
    }


def _default_merge(rules: RulesShape | None) -> Merge:
    """``conflict_resolution`` of the rule for updated records."""
    for entry in rules.salesforce_to_penguinmails if rules else ():
        if isinstance(entry, dict) and str(entry.get("on")).endswith("_updated"):
            stated = entry.get("conflict_resolution")
            if isinstance(stated, str) and stated in set(GENERAL_MERGES):
                return Merge(stated)
    standard: Merge = default_of(FieldMap, "merge")
    return standard


def _object(kind: ObjectKind, raw: object, default: Merge, problems: Problems) -> Draft:
    path: Path = ("objects", kind.name)
    shape = shaped(ObjectShape, raw, path, problems)
    if shape is None:
        return Draft(kind.name, None, set())
    if shape.sobject not in {None, kind.sobject}:
        problems.add(
            (*path, "sobject"),
            f"{kind.name} is kept in step with {kind.sobject}, not {shown(shape.sobject)}",
        )
    if shape.opt_out and not kind.is_people:
        problems.add((*path, "opt_out"), f"{kind.many} get no emails to opt out of", at_key=True)
    if not shape.fields:
        problems.add((*path, "fields"), "empty: at least the field to match on is needed")
    company = _company(kind, shape.company, (*path, "company"), problems)
    fields = [
        _field(kind, remote, entry, default, path, problems, linked=company is not None)
        for remote, entry in shape.fields.items()
    ]
    told = {remote for remote, field in zip(shape.fields, fields, strict=True) if field is None}
    good = [field for field in fields if field is not None]
    if company:
        good = _with_company(kind.parent_name, good, company, told, default, path, problems)
    _check_unique(good, path, problems)
    external_id = shape.external_id or ""
    _check_external_id(external_id, good, path, problems)
    object_map = ObjectMap(
        name=kind.name,
        table=kind.table,
        sobject=kind.sobject,
        match_on=shape.match_on if "match_on" in shape.model_fields_set else kind.match_on,
        fields=tuple(good),
        external_id=external_id,
        on_multiple=shape.on_multiple,
        on_local_delete=shape.on_local_delete,
        opt_out=_opt_out(shape.opt_out, good, told, path, problems),
    )
    if not told:
        _check_match(object_map, path, problems)
    return Draft(kind.name, object_map, told)


def _company(kind: ObjectKind, raw: object, path: Path, problems: Problems) -> CompanyShape | None:
    """The policy for a company's name on its way up, if the file has one."""
    if raw is None:
        return None
    if not kind.parent_name:
        problems.add(
            path, "only a contact is linked to an Account; a lead's Company is a field", at_key=True
        )
        return None
    shape = shaped(CompanyShape, raw, path, problems)
    if shape is not None and shape.lookup != kind.parent_name:
        problems.add(
            (*path, "lookup"),
            f"{shown(shape.lookup)}: a company is looked up by {kind.parent_name}",
        )
        return None
    return shape


def _with_company(
    parent_name: str,
    fields: list[FieldMap],
    company: CompanyShape,
    told: set[str],
    default: Merge,
    path: Path,
    problems: Problems,
) -> list[FieldMap]:
    """The fields, with the company's name going both ways."""
    if not any(field.remote == parent_name for field in fields):
        if not told & {parent_name, "Company"}:
            line = f"{parent_name}: company"
            problems.add(
                (*path, "company"),
                f"{parent_name} is not among the fields; add {line}",
                at_key=True,
            )
        return fields
    return [
        replace(
            field,
            direction=Direction.BOTH,
            merge=_up(field, default),
            on_missing=company.on_missing,
        )
        if field.remote == parent_name
        else field
        for field in fields
    ]


def _up(field: FieldMap, default: Merge) -> Merge:
    """The merge of a name that was written for one way and now goes both."""
    return default if field.direction is Direction.PULL else field.merge


def _field(
    kind: ObjectKind,
    remote: str,
    raw: object,
    default: Merge,
    path: Path,
    problems: Problems,
    *,
    linked: bool,
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
    shape = shaped(FieldShape, raw, where, problems)
    if shape is None:
        return None
    _check_column(shape.to, at_column, problems)
    remote, shape = _company_of_contact(kind, remote, shape)
    if linked and remote == kind.parent_name:
        shape = shape.model_copy(update={"direction": Direction.PULL})
    _check_remote(remote, shape, where, problems)
    field_map = _typed(remote, shape, default, where, problems)
    return field_map if len(problems) == before else None


def _company_of_contact(kind: ObjectKind, remote: str, shape: FieldShape) -> tuple[str, FieldShape]:
    """A Contact has no Company: what `Company: company` means is the name of its Account, which is read only.

    Source: docs/salesforce.md §0.
    """
    if kind.parent_name and remote == "Company":
        return kind.parent_name, shape.model_copy(
            update={"direction": shape.direction or Direction.PULL}
        )
    return remote, shape


def _check_column(column: str, path: Path, problems: Problems) -> None:
    if not _COLUMN.fullmatch(column):
        problems.add(
            path,
            f"{shown(column)} is no column name: letters, digits and _, a letter first, at most 63",
        )
    elif column.lower() in RESERVED_COLUMNS:
        problems.add(path, f"{shown(column)} is a column of the mirror's own; choose another name")


def _check_remote(remote: str, shape: FieldShape, path: Path, problems: Problems) -> None:
    steps = remote.split(".")
    if not all(REMOTE_NAME.fullmatch(step) for step in steps):
        problems.add(path, "that is no API name of a Salesforce field", at_key=True)
    elif remote.lower() in OWN_FIELDS:
        problems.add(path, "sfsync reads this field for itself; leave the line out", at_key=True)
    elif len(steps) > 2:
        problems.add(path, "only one step to a parent is possible, like Account.Name", at_key=True)
    elif len(steps) == 2 and shape.direction is not Direction.PULL:
        line = f"{remote}: {{to: {shape.to}, direction: pull}}"
        problems.add(path, f"a parent's field can only be read; write {line}", at_key=True)


def _typed(
    remote: str, shape: FieldShape, default: Merge, path: Path, problems: Problems
) -> FieldMap:
    direction: Direction = shape.direction or default_of(FieldMap, "direction")
    merge = shape.merge or _merge_for(direction, default)
    suited = types_for_merge(merge)
    field_type = shape.type or _type_for(suited)
    if suited and field_type not in suited:
        names = " or ".join(suited)
        problems.add((*path, "merge"), f"{merge} needs type {names}, not {field_type}")
    if direction is Direction.PULL and shape.merge is Merge.LOCAL_WINS:
        problems.add(
            (*path, "merge"),
            "local_wins cannot be where the value only comes down (direction: pull)",
        )
    if direction is Direction.PUSH and shape.merge is Merge.SALESFORCE_WINS:
        problems.add(
            (*path, "merge"),
            "salesforce_wins cannot be where the value only goes up (direction: push)",
        )
    if shape.placeholder is not None:
        _check_placeholder(
            shape.placeholder, field_type, direction, (*path, "placeholder"), problems
        )
    return FieldMap(remote, shape.to, field_type, direction, merge, shape.placeholder)


def _type_for(suited: Sequence[FieldType]) -> FieldType:
    """The type of a field that states none: what its merge needs, if that needs one."""
    standard: FieldType = default_of(FieldMap, "type")
    return suited[0] if suited else standard


def _merge_for(direction: Direction, default: Merge) -> Merge:
    if direction is Direction.PUSH:
        return Merge.LOCAL_WINS
    return Merge.SALESFORCE_WINS if direction is Direction.PULL else default


def _check_placeholder(
    placeholder: str, field_type: FieldType, direction: Direction, path: Path, problems: Problems
) -> None:
    if not field_type.traits.is_text:
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
            told = (
                f"{same.remote} is the same field: Salesforce does not tell capital letters apart"
            )
            problems.add(where, told, at_key=True)


def _check_external_id(
    name: str, fields: Iterable[FieldMap], path: Path, problems: Problems
) -> None:
    where = (*path, "external_id")
    if name and not REMOTE_NAME.fullmatch(name):
        problems.add(where, f"{shown(name)} is no API name of a Salesforce field")
    for field in fields:
        if name and field.remote.lower() == name.lower() and field.pushes:
            problems.add(
                (*path, "fields", field.remote),
                "is the external_id, which sfsync writes itself",
                at_key=True,
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
    elif not field.type.traits.is_text or "." in field.remote:
        problems.add(
            where,
            f"{field.column} cannot recognise {_with_article(object_map.kind.noun)}: a text field of the record itself is needed",
        )
    elif field.placeholder is not None:
        problems.add(
            (*path, "fields", field.remote), "the field to match on cannot have a placeholder"
        )


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


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
                near = hint_for_column(name, fields) or suggestion(name, known)
                problems.add(where, f"{name} is not among the fields{near}")
        elif field.merge is not Merge.STICKY_TRUE:
            problems.add(where, f"{name} needs merge: sticky_true, or an opt-out could be undone")
        elif field.column in columns:
            problems.add(where, f"{name} stands here twice")
        else:
            columns.append(field.column)
    return tuple(columns)


def hint_for_column(name: str, fields: Iterable[FieldMap]) -> str:
    """A hint for somebody who wrote the column where the Salesforce field belongs."""
    return next((f"; did you mean {field.remote}?" for field in fields if field.column == name), "")
