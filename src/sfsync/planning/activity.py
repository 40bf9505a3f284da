"""Events and rules -> Task drafts and field changes. Pure.

An event's effects are decided once, when its person is known, and applied in one transaction with
the mark that it is handled: so an event counts once, whatever is repeated.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sfsync.mapping.template import render_task, render_value
from sfsync.model.activity import Effect, Person, TaskDraft
from sfsync.model.address import match_key
from sfsync.model.consent import ConsentSource, ConsentState, Statement
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.mapping import (
    Action,
    ActivityMap,
    DeletedPerson,
    EventRule,
    FieldMap,
    MachineEvents,
    MissingPerson,
    ObjectMap,
    OncePer,
    SyncRules,
)
from sfsync.model.merges import Merge
from sfsync.model.record import Value
from sfsync.planning.identity import choose
from sfsync.planning.machine_events import left_out


@dataclass(slots=True)
class Situation:
    """What deciding needs to know beside the events themselves, and what it has decided so far.

    Attributes:
        rules, objects: by object name, in the mapping's order; the part that the org has.
        configured: the same objects as the configuration has them.
        taken: once-per-campaign keys that are Tasks already; keys decided here are added.
    """

    rules: Mapping[str, SyncRules]
    objects: Mapping[str, ObjectMap]
    activities: ActivityMap
    configured: Mapping[str, ObjectMap] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    _seen: dict[tuple[str, object], dict[str, Value]] = field(default_factory=dict)

    def values_of(self, person: Person) -> dict[str, Value]:
        """The person's values, with what this batch has decided so far."""
        return self._seen.setdefault((person.object, person.local_id), dict(person.values))

    def values_of_new(self, object_name: str, event: EmailEvent) -> dict[str, Value]:
        """The values of a person to be created, with what this batch has decided so far."""
        start: dict[str, Value] = {self.objects[object_name].match_on: event.email}
        return self._seen.setdefault((object_name, match_key(event.email)), start)


def campaign_key(event: EmailEvent) -> str:
    """The key of the first event of its type in a campaign; without one, of the event itself.

    It hangs on the address, not on a row, so that a merge or a conversion does not make a second
    first.
    """
    campaign = event.campaign_id or event.campaign_name
    if not campaign:
        return task_key(event.id)
    facts = "\x1f".join((event.type.value, campaign, match_key(event.email)))
    return f"first-{hashlib.sha256(facts.encode()).hexdigest()[:32]}"


_PLAIN_KEY = re.compile(r"[a-z0-9][a-z0-9._:@+-]{0,99}")


def task_key(event_id: str) -> str:
    """An event's id as an external id of the org: as it is where that is safe, else its hash.

    Salesforce compares external ids without regard to case, so ``evt-A`` may not travel as it is:
    it would be taken for ``evt-a``. Source: SOQL and SOSL Reference; docs/salesforce.md §2.2.

    >>> task_key("evt-1")
    'evt-1'
    >>> task_key("EVT-1").startswith("key-")
    True
    """
    if _PLAIN_KEY.fullmatch(event_id) and not event_id.startswith(("first-", "key-")):
        return event_id
    return f"key-{hashlib.sha256(event_id.encode()).hexdigest()[:40]}"


def once_keys(events: Iterable[EmailEvent]) -> list[str]:
    """The campaign keys that have to be looked up before these events are decided."""
    return list(dict.fromkeys(campaign_key(event) for event in events))


def plan_event(event: EmailEvent, people: Sequence[Person], situation: Situation) -> Effect:
    """Decide what one event does: to whom, to which fields, and whether it becomes a Task.

    Args:
        people: every row with the event's address, also those that are deleted, in any order.
        situation: rules and mapping; it remembers what was decided for the events before.
    """
    return replace(
        _plan_event(event, people, situation), statements=said_of_consent(event, situation)
    )


