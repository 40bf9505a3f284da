"""Records as the org holds them now, read by their Ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sfsync.engine.run import Run, batched
from sfsync.mapping.projection import Projection
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Remote, SalesforceId, id_problem
from sfsync.model.value_converters import shown

IDS_PER_FETCH = 2000
"""Ids that one retrieve call takes. Source: docs/salesforce.md §4, sObject Collections."""

ADDRESSES_PER_LOOKUP = 1000
"""Addresses in one look-up: about what fits into one call. Source: docs/salesforce.md §3, §9."""


def askable(
    ids: Iterable[SalesforceId],
    object_map: ObjectMap,
    tell: Callable[[SalesforceId, str], None],
) -> Iterator[SalesforceId]:
    """Those of the mirror's Ids that Salesforce can have given.

    Any program can write into the column, and one senseless Id refuses the query of hundreds.

    Args:
        tell: called for each other Id, with what is wrong with it.
    """
    prefix = object_map.kind.prefix
    for salesforce_id in ids:
        problem = id_problem(salesforce_id, prefix)
        if problem:
            tell(salesforce_id, f"{shown(salesforce_id)} {problem}")
        else:
            yield salesforce_id


def current_records(
    run: Run, object_map: ObjectMap, ids: Iterable[SalesforceId]
) -> dict[SalesforceId, Remote]:
    """These records as they are now; one that the org does not return is left out."""
    projection = Projection(object_map, object_map.columns)
    records: dict[SalesforceId, Remote] = {}
    for chunk in batched(askable(ids, object_map, _pass_over), IDS_PER_FETCH):
        for page in run.org.fetch(object_map.sobject, projection.remote_fields, chunk):
            for record in map(projection.to_remote_record, page):
                records[record.salesforce_id] = record
    return records


class OddIds:
    """Ids that no record has, counted while records are looked for; the first one is told."""

    def __init__(self, run: Run, object_map: ObjectMap) -> None:
        self._run = run
        self._object_map = object_map
        self._first = ""
        self._count = 0

    def add(self, salesforce_id: SalesforceId, problem: str) -> None:
        """Note one, see ``askable``."""
        self._count += 1
        if self._count == 1:
            row = self._run.mirror.rows.by_salesforce_id(self._object_map.name, salesforce_id)
            number = f" {row.local.local_id}" if row else ""
            self._first = f"{self._object_map.table}{number}: salesforce_id {problem}"

    def tell(self) -> None:
        """Warn of them, if there are any: a push puts them in quarantine, each by name."""
        if self._count:
            more = f", and {self._count - 1} more" if self._count > 1 else ""
            self._run.report.warn(f"{self._first}{more}; the row is left as it is")


def _pass_over(_: SalesforceId, __: str) -> None:
    """There is no such record, so that none is returned; a push tells the row."""
