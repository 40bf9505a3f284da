"""The mapping of an object against what the org says of it: what does not fit. Pure."""

from __future__ import annotations

from dataclasses import replace

from sfsync.document.problems import nearest
from sfsync.mapping.problem import (
    OWN,
    Ask,
    ObjectProblems,
    Problem,
    choices_of,
    no_such_field,
    with_near_name,
    with_suggestion,
)
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import types_for_describe
from sfsync.model.mapping import Direction, FieldMap, ObjectMap


def check_object(object_map: ObjectMap, facts: SObjectFacts) -> list[Problem]:
    """Everything in the mapping of one object that does not fit the org, in the mapping's order."""
    return narrow(object_map, facts)[1]


def narrow(object_map: ObjectMap, facts: SObjectFacts) -> tuple[ObjectMap, list[Problem]]:
    """The part of the mapping that this org can do, and what is not part of it.

    Left out are fields that the org lacks or hides and those of another type; a field that may not
    be written only comes down; an external id that is none is not used. Where a problem is an ERROR
    the object cannot be synced at all, and the returned mapping must not be used.
    """
    problems = ObjectProblems(facts.name)
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
    return narrowed, problems.found


# -- fields ----------------------------------------------------------------------------------------
def _narrow_field(
    field: FieldMap, object_map: ObjectMap, facts: SObjectFacts, problems: ObjectProblems
) -> FieldMap | None:
    """The field as this org can do it; ``None`` where it cannot."""
    if "." in field.remote:
        return _narrow_parent(field, facts, problems)
    found = facts.field_named(field.remote)
    if found is None:
        _report_missing(field, object_map, facts, problems)
        return None
    if found.type not in field.type.traits.suits:
        _report_mismatch(field, found, problems)
        return None
    if found.name != field.remote:
        field = _respelled(field, found, problems)
    _note_type(field, found, problems)
    _check_placeholder(field, found, problems)
    return _narrow_direction(replace(field, scale=found.scale), found, problems)


def _report_missing(
    field: FieldMap, object_map: ObjectMap, facts: SObjectFacts, problems: ObjectProblems
) -> None:
    why = f"{field.column} is not synced"
    if field.column in object_map.opt_out:
        why = (
            "an opt-out cannot be read or set there, so Salesforce's own mailings may still"
            " reach that person"
        )
    is_made_by_setup = field.remote.startswith(OWN) and field.type.traits.custom_field
    remedy = Ask.SETUP if is_made_by_setup else Ask.ACCESS
    remedy_with_name = with_near_name(field.remote, facts, remedy)
    problems.warning(field.remote, no_such_field(facts), why, remedy_with_name)


def _report_mismatch(field: FieldMap, found: FieldFacts, problems: ObjectProblems) -> None:
    fitting = types_for_describe(found.type)
    # the wider one first: a number holds what an integer holds
    remedy = f"Write type: {' or '.join(reversed(fitting))}."
    if not fitting:
        remedy = "Leave it out: a compound field cannot be synced as one value."
    what = f"it is {found.type} in Salesforce and {field.type} in the mapping"
    problems.warning(field.remote, what, f"{field.column} is not synced", remedy)


def _respelled(field: FieldMap, found: FieldFacts, problems: ObjectProblems) -> FieldMap:
    """The field under the org's own spelling, which is the one that replies have."""
    what, why = f"Salesforce spells it {found.name}", "it is synced under that name"
    problems.note(field.remote, what, why, f"Write {found.name}.")
    return replace(field, remote=found.name)


def _note_type(field: FieldMap, found: FieldFacts, problems: ObjectProblems) -> None:
    if found.type in field.type.traits.made_for:
        return
    better = types_for_describe(found.type)[-1]
    remedy = f"Write type: {better}."
    if better is field.type:
        remedy = ""  # no type is made for it, and this is the one that can hold it
    what = f"it is {found.type}, kept as {field.type}"
    why = "equal values written in different ways will look different"
    problems.note(field.remote, what, why, remedy)


def _check_placeholder(field: FieldMap, found: FieldFacts, problems: ObjectProblems) -> None:
    if field.placeholder is None:
        return
    if found.length and len(field.placeholder) > found.length:
        what = f"the placeholder is longer than the field's {found.length} characters"
    elif found.restricted and found.picklist and field.placeholder not in found.picklist:
        what = f"the placeholder {field.placeholder!r} is not in its restricted picklist"
    else:
        return
    why = "records that need it will be refused"
    problems.warning(field.remote, what, why, choices_of(found, field.placeholder))


