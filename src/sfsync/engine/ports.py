"""What the verbs need from the world, as Protocols: an org, a mirror, somebody to tell how far it is.

The real ones, ``salesforce.org.SalesforceOrg`` and ``mirror.store.SqliteMirror``, satisfy these by
shape alone; the fakes in ``tests/fakes.py`` satisfy the same contract suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sfsync.model.activity import Effect, Person
from sfsync.model.change import OrgWrite, RowPlan
from sfsync.model.cursor import Watermark
from sfsync.model.event import EmailEvent
from sfsync.model.facts import SObjectFacts
from sfsync.model.journal import JournaledWrite, QueuedTask, WriteIntent
from sfsync.model.limits import Limits as Limits  # noqa: PLC0414  # the verbs take their brakes from here
from sfsync.model.mapping import ActivityMap, ObjectMap, SyncMapping
from sfsync.model.outcome import ObjectReport, Outcome
from sfsync.model.record import LocalId, RawRecord, Remote, Row, SalesforceId, Triple
from sfsync.model.stage import StageSummary
from sfsync.model.traffic import Batching as Batching  # noqa: PLC0414  # the verbs take these from here
from sfsync.model.traffic import Changes as Changes  # noqa: PLC0414
from sfsync.model.traffic import Usage as Usage  # noqa: PLC0414


class Org(Protocol):
    """The Salesforce side. Raises only errors of ``sfsync.errors``; a refused record is an ``Outcome``."""

    def describe(self, sobject: str) -> SObjectFacts:
        """What the org says of an object: its fields, as this user sees them. One API call."""
        ...

    def changed_since(self, sobject: str, fields: Sequence[str], since: str | None) -> Changes:
        """Records stamped at or after ``since`` (``2026-01-20T10:00:00Z``), deleted ones too, oldest stamp first.

        ``None`` reads every record that is not deleted. One API call where nothing changed.
        """
        ...

    def fetch(
        self, sobject: str, fields: Sequence[str], ids: Sequence[SalesforceId]
    ) -> Iterator[Sequence[RawRecord]]:
        """These records as they are now, up to 2,000 a call, deleted ones too (``IsDeleted``).

        An Id that the org does not return at all is left out.
        """
        ...

    def find(
        self, sobject: str, fields: Sequence[str], by: str, keys: Sequence[str]
    ) -> Iterator[Sequence[RawRecord]]:
        """Live records whose field ``by`` is one of ``keys``, ignoring case; a few hundred keys a call.

        For Lead, converted ones are included (``IsConverted``, ``ConvertedContactId``).
        """
        ...

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        """The cheapest way for so many writes, by API calls; ``creating`` where all of them are creates."""
        ...

    def apply(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """Send these writes (at most ``batching().size``); one outcome for each, by ``ref``, in any order.

        Never raises for what becomes of single records; a request whose reply was lost gives
        ``Unknown`` for all of its records. Refuses nothing silently.

        An update with ``unmoved_since`` is done only while its record is live and its stamp no
        later than that (of all that travel in one call, the latest counts); else it is ``Deferred``
        with the code ``MOVED``. What such an update replaced is told in ``Accepted.seen``.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable: before anything of this call was sent; outcomes
                already known are never thrown away: what was not sent is ``Deferred``.
        """
        ...

    def finish_job(self, job_id: str) -> None:
        """Bring a Bulk job of an earlier process to its end, so that its records tell what it has done.

        Raises:
            OrgUnavailable: that cannot be told now.
        """
        ...

    def find_tasks(
        self,
        activities: ActivityMap,
        keys: Sequence[str],
        who_ids: Sequence[SalesforceId],
        since: str,
    ) -> dict[str, SalesforceId]:
        """Which of these event keys are already Tasks: ``{key: Task Id}``.

        By the external id where ``activities.external_id`` is set, else by the reference line that
        such Tasks carry in their Description, among the people's Tasks created since. Archived ones
        too.
        """
        ...

    def usage(self) -> Usage:
        """Calls and bytes so far, and the org's own count as last told."""
        ...


