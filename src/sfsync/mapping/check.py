"""The mapping against what the org says of its objects: what fits, what does not, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from sfsync.document.problems import nearest
from sfsync.mapping.template import DATE_FIELDS, alone, literal, who_field
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import NUMBERS, types_for_describe
from sfsync.model.mapping import ActivityMap, Direction, FieldMap, ObjectMap


class Severity(StrEnum):
    """What a problem means for a run."""

    ERROR = "error"  # this object cannot be synced, or no Task can be logged
    WARNING = "warning"  # something is left out; the rest is synced
    NOTE = "note"  # it works, and may surprise


class Ask(StrEnum):
    """What a remedy ends with that only an admin of Salesforce can do."""

    SETUP = (
        "Run `sfsync org setup`, or ask your admin for the PenguinMails fields and their"
        " permission set."
    )
    ACCESS = "Ask your admin for the field, or for the right to see it (field-level security)."
    EDIT = "Ask your admin for edit access to the field, or write direction: pull."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit between the mapping and the org.

    Attributes:
        object: the org's object, ``Contact``.
        field: the org's field; empty where it is about the whole object.
        what: what is so.
        why: what follows from it.
        remedy: what to do about it.
    """

    severity: Severity
    object: str
    field: str
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        name = f"{self.object}.{self.field}" if self.field else self.object
        return f"{name}: {self.what}; {self.why}. {self.remedy}".rstrip()

    @property
    def is_for_admin(self) -> bool:
        """Whether only a person with rights in Salesforce's setup can mend it."""
        return self.remedy.endswith(tuple(Ask))

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


def check_object(object_map: ObjectMap, facts: SObjectFacts) -> list[Problem]:
    """Everything in the mapping of one object that does not fit the org, in the configuration's order."""
    return narrow(object_map, facts)[1]


def narrow(object_map: ObjectMap, facts: SObjectFacts) -> tuple[ObjectMap, list[Problem]]:
    """The part of the mapping that this org can do, and what is not part of it.

    Left out are fields that the org lacks or hides and those of another type; a field that may not
    be written only comes down; an external id that is none is not used. Where a problem is an ERROR
    the object cannot be synced at all, and the returned mapping must not be used.
    """
    problems: list[Problem] = []
    fields = [_narrow_field(field, object_map, facts, problems) for field in object_map.fields]
    kept = tuple(field for field in fields if field is not None)
    columns = {field.column for field in kept}
    narrowed = replace(
        object_map,
        fields=kept,
        external_id=_narrow_external_id(object_map.external_id, facts, problems),
        opt_out=tuple(column for column in object_map.opt_out if column in columns),
    )
    _check_match_field(narrowed, object_map, facts, problems)
    _check_required(narrowed, facts, problems)
    return narrowed, problems


# -- fields ----------------------------------------------------------------------------------------
def _narrow_field(
    field: FieldMap, object_map: ObjectMap, facts: SObjectFacts, problems: list[Problem]
) -> FieldMap | None:
    if "." in field.remote:
        return _narrow_parent(field, facts, problems)
    found = facts.field_named(field.remote)
    if found is None:
        problems.append(_missing(field, object_map, facts))
        return None
    if found.type not in field.type.traits.suits:
        problems.append(_mismatch(field, found, facts.name))
        return None
    if found.name != field.remote:
        field = _respelled(field, found, facts.name, problems)
    _note_type(field, found, facts.name, problems)
    _check_placeholder(field, found, facts.name, problems)
    return _narrow_direction(field, found, facts.name, problems)


def _missing(field: FieldMap, object_map: ObjectMap, facts: SObjectFacts) -> Problem:
    why = f"{field.column} is not synced"
    if field.column in object_map.opt_out:
        why = "an opt-out cannot be read or set there, so Salesforce's own mailings may still reach that person"
    is_made_by_setup = field.remote.startswith("PenguinMails_") and field.type.traits.custom_field
    remedy: str = Ask.SETUP if is_made_by_setup else Ask.ACCESS
    near = _near(field.remote, facts.fields)
    if near:
        remedy = f"Did you mean {near}? {remedy}"
    what = f"{facts.name} has no such field, or hides it from this user"
    return Problem(Severity.WARNING, facts.name, field.remote, what, why, remedy)