def _plan_event(event: EmailEvent, rows: Sequence[Person], situation: Situation) -> Effect:
    # whatever its columns hold, an event is no account's
    of_people = {name for name, each in situation.objects.items() if each.kind.is_people}
    people = [row for row in rows if row.object in of_people]
    choice = _who([person for person in people if not person.deleted], situation.objects)
    if choice is None and people:
        return _deleted(event, people, situation)
    if choice is None and event.type is EventType.RESUBSCRIBED:
        return Effect(event)  # nobody is made for it: the statement is kept
    if choice is None:
        return _missing(event, situation)
    if not isinstance(choice, str):
        return _effect(event, choice, situation, choice.object, situation.values_of(choice))
    if _is_consent_alone(event, situation):
        # it holds for all of them: there is nothing to choose between
        return Effect(event)
    return Effect(
        event,
        problem=("SEVERAL_PEOPLE", choice, "Give the right one its own address, then retry."),
    )


def said_of_consent(event: EmailEvent, situation: Situation) -> tuple[Statement, ...]:
    """What the event says of consent to emails, for its address."""
    if event.type is EventType.RESUBSCRIBED:
        state = ConsentState.CONSENTED
    elif any(
        _opts_out(rule, situation.configured.get(name)) for name, rule in _rules(event, situation)
    ):
        state = ConsentState.OPTED_OUT
    else:
        return ()
    key = match_key(event.email)
    return (Statement(key, state, event.timestamp, ConsentSource.EVENT, event.id),)


def _is_consent_alone(event: EmailEvent, situation: Situation) -> bool:
    """Whether all that the rules do with such an event is an opt-out, if anything."""
    return all(
        _opts_out(rule, situation.configured.get(name)) for name, rule in _rules(event, situation)
    )


def _rules(event: EmailEvent, situation: Situation) -> Iterator[tuple[str, EventRule]]:
    """The rules that an event meets, each with its object."""
    for name, rules in situation.rules.items():
        if rules.pushes:
            yield from (
                (name, rule) for rule in rules.events if _meets(rule, event, situation, name)
            )


def _meets(rule: EventRule, event: EmailEvent, situation: Situation, object_name: str) -> bool:
    """A rule meets the events that it names. A complaint is an opt-out, too: it meets what an opt-out does."""
    if event.is_machine and rule.machine_events is MachineEvents.IGNORE:
        return False
    if rule.on is event.type:
        return True
    if event.type is not EventType.COMPLAINED or rule.on is not EventType.UNSUBSCRIBED:
        return False
    return _opts_out(rule, situation.configured.get(object_name))


def _who(people: Sequence[Person], objects: Mapping[str, ObjectMap]) -> Person | str | None:
    """The person an event is about; a sentence where several are, ``None`` where nobody is."""
    for name, object_map in objects.items():
        matches = [person for person in people if person.object == name]
        picked = choose(
            matches,
            object_map.on_multiple,
            ids=[str(person.salesforce_id or "~") for person in matches],
        )
        if picked.several:
            return f"{picked.count} {object_map.table} have this address"
        if picked.chosen is not None:
            return picked.chosen
    return None


def _deleted(event: EmailEvent, people: Sequence[Person], situation: Situation) -> Effect:
    """Whoever was deleted is known: nobody is made anew for an event, unless the configuration says so."""
    policy = situation.activities.deleted_person
    if policy is DeletedPerson.RECREATE:
        return _missing(event, situation)
    if policy is DeletedPerson.KEEP_WAITING:
        return Effect(event, waits=True)
    first = people[0]
    name = first.salesforce_id or f"{first.object} {first.local_id}"
    return Effect(
        event,
        problem=(
            "DELETED_PERSON",
            f"{name}, who has the address {event.email}, is deleted",
            "Restore the record in Salesforce, or the row here; then `sfsync retry`.",
        ),
    )


def _missing(event: EmailEvent, situation: Situation) -> Effect:
    policy = situation.activities.missing_person
    if policy is MissingPerson.QUARANTINE:
        return Effect(
            event,
            problem=(
                "UNKNOWN_PERSON",
                f"nobody has the address {event.email}, here or in Salesforce",
                "Import the person, or set activities.missing_person; then `sfsync retry`.",
            ),
        )
    object_name = policy.creates
    if object_name not in situation.objects:
        return Effect(
            event,
            problem=(
                "UNKNOWN_PERSON",
                f"no {object_name} is configured to create",
                "See activities.missing_person.",
            ),
        )
    if event.is_machine and event.type in left_out(
        [situation.rules[object_name]], situation.activities.machine_events
    ):
        return Effect(event, left_out=True)
    values = situation.values_of_new(object_name, event)
    effect = _effect(event, None, situation, object_name, values)
    new = {situation.objects[object_name].match_on: event.email}
    return replace(effect, new_person=(object_name, new))