class Stage(Protocol):
    """Fresh records beside the mirror's rows, kept outside the database file until they are settled."""

    def add(self, records: Iterable[Remote]) -> int:
        """Stage one page; a record staged before is replaced. Returns how many."""
        ...

    def summary(self) -> StageSummary:
        """Count what settling would do."""
        ...

    def unstaged_ids(self) -> Iterator[SalesforceId]:
        """Salesforce Ids of live rows that no staged record is for, in a steady order."""
        ...

    def settle_plain(self, *, insert: bool, update: bool, segment: str) -> ObjectReport:
        """Apply, by SQL and in transactions of a bounded size, what needs no decision: ``new`` and ``changed``.

        ``insert`` and ``update`` say whether the rules want it; ``segment`` names the segment new
        rows join.
        """
        ...

    def triples(self, *, contested_only: bool, dirty_only: bool = False) -> Iterator[Triple]:
        """Triples in a steady order, streaming; the caller may commit between any two of them.

        ``contested_only``: what ``settle_plain`` leaves. ``dirty_only``: rows edited here, with the
        staged record as remote (``None`` where the row has no Id and no staged record its address).
        Not rows that were
        edited, or put in, too late to be asked for: they wait for the next run. Otherwise every
        staged record that differs from its row, and every dirty row (``GONE`` where its record is
        not staged).
        """
        ...