def _near(name: str, known: Iterable[str]) -> str:
    """The nearest name, by what tells names apart: every field of ours begins and ends alike, and is none of Salesforce's."""
    ours = name.startswith("PenguinMails_")
    known = [entry for entry in known if not ours or entry.startswith("PenguinMails_")]
    bare = {entry.removeprefix("PenguinMails_").removesuffix("__c"): entry for entry in known}
    return bare.get(nearest(name.removeprefix("PenguinMails_").removesuffix("__c"), bare), "")


def _mismatch(field: FieldMap, found: FieldFacts, name: str) -> Problem:
    fitting = types_for_describe(found.type)
    # the wider one first: a number holds what an integer holds
    remedy = f"Write type: {' or '.join(reversed(fitting))}."
    if not fitting:
        remedy = "Leave it out: a compound field cannot be synced as one value."
    what = f"it is {found.type} in Salesforce and {field.type} in the mapping"
    return Problem(
        Severity.WARNING, name, field.remote, what, f"{field.column} is not synced", remedy
    )


def _respelled(field: FieldMap, found: FieldFacts, name: str, problems: list[Problem]) -> FieldMap:
    what = f"Salesforce spells it {found.name}"
    problems.append(
        Problem(
            Severity.NOTE,
            name,
            field.remote,
            what,
            "it is synced under that name",
            f"Write {found.name}.",
        )
    )
    return replace(field, remote=found.name)


def _note_type(field: FieldMap, found: FieldFacts, name: str, problems: list[Problem]) -> None:
    if found.type in field.type.traits.made_for:
        return
    better = types_for_describe(found.type)[-1]
    remedy = f"Write type: {better}."
    if better is field.type:
        remedy = ""  # no type is made for it, and this is the one that can hold it
    what = f"it is {found.type}, kept as {field.type}"
    why = "equal values written in different ways will look different"
    problems.append(Problem(Severity.NOTE, name, field.remote, what, why, remedy))


def _check_placeholder(
    field: FieldMap, found: FieldFacts, name: str, problems: list[Problem]
) -> None:
    if field.placeholder is None:
        return
    if found.length and len(field.placeholder) > found.length:
        what = f"the placeholder is longer than the field's {found.length} characters"
    elif found.restricted and found.picklist and field.placeholder not in found.picklist:
        what = f"the placeholder {field.placeholder!r} is not in its restricted picklist"
    else:
        return
    why = "records that need it will be refused"
    problems.append(
        Problem(Severity.WARNING, name, field.remote, what, why, _choices(found, field.placeholder))
    )


def _choices(found: FieldFacts, given: str) -> str:
    if not found.picklist:
        return "Choose a shorter one."
    near = nearest(given, found.picklist)
    shown = ", ".join(found.picklist[:8]) + (" …" if len(found.picklist) > 8 else "")
    return f"{f'Did you mean {near}? ' if near else ''}Its values: {shown}."


def _narrow_direction(
    field: FieldMap, found: FieldFacts, name: str, problems: list[Problem]
) -> FieldMap | None:
    if not field.pushes or (found.createable and found.updateable):
        return field
    remedy: str = Ask.EDIT
    if found.calculated:
        what, remedy = "Salesforce computes it, and nobody can write it", "Write direction: pull."
    elif not found.createable and not found.updateable:
        what = "this user may not write it"
    else:
        what = f"this user may write it only when {'creating' if found.createable else 'updating'} a record"
    if field.direction is Direction.PUSH:
        problems.append(
            Problem(
                Severity.WARNING, name, field.remote, what, f"{field.column} is not synced", remedy
            )
        )
        return None
    why = f"{field.column} only comes down"
    problems.append(Problem(Severity.WARNING, name, field.remote, what, why, remedy))
    return replace(field, direction=Direction.PULL)


