"""Writes to the org: the intent is durable before anything leaves, the outcome after each batch.

A row of ``_outbox`` holds what was sent, what it was judged against and the plan behind it, so that
a crash at any instant leaves enough to finish the job. Once settled it is the history that ``undo``
and ``explain`` read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from sfsync.mirror import bases, conflicts, provenance, quarantine, records
from sfsync.mirror.consent import Consent
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import match_key
from sfsync.model.change import LocalAction, OrgAction, OrgWrite, RowPlan
from sfsync.model.consent import ConsentSource, ConsentState, Statement
from sfsync.model.journal import JournaledWrite, WriteIntent
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.plan_json import plan_from_json, plan_to_json
from sfsync.model.record import MISSING, LocalId, SalesforceId, Value

ALREADY_LINKED = "ALREADY_LINKED"

PAGE = 1_000
"""Records read at once."""

_UNSETTLED = "state IN ('sending', 'unknown')"
_WRITE = "ref, object, person_id, salesforce_id, action, before, after, sent_at"


class Outbox:
    """Writes to the org, from their intent to their outcome and their history."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database
        self._consent = Consent(context)

    # -- before ------------------------------------------------------------------------------------
    def journal(self, writes: Sequence[WriteIntent]) -> list[OrgWrite]:
        """Keep what is about to be sent, durably; the returned writes carry their ``ref``."""
        with self._database.transaction():
            return [replace(pending.write, ref=self._keep(pending)) for pending in writes]

    def _keep(self, pending: WriteIntent) -> int:
        plan, database = pending.plan, self._database
        table = self._context.tables[plan.object]
        self._hear_opt_out(table, plan)
        edit = database.value(f"SELECT _edit FROM {table.base} WHERE id = ?", [plan.local_id])
        return database.insert(
            "INSERT INTO _outbox (run_id, object, person_id, salesforce_id, action, state,"
            " before, after, plan, edit, sent_at) VALUES (?, ?, ?, ?, ?, 'sending', ?, ?, ?, ?, ?)",
            [
                self._context.run_id,
                plan.object,
                plan.local_id,
                pending.write.salesforce_id or plan.salesforce_id,
                pending.write.action.value,
                json.dumps(before(plan)),
                json.dumps(dict(plan.to_org)),
                json.dumps(plan_to_json(plan)),
                edit or 0,
                database.now(),
            ],
        )

    def _hear_opt_out(self, table: MappedTable, plan: RowPlan) -> None:
        """Keep that a person opts out by an edit that nobody has heard of yet: made just now, or sent by a plan.

        Once both sides agree on the box it would look like an older one that a consent has ended.
        """
        if not any(plan.to_org.get(column) for column in table.object_map.opt_out):
            return
        database = self._database
        key = database.value(
            f"SELECT {table.match()} FROM {table.name} WHERE id = ?", [plan.local_id]
        )
        if not key or self._consent.is_opted_out(key):
            return
        since = plan.edited_at or database.now()
        whose = plan.salesforce_id or f"{table.object} {plan.local_id}"
        self._consent.add(
            Statement(match_key(key), ConsentState.OPTED_OUT, since, ConsentSource.EDIT, whose)
        )

    # -- after -------------------------------------------------------------------------------------
    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Settle journaled writes in one transaction; one that is settled already stays so.

        Accepted: keep the new Id, move the base to what was sent, and take the merged values into
        the row unless it was edited meanwhile. Rejected: quarantine. Deferred: forget the write,
        the row stays dirty. Unknown: it stays unsettled.
        """
        if not outcomes:
            return
        with self._database.transaction():
            for outcome in outcomes:
                self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        kept = self._database.row(
            "SELECT object, person_id, action, plan, edit, after FROM _outbox"
            f" WHERE ref = ? AND {_UNSETTLED}",
            [outcome.ref],
        )
        if kept is None:
            return  # settled before
        object_name, person, action, plan, edit, sent = kept
        table, local_id = self._context.tables[object_name], LocalId(person)
        match outcome:
            case Accepted():
                self._close(outcome.ref, "accepted", "", outcome.salesforce_id)
                parsed = plan_from_json(self._database.parsed(plan))
                self._accept(table, local_id, OrgAction(action), parsed, outcome)
            case Rejected():
                self._close(outcome.ref, "rejected", f"{outcome.code}: {outcome.message}")
                if not plan_from_json(self._database.parsed(plan)).is_part:
                    self._quarantine(table, local_id, outcome.code, outcome.message, sent, edit)
            case Deferred():
                # it was not done: as if it had never been tried
                self._database.run("DELETE FROM _outbox WHERE ref = ?", [outcome.ref])
            case Unknown():
                self._database.run(
                    "UPDATE _outbox SET state = 'unknown', error = ? WHERE ref = ?",
                    [outcome.message, outcome.ref],
                )

    def _close(
        self, ref: int, state: str, error: str, salesforce_id: SalesforceId | None = None
    ) -> None:
        self._database.run(
            "UPDATE _outbox SET state = ?, error = ?, settled_at = ?, plan = '',"
            " salesforce_id = coalesce(?, salesforce_id) WHERE ref = ?",
            [state, error, self._database.now(), salesforce_id, ref],
        )

    def _accept(
        self,
        table: MappedTable,
        local_id: LocalId,
        action: OrgAction,
        plan: RowPlan,
        outcome: Accepted,
    ) -> None:
        database = self._database
        if database.value(f"SELECT 1 FROM {table.name} WHERE id = ?", [local_id]) is None:
            return  # hard-deleted meanwhile: the next pull brings the record in
        if action is OrgAction.DELETE:
            bases.end(database, table, local_id)
            return
        if not records.link(database, table, local_id, outcome.salesforce_id):
            message = f"another row of the mirror holds {outcome.salesforce_id}"
            self._quarantine(table, local_id, ALREADY_LINKED, message, "", 0)
            return
        bases.keep(database, table, local_id)
        if plan.local_action is LocalAction.RESTORE:
            database.run(f"UPDATE {table.name} SET deleted_at = NULL WHERE id = ?", [local_id])
            conflicts.settle_ended(database, table.object, local_id)
        self._take_over(table, local_id, plan, outcome)
        if not plan.is_part:
            quarantine.settle_row(database, table.object, local_id)
        bases.prune(database, table, local_id)
        self._keep_conflicts(local_id, plan, outcome)

    def _take_over(
        self, table: MappedTable, local_id: LocalId, plan: RowPlan, outcome: Accepted
    ) -> None:
        """The merged values go into the row, and the base moves to what was sent."""
        database = self._database
        held = bases.held_columns(plan) | bases.held_columns(_lost_updates(plan, outcome))
        restored = {
            each.column: each.value for each in outcome.lost_updates if each.column not in held
        }
        values = {**plan.to_local, **restored}
        # until now: the stamp of the plan is that of the record before it was written
        replaced = replace(plan, to_local=values, modified_at="")
        provenance.note_former_address(database, table, local_id, replaced)
        records.write(database, table, local_id, values, bases.seen_values(plan.decisions))
        not_agreed = held | bases.edited_since(database, table, local_id, plan)
        sent = {**plan.new_base, **plan.to_org}
        agreed = {column: value for column, value in sent.items() if column not in not_agreed}
        bases.move(database, table, local_id, agreed, held)

    def _keep_conflicts(self, local_id: LocalId, plan: RowPlan, outcome: Accepted) -> None:
        conflicts.record(self._database, plan, local_id, self._context.run_id)
        if not outcome.lost_updates:
            return
        lost = _lost_updates(plan, outcome)
        conflicts.record(self._database, lost, local_id, self._context.run_id)
        if outcome.seen:
            self._correct_history(outcome)

    def _correct_history(self, outcome: Accepted) -> None:
        """The history says what the write replaced, not what it was judged against."""
        was = self._database.parsed(
            self._database.value("SELECT before FROM _outbox WHERE ref = ?", [outcome.ref])
        )
        was |= {
            each.column: each.remote for each in outcome.lost_updates if each.remote is not MISSING
        }
        self._database.run(
            "UPDATE _outbox SET before = ? WHERE ref = ?", [json.dumps(was), outcome.ref]
        )

    def _quarantine(
        self,
        table: MappedTable,
        local_id: LocalId,
        code: str,
        message: str,
        payload: str,
        edit: int,
    ) -> None:
        entry = quarantine.QuarantineEntry(
            quarantine.RECORD,
            code,
            message,
            object=table.object,
            local_id=local_id,
            payload=payload,
            edit=edit,
        )
        quarantine.add(self._database, entry, self._context.run_id)

    # -- what became of them -----------------------------------------------------------------------
    def unsettled(self, object_name: str) -> list[JournaledWrite]:
        """Journaled writes without an outcome, oldest first."""
        found = self._database.rows(
            f"SELECT {_WRITE} FROM _outbox WHERE object = ? AND {_UNSETTLED} ORDER BY ref",
            [object_name],
        )
        return [self._write(row) for row in found]

    def accepted_writes(
        self, run_id: str, object_name: str, ids: Sequence[SalesforceId] | None = None
    ) -> Iterator[list[JournaledWrite]]:
        """The accepted writes of a run, record by record, each record's oldest first.

        This is what ``undo`` restores.         The caller may commit between any two records.

        Args:
            ids: only these records; all where ``None``.
        """
        chosen = "" if ids is None else " AND salesforce_id IN (SELECT value FROM json_each(:ids))"
        of_run = (
            "FROM _outbox WHERE run_id = :run AND object = :object AND state = 'accepted'" + chosen
        )
        given = {
            "run": run_id,
            "object": object_name,
            "ids": json.dumps(ids or []),
            "after": "",
            "upto": "",
        }
        while upto := self._database.value(
            f"SELECT max(salesforce_id) FROM (SELECT DISTINCT salesforce_id {of_run}"
            f" AND salesforce_id > :after ORDER BY salesforce_id LIMIT {PAGE})",
            given,
        ):
            given["upto"] = upto
            page = self._database.rows(
                f"SELECT {_WRITE} {of_run} AND salesforce_id > :after AND salesforce_id <= :upto"
                " ORDER BY salesforce_id, ref",
                given,
            )
            for _, writes in groupby(page, key=itemgetter(3)):
                yield [self._write(row) for row in writes]
            given["after"] = upto

    def _write(self, row: Sequence[Any]) -> JournaledWrite:
        ref, name, person, linked, action, was, now, sent_at = row
        read = self._database.parsed
        return JournaledWrite(
            ref, name, LocalId(person), linked, action, read(was), read(now), sent_at
        )

    def history(self, run_id: str, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """A page of what a run sent, in order, whatever became of it.

        Args:
            after: the ``ref`` of the last write of the page before.
        """
        found = self._database.rows(
            f"SELECT {_WRITE}, state, settled_at, error FROM _outbox"
            " WHERE run_id = ? AND ref > ? ORDER BY ref LIMIT ?",
            [run_id, after, limit],
        )
        return [
            {
                "ref": row[0],
                "object": row[1],
                "local_id": row[2],
                "salesforce_id": row[3],
                "action": row[4],
                "before": self._database.parsed(row[5]),
                "after": self._database.parsed(row[6]),
                "sent_at": row[7],
                "state": row[8],
                "settled_at": row[9] or None,
                "error": row[10],
            }
            for row in found
        ]


def before(plan: RowPlan) -> dict[str, Value]:
    """What the org held where the plan writes, as far as it was known."""
    return {
        decision.column: decision.remote
        for decision in plan.decisions
        if decision.column in plan.to_org and decision.remote is not MISSING
    }


def _lost_updates(plan: RowPlan, outcome: Accepted) -> RowPlan:
    """The plan with only the decisions on lost updates: it writes nothing."""
    return replace(plan, decisions=outcome.lost_updates, to_local={}, to_org={}, new_base={})
