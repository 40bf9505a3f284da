"""Records as the org holds them now, read by their Ids."""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.engine.run import Run, batched
from sfsync.mapping.projection import Projection
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Remote, SalesforceId

IDS_PER_FETCH = 2000
"""Ids that one retrieve call takes. Source: docs/salesforce.md §4, sObject Collections."""

ADDRESSES_PER_LOOKUP = 1000
"""Addresses in one look-up: about what fits into one call. Source: docs/salesforce.md §3, §9."""


def current_records(
    run: Run, object_map: ObjectMap, ids: Iterable[SalesforceId]
) -> dict[SalesforceId, Remote]:
    """These records as they are now; one that the org does not return is left out."""
    projection = Projection(object_map, object_map.columns)
    records: dict[SalesforceId, Remote] = {}
    for chunk in batched(ids, IDS_PER_FETCH):
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, chunk):
            for record in map(projection.to_remote_record, page):
                records[record.salesforce_id] = record
    return records
