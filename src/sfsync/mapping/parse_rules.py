"""The section ``sync_rules``: what an email event does, and what a change in Salesforce does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sfsync.document.problems import Path, Problems, shown, suggestion
from sfsync.document.shapes import section, shaped
from sfsync.mapping.parse_activities import check_template
from sfsync.mapping.parse_contact_rules import (
    CONTACT_EVENTS,
    contact_rules,
    is_contact_rule,
)
from sfsync.mapping.parse_objects import Draft, hint_for_column
from sfsync.mapping.shapes import (
    DIRECTIONS,
    EventRuleShape,
    RecordRuleShape,
    RulesShape,
)
from sfsync.mapping.template import EVENT_NAMES
from sfsync.model.event import EventType
from sfsync.model.field_types import canonical
from sfsync.model.mapping import (
    Action,
    ActivityMap,
    Direction,
    EventRule,
    FieldMap,
    MachineEvents,
    RecordEvent,
    RecordRule,
    SyncRules,
)
from sfsync.model.merges import GENERAL_MERGES, Merge
from sfsync.model.objects import OBJECTS
from sfsync.model.record import Value

FREQUENCIES: Final = ("real_time", "hourly_batch", "daily_batch", "manual")
FALLBACKS: Final = ("hourly_batch", "daily_batch", "none")

EVENT_ACTIONS: Final = {
    "create_task": Action.CREATE_TASK,
    "update_field": Action.UPDATE_FIELD,
    "update_custom_field": Action.UPDATE_FIELD,
    "increment_field": Action.INCREMENT_FIELD,
}
"""The actions on an email event."""


def rule_shapes(document: Mapping[str, Any], problems: Problems) -> dict[str, RulesShape]:
    """The rules by object, before what they say is looked at."""
    entries = section(document, "sync_rules", problems)
    by_key = {f"{name}_sync": name for name in OBJECTS}
    objects = document.get("objects")
    shapes: dict[str, RulesShape] = {}
    for key, raw in entries.items():
        path: Path = ("sync_rules", key)
        if key not in by_key:
            problems.add(path, f"no such rules{suggestion(key, by_key)}", at_key=True)
            continue
        if isinstance(objects, dict) and by_key[key] not in objects:
            problems.add(path, f"there is no {by_key[key]} among the objects", at_key=True)
        shape = shaped(RulesShape, raw, path, problems)
        if shape is not None:
            shapes[by_key[key]] = shape
    return shapes


def sync_rules(
    name: str, shape: RulesShape, draft: Draft, activities: ActivityMap | None, problems: Problems
) -> SyncRules:
    """What one object's rules mean, held against its fields and the activities."""
    path: Path = ("sync_rules", f"{name}_sync")
    _check_word(shape.frequency, FREQUENCIES, (*path, "frequency"), problems)
    _check_word(shape.fallback, FALLBACKS, (*path, "fallback"), problems)
    direction = DIRECTIONS[shape.direction]
    up, down = shape.penguinmails_to_salesforce, shape.salesforce_to_penguinmails
    if up and not OBJECTS[name].is_people:
        told = (
            f"email events belong to people, never to {OBJECTS[name].many}; leave these rules out"
        )
        problems.add((*path, "penguinmails_to_salesforce"), told, at_key=True)
    if direction is Direction.PULL and up:
        told = "direction is from_salesforce, so nothing goes up; leave these rules out or make it bidirectional"
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
        contacts=contact_rules(up, (*path, "penguinmails_to_salesforce"), name, problems),
        records=_record_rules(down, (*path, "salesforce_to_penguinmails"), name, problems),
    )


def _check_word(word: str, known: tuple[str, ...], path: Path, problems: Problems) -> None:
    if word not in known:
        problems.add(path, f"{shown(word)} is none of its values{suggestion(word, known)}")


def _event_rules(
    raw: list[Any], path: Path, draft: Draft, activities: ActivityMap | None, problems: Problems
) -> tuple[EventRule, ...]:
    rules: list[EventRule] = []
    for index, entry in enumerate(raw):
        if is_contact_rule(entry):
            continue
        where = (*path, index)
        shape = shaped(EventRuleShape, entry, where, problems)
        rule = _event_rule(shape, where, draft, activities, problems) if shape else None
        if rule is None:
            continue
        if any(
            (rule.on, rule.action, rule.column) == (other.on, other.action, other.column)
            for other in rules
        ):
            problems.add(
                where,
                f"a second {rule.action} on {rule.on} for the same field would count everything twice",
            )
        rules.append(rule)
    return tuple(rules)


