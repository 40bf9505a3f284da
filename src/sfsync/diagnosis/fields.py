"""When an object, a field or a value does not fit between the mapping, the mirror and the org."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import MachineFacts, Wanted
from sfsync.diagnosis.finding import Area, Finding, Who
from sfsync.document.problems import nearest
from sfsync.mapping.check import check_object
from sfsync.mapping.problem import OWN, Ask, Problem
from sfsync.model.facts import FieldFacts, OrgFacts, SObjectFacts
from sfsync.model.mapping import FieldMap, ObjectMap, OnLocalDelete
from sfsync.provisioning.blueprint import ACTIVITY
from sfsync.provisioning.grants import makes_parents

_MOST_VALUES: Final = 5
"""Of one column. A person who sees so many looks at the column."""

_MOST_FIELDS: Final = 4
"""Named of one object that has changed; the others are counted."""


# -- objects ---------------------------------------------------------------------------------------
def object_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """What the user may do with each object as a whole."""
    if not org.asked:
        return
    mapping = wanted.mapping
    for name, object_map in mapping.objects.items():
        pushes = mapping.rules_for(name).pushes
        needed = ("create", "edit") if pushes else ()
        yield from _object_rights(object_map.sobject, org, needed, Area.FIELDS)
        if pushes:
            yield from _delete_right(object_map, org)
    parent = makes_parents(mapping)
    if parent:
        yield from _object_rights(parent, org, ("create",), Area.FIELDS)
    if mapping.activities.fields:
        yield from _object_rights(mapping.activities.sobject, org, ("create",), Area.ACTIVITY)


def _object_rights(
    sobject: str, org: OrgFacts, needed: Sequence[str], area: Area
) -> Iterator[Finding]:
    facts = org.objects.get(sobject)
    if facts is None:
        yield finding("object.hidden", sobject, area=area, sobject=sobject)
        return
    granted = {"create": facts.createable, "edit": facts.updateable}
    missing = [right for right in needed if not granted[right]]
    if missing:
        rights = " or ".join(missing)
        yield finding("object.write", sobject, area=area, rights=rights, sobject=sobject)


def _delete_right(object_map: ObjectMap, org: OrgFacts) -> Iterator[Finding]:
    facts = org.objects.get(object_map.sobject)
    if facts is None or facts.deletable:
        return
    if object_map.on_local_delete is OnLocalDelete.DELETE:
        yield finding("object.delete", facts.name, sobject=facts.name)


# -- fields ----------------------------------------------------------------------------------------
def field_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """The mapping of each object, held against what the org says of its fields."""
    for object_map in wanted.mapping.objects.values():
        facts = org.objects.get(object_map.sobject)
        if facts is None:
            continue
        for problem in check_object(object_map, facts):
            yield of_problem(problem, org, Area.FIELDS)
        yield from key_findings(object_map.external_id, facts, Area.FIELDS)


def key_findings(name: str, facts: SObjectFacts, area: Area) -> Iterator[Finding]:
    """Whether an external id is a key: ``name`` is the field's."""
    found = facts.field_named(name)
    if found is not None and found.external_id and not found.unique:
        yield finding("key.not-unique", f"{facts.name}.{name}", area=area, sobject=facts.name)


_MISSING: Final = "has no such field, or hides it from this user"


def of_problem(problem: Problem, org: OrgFacts, area: Area) -> Finding:
    """A problem of the mapping; more exact where the org's setup could be looked into."""
    code, what, remedy = "mapping", problem.what, problem.remedy
    if _MISSING in problem.what:
        code = "field.missing"
        # The list of custom fields has those that are hidden from this user, too.
        if org.existing is not None and problem.field.endswith("__c"):
            if _exists(problem, org.existing):
                code = "field.hidden"
                if problem.field.startswith(OWN):
                    remedy = f"{Ask.SETUP} The permission set opens it."
            else:
                what = f"this org has no such field on {_table_of(problem)}"
    return finding(
        code,
        f"{problem.object}.{problem.field}" if problem.field else problem.object,
        area=area,
        severity=problem.severity,
        who=Who.ADMIN if problem.is_for_admin else Who.YOU,
        what=what,
        why=problem.why,
        remedy=remedy,
    )


