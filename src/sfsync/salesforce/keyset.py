"""Reading one object to its end, in keyset order, whatever becomes of the query's cursor.

The last record's stamp and Id say where to go on: after a lost cursor, or with a Bulk job for the
rest. So no record is left out; one that changes meanwhile may come twice, the newer one last.

Source: docs/salesforce.md §3 (cursors, INVALID_QUERY_LOCATOR), §6.2 (order SystemModstamp, Id), §5.2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sfsync.errors import ProtocolError
from sfsync.salesforce import soql
from sfsync.salesforce.bulk_read import BulkReader, JobFailed
from sfsync.salesforce.connect import Connection, Page
from sfsync.salesforce.faults import CallRefused
from sfsync.salesforce.prefetch import Prefetch
from sfsync.salesforce.records import Flattener

log = logging.getLogger(__name__)

ORDER = ("SystemModstamp", "Id")

MAX_RESUMES = 20
"""How often one reading goes on from where its cursor was lost, without a page in between."""


@dataclass(frozen=True, slots=True)
class KeysetQuery:
    """What is to be read.

    Attributes:
        fields: with Id and SystemModstamp among them.
        where: the condition, already quoted; empty for all.
        everything: deleted records too (queryAll).
    """

    sobject: str
    fields: Sequence[str]
    where: str
    everything: bool

    def statement(self, after: Mapping[str, Any] | None = None, *, ordered: bool = True) -> str:
        """The query, for what comes after a record."""
        conditions = [self.where] if self.where else []
        if after is not None:
            conditions.append(soql.after(str(after["SystemModstamp"]), str(after["Id"])))
        order = ORDER if ordered else ()
        return soql.select(self.sobject, self.fields, " AND ".join(conditions), order)

    def by_rest(self, connection: Connection, first: Page) -> Iterator[list[dict[str, Any]]]:
        """All pages, by the cursor; from the last record where the cursor is lost or ends early.

        Raises:
            ProtocolError: the org loses its place again and again.
        """
        flatten = Flattener(self.fields)
        page = first
        last: Mapping[str, Any] | None = None
        expected, seen, resumes = first.total, 0, 0
        while True:
            coming = self._prefetch_next(connection, page)
            records = flatten(page.records)
            if records:
                yield records
                last, resumes = records[-1], 0
            seen += len(records)
            if coming is None and seen >= expected:
                return
            following = coming.result() if coming else None
            if following is None:
                # The cursor is lost, or ended before the total that the query announced.
                resumes += 1
                if resumes > MAX_RESUMES or last is None:
                    raise ProtocolError(
                        f"the org loses its place in {self.sobject} again and again"
                    )
                following = connection.query(self.statement(last), everything=self.everything)
                expected, seen = following.total, 0
            page = following

    def _prefetch_next(self, connection: Connection, page: Page) -> Prefetch[Page | None] | None:
        """The page after this one, on its way; ``None`` after the last."""
        if not page.next_url:
            return None
        return Prefetch(partial(self._next, connection, page.next_url))

    def _next(self, connection: Connection, next_url: str) -> Page | None:
        """The page at this place; ``None`` where the cursor is lost."""
        try:
            return connection.next_page(next_url)
        except CallRefused as refused:
            if refused.code != "INVALID_QUERY_LOCATOR":
                raise
            log.info("the cursor for %s is lost; going on from the last record", self.sobject)
            return None

    def by_bulk(
        self, connection: Connection, bulk: BulkReader, first: Page
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The first page as it is, the rest by a Bulk job; by the cursor where the job fails."""
        records = Flattener(self.fields)(first.records)
        yield records
        rest = self.statement(records[-1], ordered=False)
        try:
            by_job = bulk.query(rest, everything=self.everything)
        except (CallRefused, JobFailed) as error:
            log.info(
                "Bulk is not to be had for %s, so pages are used: %s", self.sobject, error.message
            )
            pages = self.by_rest(connection, first)
            next(pages)  # the first page, which was handed out above
            yield from pages
        else:
            yield from by_job