def _narrow_parent(
    field: FieldMap, facts: SObjectFacts, problems: list[Problem]
) -> FieldMap | None:
    parent = field.remote.split(".", maxsplit=1)[0]
    relationships = {entry.relationship for entry in facts.fields.values() if entry.relationship}
    if parent in relationships:
        return _narrow_link(field, parent, facts, problems) if field.on_missing else field
    near = nearest(parent, relationships)
    what = f"{facts.name} has no parent called {parent}, or hides it from this user"
    remedy = f"Did you mean {near}? {Ask.ACCESS}" if near else Ask.ACCESS
    problems.append(
        Problem(
            Severity.WARNING,
            facts.name,
            field.remote,
            what,
            f"{field.column} is not synced",
            remedy,
        )
    )
    return None


def _narrow_link(
    field: FieldMap, parent: str, facts: SObjectFacts, problems: list[Problem]
) -> FieldMap:
    """A parent's name goes up by way of the field that links the two; where that may not be written, it comes down."""
    link = next(entry for entry in facts.fields.values() if entry.relationship == parent)
    if link.createable and link.updateable:
        return field
    what = f"this user may not write {link.name}, which links a record to its {parent}"
    why = f"{field.column} only comes down"
    problems.append(Problem(Severity.WARNING, facts.name, field.remote, what, why, Ask.EDIT))
    return replace(field, direction=Direction.PULL, on_missing=None)


# -- the object as a whole -------------------------------------------------------------------------
def _narrow_external_id(name: str, facts: SObjectFacts, problems: list[Problem]) -> str:
    if not name:
        return ""
    found = facts.field_named(name)
    if found is None:
        what = f"{facts.name} has no such field, or hides it from this user"
    elif not (found.external_id or found.id_lookup):
        what = "it is not marked as an external id"
    elif not found.createable:
        what = "this user may not write it"
    else:
        return found.name
    why = "records are created without a key, and a lost reply is settled by looking them up"
    problems.append(Problem(Severity.WARNING, facts.name, name, what, why, Ask.SETUP))
    return ""


def _check_match_field(
    narrowed: ObjectMap, object_map: ObjectMap, facts: SObjectFacts, problems: list[Problem]
) -> None:
    field = narrowed.by_column.get(object_map.match_on)
    if field is None:
        wanted = object_map.by_column.get(object_map.match_on)
        remote = wanted.remote if wanted else ""
        what = (
            f"people are recognised by it (match_on: {object_map.match_on}), and it cannot be read"
        )
    elif not (found := facts.fields[field.remote]).filterable:
        remote = found.name
        what = f"people are recognised by it (match_on: {field.column}), and it cannot be searched"
    else:
        return
    why = f"{object_map.table} cannot be synced"
    problems.append(Problem(Severity.ERROR, facts.name, remote, what, why, Ask.ACCESS))


def _check_required(narrowed: ObjectMap, facts: SObjectFacts, problems: list[Problem]) -> None:
    pushed = {field.remote: field for field in narrowed.fields if field.pushes}
    for found in facts.fields.values():
        if not found.required or found.name == narrowed.external_id:
            continue
        field = pushed.get(found.name)
        if field is None:
            what, why = (
                "Salesforce requires it and the mapping does not send it",
                "no record can be created",
            )
            remedy = f"Add it: `{found.name}: {{to: {_column_for(found.name)}, placeholder: …}}`."
            problems.append(Problem(Severity.WARNING, facts.name, found.name, what, why, remedy))
        elif field.placeholder is None and field.type.traits.is_text:
            what, why = (
                "Salesforce requires it",
                f"a row without {field.column} cannot be created or blanked there",
            )
            remedy = f"A placeholder helps: `{found.name}: {{to: {field.column}, placeholder: (unknown)}}`."
            problems.append(Problem(Severity.NOTE, facts.name, found.name, what, why, remedy))


def _column_for(name: str) -> str:
    """A column's name made of a field's: ``LastName`` -> ``last_name``."""
    spaced = "".join(
        f"_{char}" if char.isupper() and index else char for index, char in enumerate(name)
    )
    return spaced.lower().removesuffix("__c").replace("__", "_")