def _event_rule(
    shape: EventRuleShape,
    path: Path,
    draft: Draft,
    activities: ActivityMap | None,
    problems: Problems,
) -> EventRule | None:
    event = _email_event(shape.on, (*path, "on"), problems)
    action = _event_action(shape.action, (*path, "action"), draft.name, problems)
    if event is None or action is None:
        return None
    _check_keys(shape, action, path, problems)
    if action is Action.CREATE_TASK:
        _check_task_rule(event, activities, path, problems)
        rule: EventRule | None = EventRule(event, action, once_per=shape.once_per)
    else:
        rule = _field_rule(event, shape, action, path, draft, problems)
    if rule is None:
        return None
    machine_events = _machine_events(shape, rule, draft, activities, path, problems)
    return replace(rule, machine_events=machine_events)


def _field_rule(
    event: EventType,
    shape: EventRuleShape,
    action: Action,
    path: Path,
    draft: Draft,
    problems: Problems,
) -> EventRule | None:
    """A rule that sets a field, or adds to it."""
    field = _rule_field(shape, action, path, draft, problems)
    if field is None:
        return None
    if action is Action.INCREMENT_FIELD:
        return _increment(event, shape, field, path, problems)
    has_value = "value" in shape.model_fields_set and not _is_event_time(shape.value, field)
    value = _rule_value(shape.value, field, (*path, "value"), problems) if has_value else None
    if not has_value and field.type.traits.event_time is None:
        problems.add(
            path, f"{shape.field} is {field.type} and cannot hold the event's time; add a value"
        )
    return EventRule(event, action, column=field.column, value=value, has_value=has_value)


def _machine_events(
    shape: EventRuleShape,
    rule: EventRule,
    draft: Draft,
    activities: ActivityMap | None,
    path: Path,
    problems: Problems,
) -> MachineEvents:
    """What the rule does with events of machines; what says something of consent always counts."""
    opt_out = draft.map.opt_out if draft.map else ()
    opts_out = rule.has_value and rule.column in opt_out and bool(rule.value)
    if not (rule.on.is_about_consent or opts_out):
        return shape.machine_events or (activities or ActivityMap()).machine_events
    if shape.machine_events is MachineEvents.IGNORE:
        told = "an opt-out always counts, whoever caused it; leave this out"
        problems.add((*path, "machine_events"), told, at_key=True)
    return MachineEvents.COUNT


def _email_event(name: str, path: Path, problems: Problems) -> EventType | None:
    if name in set(EventType):
        return EventType(name)
    known = [*EventType, *CONTACT_EVENTS]
    problems.add(path, f"no such email event: {shown(name)}{suggestion(name, known)}")
    return None


def _event_action(name: str, path: Path, object_name: str, problems: Problems) -> Action | None:
    if name in EVENT_ACTIONS:
        return EVENT_ACTIONS[name]
    if name in record_actions(object_name):
        problems.add(
            path,
            f"{name} answers to a change in Salesforce; it belongs under salesforce_to_penguinmails",
        )
    else:
        problems.add(path, f"no such action: {shown(name)}{suggestion(name, EVENT_ACTIONS)}")
    return None


_RULE_KEYS: Final = {
    Action.CREATE_TASK: {"once_per"},
    Action.UPDATE_FIELD: {"field", "value"},
    Action.INCREMENT_FIELD: {"field", "by"},
}


def _check_keys(shape: EventRuleShape, action: Action, path: Path, problems: Problems) -> None:
    for key in sorted(
        shape.model_fields_set - {"on", "action", "machine_events"} - _RULE_KEYS[action]
    ):
        problems.add((*path, key), f"{shape.action} does not use it", at_key=True)


def _check_task_rule(
    event: EventType, activities: ActivityMap | None, path: Path, problems: Problems
) -> None:
    if activities is None:
        problems.add(
            (*path, "action"),
            "create_task needs the section `activities`, which says what a Task holds",
        )
    elif event not in activities.types:
        problems.add(
            (*path, "on"),
            f"{event.label} is not among activities.activity_types, so it is never logged",
        )


