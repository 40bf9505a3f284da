"""The section ``activities``: how an email event becomes a Task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sfsync.document.problems import Path, Problems, nearest, shown, suggestion
from sfsync.document.shapes import default_of, shaped
from sfsync.mapping.parse_objects import Draft
from sfsync.mapping.shapes import REMOTE_NAME, ActivitiesShape
from sfsync.mapping.template import NAMES, segments
from sfsync.model.event import EventType
from sfsync.model.mapping import (
    ActivityMap,
    MissingPerson,
)


def read_activities(
    document: Mapping[str, Any], drafts: Mapping[str, Draft], problems: Problems
) -> ActivityMap | None:
    """The section ``activities``; ``None`` where the file has none."""
    if "activities" not in document:
        return None
    path: Path = ("activities",)
    shape = shaped(ActivitiesShape, document["activities"], path, problems)
    if shape is None:
        return ActivityMap()
    if shape.sobject != "Task":
        problems.add(
            (*path, "sobject"), f"email activity is logged as Task, not {shown(shape.sobject)}"
        )
    _check_timezone(shape.timezone, (*path, "timezone"), problems)
    external_id = shape.external_id or ""
    if external_id and not REMOTE_NAME.fullmatch(external_id):
        problems.add(
            (*path, "external_id"), f"{shown(external_id)} is no API name of a Salesforce field"
        )
    return ActivityMap(
        external_id=external_id,
        timezone=shape.timezone,
        missing_person=_missing_person(shape.missing_person, drafts, problems),
        deleted_person=shape.deleted_person,
        machine_events=shape.machine_events,
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
        hint = (
            f"; did you mean {near}?"
            if near
            else "; write it like Europe/Berlin or America/New_York"
        )
        problems.add(path, f"no such time zone: {shown(name)}{hint}")


def _missing_person(
    stated: MissingPerson | None, drafts: Mapping[str, Draft], problems: Problems
) -> MissingPerson:
    if stated is None:
        return _default_person(drafts)
    if stated.creates and drafts and stated.creates not in drafts:
        problems.add(
            ("activities", "missing_person"), f"{stated} needs {stated.creates} among the objects"
        )
    return stated


def _default_person(drafts: Mapping[str, Draft]) -> MissingPerson:
    """The default, or what comes nearest to it where its object is not kept in step."""
    standard: MissingPerson = default_of(ActivityMap, "missing_person")
    choices: tuple[MissingPerson, ...] = (standard, *MissingPerson)
    for choice in choices:
        if not choice.creates or choice.creates in drafts:
            return choice
    return MissingPerson.QUARANTINE


def _task_fields(
    raw: Mapping[str, Any], external_id: str, path: Path, problems: Problems
) -> tuple[tuple[str, str], ...]:
    fields: list[tuple[str, str]] = []
    for name, template in raw.items():
        where = (*path, name)
        if not REMOTE_NAME.fullmatch(name):
            problems.add(where, "that is no API name of a Task's field", at_key=True)
        elif name == external_id:
            problems.add(where, "is the external_id, which sfsync writes itself", at_key=True)
        elif any(name.lower() == other.lower() for other, _ in fields):
            problems.add(
                where,
                "the same field twice: Salesforce does not tell capital letters apart",
                at_key=True,
            )
        elif not isinstance(template, str):
            problems.add(where, f"expected text, found {shown(template)}; put it in quotes")
        else:
            check_template(template, NAMES, where, problems)
        fields.append((name, str(template)))
    if "WhoId" in raw and raw["WhoId"] != "contact_id":
        problems.add((*path, "WhoId"), "the Task's person is contact_id; write WhoId: contact_id")
    elif not any(str(template).strip("{}") == "contact_id" for template in raw.values()):
        problems.add(
            path,
            "no field holds contact_id, so Tasks would belong to nobody; add WhoId: contact_id",
        )
    return tuple(fields)


def _activity_types(raw: list[Any] | None, path: Path, problems: Problems) -> tuple[EventType, ...]:
    if raw is None:
        return tuple(EventType)
    labels = {event_type.label: event_type for event_type in EventType}
    names = labels | {event_type.value: event_type for event_type in EventType}
    types: list[EventType] = []
    for index, name in enumerate(raw):
        where = (*path, index)
        if not isinstance(name, str) or name not in names:
            problems.add(
                where, f"no such activity type: {shown(name)}{suggestion(str(name), labels)}"
            )
        elif names[name] in types:
            problems.add(where, f"{name} stands here twice")
        else:
            types.append(names[name])
    return tuple(types)


def check_template(template: str, known: tuple[str, ...], path: Path, problems: Problems) -> bool:
    """Whether a template can be filled; if not, it is told why."""
    try:
        parts = segments(template, known)
    except ValueError as error:
        problems.add(path, str(error))
        return False
    if (True, "contact_id") in parts and len(parts) > 1:
        problems.add(
            path,
            "contact_id can only stand alone: a new person has none yet when the text is written",
        )
        return False
    return True
