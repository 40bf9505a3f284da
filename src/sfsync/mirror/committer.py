"""Applying the mirror's half of plans: rows, their base, conflicts, successors and segments."""

from __future__ import annotations

from collections.abc import Iterable

from sfsync.mirror import conflicts
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.records import (
    agree,
    forget_base,
    held_columns,
    id_of,
    insert,
    join_segment,
    keep_base,
    link,
    move_person,
    note_former_address,
    note_provenance,
    note_pulled_rows,
    overtaken,
    prune,
    seen_values,
    write,
)
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
        elif plan.local_id is not None:
            if plan.local_action is LocalAction.SOFT_DELETE:
                self._soft_delete(table, plan, plan.local_id)
            else:
                self._update(table, plan, plan.local_id)

    def _insert(self, table: MappedTable, plan: RowPlan, segment: str) -> None:
        database = self._database
        if (
            plan.salesforce_id is not None
            and id_of(database, table, plan.salesforce_id) is not None
        ):
            return  # it came in by another way meanwhile; the next pull compares
        local_id = insert(database, table, plan.to_local, plan.salesforce_id)
        note_pulled_rows(database, table, local_id, local_id, self._run_id)
        join_segment(database, table, local_id, segment)
        if any(plan.to_local.get(column) != value for column, value in plan.new_base.items()):
            keep_base(database, table, local_id)
            agree(database, table, local_id, plan.new_base, held_columns(plan))
        conflicts.record(database, plan, local_id, self._run_id)

    def _update(self, table: MappedTable, plan: RowPlan, local_id: LocalId) -> None:
        database = self._database
        row = database.row(f"SELECT deleted_at FROM {table.name} WHERE id = ?", [local_id])
        if row is None:
            return
        if plan.is_empty and not plan.decisions and row[0] is not None:
            forget_base(database, table, local_id)  # gone on both sides
            return
        if plan.salesforce_id is not None and not self._linked(table, plan.salesforce_id, local_id):
            return
        keep_base(database, table, local_id)
        if plan.local_action is LocalAction.RESTORE:
            database.run(f"UPDATE {table.name} SET deleted_at = NULL WHERE id = ?", [local_id])
        note_former_address(database, table, local_id, plan)
        write(database, table, local_id, plan.to_local, seen_values(plan.decisions))
        pulled = [
            each.column
            for each in plan.decisions
            if each.rule != TIDIED and each.column in plan.to_local
        ]
        if pulled:
            note_provenance(database, table, local_id, "pulled", pulled, "", self._run_id)
        late = overtaken(database, table, local_id, plan)
        agreed = {column: value for column, value in plan.new_base.items() if column not in late}
        agree(database, table, local_id, agreed, held_columns(plan))
        prune(database, table, local_id)
        conflicts.record(database, plan, local_id, self._run_id)

    def _linked(self, table: MappedTable, salesforce_id: SalesforceId, local_id: LocalId) -> bool:
        return link(self._database, table, local_id, salesforce_id)

    def _soft_delete(self, table: MappedTable, plan: RowPlan, local_id: LocalId) -> None:
        database = self._database
        database.run(
            f"UPDATE {table.name} SET deleted_at = coalesce(deleted_at, ?) WHERE id = ?",
            [database.now(), local_id],
        )
        forget_base(database, table, local_id)
        conflicts.record(database, plan, local_id, self._run_id)
        if plan.successor_id is not None and plan.salesforce_id is not None:
            self._follow(table, plan, local_id, plan.salesforce_id, plan.successor_id)

    def _follow(
        self,
        table: MappedTable,
        plan: RowPlan,
        local_id: LocalId,
        salesforce_id: SalesforceId,
        successor_id: SalesforceId,
    ) -> None:
        database = self._database
        successor = self._tables.get(plan.successor_object or plan.object)
        keep_successor(
            database, table, salesforce_id, plan.successor_object or plan.object, successor_id
        )
        survivor = id_of(database, successor, successor_id) if successor else None
        if successor is None or survivor is None:
            return  # queued Tasks follow the link when they are sent
        move_person(database, table, local_id, successor, survivor)
        with database.as_edits():
            write(database, successor, survivor, plan.to_successor)
            for column, amount in plan.add_to_successor.items():
                name = quoted(column)
                database.run(
                    f"UPDATE {successor.name} SET {name} = coalesce({name}, 0) + ? WHERE id = ?",
                    [amount, survivor],
                )
        owed = [*plan.to_successor, *plan.add_to_successor]
        if owed:
            note_provenance(
                database, successor, survivor, "lives on", owed, salesforce_id, self._run_id
            )


def keep_successor(
    database: Database,
    table: MappedTable,
    salesforce_id: SalesforceId,
    successor_object: str,
    successor_id: SalesforceId,
) -> None:
    """This record lives on in that one."""
    reason = "merged" if successor_object == table.object else "converted"
    database.run(
        "INSERT OR REPLACE INTO _successors (object, salesforce_id, successor_object, successor_id, reason, found_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [table.object, salesforce_id, successor_object, successor_id, reason, database.now()],
    )
