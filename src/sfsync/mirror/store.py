"""SqliteMirror: the whole SQLite side behind one door. It satisfies ``engine.ports.Mirror`` by shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sfsync.errors import MirrorError, WrongOrg
from sfsync.mirror import (
    conflicts,
    diagnostics,
    imports,
    person_history,
    purge,
    quarantine,
    records,
    runs,
    tables,
)
from sfsync.mirror.database import Clock, Database, quoted
from sfsync.mirror.events import Events
from sfsync.mirror.lock import holder, run_lock
from sfsync.mirror.migrations import migrate
from sfsync.mirror.outbox import Outbox
from sfsync.mirror.staging import SqliteStage
from sfsync.mirror.tables import MappedTable
from sfsync.mirror.tokens import Tokens
from sfsync.model.activity import Effect, Person
from sfsync.model.change import OrgWrite, RowPlan, Side
from sfsync.model.cursor import Watermark
from sfsync.model.event import EmailEvent
from sfsync.model.facts import SObjectFacts
from sfsync.model.journal import JournaledWrite, QueuedTask, WriteIntent
from sfsync.model.mapping import ObjectMap, SyncMapping
from sfsync.model.outcome import Outcome
from sfsync.model.record import LocalId, Remote, Row, SalesforceId, Values

PAGE = 1_000


class SqliteMirror:
    """The mirror in one SQLite file. One per thread.

    Args:
        path: the file; made where there is none, 0600.
        now: the clock, ``2026-01-20T10:00:00Z``.
        run_id: what this process writes is noted under.
        busy_seconds: how long to wait for another program that is writing.

    Raises:
        MirrorError: the file cannot be used.
        MirrorBusy: another program keeps writing.
    """

    def __init__(
        self, path: Path, *, now: Clock, run_id: str = "", busy_seconds: float = 10.0
    ) -> None:
        self.path = path
        self._database = Database(path, now=now, busy_seconds=busy_seconds)
        try:
            migrate(self._database)
        except BaseException:
            self._database.close()
            raise
        self._tables: dict[str, MappedTable] = {}
        self._run_id = run_id
        self._stages = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a transaction left open is taken back."""
        self._database.close()

    def _table(self, object_name: str) -> MappedTable:
        if object_name not in self._tables:
            raise MirrorError(
                f"the mirror has no table for {object_name!r}",
                hint="Name it under `objects` in sfsync.yaml.",
            )
        return self._tables[object_name]

    # -- what the mirror is ------------------------------------------------------------------------
    def prepare(self, mapping: SyncMapping) -> tuple[str, ...]:
        """Make tables, columns and triggers fit the mapping; nothing is written where they do.

        Returns:
            The objects whose mapping changed since their last pull: they have to be read again in
                full.
        """
        changed = tables.fit(self._database, mapping)
        self._tables = {
            name: MappedTable(object_map) for name, object_map in mapping.objects.items()
        }
        return changed

    def facts(self, sobject: str) -> SObjectFacts | None:
        """What the org said of an object when last asked; ``None`` too where it is damaged: ask again."""
        kept = self._database.value("SELECT facts FROM _facts WHERE sobject = ?", [sobject])
        return None if kept is None else runs.facts_from(kept)

    def keep_facts(self, facts: SObjectFacts) -> None:
        """Keep it for the next run."""
        with self._database.transaction():
            self._database.run(
                "INSERT INTO _facts (sobject, facts, asked_at) VALUES (?, ?, ?) ON CONFLICT (sobject)"
                " DO UPDATE SET facts = excluded.facts, asked_at = excluded.asked_at",
                [facts.name, json.dumps(facts.as_dict()), self._database.now()],
            )

    def pinned_org(self) -> str:
        """The org id this mirror belongs to; empty before the first run."""
        return str(self._database.value("SELECT org_id FROM _sync"))

    def pin_org(self, org_id: str) -> None:
        """Bind this mirror to an org, once and for all.

        Raises:
            WrongOrg: it belongs to another one.
        """
        with self._database.transaction():
            pinned = self.pinned_org()
            if pinned not in {"", org_id}:
                raise WrongOrg(
                    f"this mirror belongs to the org {pinned}, not to {org_id}",
                    hint="Use another profile with its own mirror.",
                )
            self._database.run("UPDATE _sync SET org_id = ?", [org_id])

    def external_key(self, object_name: str, local_id: LocalId) -> str:
        """The external id value for a row that sfsync creates in the org; the same for ever.

        The mapped column's value where the external id field is mapped and the row has one; else
        the mirror's own random key with the row's number, and a letter for the object.
        """
        table = self._table(object_name)
        mapped = table.object_map.by_remote.get(table.object_map.external_id)
        if mapped is not None:
            own = self._database.value(
                f"SELECT {quoted(mapped.column)} FROM {table.name} WHERE id = ?", [local_id]
            )
            if own not in (None, ""):
                return str(own)
        return f"{self.key}-{object_name[:1]}{local_id}"

    def note(self, name: str) -> str:
        """A small fact kept between runs; empty where there is none."""
        return str(self._database.value("SELECT value FROM _notes WHERE name = ?", [name]) or "")

    def keep_note(self, name: str, value: str) -> None:
        """Keep it; an empty value forgets it."""
        with self._database.transaction():
            self._database.run("DELETE FROM _notes WHERE name = ?", [name])
            if value:
                self._database.run("INSERT INTO _notes (name, value) VALUES (?, ?)", [name, value])

    @property
    def key(self) -> str:
        """This mirror's own random name, the same for ever."""
        return str(self._database.value("SELECT mirror_key FROM _sync"))

    @property
    def tokens(self) -> Tokens:
        """Where sealed logins are kept."""
        return Tokens(self._database)

    # -- runs --------------------------------------------------------------------------------------
    def lock(
        self, run_id: str, command: str, *, timeout_seconds: float = 0
    ) -> AbstractContextManager[None]:
        """Hold the mirror's lock; ``MirrorBusy`` names who has it instead."""
        return run_lock(self._database, run_id, command, timeout_seconds=timeout_seconds)

    def begin_run(self, run_id: str, command: str) -> None:
        """A run begins; what is written from now on is noted under it."""
        self._run_id = run_id
        runs.begin(self._database, run_id, command)
        for table in self._tables.values():
            with self._database.transaction():
                tables.tidy(self._database, table)

    def finish_run(self, run_id: str, status: str, report: Mapping[str, Any]) -> None:
        """A run is over: how it ended, and its report."""
        runs.finish(self._database, run_id, status, report)

    def runs(self, *, limit: int = 20) -> list[dict[str, Any]]:
        """The last runs, the latest first, each with its report."""
        return runs.listed(self._database, limit)

    def sent_by(self, run_id: str) -> list[JournaledWrite]:
        """What a run wrote to the org and the org accepted, the latest first."""
        return runs.sent_by(self._database, run_id)

    def written(
        self, run_id: str, object_name: str, ids: Sequence[SalesforceId] | None = None
    ) -> Iterator[list[JournaledWrite]]:
        """The accepted writes of a run, record by record, each record's oldest first; of these records, or all."""
        return runs.written(self._database, run_id, object_name, ids)

    def tasks_of(self, run_id: str) -> list[SalesforceId]:
        """Tasks that a run logged."""
        return runs.tasks_of(self._database, run_id)

    def writes_of(self, run_id: str, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """A page of what a run sent, from ``after`` (a ``ref``) on."""
        return runs.writes_of(self._database, run_id, after=after, limit=limit)

    def run_named(self, run_id: str) -> dict[str, Any] | None:
        """One run with its report; ``None`` where there is none of that name."""
        return runs.named(self._database, run_id)

    def run_ids(self) -> list[str]:
        """The names of the last runs, the latest first."""
        return runs.ids(self._database)

    def status(self) -> dict[str, Any]:
        """What waits, what is open, the watermarks, the last runs; for people."""
        return runs.status(self._database, list(self._tables.values()))

    # -- how it is ---------------------------------------------------------------------------------
    def damage(self) -> str:
        """What SQLite's own quick check finds; empty for nothing."""
        return diagnostics.damage(self._database)

    def journal_mode(self) -> str:
        """``delete``, or ``wal`` where another tool has changed it."""
        return str(self._database.value("PRAGMA journal_mode"))

    def lock_holder(self) -> tuple[str, str] | None:
        """Who holds the run lock now, in a sentence, and since when; ``None`` where nobody does."""
        return holder(self._database)

    def usual_calls(self) -> int | None:
        """API calls of a usual run: the middle one of the last good ones."""
        return diagnostics.usual_calls(self._database)

    def widest(self, object_name: str) -> dict[str, int]:
        """Characters of the longest text in each column."""
        return diagnostics.widest(self._database, self._table(object_name))

    def distinct(self, object_name: str, column: str, *, limit: int = 200) -> tuple[str, ...]:
        """The values of a column, each once."""
        return diagnostics.distinct(self._database, self._table(object_name), column, limit)

    # -- pull --------------------------------------------------------------------------------------
    def watermark(self, object_name: str, columns: Sequence[str]) -> Watermark | None:
        """Where the last complete pull of this object got to.

        ``None`` where there was none, or where it did not read all of these columns, or read one of
        them from another field: then everything has to be read again.
        """
        kept = self._database.row(
            "SELECT at, columns FROM _watermarks WHERE object = ?", [object_name]
        )
        if kept is None:
            return None
        read = self._database.parsed(kept[1])
        object_map = self._table(object_name).object_map
        if any(read.get(column) != tables.meaning(object_map, column) for column in columns):
            return None
        return Watermark.parse(kept[0])

    def advance(self, object_name: str, to: Watermark, columns: Sequence[str]) -> None:
        """Move the watermark on, never back, and remember which columns were read."""
        object_map = self._table(object_name).object_map
        read = json.dumps({column: tables.meaning(object_map, column) for column in columns})
        with self._database.transaction():
            self._database.run(
                "INSERT INTO _watermarks (object, at, columns) VALUES (?, ?, ?) ON CONFLICT (object)"
                " DO UPDATE SET at = max(at, excluded.at), columns = excluded.columns",
                [object_name, str(to), read],
            )

    @contextmanager
    def staging(self, object_map: ObjectMap, columns: Sequence[str]) -> Iterator[SqliteStage]:
        """An empty stage for one object, holding these columns; gone at the end of the block."""
        self._stages += 1
        stage = SqliteStage(
            self._database, MappedTable(object_map), columns, f"_stage_{self._stages}", self._run_id
        )
        try:
            yield stage
        finally:
            stage.drop()

    def rows(self, object_name: str) -> int:
        """How many live rows there are, for the brake."""
        table = self._table(object_name)
        return int(
            self._database.value(f"SELECT count(*) FROM {table.name} WHERE deleted_at IS NULL")
        )

    def row(self, object_name: str, local_id: LocalId) -> Row | None:
        """One row with its base (the row itself where nobody has edited it)."""
        return records.find(self._database, self._table(object_name), "r.id = ?", [local_id])

    def find_row(self, object_name: str, salesforce_id: SalesforceId) -> Row | None:
        """The row of this record."""
        return records.find(
            self._database, self._table(object_name), "r.salesforce_id = ?", [salesforce_id]
        )

    def successor(
        self, object_name: str, salesforce_id: SalesforceId
    ) -> tuple[str, SalesforceId] | None:
        """What a merged or converted record lives on in, as far as the mirror has heard: object and Id."""
        found = self._database.row(
            "SELECT successor_object, successor_id FROM _links WHERE object = ? AND salesforce_id = ?",
            [object_name, salesforce_id],
        )
        return (str(found[0]), SalesforceId(str(found[1]))) if found else None

    def commit(self, plans: Sequence[RowPlan], *, segment: str = "") -> None:
        """Apply the mirror's half of these plans (rows, base, conflicts, links, segments) in one transaction."""
        if plans:
            with self._database.transaction():
                records.Committer(self._database, self._tables, self._run_id).commit(plans, segment)

    # -- push --------------------------------------------------------------------------------------
    def dirty_ids(self, object_name: str, columns: Sequence[str]) -> Iterator[SalesforceId]:
        """Salesforce Ids of rows where one of these columns was edited here, in a steady order.

        Also of rows that were linked and never agreed on anything. Not of rows in open quarantine,
        nor of rows whose only such columns are held for a person to decide, nor of soft-deleted
        ones unless the mapping deletes their records.
        """
        table = self._table(object_name)
        after = 0
        while page := self._database.rows(
            f"SELECT b.id, r.salesforce_id FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
            f" WHERE b.id > ? AND r.salesforce_id IS NOT NULL AND {records.dirty(table, columns)}"
            " ORDER BY b.id LIMIT ?",
            [after, PAGE],
        ):
            yield from (SalesforceId(found[1]) for found in page)
            after = page[-1][0]

    def unlinked(self, object_name: str) -> Iterator[tuple[LocalId, str]]:
        """Live rows without a Salesforce Id, with the value of the match column (may be empty).

        Ordered by match key, so that the same address stands together; not rows in open quarantine.
        """
        table = self._table(object_name)
        key = table.match_or_blank("r")
        last: tuple[str, int] = ("", 0)
        while page := self._database.rows(
            f"SELECT {key} AS key, r.id, r.{quoted(table.object_map.match_on)} FROM {table.name} AS r"
            f" INDEXED BY {table.unlinked_index} LEFT JOIN {table.base} AS b ON b.id = r.id"
            f" WHERE r.salesforce_id IS NULL AND r.deleted_at IS NULL AND {key} >= ?1 AND ({key} > ?1 OR r.id > ?2)"
            f" AND NOT {records.put_aside(table)} ORDER BY key, r.id LIMIT ?3",
            [*last, PAGE],
        ):
            yield from ((LocalId(found[1]), str(found[2] or "")) for found in page)
            last = (page[-1][0], page[-1][1])

    def link(self, object_name: str, local_id: LocalId, salesforce_id: SalesforceId) -> None:
        """This row is that record: found by address or external id. They never agreed on anything yet.

        Raises:
            MirrorError: another row, edited here, is that record.
        """
        table = self._table(object_name)
        with self._database.transaction():
            if not records.link(self._database, table, local_id, salesforce_id):
                raise MirrorError(
                    f"{object_name} {local_id} cannot be {salesforce_id}: another row is that record already",
                    hint="Delete one of the two rows.",
                )
            records.keep_base(self._database, table, local_id)
            self._database.run(
                f"UPDATE {table.base} SET _unmet = '*', _salesforce_id = ? WHERE id = ?",
                [salesforce_id, local_id],
            )

    def journal(self, writes: Sequence[WriteIntent]) -> list[OrgWrite]:
        """Keep what is about to be sent, durably; the returned writes carry their ``ref``."""
        return self._outbox.journal(writes)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Settle journaled writes in one transaction.

        Accepted: keep the new Id, move the base to what was sent, take the merged values into the
        row unless
        somebody edited it meanwhile. Rejected: quarantine. Deferred: forget the write, the row
        stays dirty.
        Unknown: keep it in doubt.
        """
        if outcomes:
            self._outbox.settle(outcomes)

    def in_doubt(self, object_name: str) -> list[JournaledWrite]:
        """Journaled writes without an outcome."""
        return self._outbox.in_doubt(object_name)

    @property
    def _outbox(self) -> Outbox:
        return Outbox(self._database, self._tables, self._run_id)

    # -- activity ----------------------------------------------------------------------------------
    def known_events(self, ids: Sequence[str]) -> int:
        """How many of these events are stored already, or stand among them twice."""
        return self._events.known(ids)

    def keep_events(self, events: Sequence[EmailEvent], *, source: str) -> tuple[int, int]:
        """Store events durably, once per id. Returns ``(new, duplicates)``."""
        return self._events.keep(events, source=source)

    def unresolved_addresses(self) -> Iterator[str]:
        """Match keys of events not handled yet whose person no live row has."""
        return self._events.unresolved_addresses()

    def pending_events(self, limit: int) -> list[tuple[EmailEvent, tuple[Person, ...]]]:
        """The next events to handle, oldest first, each with all rows that have its address."""
        return self._events.pending(limit)

    def first_in_campaign(self, keys: Sequence[str]) -> set[str]:
        """Which of these once-per-campaign keys are not taken yet."""
        return self._events.first_in_campaign(keys)

    def apply_events(self, effects: Sequence[Effect]) -> None:
        """In one transaction: change the people's rows, queue the Tasks, mark the events as handled."""
        self._events.apply(effects)

    def queued_tasks(self, after: int, limit: int) -> list[QueuedTask]:
        """Activities waiting to be sent, by ``activity_id`` after the given one."""
        return self._events.queued(after, limit)

    def waiting_tasks(self) -> int:
        """How many activities are still to become Tasks."""
        return self._events.waiting()

    def mark_sending(self, activity_ids: Sequence[int]) -> None:
        """Keep durably that these are about to be sent."""
        self._events.mark_sending(activity_ids)

    def settle_tasks(self, outcomes: Sequence[Outcome]) -> None:
        """Like ``settle``, for activities; ``ref`` is the ``activity_id``."""
        if outcomes:
            self._events.settle_tasks(outcomes)

    @property
    def _events(self) -> Events:
        return Events(self._database, self._tables, self._run_id)

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
        refusal = quarantine.Refusal(
            kind, code, message, hint, object_name, local_id, event_id, payload
        )
        with self._database.transaction():
            if kind == quarantine.RECORD and local_id is not None:
                refusal = quarantine.at_this_edit(
                    self._database, self._table(object_name).base, refusal
                )
            quarantine.put_aside(self._database, refusal, self._run_id)

    def quarantined(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """What is in open quarantine, the latest first."""
        return quarantine.listed(
            self._database, records.addresses(self._tables.values()), limit=limit
        )

    def retry(self, ids: Sequence[int] = ()) -> int:
        """Let these entries go, so that they are tried again; all where none is named. Returns how many."""
        return quarantine.retry(self._database, ids)

    def ignore(self, ids: Sequence[int]) -> int:
        """Leave these entries for good. Returns how many there were."""
        return quarantine.ignore(self._database, ids)

    def conflicts(self, *, limit: int = 50, open_only: bool = False) -> list[dict[str, Any]]:
        """What both sides had changed, the latest first, with both values."""
        where = records.addresses(self._tables.values())
        return conflicts.listed(self._database, where, limit=limit, open_only=open_only)

    def take(self, conflict_id: int, side: str) -> None:
        """Decide a conflict: ``local`` or ``remote``.

        Raises:
            UsageError: there is no such conflict, or it is settled.
        """
        records.take(self._database, self._tables, conflict_id, Side(side))

    # -- people ------------------------------------------------------------------------------------
    def import_records(
        self, object_name: str, rows: Iterable[Values], *, source: str = "", run_id: str = ""
    ) -> dict[str, int]:
        """Take records from a file in, in one transaction. Returns ``created``, ``updated``, ``unchanged``."""
        return imports.import_rows(
            self._database, self._table(object_name), rows, source, run_id or self._run_id
        )

    def write_edits(self, object_name: str, local_id: LocalId, values: Values) -> bool:
        """Write columns of a row as an edit made here; whether there is such a row."""
        return imports.write_edits(self._database, self._table(object_name), local_id, values)

    def story(self, who: str) -> dict[str, Any]:
        """Everything the mirror knows of a person, for ``explain``; see ``person_history.story``."""
        return person_history.story(self._database, list(self._tables.values()), who)

    def purge(self, email: str, *, dry_run: bool = False) -> dict[str, Any]:
        """Remove a person from the mirror and its journal; see ``purge.purge``."""
        return purge.purge(self._database, list(self._tables.values()), email, dry_run=dry_run)

    def unsent_consent(self, email: str) -> list[str]:
        """Why purging this person now would lose an opt-out, or a write whose outcome is not known."""
        return purge.unsent_consent(self._database, list(self._tables.values()), email)

    def readmit(self, email: str, *, dry_run: bool = False) -> bool:
        """Let a purged address in again; whether it had been purged."""
        return purge.readmit(self._database, email, dry_run=dry_run)

    def forgotten(self, object_name: str) -> Callable[[Remote], bool] | None:
        """Tells records of purged people, who are not brought in anew; ``None`` where nobody was purged."""
        return purge.strangers(self._database, self._table(object_name))
