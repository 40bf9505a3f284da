"""Applying the mirror's half of plans: rows, their base, conflicts, successors and segments."""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.mirror import bases, conflicts, provenance, records
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database
from sfsync.mirror.tables import MappedTable
from sfsync.model.change import LocalAction, RowPlan
from sfsync.model.record import LocalId, SalesforceId

TIDIED = "tidied"
"""The rule of a decision that brings a value into canonical form: nothing new came in."""


class Committer:
    """Applies the mirror's half of plans, inside a transaction of the caller's."""

    def __init__(self, context: MirrorContext) -> None:
        self._database = context.database
        self._tables = context.tables
        self._run_id = context.run_id

    def commit(self, plans: Iterable[RowPlan], segment: str) -> None:
        """Apply them; a plan that says why it is skipped is left alone."""
        for plan in plans:
            if not plan.skip:
                self._apply(self._tables[plan.object], plan, segment)

    def _apply(self, table: MappedTable, plan: RowPlan, segment: str) -> None:
        if plan.local_action is LocalAction.INSERT:
            self._insert(table, plan, segment)
        elif plan.local_id is None:
            return  # the plan is about the org alone
        elif plan.local_action is LocalAction.SOFT_DELETE:
            self._soft_delete(table, plan, plan.local_id)
        else:
            self._update(table, plan, plan.local_id)

    # -- new ---------------------------------------------------------------------------------------
    def _insert(self, table: MappedTable, plan: RowPlan, segment: str) -> None:
        database, record = self._database, plan.salesforce_id
        if record is not None and records.id_of(database, table, record) is not None:
            return  # it came in by another way meanwhile; the next pull compares
        local_id = records.insert(database, table, plan.to_local, record)
        provenance.note_pulled_rows(database, table, local_id, local_id, self._run_id)
        records.join_segment(database, table, local_id, segment)
        # a row without a base is agreed as it stands
        if any(plan.to_local.get(column) != value for column, value in plan.new_base.items()):
            bases.keep(database, table, local_id)
            bases.move(database, table, local_id, plan.new_base, bases.held_columns(plan))
        conflicts.record(database, plan, local_id, self._run_id)

    # -- changed -----------------------------------------------------------------------------------
    def _update(self, table: MappedTable, plan: RowPlan, local_id: LocalId) -> None:
        database, record = self._database, plan.salesforce_id
        row = database.row(f"SELECT deleted_at FROM {table.name} WHERE id = ?", [local_id])
        if row is None:
            return  # hard-deleted since the plan
        if plan.is_empty and not plan.decisions and row[0] is not None:
            bases.end(database, table, local_id)  # gone on both sides
            return
        if record is not None and not records.link(database, table, local_id, record):
            return  # another row, edited here, is that record: left to a person
        bases.keep(database, table, local_id)
        if plan.local_action is LocalAction.RESTORE:
            database.run(f"UPDATE {table.name} SET deleted_at = NULL WHERE id = ?", [local_id])
            conflicts.settle_ended(database, table.object, local_id)
        self._write(table, plan, local_id)
        edited_since = bases.edited_since(database, table, local_id, plan)
        agreed = {
            column: value for column, value in plan.new_base.items() if column not in edited_since
        }
        bases.move(database, table, local_id, agreed, bases.held_columns(plan))
        bases.prune(database, table, local_id)
        conflicts.record(database, plan, local_id, self._run_id)

    def _write(self, table: MappedTable, plan: RowPlan, local_id: LocalId) -> None:
        database = self._database
        provenance.note_former_address(database, table, local_id, plan)
        records.write(database, table, local_id, plan.to_local, bases.seen_values(plan.decisions))
        pulled = [
            each.column
            for each in plan.decisions
            if each.rule != TIDIED and each.column in plan.to_local
        ]
        if pulled:
            provenance.note(database, table, local_id, "pulled", pulled, "", self._run_id)

    # -- gone --------------------------------------------------------------------------------------
    def _soft_delete(self, table: MappedTable, plan: RowPlan, local_id: LocalId) -> None:
        database = self._database
        if plan.successor_id is not None and plan.salesforce_id is not None:
            # before the row ends: the feed of changes names its survivor
            survivor = plan.successor_object or plan.object, plan.successor_id
            keep_successor(database, table, plan.salesforce_id, *survivor)
        database.run(
            f"UPDATE {table.name} SET deleted_at = coalesce(deleted_at, ?) WHERE id = ?",
            [database.now(), local_id],
        )
        if plan.successor_id is None:
            bases.end(database, table, local_id)
        else:
            bases.drop(database, table, local_id)
        conflicts.record(database, plan, local_id, self._run_id)
        if plan.successor_id is not None and plan.salesforce_id is not None:
            self._hand_over(plan, local_id, plan.salesforce_id, plan.successor_id)

    def _hand_over(
        self,
        plan: RowPlan,
        local_id: LocalId,
        record: SalesforceId,
        successor_id: SalesforceId,
    ) -> None:
        """What a merged or converted record's row owned, or had yet to send, is its survivor's."""
        database, table = self._database, self._tables[plan.object]
        successor = self._tables.get(plan.successor_object or plan.object)
        survivor = records.id_of(database, successor, successor_id) if successor else None
        if successor is None or survivor is None:
            return  # queued Tasks are sent to the successor, also where it has no row
        records.move_references(database, table, local_id, successor, survivor)
        with database.as_edits():
            records.write(database, successor, survivor, plan.to_successor)
            records.add_to(database, successor, survivor, plan.add_to_successor)
        inherited = [*plan.to_successor, *plan.add_to_successor]
        if inherited:
            provenance.note(
                database, successor, survivor, "lives on", inherited, record, self._run_id
            )


def keep_successor(
    database: Database,
    table: MappedTable,
    salesforce_id: SalesforceId,
    successor_object: str,
    successor_id: SalesforceId,
) -> None:
    """Keep that this record was merged or converted into that one."""
    reason = "merged" if successor_object == table.object else "converted"
    database.run(
        "INSERT OR REPLACE INTO _successors"
        " (object, salesforce_id, successor_object, successor_id, reason, found_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [table.object, salesforce_id, successor_object, successor_id, reason, database.now()],
    )
