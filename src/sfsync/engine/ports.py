"""What the verbs need from the world, as Protocols: an org, a mirror, a progress display.

The real ones, ``salesforce.org.SalesforceOrg`` and ``mirror.store.SqliteMirror``, satisfy these by
shape alone; the fakes in ``tests/fakes.py`` satisfy the same contract suite.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sfsync.model.activity import Effect, Person, TaskDraft, UnnamedTask
from sfsync.model.arrival import Arrival, ContactEdit, ContactsTaken, Taken
from sfsync.model.change import OrgWrite, RowPlan
from sfsync.model.consent import Due, Statement
from sfsync.model.cursor import Watermark
from sfsync.model.delivery import Attempt, Delivery, Endpoint, Message, PostAnswer, Settlement
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.facts import SObjectFacts
from sfsync.model.hint import Batch, DueRead, Hint, StreamEnd
from sfsync.model.journal import JournaledWrite, QueuedTask, WriteIntent
from sfsync.model.mapping import ActivityMap, ObjectMap
from sfsync.model.outcome import ObjectReport, Outcome
from sfsync.model.record import LocalId, RawRecord, Remote, Row, SalesforceId, Triple, Value
from sfsync.model.stage import StageSummary
from sfsync.model.traffic import Batching, Changes, Stretch, Usage


class Org(Protocol):
    """The Salesforce side.

    Raises only errors of ``sfsync.errors``; a refused record is an ``Outcome``.
    """

    def describe(self, sobject: str) -> SObjectFacts:
        """What the org says of an object: its fields, as this user sees them. One API call."""
        ...

    def changed_since(
        self,
        sobject: str,
        fields: Sequence[str],
        since: str | None,
        known: Stretch | None = None,
    ) -> Changes:
        """Records stamped at or after ``since``, deleted ones too, oldest stamp first.

        ``since`` is ``2026-01-20T10:00:00Z``; ``None`` reads every record that is not deleted.
        One API call where nothing changed. ``known`` is the ``stretch`` of an earlier reading, and
        is left out where nothing of it came late.
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
        """Live records whose field ``by`` is one of ``keys``, ignoring case.

        A few hundred keys a call. For Lead, converted ones are included (``IsConverted``,
        ``ConvertedContactId``).
        """
        ...

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        """The cheapest way for so many writes, by API calls.

        Args:
            creating: whether all of them are creates.
        """
        ...

    def apply(self, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """Send these writes; one outcome for each, by ``ref``, in any order.

        At most ``batching().size`` at once.

        Never raises for what becomes of single records; a request whose reply was lost gives
        ``Unknown`` for all of its records. Refuses nothing silently.

        An update with ``if_unmodified_since`` is done only while its record is live and its stamp
        no later than that (of all that travel in one call, the latest counts); else it is
        ``Deferred`` with the code ``RECORD_CHANGED``. What such an update replaced is in
        ``Accepted.seen``.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable: before anything of this call was sent; outcomes
                already known are never thrown away: what was not sent is ``Deferred``.
        """
        ...

    def finish_job(self, job_id: str) -> None:
        """Bring a Bulk job of an earlier process to its end: its records then show what it did.

        Raises:
            OrgUnavailable: that cannot be known now.
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
        """Calls and bytes so far, and the org's own count, as last answered."""
        ...


class ChangeStream(Protocol):
    """The org's stream of changes, as hints which records to read."""

    def open(self, position: bytes | None) -> None:
        """Begin after this position; ``None``: with what happens from now on, never with what lies before.

        What goes wrong is told by ``read``.

        Raises:
            AuthError: there is no working login.
        """
        ...

    def read(self) -> Batch | StreamEnd:
        """The next message, waited for; or why the stream has ended: then it is to be opened again."""
        ...

    def end(self) -> None:
        """Leave the stream; it can be opened again."""
        ...


class Stage(Protocol):
    """Fresh records beside the mirror's rows: ``mirror.staging.SqliteStage``."""

    def add(self, records: Iterable[Remote]) -> int: ...
    def summary(self) -> StageSummary: ...
    def follow_addresses(self) -> int: ...
    def consent_statements(self, opt_out: Sequence[str]) -> Iterator[Statement]: ...
    def unstaged_ids(self) -> Iterator[SalesforceId]: ...
    def revived_ids(self) -> Iterator[SalesforceId]: ...
    def overruled_ids(self) -> Iterator[SalesforceId]: ...
    def settle_plain(self, *, insert: bool, update: bool, segment: str) -> ObjectReport: ...
    def triples(self, *, contested_only: bool, dirty_only: bool = False) -> Iterator[Triple]: ...


class Rows(Protocol):
    """The mirror's rows, each with its base beside it: ``mirror.rows.Rows``."""

    def by_local_id(self, object_name: str, local_id: LocalId) -> Row | None: ...
    def by_salesforce_id(self, object_name: str, salesforce_id: SalesforceId) -> Row | None: ...
    def successor(
        self, object_name: str, salesforce_id: SalesforceId
    ) -> tuple[str, SalesforceId] | None: ...
    def external_key(
        self, object_name: str, local_id: LocalId, sent: Mapping[str, Value]
    ) -> str: ...
    def count(self, object_name: str) -> int: ...
    def dirty_ids(self, object_name: str, columns: Sequence[str]) -> Iterator[SalesforceId]: ...
    def merge(self, plan: RowPlan, going: LocalId) -> None: ...
    def quarantined(
        self, object_name: str, columns: Sequence[str]
    ) -> Iterator[tuple[LocalId, SalesforceId | None]]: ...
    def are_edited(self, object_name: str, columns: Sequence[str]) -> bool: ...
    def unsendable(self, object_name: str, *, sends: bool) -> Iterator[Row]: ...
    def unlinked(self, object_name: str) -> Iterator[tuple[LocalId, str]]: ...
    def commit(self, plans: Sequence[RowPlan], *, segment: str = "") -> None: ...
    def link(self, object_name: str, local_id: LocalId, salesforce_id: SalesforceId) -> None: ...


class Outbox(Protocol):
    """Writes to the org, from their intent to their history: ``mirror.outbox.Outbox``."""

    def journal(self, writes: Sequence[WriteIntent]) -> list[OrgWrite]: ...
    def settle(self, outcomes: Sequence[Outcome]) -> None: ...
    def unsettled(self, object_name: str) -> list[JournaledWrite]: ...
    def accepted_writes(
        self, run_id: str, object_name: str, ids: Sequence[SalesforceId] | None = None
    ) -> Iterator[list[JournaledWrite]]: ...


class Events(Protocol):
    """Email events, their people and what they did: ``mirror.events.Events``."""

    def count_known(self, ids: Sequence[str]) -> int: ...
    def unresolved_addresses(self) -> Iterator[str]: ...
    def wake(self) -> int: ...
    def pending(self, limit: int) -> list[tuple[EmailEvent, tuple[Person, ...]]]: ...
    def first_in_campaign(self, keys: Sequence[str]) -> set[str]: ...
    def apply(self, effects: Sequence[Effect]) -> None: ...
    def leave_out(self, types: Collection[EventType]) -> int: ...


class Arrivals(Protocol):
    """What was handed in: ``mirror.arrivals.Arrivals``."""

    def take(self, arrival: Arrival) -> Taken: ...


class ContactEdits(Protocol):
    """People as the email platform has them: ``mirror.contact_edits.ContactEdits``."""

    def learn(self, addresses: Mapping[str, str]) -> None: ...
    def take(self, edits: Sequence[ContactEdit], *, source: str) -> ContactsTaken: ...
    def take_waiting(self) -> int: ...


class Hints(Protocol):
    """What the stream of changes says is to be read: ``mirror.hints.Hints``."""

    def position(self, channel: str, org_id: str) -> bytes | None: ...
    def has_foreign_position(self, channel: str, org_id: str) -> bool: ...
    def keep(self, channel: str, org_id: str, batch: Batch) -> None: ...
    def lose_position(self, channel: str, hints: Sequence[Hint]) -> None: ...
    def due(self, name: str, most: int) -> DueRead: ...
    def taken(self, due: DueRead, ids: Iterable[SalesforceId]) -> None: ...
    def taken_whole(self, due: DueRead) -> None: ...


class CampaignNames(Protocol):
    """Tasks whose campaign's name comes late: ``mirror.campaign_names.CampaignNames``."""

    def waited_for(self, after: str, until: str) -> tuple[str, ...]: ...
    def held(self, campaigns: Sequence[str]) -> tuple[int, str]: ...
    def named_since(self, after: int, limit: int) -> list[UnnamedTask]: ...
    def rewrite(self, drafts: Sequence[tuple[int, TaskDraft]]) -> None: ...


class Tasks(Protocol):
    """The Tasks that events become: ``mirror.tasks.Tasks``."""

    def queued(self, after: int, limit: int, unnamed: Sequence[str] = ()) -> list[QueuedTask]: ...
    def count_waiting(self, unnamed: Sequence[str] = ()) -> int: ...
    def mark_sending(self, activity_ids: Sequence[int]) -> None: ...
    def settle(self, outcomes: Sequence[Outcome]) -> None: ...
    def logged_by(self, run_id: str) -> list[SalesforceId]: ...


class Quarantine(Protocol):
    """What was refused: ``mirror.quarantine.Quarantine``."""

    def put(
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
    ) -> None: ...
    def count_open(self) -> int: ...


class Conflicts(Protocol):
    """What both sides had changed: ``mirror.conflicts.Conflicts``."""

    def keep_unsent(self, plans: Iterable[RowPlan]) -> int: ...


class SyncState(Protocol):
    """What is remembered from one run to the next: ``mirror.sync_state.SyncState``."""

    def pinned_org(self) -> str: ...
    def pin_org(self, org_id: str) -> None: ...
    def facts(self, sobject: str) -> SObjectFacts | None: ...
    def keep_facts(self, facts: SObjectFacts) -> None: ...
    def watermark(self, object_name: str, columns: Sequence[str]) -> Watermark | None: ...
    def advance_watermark(
        self, object_name: str, to: Watermark, columns: Sequence[str]
    ) -> None: ...
    def note(self, name: str) -> str: ...
    def keep_note(self, name: str, value: str) -> None: ...


class Purge(Protocol):
    """Knows the records of purged people again: ``mirror.purge.Purge``."""

    def record_filter(self, object_name: str) -> Callable[[Remote], bool] | None: ...


class Consent(Protocol):
    """Consent by person: ``mirror.consent.Consent``."""

    def record(self, statements: Iterable[Statement]) -> int: ...
    def settle(self, opt_out: Mapping[str, Sequence[str]]) -> object: ...
    def last_edit(self) -> int: ...
    def due(self, opt_out: Mapping[str, Sequence[str]], *, up_to: int | None = None) -> Due: ...
    def lacks_opt_out(self, object_name: str, columns: Sequence[str]) -> bool: ...


class Deliveries(Protocol):
    """What outgoing webhooks are to say, and to whom: ``mirror.deliveries.Deliveries``."""

    def endpoint(self, name: str) -> Endpoint | None: ...
    def queue(self, name: str, kinds: Collection[tuple[str, str]]) -> int: ...
    def due(self, name: str, *, limit: int, under_way: Collection[int] = ()) -> list[Delivery]: ...
    def settle(self, attempts: Iterable[Attempt]) -> list[tuple[Attempt, Settlement]]: ...
    def waiting(self, name: str, kinds: Collection[tuple[str, str]]) -> int: ...
    def overview(
        self, kinds: Callable[[str], Collection[tuple[str, str]]]
    ) -> list[dict[str, Any]]: ...


class Poster(Protocol):
    """Posts messages while others go on: ``outgoing.poster.Poster``."""

    def start(self, message: Message) -> None: ...
    def finished(self, seconds: float) -> list[tuple[Message, PostAnswer]]: ...


class Mirror(Protocol):
    """The SQLite side, as far as the verbs need it: ``mirror.store.SqliteMirror``.

    What each method promises stands once, at the class that is named; here are only the shapes.
    """

    @property
    def state(self) -> SyncState: ...
    @property
    def rows(self) -> Rows: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def events(self) -> Events: ...
    @property
    def arrivals(self) -> Arrivals: ...
    @property
    def hints(self) -> Hints: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def contact_edits(self) -> ContactEdits: ...
    @property
    def campaign_names(self) -> CampaignNames: ...
    @property
    def quarantine(self) -> Quarantine: ...
    @property
    def conflicts(self) -> Conflicts: ...
    @property
    def consent(self) -> Consent: ...
    @property
    def purge(self) -> Purge: ...

    def staging(
        self, object_map: ObjectMap, columns: Sequence[str]
    ) -> AbstractContextManager[Stage]: ...


class Progress(Protocol):
    """Shows how far a long job is. Silent by default."""

    def start(self, label: str, total: int | None) -> None:
        """A job begins."""
        ...

    def advance(self, count: int) -> None:
        """So many more are done."""
        ...

    def ahead(self, count: int) -> None:
        """So many more of the next that ``advance`` will count are under way and as good as done."""
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

    def ahead(self, count: int) -> None:
        """Say nothing."""

    def done(self) -> None:
        """Say nothing."""


Clock = Callable[[], str]
"""Now, as ``2026-01-20T10:00:00Z``; handed in from ``cli/``."""