def _narrow_direction(
    field: FieldMap, found: FieldFacts, problems: ObjectProblems
) -> FieldMap | None:
    """The field in the directions that this user's rights allow; ``None`` where none is left."""
    if not field.pushes or (found.createable and found.updateable):
        return field
    what = _why_not_writable(found)
    remedy = "Write direction: pull." if found.calculated else Ask.EDIT
    if field.direction is Direction.PUSH:
        problems.warning(field.remote, what, f"{field.column} is not synced", remedy)
        return None
    problems.warning(field.remote, what, f"{field.column} only comes down", remedy)
    return replace(field, direction=Direction.PULL)


def _why_not_writable(found: FieldFacts) -> str:
    if found.calculated:
        return "Salesforce computes it, and nobody can write it"
    if found.createable:
        return "this user may write it only when creating a record"
    if found.updateable:
        return "this user may write it only when updating a record"
    return "this user may not write it"


def _narrow_parent(
    field: FieldMap, facts: SObjectFacts, problems: ObjectProblems
) -> FieldMap | None:
    parent = field.remote.split(".", maxsplit=1)[0]
    relationships = {entry.relationship for entry in facts.fields.values() if entry.relationship}
    if parent in relationships:
        return _narrow_link(field, parent, facts, problems) if field.on_missing else field
    what = f"{facts.name} has no parent called {parent}, or hides it from this user"
    remedy = with_suggestion(nearest(parent, relationships), Ask.ACCESS)
    problems.warning(field.remote, what, f"{field.column} is not synced", remedy)
    return None


def _narrow_link(
    field: FieldMap, parent: str, facts: SObjectFacts, problems: ObjectProblems
) -> FieldMap:
    """A parent's name goes up by way of the field that links the two.

    Where that may not be written, the name only comes down.
    """
    link = next(entry for entry in facts.fields.values() if entry.relationship == parent)
    if link.createable and link.updateable:
        return field
    what = f"this user may not write {link.name}, which links a record to its {parent}"
    problems.warning(field.remote, what, f"{field.column} only comes down", Ask.EDIT)
    return replace(field, direction=Direction.PULL, on_missing=None)


# -- the object as a whole -------------------------------------------------------------------------
def _narrow_external_id(name: str, facts: SObjectFacts, problems: ObjectProblems) -> str:
    """The external id's name as the org spells it; empty where there is none to use."""
    if not name:
        return ""
    found = facts.field_named(name)
    if found is None:
        what = no_such_field(facts)
    elif not (found.external_id or found.id_lookup):
        what = "it is not marked as an external id"
    elif not found.createable:
        what = "this user may not write it"
    else:
        return found.name
    why = "records are created without a key, and a lost reply is settled by looking them up"
    problems.warning(name, what, why, Ask.SETUP)
    return ""


def _check_match_field(
    narrowed: ObjectMap, object_map: ObjectMap, facts: SObjectFacts, problems: ObjectProblems
) -> None:
    column = object_map.match_on
    recognised = f"{object_map.kind.many} are recognised by it (match_on: {column})"
    why = f"{object_map.table} cannot be synced"
    field = narrowed.by_column.get(column)
    if field is None:
        wanted = object_map.by_column.get(column)
        name = wanted.remote if wanted else ""
        problems.error(name, f"{recognised}, and it cannot be read", why, Ask.ACCESS)
        return
    found = facts.fields[field.remote]
    if not found.filterable:
        problems.error(found.name, f"{recognised}, and it cannot be searched", why, Ask.ACCESS)


def _check_required(narrowed: ObjectMap, facts: SObjectFacts, problems: ObjectProblems) -> None:
    """Fields without which Salesforce takes no record."""
    pushed = {field.remote: field for field in narrowed.fields if field.pushes}
    for found in facts.fields.values():
        if not found.required or found.name == narrowed.external_id:
            continue
        name = found.name
        field = pushed.get(name)
        if field is None:
            what = "Salesforce requires it and the mapping does not send it"
            remedy = f"Add it: `{name}: {{to: {_column_for(name)}, placeholder: …}}`."
            problems.warning(name, what, "no record can be created", remedy)
        elif field.placeholder is None and field.type.traits.is_text:
            why = f"a row without {field.column} cannot be created or blanked there"
            line = f"{name}: {{to: {field.column}, placeholder: (unknown)}}"
            problems.note(name, "Salesforce requires it", why, f"A placeholder helps: `{line}`.")


def _column_for(name: str) -> str:
    """A column's name made of a field's: ``LastName`` -> ``last_name``."""
    letters = [f"_{letter}" if letter.isupper() else letter for letter in name]
    spaced = "".join(letters).removeprefix("_")
    return spaced.lower().removesuffix("__c").replace("__", "_")