# -- activities ------------------------------------------------------------------------------------
def check_activities(activity_map: ActivityMap, facts: SObjectFacts) -> list[Problem]:
    """Everything in the Task's fields that does not fit the org."""
    return narrow_activities(activity_map, facts)[1]


def narrow_activities(
    activity_map: ActivityMap, facts: SObjectFacts
) -> tuple[ActivityMap, list[Problem]]:
    """The part of the Task's fields that this org can take, and what is left out.

    Where a problem is an ERROR no Task should be logged: it would belong to nobody, or stand open.

    Source: salesforce-facts §7.3 (Type's and Status' values are an admin's; field-level security
    may hide Type).
    """
    problems: list[Problem] = []
    kept = tuple(
        (found.name, template)
        for name, template in activity_map.fields
        if (found := _task_field(name, template, facts, problems)) is not None
    )
    external_id = _narrow_event_id(activity_map.external_id, facts, problems)
    narrowed = replace(activity_map, fields=kept, external_id=external_id)
    if activity_map.fields and not who_field(narrowed):
        name = who_field(activity_map)
        what = "it holds the person and cannot be written"
        problems.append(
            Problem(Severity.ERROR, facts.name, name, what, "no Task can be logged", Ask.ACCESS)
        )
    return narrowed, problems


def _task_field(
    name: str, template: str, facts: SObjectFacts, problems: list[Problem]
) -> FieldFacts | None:
    found = facts.field_named(name)
    if found is None or not found.createable:
        what = (
            "this user may not write it"
            if found
            else f"{facts.name} has no such field, or hides it from this user"
        )
        near = "" if found else _near(name, facts.fields)
        remedy = f"Did you mean {near}? {Ask.ACCESS}" if near else Ask.ACCESS
        severity = Severity.ERROR if name == "Status" else Severity.WARNING
        why = "Tasks would stay open" if name == "Status" else "Tasks are logged without it"
        problems.append(Problem(severity, facts.name, name, what, why, remedy))
        return None
    wrong = _wrong_content(found, template)
    if wrong:
        problems.append(
            Problem(Severity.WARNING, facts.name, name, wrong, "Tasks are logged without it", "")
        )
        return None
    return found if _fits_picklist(found, template, facts.name, problems) else None


def _wrong_content(found: FieldFacts, template: str) -> str:
    is_time = alone(template) == "event_timestamp"
    gives = ("date" if found.name in DATE_FIELDS else "datetime") if is_time else ""
    if found.type in {"date", "datetime"} and found.type != gives:
        return f"it is a {found.type} in Salesforce, and {template!r} gives {gives or 'text'}"
    if found.type == "boolean" or found.type in NUMBERS:
        return f"it is {found.type} in Salesforce, and {template!r} gives text"
    return ""


def _fits_picklist(found: FieldFacts, template: str, name: str, problems: list[Problem]) -> bool:
    """Whether the field is to be kept."""
    value = literal(template)
    if value is None or not found.picklist or value in found.picklist:
        return True
    what = f"{value!r} is not among its values"
    if not found.restricted:
        why = "Salesforce takes it, and reports may not count it"
        problems.append(Problem(Severity.NOTE, name, found.name, what, why, _choices(found, value)))
        return True
    if found.name == "Status":
        why = "Salesforce would refuse every Task"
        problems.append(
            Problem(Severity.ERROR, name, found.name, what, why, _choices(found, value))
        )
        return True
    why = "Tasks are logged without it"
    problems.append(Problem(Severity.WARNING, name, found.name, what, why, _choices(found, value)))
    return False


def _narrow_event_id(name: str, facts: SObjectFacts, problems: list[Problem]) -> str:
    if not name:
        return ""
    found = facts.field_named(name)
    if found is not None and found.external_id and found.createable:
        return found.name
    what = f"{facts.name} has no such external id, or this user may not write it"
    why = "every Task whose reply was lost is looked up before it is sent again"
    problems.append(Problem(Severity.WARNING, facts.name, name, what, why, Ask.SETUP))
    return ""


def errors_in(problems: Iterable[Problem]) -> list[Problem]:
    """Those that forbid the run for their object."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]
