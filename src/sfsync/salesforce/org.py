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
from sfsync.mapping.template import who_field
from sfsync.model.change import OrgWrite
from sfsync.model.cursor import Watermark
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.mapping import ActivityMap
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome
from sfsync.model.record import SalesforceId, salesforce_id
from sfsync.model.token import Token
from sfsync.model.traffic import Batching, Changes, Usage
from sfsync.salesforce import guard, soql
from sfsync.salesforce.budget import (
    COMPOSITE_WRITES,
    GUARDED_WRITES,
    REREAD_CALL,
    bulk_ingest_calls,
    bulk_query_calls,
    collection_calls,
    rest_query_calls,
)
from sfsync.salesforce.bulk import Bulk, OnJob, Polling, expressible
from sfsync.salesforce.composite import Collections, chunks, is_guarded, kinds
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallRefused
from sfsync.salesforce.keyset import Reading
from sfsync.salesforce.records import Flattener
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession, Refresh

log = logging.getLogger(__name__)

RawPage = Sequence[Mapping[str, Any]]

REFERENCE = "sfsync-ref:"
"""What a Task's Description names its key by, where the org has no external id for Tasks."""

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
        on_job: told each Bulk ingest job's id, with its writes, before data is sent.
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
        self._bulk = Bulk(connection, polling=polling, sleep=sleep)
        self._bulk_query_from = bulk_query_from
        self._bulk_write_from = bulk_write_from
        self.on_job = on_job

    def describe(self, sobject: str) -> SObjectFacts:
        """What the org says of an object: its fields, as this user sees them. One API call.

        Raises:
            OrgRefused: no such object, or hidden from this user.
        """
        return sobject_facts(
            sobject, self._connection.read(f"sobjects/{soql.named(sobject)}/describe")
        )

    def changed_since(self, sobject: str, fields: Sequence[str], since: str | None) -> Changes:
        """Records stamped at or after ``since``, deleted ones too, oldest stamp first; ``None``: all live ones.

        The first page is read at once; one API call where that is all. The rest comes by Bulk where
        that takes fewer calls, and then in no order.

        Raises:
            BudgetSpent: the rest would touch the reserve.

        Source: salesforce-facts §6.1 (whole seconds, ``>=``), §6.2 (order, org's clock), §3
        (cursors).
        """
        reading = Reading(
            sobject=sobject,
            fields=_with_keys(fields),
            where="" if since is None else f"SystemModstamp >= {soql.stamp(since)}",
            everything=since is not None,
        )
        before = self._connection.session.org_now()
        first = self._connection.query(reading.statement(), everything=reading.everything)
        as_of = Watermark((before or self._first_heard()).replace(microsecond=0))
        rest = first.total - len(first.records)
        by_bulk = bool(first.next_url) and self._reads_by_bulk(first.total, rest)
        needed = bulk_query_calls(rest) if by_bulk else rest_query_calls(rest) if rest > 0 else 0
        self._connection.session.budget.check(needed)
        if by_bulk:
            return Changes(
                reading.by_bulk(self._connection, self._bulk, first), as_of, first.total, "bulk"
            )
        return Changes(reading.by_rest(self._connection, first), as_of, first.total, "rest")

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
        """Live records whose field ``by`` is one of ``keys``, ignoring case; well over a thousand keys a call.

        Source: salesforce-facts §3 (comparison ignores case).
        """
        distinct = {key.casefold(): key for key in keys if key.strip()}
        statements = soql.selects_in(sobject, _with_keys(fields), by, distinct.values())
        return self._flat(statements, fields, everything=False)

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        """The cheapest way for so many writes, by API calls.

        Source: salesforce-facts §5.3.
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
        """
        outcomes: list[Outcome] = []
        try:
            for kind in kinds(writes):
                self._apply_kind(kind, outcomes)
        except SfsyncError as error:
            if not outcomes:
                raise
            known = {outcome.ref for outcome in outcomes}
            code = error.code if isinstance(error, OrgRefused) and error.code else error.slug
            outcomes += [
                Deferred(write.ref, code, error.message)
                for write in writes
                if write.ref not in known
            ]
        return outcomes

    def finish_job(self, job_id: str) -> None:
        """Bring a Bulk job of an earlier process, told by ``on_job``, to its end."""
        self._bulk.finish(job_id)

    def collect_job(self, job_id: str, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """What became of the writes of a Bulk job that an earlier process closed, told by ``on_job``."""
        return self._bulk.collect(job_id, writes)

    def _apply_kind(self, writes: Sequence[OrgWrite], outcomes: list[Outcome]) -> None:
        rest = writes
        if self._writes_by_bulk(len(writes), guarded=is_guarded(writes)):
            first, *_ = chunks(writes, len(writes))
            by_bulk = [write for write in first if expressible(write)]
            try:
                outcomes += self._ingest(by_bulk) if by_bulk else []
                known = {write.ref for write in by_bulk}
                rest = [write for write in writes if write.ref not in known]
            except CallRefused as refused:
                log.info("Bulk is not to be had here, so collections are used: %s", refused.message)
        Collections(self._connection, outcomes).apply(rest)

    def _ingest(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """One Bulk job; guarded writes only where a last look finds the record as it was read."""
        if not is_guarded(writes):
            return self._bulk.ingest(writes, self.on_job)
        fields = list(
            dict.fromkeys(name for write in writes for name in ("IsDeleted", *write.fields))
        )
        now: dict[SalesforceId, Mapping[str, Any]] = {}
        for page in self.fetch(
            writes[0].sobject, fields, [each for w in writes if (each := w.salesforce_id)]
        ):
            now |= {salesforce_id(str(raw["Id"])): raw for raw in page}
        found = guard.Found(
            {
                write.salesforce_id: raw
                for write in writes
                if write.salesforce_id
                and (raw := now.get(write.salesforce_id))
                and _unmoved(write, raw)
            },
            complete=True,
        )
        moved = found.moved(writes)
        rest = [write for write in writes if write.salesforce_id in found.records]
        done = self._bulk.ingest(rest, self.on_job) if rest else []
        by_ref = {write.ref: write for write in writes}
        return [
            *(
                Deferred(
                    write.ref, RECORD_CHANGED, "the record was changed in Salesforce meanwhile"
                )
                for write in moved
            ),
            *(
                replace(each, seen=guard.seen(by_ref[each.ref], found))
                if isinstance(each, Accepted)
                else each
                for each in done
            ),
        ]

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
        """The org's clock by its first answer: later than the question by less than the overlap makes up for.

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
        """Which of these event keys are already Tasks: ``{key: Task Id}``; archived and deleted ones count.

        By the external id, else by the reference line in the Description of these people's Tasks
        created since (of all Tasks, where they are tied to nobody): a Description can be read but
        not asked for.

        Source: salesforce-facts §7.3 (archiving, Activity's external ids), §3 (Description is not
        filterable).
        """
        sobject, who = activities.sobject, who_field(activities)
        created = f"CreatedDate >= {soql.stamp(since)}"
        statements: Iterable[str]
        if activities.external_id:
            by, told = activities.external_id, _by_external_id(activities.external_id)
            statements = soql.selects_in(sobject, ["Id", by], by, dict.fromkeys(keys))
        elif who:
            told = _by_reference
            people = dict.fromkeys(who_ids)
            statements = soql.selects_in(sobject, ["Id", "Description"], who, people, also=created)
        else:
            told = _by_reference
            statements = [soql.select(sobject, ["Id", "Description"], created)]
        if not keys:
            return {}
        wanted = {key.casefold(): key for key in keys}
        found: dict[str, SalesforceId] = {}
        for page in self._connection.pages(statements, everything=True):
            for record in page.records:
                key = wanted.get(told(record).casefold())
                if key is not None:
                    found.setdefault(key, salesforce_id(str(record["Id"])))
        return found

    def usage(self) -> Usage:
        """Calls and bytes so far, and the org's own count as last told."""
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


def _with_keys(fields: Sequence[str]) -> list[str]:
    """The fields to ask for, each once, with those that reading in order needs."""
    return list(dict.fromkeys(("Id", "SystemModstamp", *fields)))


def _unmoved(write: OrgWrite, raw: Mapping[str, Any]) -> bool:
    deleted = raw.get("IsDeleted") in (True, "true")
    return not deleted and soql.stamp(str(raw["SystemModstamp"])) <= write.if_unmodified_since


def _by_external_id(field: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda record: str(record.get(field) or "")


def _by_reference(record: Mapping[str, Any]) -> str:
    """The key that a Task's Description names."""
    for line in str(record.get("Description") or "").splitlines():
        if line.startswith(REFERENCE):
            return line.removeprefix(REFERENCE).strip()
    return ""


def sobject_facts(sobject: str, told: Any) -> SObjectFacts:
    """A describe as the org answered it.

    Raises:
        ProtocolError: it has not the shape of one.
    """
    fields = told.get("fields") if isinstance(told, Mapping) else None
    if not isinstance(fields, list):
        raise ProtocolError(f"the org's description of {sobject} has not the shape of one")
    facts = [_field_facts(field) for field in fields]
    rights = {
        name: told.get(name) is not False for name in ("createable", "updateable", "deletable")
    }
    return SObjectFacts(
        str(told.get("name") or sobject), {field.name: field for field in facts}, **rights
    )


def _field_facts(told: Mapping[str, Any]) -> FieldFacts:
    """One field of a describe. Source: REST API Developer Guide, "sObject Describe"; salesforce-facts §7."""
    values = told.get("picklistValues") or ()
    required = (
        told.get("createable") is True
        and told.get("nillable") is False
        and told.get("defaultedOnCreate") is not True
    )
    return FieldFacts(
        name=str(told["name"]),
        type=str(told.get("type", "string")),
        length=int(told.get("length") or 0),
        createable=told.get("createable") is True,
        updateable=told.get("updateable") is True,
        nillable=told.get("nillable") is not False,
        external_id=told.get("externalId") is True,
        id_lookup=told.get("idLookup") is True,
        unique=told.get("unique") is True,
        filterable=told.get("filterable") is not False,
        required=required,
        restricted=told.get("restrictedPicklist") is True,
        picklist=tuple(
            str(value.get("value")) for value in values if value.get("active") is not False
        ),
        relationship=str(told.get("relationshipName") or ""),
        calculated=told.get("calculated") is True or told.get("autoNumber") is True,
        permissionable=told.get("permissionable") is not False,
    )
