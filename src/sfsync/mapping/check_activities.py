"""The Task's fields against what the org says of Task. Pure."""

from __future__ import annotations

from dataclasses import replace

from sfsync.mapping.problem import (
    Ask,
    ObjectProblems,
    Problem,
    choices_of,
    no_such_field,
    with_near_name,
)
from sfsync.mapping.template import DATE_FIELDS, alone, literal
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.field_types import NUMBERS
from sfsync.model.mapping import ActivityMap

_WITHOUT_IT = "Tasks are logged without it"


def check_activities(activity_map: ActivityMap, facts: SObjectFacts) -> list[Problem]:
    """Everything in the Task's fields that does not fit the org."""
    return narrow_activities(activity_map, facts)[1]


def narrow_activities(
    activity_map: ActivityMap, facts: SObjectFacts
) -> tuple[ActivityMap, list[Problem]]:
    """The part of the Task's fields that this org can take, and what is left out.

    Where a problem is an ERROR no Task should be logged: it would belong to nobody, or stand open.

    Source: docs/salesforce.md §7.3 (Type's and Status' values are an admin's; field-level security
    may hide Type).
    """
    problems = ObjectProblems(facts.name)
    kept: list[tuple[str, str]] = []
    for name, template in activity_map.fields:
        found = _task_field(name, template, facts, problems)
        if found is not None:
            kept.append((found.name, template))
    external_id = _narrow_event_id(activity_map.external_id, facts, problems)
    narrowed = replace(activity_map, fields=tuple(kept), external_id=external_id)
    if activity_map.fields and not narrowed.who_field:
        what = "it holds the person and cannot be written"
        problems.error(activity_map.who_field, what, "no Task can be logged", Ask.ACCESS)
    return narrowed, problems.found


def _task_field(
    name: str, template: str, facts: SObjectFacts, problems: ObjectProblems
) -> FieldFacts | None:
    """The field, if it can be written as the template says."""
    found = facts.field_named(name)
    if found is None:
        remedy = with_near_name(name, facts, Ask.ACCESS)
        _left_out(name, no_such_field(facts), remedy, problems)
        return None
    if not found.createable:
        _left_out(name, "this user may not write it", Ask.ACCESS, problems)
        return None
    wrong = _wrong_content(found, template)
    if wrong:
        problems.warning(name, wrong, _WITHOUT_IT, "")
        return None
    return found if _fits_picklist(found, template, problems) else None


def _left_out(name: str, what: str, remedy: str, problems: ObjectProblems) -> None:
    if name == "Status":
        # Without it the org takes its own default, which is a status that stays open.
        problems.error(name, what, "Tasks would stay open", remedy)
    else:
        problems.warning(name, what, _WITHOUT_IT, remedy)


def _wrong_content(found: FieldFacts, template: str) -> str:
    """Why the field cannot hold what the template gives; empty where it can."""
    gives = _time_of(found, template)
    if found.type in {"date", "datetime"} and found.type != gives:
        return f"it is a {found.type} in Salesforce, and {template!r} gives {gives or 'text'}"
    if found.type == "boolean" or found.type in NUMBERS:
        return f"it is {found.type} in Salesforce, and {template!r} gives text"
    return ""


def _time_of(found: FieldFacts, template: str) -> str:
    """``date`` or ``datetime``, where the template is the event's time alone; empty for text."""
    if alone(template) != "event_timestamp":
        return ""
    return "date" if found.name in DATE_FIELDS else "datetime"


def _fits_picklist(found: FieldFacts, template: str, problems: ObjectProblems) -> bool:
    """Whether the field is to be kept."""
    value = literal(template)
    if value is None or not found.picklist or value in found.picklist:
        return True
    what, remedy = f"{value!r} is not among its values", choices_of(found, value)
    if not found.restricted:
        problems.note(found.name, what, "Salesforce takes it, and reports may not count it", remedy)
        return True
    if found.name == "Status":
        problems.error(found.name, what, "Salesforce would refuse every Task", remedy)
        return True  # nothing is logged: there is nothing to leave it out of
    problems.warning(found.name, what, _WITHOUT_IT, remedy)
    return False


def _narrow_event_id(name: str, facts: SObjectFacts, problems: ObjectProblems) -> str:
    """The external id's name as the org spells it; empty where there is none to use."""
    if not name:
        return ""
    found = facts.field_named(name)
    if found is not None and found.external_id and found.createable:
        return found.name
    what = f"{facts.name} has no such external id, or this user may not write it"
    why = "every Task whose reply was lost is looked up before it is sent again"
    problems.warning(name, what, why, Ask.SETUP)
    return ""