def _rule_field(
    shape: EventRuleShape, action: Action, path: Path, draft: Draft, problems: Problems
) -> FieldMap | None:
    where = (*path, "field")
    if not shape.field:
        problems.add(where, f"missing: {shape.action} has to say which")
        return None
    if draft.map is None or shape.field in draft.told:
        return None
    field = draft.map.by_remote.get(shape.field)
    if field is None:
        near = hint_for_column(shape.field, draft.map.fields) or suggestion(
            shape.field, draft.map.by_remote
        )
        problems.add(where, f"{shape.field} is not among the fields of {draft.name}{near}")
        return None
    if not field.pushes:
        problems.add(
            where,
            f"{shape.field} only comes down (direction: pull), so this would never reach Salesforce",
        )
    if action is Action.INCREMENT_FIELD and not field.type.traits.is_number:
        problems.add(
            where, f"{shape.field} is {field.type}; only an integer or a number can be incremented"
        )
        return None
    return field


def _increment(
    event: EventType, shape: EventRuleShape, field: FieldMap, path: Path, problems: Problems
) -> EventRule:
    if shape.by < 1:
        problems.add((*path, "by"), f"expected a whole number from 1, found {shape.by}")
    return EventRule(event, Action.INCREMENT_FIELD, column=field.column, by=shape.by)


def _rule_value(raw: Any, field: FieldMap, path: Path, problems: Problems) -> Value:
    if raw is None or isinstance(raw, dict | list):
        told = "a rule cannot blank a field" if raw is None else "expected a single value"
        problems.add(
            path, f"{told}, found {shown(raw)}; without `value` the event's time is written"
        )
        return None
    if isinstance(raw, str) and field.type.traits.is_text:
        check_template(raw, EVENT_NAMES, path, problems)
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
    if not field.type.traits.is_time or not isinstance(raw, str):
        return False
    return raw in {"event_timestamp", "{event_timestamp}"}


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


def _record_rules(
    raw: list[Any], path: Path, name: str, problems: Problems
) -> tuple[RecordRule, ...]:
    rules: list[RecordRule] = []
    for index, entry in enumerate(raw):
        where = (*path, index)
        shape = shaped(RecordRuleShape, entry, where, problems)
        rule = _record_rule(shape, where, name, problems) if shape else None
        if rule is None:
            continue
        if any(rule.on is other.on for other in rules):
            problems.add(where, f"a second rule on {name}_{rule.on} would never be asked")
        rules.append(rule)
    return tuple(rules)


def _record_rule(
    shape: RecordRuleShape, path: Path, name: str, problems: Problems
) -> RecordRule | None:
    on = _record_event(shape.on, (*path, "on"), name, problems)
    action = _record_action(shape.action, (*path, "action"), name, problems)
    if on is None or action is None:
        return None
    answers_to, does = action
    if answers_to is not on:
        problems.add(
            (*path, "action"), f"{shape.action} answers to {name}_{answers_to}, not to {shape.on}"
        )
        return None
    if shape.add_to_segment and does is not Action.IMPORT:
        problems.add((*path, "add_to_segment"), f"{shape.action} does not use it", at_key=True)
    elif shape.add_to_segment and not OBJECTS[name].is_people:
        told = f"segments are of people, not of {OBJECTS[name].many}"
        problems.add((*path, "add_to_segment"), told, at_key=True)
    if shape.conflict_resolution is not None:
        _check_resolution(shape, does, (*path, "conflict_resolution"), problems)
    return RecordRule(on, does, shape.add_to_segment.strip(), shape.conflict_resolution)


def _check_resolution(shape: RecordRuleShape, does: Action, path: Path, problems: Problems) -> None:
    if does is not Action.UPDATE:
        problems.add(path, f"{shape.action} does not use it", at_key=True)
    elif shape.conflict_resolution not in GENERAL_MERGES:
        names = ", ".join(GENERAL_MERGES)
        problems.add(
            path, f"{shape.conflict_resolution} suits single fields only; for all of them: {names}"
        )


def _record_event(on: str, path: Path, name: str, problems: Problems) -> RecordEvent | None:
    known = {f"{name}_{event}": event for event in RecordEvent}
    if on in known:
        return known[on]
    owner, _, event = on.rpartition("_")
    if owner in OBJECTS and event in set(RecordEvent):
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
        problems.add(
            path, f"{action} answers to an email event; it belongs under penguinmails_to_salesforce"
        )
    else:
        problems.add(path, f"no such action: {shown(action)}{suggestion(action, known)}")
    return None
