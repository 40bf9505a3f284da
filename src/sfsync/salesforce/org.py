"""``SalesforceOrg``: what the verbs need from a Salesforce org, behind one door.

It satisfies ``engine.ports.Org`` by shape. It chooses the cheapest way for each job by API calls,
keeps nothing between two of them but the login and the count of calls, and gives raw records: what
they mean is the mapping's business.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sfsync.errors import OrgRefused, ProtocolError, SfsyncError
from sfsync.model.change import OrgWrite
from sfsync.model.cursor import Watermark
from sfsync.model.facts import SObjectFacts
from sfsync.model.mapping import ActivityMap
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome, Unknown
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.model.token import Token
from sfsync.model.traffic import Batching, Changes, Stretch, Usage
from sfsync.salesforce import guard, soql, task_search
from sfsync.salesforce.budget import (
    COMPOSITE_WRITES,
    GUARDED_WRITES,
    REREAD_CALL,
    bulk_ingest_calls,
    bulk_query_calls,
    collection_calls,
    rest_query_calls,
)
from sfsync.salesforce.bulk_csv import is_expressible
from sfsync.salesforce.bulk_jobs import BulkJobs, Polling
from sfsync.salesforce.bulk_read import BulkReader
from sfsync.salesforce.bulk_write import BulkWriter, OnJob
from sfsync.salesforce.composite import CollectionWriter
from sfsync.salesforce.connect import Connection, GuardPlace, Page
from sfsync.salesforce.describe import sobject_facts
from sfsync.salesforce.faults import CallRefused
from sfsync.salesforce.guard import GuardAnswer
from sfsync.salesforce.keyset import KeysetQuery
from sfsync.salesforce.records import Flattener
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.stretch import measure_of, measure_statement, rest_condition
from sfsync.salesforce.transport import OrgSession, Refresh
from sfsync.salesforce.write_requests import chunks, is_guarded, kinds

log = logging.getLogger(__name__)

RawPage = Sequence[Mapping[str, Any]]

BULK_WRITES = 50_000
"""Writes that one Bulk job takes: few enough to hold in memory and under the size of an upload."""


class SalesforceOrg:
    """One org, seen by one user.

    Args:
        connection: the way to it.
        bulk_query_from: read by Bulk from so many records on; by default where it takes fewer
            calls.
        bulk_write_from: write by Bulk from so many records of one kind on; by default where it
            takes fewer calls.
        polling: how often Bulk jobs are asked for their state.
        sleep: waits so many seconds between two such questions.
        on_job: called with each Bulk ingest job's id and its writes, before data is sent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        bulk_query_from: int | None = None,
        bulk_write_from: int | None = None,
        polling: Polling | None = None,
        sleep: Callable[[float], None] = time.sleep,
        on_job: OnJob | None = None,
    ) -> None:
        self._connection = connection
        queries = BulkJobs(connection, "jobs/query", polling=polling, sleep=sleep)
        ingests = BulkJobs(connection, "jobs/ingest", polling=polling, sleep=sleep)
        self._bulk_reader = BulkReader(queries)
        self._bulk_writer = BulkWriter(connection, ingests)
        self._ingests = ingests
        self._bulk_query_from = bulk_query_from
        self._bulk_write_from = bulk_write_from
        self.on_job = on_job

    def on_processed(self, hears: Callable[[int], None]) -> None:
        """Have something hear of how many more records a Bulk job that writes has come to, while it runs."""
        self._ingests.on_processed = hears

    def describe(self, sobject: str) -> SObjectFacts:
        """What the org says of an object: its fields, as this user sees them. One API call.

        Raises:
            OrgRefused: no such object, or hidden from this user.
        """
        return sobject_facts(
            sobject, self._connection.read(f"sobjects/{soql.named(sobject)}/describe")
        )

    def changed_since(
        self,
        sobject: str,
        fields: Sequence[str],
        since: str | None,
        known: Stretch | None = None,
    ) -> Changes:
        """Records stamped at or after ``since``, deleted ones too, oldest stamp first.

        ``None``: all live ones. The first page is read at once; one API call where that is all. The
        rest comes by Bulk where that takes fewer calls, and then in no order.

        Args:
            known: what an earlier reading read whole, as its ``Changes.stretch`` says: it is left
                out where nothing came late, so that this takes one call. What of it lies before
                ``since`` is read once more, a page each time.

        Raises:
            BudgetSpent: the rest would touch the reserve.

        Source: docs/salesforce.md §6.1 (whole seconds, ``>=``), §6.2 (order, org's clock), §3
        (cursors).
        """
        if since is not None and known is not None and known.start <= since:
            changes = self._changed_beside(sobject, fields, since, known)
            if changes is not None:
                return changes
            # what of it was not read once more yet comes with the rest
            since = min(since, known.reread_to[0] if known.reread_to else known.start)
        query = _changed(sobject, fields, since)
        before = self._connection.session.org_now()
        first = self._connection.query(query.statement(), everything=query.everything)
        # A record that is written while the query runs is stamped after its beginning.
        as_of = Watermark((before or self._first_heard()).replace(microsecond=0))
        stretch = None
        if since is not None and first.next_url:
            stretch = self._measured(sobject, since, str(as_of))
            # what came late before the measure was taken has to be among what is read
            first = self._connection.query(query.statement(), everything=query.everything)
        if self._rest_by_bulk(first):
            rest = query.by_bulk(self._connection, self._bulk_reader, first)
            return Changes(rest, as_of, first.total, "bulk", stretch)
        rest = query.by_rest(self._connection, first)
        return Changes(rest, as_of, first.total, "rest", stretch)

    def _changed_beside(
        self, sobject: str, fields: Sequence[str], since: str, known: Stretch
    ) -> Changes | None:
        """What changed, without what is known; ``None`` where all of it has to be read.

        One call, where the org lets two queries share one.
        """
        is_over = known.end <= since  # no late commit can come any more
        changed = _changed(sobject, fields, since if is_over else known.end)
        if is_over:
            again = KeysetQuery(sobject, _with_keys(fields), rest_condition(known), everything=True)
            beside = again.statement()
        else:
            beside = measure_statement(sobject, known.start, known.end)
        before = self._connection.session.org_now()
        try:
            told, first = self._connection.first_pages(
                [beside, changed.statement()], everything=True
            )
        except CallRefused as refused:
            log.info("%s is read without what is known of it: %s", sobject, refused.message)
            return None
        as_of = Watermark((before or self._first_heard()).replace(microsecond=0))
        if first.next_url:
            return None
        flatten = Flattener(changed.fields)
        records = flatten(first.records)
        if not is_over:
            same = measure_of(told) == known.measure
            return Changes([records], as_of, first.total, "rest", known) if same else None
        reread = flatten(told.records)
        last = (str(reread[-1]["SystemModstamp"]), str(reread[-1]["Id"])) if reread else ()
        rest = replace(known, reread_to=last) if told.next_url and last else None
        return Changes([reread, records], as_of, len(reread) + first.total, "rest", rest)

    def _measured(self, sobject: str, start: str, end: str) -> Stretch | None:
        """What is about to be read as a stretch; ``None`` where the org does not measure it."""
        try:
            page = self._connection.query(measure_statement(sobject, start, end), everything=True)
        except CallRefused as refused:
            log.info("%s cannot be measured, so it is read again: %s", sobject, refused.message)
            return None
        measure = measure_of(page)
        return Stretch(start, end, measure) if measure else None

    def _rest_by_bulk(self, first: Page) -> bool:
        """Whether what follows a first page is read by Bulk.

        Raises:
            BudgetSpent: it would touch the reserve, either way.
        """
        budget = self._connection.session.budget
        rest = first.total - len(first.records)
        if first.next_url and self._reads_by_bulk(first.total, rest):
            budget.check(bulk_query_calls(rest))
            return True
        budget.check(rest_query_calls(rest) if rest > 0 else 0)
        return False

    def fetch(
        self, sobject: str, fields: Sequence[str], ids: Sequence[SalesforceId]
    ) -> Iterator[RawPage]:
        """These records as they are now, about 2,000 a call, deleted ones too; parents included.

        By queryAll on the Ids, five queries in one ``/composite`` call: that tells deleted and
        merged records in the same call, which a collections retrieve answers with null.
        """
        statements = soql.selects_in(sobject, _with_keys(fields), "Id", dict.fromkeys(ids))
        return self._flat(statements, fields, everything=True)

    def find(
        self, sobject: str, fields: Sequence[str], by: str, keys: Sequence[str]
    ) -> Iterator[RawPage]:
        """Live records whose field ``by`` is one of ``keys``, ignoring case.

        Well over a thousand keys share a call.

        Source: docs/salesforce.md §3 (comparison ignores case).
        """
        distinct = {key.casefold(): key for key in keys if key.strip()}
        statements = soql.selects_in(sobject, _with_keys(fields), by, distinct.values())
        return self._flat(statements, fields, everything=False)

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        """The cheapest way for so many writes, by API calls.

        Source: docs/salesforce.md §5.3.
        """
        if self._writes_by_bulk(action_count, guarded=not creating):
            reread = 0 if creating else REREAD_CALL
            return Batching("bulk", BULK_WRITES, bulk_ingest_calls(), reread)
        return Batching("collections", COMPOSITE_WRITES if creating else GUARDED_WRITES)

    def apply(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """Send these writes; one outcome for each, by ``ref``, in any order.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable, OrgRefused: before anything was done; once
                something was, the rest is ``Deferred`` instead.
            ProtocolError: an answer that makes no sense; what became of the writes is unknown. Once
                something was done, the rest is ``Unknown`` instead.
        """
        outcomes: list[Outcome] = []
        try:
            for kind in kinds(writes):
                self._apply_kind(kind, outcomes)
        except SfsyncError as error:
            if not outcomes:
                raise
            # What is known already must not be lost, so that the error becomes the rest's outcome.
            known = {outcome.ref for outcome in outcomes}
            code = error.code if isinstance(error, OrgRefused) and error.code else error.slug
            rest = [write for write in writes if write.ref not in known]
            if isinstance(error, ProtocolError):
                # An answer of another kind, which proves nothing about the call that it came to.
                outcomes += [Unknown(write.ref, error.message) for write in rest]
            else:
                outcomes += [Deferred(write.ref, code, error.message) for write in rest]
        return outcomes

    def finish_job(self, job_id: str) -> None:
        """Bring a Bulk job of an earlier process, made known by ``on_job``, to its end."""
        self._bulk_writer.finish(job_id)

    def _apply_kind(self, writes: Sequence[OrgWrite], outcomes: list[Outcome]) -> None:
        rest = writes
        if self._writes_by_bulk(len(writes), guarded=is_guarded(writes)):
            rest = self._apply_by_bulk(writes, outcomes)
        CollectionWriter(self._connection, outcomes).apply(rest)

    def _apply_by_bulk(
        self, writes: Sequence[OrgWrite], outcomes: list[Outcome]
    ) -> Sequence[OrgWrite]:
        """Do by one Bulk job what can be done so.

        Returns:
            The writes that are left for collections.
        """
        # A job has no order, so that a second write of one record has to come after it.
        first, *_ = chunks(writes, len(writes))
        by_bulk = [write for write in first if is_expressible(write)]
        if not by_bulk:
            return writes
        try:
            outcomes += self._ingest(by_bulk)
        except CallRefused as refused:
            # Nothing was done: the user may lack Bulk's permission, or the object has no Bulk.
            log.info("Bulk is not to be had here, so collections are used: %s", refused.message)
            return writes
        done = {write.ref for write in by_bulk}
        return [write for write in writes if write.ref not in done]

    def _ingest(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """One Bulk job; guarded writes only where a last look finds the record as it was read."""
        if not is_guarded(writes):
            return self._bulk_writer.ingest(writes, self.on_job)
        found = self._read_unchanged(writes)
        outcomes: list[Outcome] = [
            Deferred(write.ref, RECORD_CHANGED, "the record was changed in Salesforce meanwhile")
            for write in found.changed(writes)
        ]
        unchanged = found.unchanged(writes)
        if unchanged:
            ingested = self._bulk_writer.ingest(unchanged, self.on_job)
            outcomes += _with_values_before(ingested, unchanged, found)
        return outcomes

    def _read_unchanged(self, writes: Sequence[OrgWrite]) -> GuardAnswer:
        """The records of guarded writes that are live and as they were read."""
        names = dict.fromkeys(name for write in writes for name in ("IsDeleted", *write.fields))
        ids = [write.salesforce_id for write in writes if write.salesforce_id]
        records: dict[SalesforceId, Mapping[str, Any]] = {}
        for page in self.fetch(writes[0].sobject, list(names), ids):
            records |= {salesforce_id(str(raw["Id"])): raw for raw in page}
        unchanged: dict[SalesforceId, Mapping[str, Any]] = {}
        for write in writes:
            record = records.get(write.salesforce_id) if write.salesforce_id else None
            if record is not None and write.salesforce_id and _is_unchanged(write, record):
                unchanged[write.salesforce_id] = record
        return GuardAnswer(unchanged, complete=True)

    def _writes_by_bulk(self, count: int, *, guarded: bool) -> bool:
        if self._bulk_write_from is not None:
            return count >= self._bulk_write_from
        reread = count if guarded else 0
        return collection_calls(count, guarded=guarded) > bulk_ingest_calls(reread)

    def _reads_by_bulk(self, total: int, rest: int) -> bool:
        if self._bulk_query_from is not None:
            return total >= self._bulk_query_from
        return rest_query_calls(rest) > bulk_query_calls(rest)

    def _first_heard(self) -> datetime:
        """The org's clock by its first answer.

        It is later than the question by less than the overlap of two pulls makes up for.

        Raises:
            ProtocolError: the answer had no date.
        """
        now = self._connection.session.org_now()
        if now is None:
            raise ProtocolError(
                "the org's answers carry no Date header, so there is no telling how far a pull got"
            )
        return now

    def find_tasks(
        self,
        activities: ActivityMap,
        keys: Sequence[str],
        who_ids: Sequence[SalesforceId],
        since: str,
    ) -> dict[str, SalesforceId]:
        """Which of these event keys are already Tasks: ``{key: Task Id}``.

        By the external id, else by the reference line in the Description of these people's Tasks
        created since (of all Tasks, where they are tied to nobody). Archived and deleted ones
        count.
        """
        return task_search.find_tasks(self._connection, activities, keys, who_ids, since)

    def recall_guard_place(self, *, apart: bool, on_apart: Callable[[bool], None]) -> None:
        """What earlier runs found of the guard's question, and how to keep what this one finds.

        Args:
            apart: whether this org is asked in a call of its own.
            on_apart: called once where that turns out, with whether it is proven or suspected.
        """
        self._connection.guard_place = GuardPlace.APART if apart else GuardPlace.UNTRIED
        self._connection.on_guard_apart = on_apart

    def usage(self) -> Usage:
        """Calls and bytes so far, and the org's own count as last heard."""
        return self._connection.session.usage()

    @property
    def connection(self) -> Connection:
        """The way to it, for what is asked and done in the org's setup."""
        return self._connection

    def _flat(
        self, statements: Iterable[str], fields: Sequence[str], *, everything: bool
    ) -> Iterator[RawPage]:
        flatten = Flattener(fields)
        for page in self._connection.pages(statements, everything=everything):
            if page.records:
                yield flatten(page.records)


def open_org(
    token: Token,
    refresh: Refresh,
    *,
    api_version: str = "67.0",
    reserve: float = 0.20,
    per_run: float = 1.0,
    patience: Patience | None = None,
    timeouts_seconds: tuple[float, float] = (10.0, 120.0),
    bulk_from: int | None = None,
) -> SalesforceOrg:
    """The org that this login is for; nothing is sent yet.

    Args:
        refresh: given the token that the org no longer takes, gives a newer one.
        reserve: the share of the org's daily calls that is left for everyone else.
        per_run: the share of them that this run may take.
        bulk_from: read and write by Bulk from so many records on; by default where it takes fewer
            calls.
    """
    session = OrgSession(
        token, refresh, reserve=reserve, per_run=per_run, timeouts_seconds=timeouts_seconds
    )
    connection = Connection(session, api_version=api_version, patience=patience)
    return SalesforceOrg(connection, bulk_query_from=bulk_from, bulk_write_from=bulk_from)


def _changed(sobject: str, fields: Sequence[str], since: str | None) -> KeysetQuery:
    """The query for what is stamped at or after an instant; for all live ones where that is none."""
    return KeysetQuery(
        sobject=sobject,
        fields=_with_keys(fields),
        where="" if since is None else f"SystemModstamp >= {soql.stamp(since)}",
        everything=since is not None,
    )


def _with_keys(fields: Sequence[str]) -> list[str]:
    """The fields to ask for, each once, with those that reading in order needs."""
    return list(dict.fromkeys(("Id", "SystemModstamp", *fields)))


def _is_unchanged(write: OrgWrite, raw: Mapping[str, Any]) -> bool:
    """Whether a record is live, and its stamp no later than when it was read."""
    if raw.get("IsDeleted") in (True, "true"):
        return False
    return soql.stamp(str(raw["SystemModstamp"])) <= write.if_unmodified_since


def _with_values_before(
    outcomes: Sequence[Outcome], writes: Sequence[OrgWrite], found: GuardAnswer
) -> Iterator[Outcome]:
    """The outcomes, accepted ones with what their records held just before."""
    by_ref = {write.ref: write for write in writes}
    for outcome in outcomes:
        if isinstance(outcome, Accepted):
            yield replace(outcome, seen=guard.values_before(by_ref[outcome.ref], found))
        else:
            yield outcome
