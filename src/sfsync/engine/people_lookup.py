"""People whom an event is about and the mirror does not know: looked for in the org, by address.

A Lead that was converted before it ever came down is the Contact that it became.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sfsync.engine.fetch import ADDRESSES_PER_LOOKUP, IDS_PER_FETCH
from sfsync.engine.run import Run, batched
from sfsync.mapping.projection import Projection
from sfsync.model.activity import Person
from sfsync.model.address import match_key, spelled
from sfsync.model.event import EmailEvent
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import RawRecord, SalesforceId, Triple
from sfsync.planning.planner import plan_row


def bring_in_people(run: Run) -> None:
    """Look in the org for people whom the mirror does not know, by address, Contacts first."""
    for addresses in batched(run.mirror.events.unresolved_addresses(), ADDRESSES_PER_LOOKUP):
        wanted = set(addresses)
        for object_map in run.objects([]):
            if wanted and _may_bring_in(run, object_map):
                wanted -= _bring_in(run, object_map, sorted(wanted))


def _may_bring_in(run: Run, object_map: ObjectMap) -> bool:
    """Whether the org may have people of this object that the mirror does not know.

    After a complete pull it has none, but for Leads that were converted before they ever came down.
    """
    kind = object_map.kind
    if not kind.is_people or not run.usable.rules_for(object_map.name).pulls:
        return False
    return object_map.name not in run.fully_pulled or kind.conversion is not None


def _bring_in(run: Run, object_map: ObjectMap, addresses: Sequence[str]) -> set[str]:
    """Import who is found: several with one address too, about whom the event's plan decides.

    Returns:
        The match keys of the addresses that were found.
    """
    found, converted = _find(run, object_map, addresses)
    projection = _projection(object_map)
    for records in found.values():
        _import(run, object_map, projection, records)
    conversion = object_map.kind.conversion
    became = run.usable.objects.get(conversion.object) if conversion else None
    if became is not None:
        for key in found:
            converted.pop(key, None)  # a live record has the address too
        _bring_in_converted(run, became, converted)
    return set(found)


def _projection(object_map: ObjectMap) -> Projection:
    columns = tuple(column for column, each in object_map.by_column.items() if each.pulls)
    return Projection(object_map, columns)


def _find(
    run: Run, object_map: ObjectMap, addresses: Sequence[str]
) -> tuple[dict[str, list[RawRecord]], dict[str, SalesforceId]]:
    """Records by match key; and for converted ones, what each became."""
    address = object_map.by_column[object_map.match_on].remote
    fields = _projection(object_map).remote_fields
    conversion = object_map.kind.conversion
    found: dict[str, list[RawRecord]] = {}
    converted: dict[str, SalesforceId] = {}
    for page in run.org.find(object_map.sobject, fields, address, spelled(addresses)):
        for raw in page:
            key = match_key(str(raw.get(address) or ""))
            if conversion and raw.get(conversion.flag) and raw.get(conversion.successor):
                converted[key] = SalesforceId(str(raw[conversion.successor]))
            else:
                found.setdefault(key, []).append(raw)
    return found, converted


def _import(
    run: Run, object_map: ObjectMap, projection: Projection, records: Iterable[RawRecord]
) -> None:
    """Take these records in, as a pull would; those that have a row stay as they are."""
    rules = run.usable.rules_for(object_map.name)
    plans = []
    for raw in records:
        record = projection.to_remote_record(raw)
        if run.mirror.rows.by_salesforce_id(object_map.name, record.salesforce_id) is None:
            triple = Triple(object_map.name, None, None, record)
            plans.append(plan_row(triple, object_map, rules))
    run.mirror.rows.commit(plans)


def _bring_in_converted(run: Run, became: ObjectMap, converted: dict[str, SalesforceId]) -> None:
    """Import the records that converted ones became, and remember whose addresses these are."""
    projection = _projection(became)
    unknown = [
        record_id
        for record_id in sorted(set(converted.values()))
        if run.mirror.rows.by_salesforce_id(became.name, record_id) is None
    ]
    for chunk in batched(unknown, IDS_PER_FETCH):
        for page in run.org.fetch(became.sobject, projection.remote_fields, chunk):
            _import(run, became, projection, page)
    for key, record_id in converted.items():
        run.converted_leads[key] = (became.name, record_id)


def people_of(run: Run, event: EmailEvent, people: tuple[Person, ...]) -> tuple[Person, ...]:
    """Who has the event's address: live rows, else the Contact that a converted Lead became."""
    if people:
        return people
    became = run.converted_leads.get(match_key(event.email))
    if became is None:
        return people
    object_name, record = became
    row = run.mirror.rows.by_salesforce_id(object_name, record)
    if row is None or row.local.deleted_at:
        return people
    return (Person(object_name, row.local.local_id, record, row.local.values),)