class Mirror(Protocol):
    """The SQLite side."""

    def prepare(self, mapping: SyncMapping) -> tuple[str, ...]:
        """Make tables, columns and triggers fit the mapping.

        Returns:
            The objects whose mapping changed since their last pull: they have to be read again in
                full.
        """
        ...

    def facts(self, sobject: str) -> SObjectFacts | None:
        """What the org said of an object when last asked."""
        ...

    def keep_facts(self, facts: SObjectFacts) -> None:
        """Keep it for the next run."""
        ...

    def pinned_org(self) -> str:
        """The org id this mirror belongs to; empty before the first run."""
        ...

    def pin_org(self, org_id: str) -> None:
        """Bind this mirror to an org, once and for all."""
        ...

    def external_key(self, object_name: str, local_id: LocalId) -> str:
        """The external id value for a row that sfsync creates in the org; the same for ever."""
        ...

    # -- pull --------------------------------------------------------------------------------------
    def watermark(self, object_name: str, columns: Sequence[str]) -> Watermark | None:
        """Where the last complete pull of this object got to.

        ``None`` where there was none, or where it did not read all of these columns (a field was
        added to the mapping, or has become visible since): then everything has to be read again.
        """
        ...

    def advance(self, object_name: str, to: Watermark, columns: Sequence[str]) -> None:
        """Move the watermark on, never back, and remember which columns were read."""
        ...

    def staging(
        self, object_map: ObjectMap, columns: Sequence[str]
    ) -> AbstractContextManager[Stage]:
        """An empty stage for one object, holding these columns; gone at the end of the block."""
        ...

    def forgotten(self, object_name: str) -> Callable[[Remote], bool] | None:
        """Tells records of purged people, who are not brought in anew; ``None`` where nobody was purged."""
        ...

    def rows(self, object_name: str) -> int:
        """How many live rows there are, for the brake."""
        ...

    def row(self, object_name: str, local_id: LocalId) -> Row | None:
        """One row with its base (the row itself where nobody has edited it)."""
        ...

    def find_row(self, object_name: str, salesforce_id: SalesforceId) -> Row | None:
        """The row of this record."""
        ...

    def successor(
        self, object_name: str, salesforce_id: SalesforceId
    ) -> tuple[str, SalesforceId] | None:
        """What a merged or converted record lives on in, as far as the mirror has heard: object and Id."""
        ...

    def note(self, name: str) -> str:
        """A small fact kept between runs; empty where there is none."""
        ...

    def keep_note(self, name: str, value: str) -> None:
        """Keep it; an empty value forgets it."""
        ...

    def commit(self, plans: Sequence[RowPlan], *, segment: str = "") -> None:
        """Apply the mirror's half of these plans (rows, base, conflicts, links, segments) in one transaction."""
        ...

    # -- push --------------------------------------------------------------------------------------
    def dirty_ids(self, object_name: str, columns: Sequence[str]) -> Iterator[SalesforceId]:
        """Salesforce Ids of rows where one of these columns was edited here, in a steady order.

        Also of rows that were linked and never agreed on anything. Not rows in open quarantine, nor
        rows whose only such columns are held for a person to decide, nor soft-deleted ones unless
        the mapping deletes their records.
        """
        ...

    def unlinked(self, object_name: str) -> Iterator[tuple[LocalId, str]]:
        """Live rows without a Salesforce Id, with the value of the match column, which may be empty.

        Ordered by its match key, so that the same address stands together; not rows in open
        quarantine.
        """
        ...

    def link(self, object_name: str, local_id: LocalId, salesforce_id: SalesforceId) -> None:
        """This row is that record: found by address or external id. They never agreed on anything yet."""
        ...

    def journal(self, writes: Sequence[WriteIntent]) -> list[OrgWrite]:
        """Keep what is about to be sent, durably; the returned writes carry their ``ref``."""
        ...

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Settle journaled writes in one transaction.

        Accepted: keep the new Id, move the base to what was sent, take the merged values into the
        row unless
        somebody edited it meanwhile. Rejected: quarantine. Deferred: forget the write, the row
        stays dirty.
        Unknown: keep it in doubt.
        """
        ...

    def in_doubt(self, object_name: str) -> list[JournaledWrite]:
        """Journaled writes without an outcome."""
        ...

    # -- undo --------------------------------------------------------------------------------------
    def written(
        self, run_id: str, object_name: str, ids: Sequence[SalesforceId] | None = None
    ) -> Iterator[list[JournaledWrite]]:
        """The accepted writes of a run, record by record, each record's oldest first.

        Of these records, or of all where ``ids`` is ``None``. The caller may commit between any two
        records.
        """
        ...

    def tasks_of(self, run_id: str) -> list[SalesforceId]:
        """Tasks that a run logged."""
        ...

    # -- activity ----------------------------------------------------------------------------------
    def known_events(self, ids: Sequence[str]) -> int:
        """How many of these events are stored already, or stand among them twice."""
        ...

    def keep_events(self, events: Sequence[EmailEvent], *, source: str) -> tuple[int, int]:
        """Store events durably, once per id. Returns ``(new, duplicates)``."""
        ...

    def unresolved_addresses(self) -> Iterator[str]:
        """Match keys of events not handled yet whose person no live row has."""
        ...

    def pending_events(self, limit: int) -> list[tuple[EmailEvent, tuple[Person, ...]]]:
        """The next events to handle, oldest first, each with all rows that have its address."""
        ...

    def first_in_campaign(self, keys: Sequence[str]) -> set[str]:
        """Which of these once-per-campaign keys are not taken yet."""
        ...

    def apply_events(self, effects: Sequence[Effect]) -> None:
        """In one transaction: change the people's rows, queue the Tasks, mark the events as handled."""
        ...

    def queued_tasks(self, after: int, limit: int) -> list[QueuedTask]:
        """Activities waiting to be sent, by ``activity_id`` after the given one."""
        ...

    def waiting_tasks(self) -> int:
        """How many activities are still to become Tasks."""
        ...

    def mark_sending(self, activity_ids: Sequence[int]) -> None:
        """Keep durably that these are about to be sent."""
        ...

    def settle_tasks(self, outcomes: Sequence[Outcome]) -> None:
        """Like ``settle``, for activities; ``ref`` is the ``activity_id``."""
        ...

    # -- what people are told ----------------------------------------------------------------------
    def quarantine(
        self,
        *,
        kind: str,
        code: str,
        message: str,
        hint: str = "",
        object_name: str = "",
        local_id: LocalId | None = None,
        event_id: str = "",
        payload: str = "",
    ) -> None:
        """Put something aside, with the reason in the org's own words, and a hint."""
        ...


class Progress(Protocol):
    """Somebody to tell how far a long job is. Silent by default."""

    def start(self, label: str, total: int | None) -> None:
        """A job begins."""
        ...

    def advance(self, count: int) -> None:
        """So many more are done."""
        ...

    def done(self) -> None:
        """The job is over."""
        ...


class Silent:
    """A ``Progress`` that says nothing."""

    def start(self, label: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, count: int) -> None:
        """Say nothing."""

    def done(self) -> None:
        """Say nothing."""


Clock = Callable[[], str]
"""Now, as ``2026-01-20T10:00:00Z``; handed in from ``cli/``."""