def _effect(
    event: EmailEvent,
    person: Person | None,
    situation: Situation,
    object_name: str,
    values: dict[str, Value],
) -> Effect:
    """What the rules for this event do to one person; ``values`` is brought up to date."""
    rules = situation.rules[object_name]
    object_map = situation.objects[object_name]
    to_set: dict[str, Value] = {}
    to_add: dict[str, int] = {}
    task: TaskDraft | None = None
    if not rules.pushes:
        return Effect(event, person)
    for rule in rules.events:
        if not _meets(rule, event, situation, object_name):
            continue
        is_known = rule.column in object_map.by_column
        if rule.action is Action.UPDATE_FIELD and is_known:
            to_set |= _set(rule, event, object_map, values)
        elif _opts_out(rule, situation.configured.get(object_name)):
            # This org lacks the rule's own field: the other opt-out fields carry it, if any.
            if not object_map.opt_out:
                return Effect(event, person, problem=_NOWHERE)
            to_set |= _opt_out(object_map, values)
        elif rule.action is Action.INCREMENT_FIELD and is_known:
            to_add[rule.column] = to_add.get(rule.column, 0) + rule.by
        elif rule.action is Action.CREATE_TASK and task is None:
            task = _task(rule, event, situation, object_name, values)
    values.update(to_set)
    return Effect(event, person, set_values=to_set, add_values=to_add, task=task)


def _opt_out(object_map: ObjectMap, values: Mapping[str, Value]) -> dict[str, Value]:
    """The opt-out fields that are not true yet: one opt-out is all of them."""
    return {column: 1 for column in object_map.opt_out if values.get(column) != 1}


_NOWHERE = (
    "NO_OPT_OUT_FIELD",
    "Salesforce has no opt-out field that this user may write",
    "Let an admin make or show one (`sfsync org check`), then `sfsync retry`.",
)


def _opts_out(rule: EventRule, configured: ObjectMap | None) -> bool:
    """Whether the rule, as it is configured, is an opt-out."""
    if rule.action is not Action.UPDATE_FIELD or configured is None:
        return False
    return rule.column in configured.opt_out and bool(rule.value)


def _set(
    rule: EventRule, event: EmailEvent, object_map: ObjectMap, values: Mapping[str, Value]
) -> dict[str, Value]:
    """Column -> value that the rule changes; empty where it changes nothing."""
    field_map = object_map.by_column[rule.column]
    value = _value(rule, event, field_map)
    if value is None:
        return {}  # the event has nothing to say here
    current = values.get(rule.column)
    if field_map.merge is Merge.LATEST and str(current or "") >= str(value or ""):
        return {}  # an older event that comes after a newer one
    if value and rule.column in object_map.opt_out:
        return _opt_out(object_map, values)
    if current == value:
        return {}
    return {rule.column: value}


def _value(rule: EventRule, event: EmailEvent, field_map: FieldMap) -> Value:
    """What the rule writes; ``None`` where the event has nothing to say."""
    traits = field_map.type.traits
    if not rule.has_value:
        return traits.event_time(event.timestamp) if traits.event_time else None
    if traits.is_text and isinstance(rule.value, str):
        return render_value(rule.value, event)
    return rule.value


def _task(
    rule: EventRule,
    event: EmailEvent,
    situation: Situation,
    object_name: str,
    values: Mapping[str, Value],
) -> TaskDraft | None:
    if event.type not in situation.activities.types:
        return None
    key = campaign_key(event) if rule.once_per is OncePer.CAMPAIGN else task_key(event.id)
    if key in situation.taken:
        return None
    situation.taken.add(key)
    return task_draft(key, event, values, situation.objects[object_name], situation.activities)


def task_draft(
    key: str,
    event: EmailEvent,
    values: Mapping[str, Value],
    object_map: ObjectMap,
    activities: ActivityMap,
) -> TaskDraft:
    """The Task that tells an event of a person.

    Args:
        values: the person's.
        object_map: of the object that the person is.
    """
    name = object_map.name_in(values) or event.email
    fields = render_task(activities, event, contact_id=None, contact_name=name)
    return TaskDraft(key, str(fields.get("Subject") or ""), fields)
