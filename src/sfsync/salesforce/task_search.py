"""Which events are Tasks already, looked up by the key that each of these Tasks carries.

Source: docs/salesforce.md §7.3 (archiving, Activity's external ids), §3 (Description is not
filterable).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfsync.model.mapping import ActivityMap
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.salesforce import soql
from sfsync.salesforce.connect import Connection

REFERENCE = "sfsync-ref:"
"""What a Task's Description names its key by, where the org has no external id for Tasks."""


def find_tasks(
    connection: Connection,
    activities: ActivityMap,
    keys: Sequence[str],
    who_ids: Sequence[SalesforceId],
    since: str,
) -> dict[str, SalesforceId]:
    """Which of these event keys are already Tasks, as ``SalesforceOrg.find_tasks`` says."""
    if not keys:
        return {}
    wanted = {key.casefold(): key for key in keys}
    found: dict[str, SalesforceId] = {}
    statements = _statements(activities, keys, who_ids, since)
    for page in connection.pages(statements, everything=True):
        for record in page.records:
            key = wanted.get(_key_of(record, activities.external_id).casefold())
            if key is not None:
                found.setdefault(key, salesforce_id(str(record["Id"])))
    return found


def _statements(
    activities: ActivityMap, keys: Sequence[str], who_ids: Sequence[SalesforceId], since: str
) -> Iterable[str]:
    sobject, external_id = activities.sobject, activities.external_id
    if external_id:
        return soql.selects_in(sobject, ["Id", external_id], external_id, dict.fromkeys(keys))
    # A Description can be read but not asked for, so that the query has to be narrowed otherwise.
    fields = ["Id", "Description"]
    created = f"CreatedDate >= {soql.stamp(since)}"
    who = activities.who_field
    if who:
        return soql.selects_in(sobject, fields, who, dict.fromkeys(who_ids), also=created)
    # These Tasks are tied to no person.
    return [soql.select(sobject, fields, created)]


def _key_of(record: Mapping[str, Any], external_id: str) -> str:
    """The event key that a Task carries; empty for none."""
    if external_id:
        return str(record.get(external_id) or "")
    for line in str(record.get("Description") or "").splitlines():
        if line.startswith(REFERENCE):
            return line.removeprefix(REFERENCE).strip()
    return ""
