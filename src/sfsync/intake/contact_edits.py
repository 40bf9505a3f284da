"""What a service says of people, held against the mapping: values of the mirror's columns, as ``import`` reads them.

A field of the service is taken where the mirror has a column of that name; whatever else it knows
of people is passed over. What no rule asks for is counted as skipped, and never looked at.
"""

from __future__ import annotations

from dataclasses import replace

from sfsync.intake.event_values import BadValueError, checked_time, column_key, latest_believed
from sfsync.intake.written_values import AS_USUAL, WrittenValues
from sfsync.model.arrival import Arrival, ContactEdit, Unreadable
from sfsync.model.mapping import ObjectMap, RecordEvent, SyncMapping
from sfsync.model.record import Values


def with_values(arrival: Arrival, mapping: SyncMapping, *, now: str) -> Arrival:
    """The arrival with what it says of people in the mapping's terms, or as not to be read.

    Args:
        now: a change more than a day later is not believed.
    """
    if not arrival.contacts:
        return arrival
    wanted = [each for each in arrival.contacts if _objects(mapping, _event(each))]
    unreadable = list(arrival.unreadable)
    contacts = []
    for edit in wanted:
        try:
            contacts.append(_with_values(edit, mapping, latest_believed(now)))
        except BadValueError as error:
            unreadable.append(Unreadable(0, error.reason, edit.id, error.column, edit.id))
    skipped = arrival.skipped + len(arrival.contacts) - len(wanted)
    return replace(arrival, contacts=contacts, unreadable=unreadable, skipped=skipped)


def _event(edit: ContactEdit) -> RecordEvent:
    return RecordEvent.CREATED if edit.is_new else RecordEvent.UPDATED


def _objects(mapping: SyncMapping, event: RecordEvent) -> list[ObjectMap]:
    """The objects whose rules answer to this, in the mapping's order."""
    return [
        object_map
        for name, object_map in mapping.objects.items()
        if event in mapping.rules_for(name).contacts
    ]


def _with_values(edit: ContactEdit, mapping: SyncMapping, latest: str) -> ContactEdit:
    if not edit.id:
        raise BadValueError("id", "missing")
    if edit.unclear:
        raise BadValueError(edit.unclear[0], "expected a value, found an object")
    if edit.is_new and not edit.email:
        raise BadValueError("email", "missing")
    timestamp, milliseconds = checked_time(edit.at, edit.at, latest)
    objects = _objects(mapping, _event(edit))
    return replace(
        edit,
        # to the millisecond, so that two of one second have an order
        at=f"{timestamp.removesuffix('Z')}.{milliseconds:03d}Z",
        values={object_map.name: _values(edit, object_map) for object_map in objects},
        creates=objects[0].name if edit.is_new else "",
    )


def _values(edit: ContactEdit, object_map: ObjectMap) -> Values:
    # what only comes down from Salesforce is not to be edited here
    by_name = {column_key(each.column): each.column for each in object_map.fields if each.pushes}
    named = {column_key(name): text for name, text in edit.columns.items()}
    stated = {by_name[name]: text or None for name, text in named.items() if name in by_name}
    stated.pop(object_map.match_on, None)
    address = named.get("email") or (edit.email if edit.is_new else "")
    if address:
        stated[object_map.match_on] = address
    return WrittenValues(object_map, AS_USUAL).read_some(stated)