def _exists(problem: Problem, existing: frozenset[str]) -> bool:
    wanted = f"{_table_of(problem)}.{problem.field}".lower()
    return any(name.lower() == wanted for name in existing)


def _table_of(problem: Problem) -> str:
    """Where a custom field of the object lives."""
    return ACTIVITY if problem.object == "Task" else problem.object


def address_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """State and country may be picklists.

    The describe of the text field does not show their values.

    Source: docs/salesforce.md §7.4 (the Code fields exist only where the lists are on).
    """
    for _name, object_map, facts in _pushed_objects(org, wanted):
        for field_map in object_map.fields:
            is_listed = f"{field_map.remote}Code" in facts.fields
            is_place = field_map.remote.endswith(("State", "Country"))
            if is_listed and is_place and field_map.pushes:
                yield finding("address.picklist", f"{object_map.sobject}.{field_map.remote}")


def _pushed_objects(org: OrgFacts, wanted: Wanted) -> Iterator[tuple[str, ObjectMap, SObjectFacts]]:
    """``(name, object_map, facts)`` of the objects whose rows go up, and that this user sees."""
    for name, object_map in wanted.mapping.objects.items():
        facts = org.objects.get(object_map.sobject)
        if facts is not None and wanted.mapping.rules_for(name).pushes:
            yield name, object_map, facts


# -- values ----------------------------------------------------------------------------------------
def value_findings(org: OrgFacts, wanted: Wanted, machine: MachineFacts) -> Iterator[Finding]:
    """What stands in the mirror, against what the org's fields can hold."""
    for name, object_map, facts in _pushed_objects(org, wanted):
        for field_map in object_map.fields:
            found = facts.fields.get(field_map.remote)
            if found is not None and field_map.pushes:
                column = (name, field_map.column)
                subject = f"{object_map.table}.{field_map.column}"
                yield from _too_long(
                    field_map, found, machine.widest.get(column, 0), subject, facts
                )
                yield from _not_listed(field_map, found, machine.values.get(column, ()), subject)


def _too_long(
    field_map: FieldMap, found: FieldFacts, longest: int, subject: str, facts: SObjectFacts
) -> Iterator[Finding]:
    # Only text has a length that counts; the digits of a number are described otherwise.
    if field_map.type.traits.choices is None or not found.length:
        return
    if longest > found.length:
        field = f"{facts.name}.{found.name}"
        yield finding("value.too-long", subject, longest=longest, field=field, length=found.length)


def _not_listed(
    field_map: FieldMap, found: FieldFacts, values: Sequence[str], subject: str
) -> Iterator[Finding]:
    """Values that a restricted picklist does not have; ``values`` are the mirror's, each once."""
    choices = field_map.type.traits.choices
    if choices is None or not found.picklist:
        return
    chosen = dict.fromkeys(choice for value in values for choice in choices(value))
    strange = [choice for choice in chosen if choice not in found.picklist]
    for value in strange[:_MOST_VALUES]:
        near = nearest(value, found.picklist)
        hint = f"Did you mean {near!r}?"
        if not near:
            hint = f"Its values: {', '.join(found.picklist[:8])}."
        yield finding("value.not-in-picklist", subject, value=value, hint=hint)


# -- what the mirror remembers of the org ----------------------------------------------------------
def memory_findings(org: OrgFacts, machine: MachineFacts) -> Iterator[Finding]:
    """What the mirror remembers of the org's objects, between runs, may be out of date."""
    for name, kept in machine.remembered.items():
        facts = org.objects.get(name)
        changed = changes(kept, facts) if facts else []
        if changed:
            fields = ", ".join(changed[:_MOST_FIELDS])
            more = len(changed) - _MOST_FIELDS
            if more > 0:
                fields += f" and {more} more"
            yield finding("memory.stale", name, sobject=name, fields=fields)


def changes(before: SObjectFacts, after: SObjectFacts) -> list[str]:
    """Names of fields that came, went, or are not as they were; in the order of the names."""
    names = sorted(before.fields.keys() | after.fields.keys())
    return [name for name in names if before.fields.get(name) != after.fields.get(name)]
