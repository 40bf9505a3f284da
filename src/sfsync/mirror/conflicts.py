"""What both sides had changed: both values are kept, whoever won.

A field that a person decides (``Side.HELD``) is one ``open`` conflict for as long as it is held,
brought up to date and never doubled; it is settled when the field comes to rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sfsync.errors import UsageError
from sfsync.mirror import bases, provenance, records
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.change import DELETED_THERE, FieldDecision, RowPlan, Side
from sfsync.model.merges import Merge
from sfsync.model.record import DELETED_AT, MISSING, LocalId, Missing, Value


class Conflicts:
    """What both sides had changed, as people see and decide it."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def listed(
        self, *, limit: int = 50, open_only: bool = False, ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """What both sides had changed, the latest first, with both values.

        Args:
            ids: only these, and all of them.
        """
        where, parameters = "k.state = 'open' OR NOT ?", list[Value]([open_only])
        if ids is not None:
            where, parameters = "k.id IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))]
            limit = len(ids)
        found = self._database.rows(
            'SELECT k.id, k.object, k.person_id, k.salesforce_id, k."column",'
            " k.base, k.local, k.remote, k.value, k.winner, k.rule, k.state, k.run_id, k.found_at,"
            f" {self._context.name_sql()}, {self._context.address_sql()}"
            f" FROM conflicts AS k WHERE {where} ORDER BY k.id DESC LIMIT ?",
            [*parameters, limit],
        )
        names = (
            *("id", "object", "local_id", "salesforce_id", "field"),
            *("base", "local", "remote", "value", "winner", "rule", "state", "run_id", "found_at"),
            "person",
        )
        return [
            dict(zip(names, row[:-1], strict=True)) | {"record": row[-1] or row[3] or str(row[2])}
            for row in found
        ]

    def open_ones(self, *, objects: Sequence[str] = (), fields: Sequence[str] = ()) -> list[int]:
        """The numbers of those that wait for a person, of these objects and fields; all where none is named."""
        found = self._database.rows(
            "SELECT id FROM conflicts WHERE state = 'open'"
            " AND (?1 = '[]' OR object IN (SELECT value FROM json_each(?1)))"
            " AND (?2 = '[]' OR \"column\" IN (SELECT value FROM json_each(?2))) ORDER BY id",
            [json.dumps(list(objects)), json.dumps(list(fields))],
        )
        return [number for (number,) in found]

    def take(self, number: int, side: str) -> None:
        """Decide one: see ``take_all``.

        Raises:
            UsageError: there is no such conflict, or it is settled.
        """
        self.take_all([(number, Side(side))])

    def take_all(self, decisions: Sequence[tuple[int, Side]], *, dry_run: bool = False) -> None:
        """Decide conflicts, all of them or none: the value of that side stands; the next sync sends it.

        Raises:
            UsageError: one of them does not exist, or is settled; none is decided.
        """
        with self._database.transaction(origin="local"):
            for number, winner in decisions:
                conflict = self._to_decide(number)
                if not dry_run:
                    self._take(number, winner, *conflict)

    def _to_decide(self, number: int) -> tuple[MappedTable, LocalId, str, Value, Value, str]:
        found = self._database.row(
            'SELECT object, person_id, "column", local, remote, state FROM conflicts WHERE id = ?',
            [number],
        )
        if found is None or found[0] not in self._context.tables:
            raise UsageError(f"there is no conflict {number}", hint="sfsync conflicts")
        table, local_id = self._context.tables[found[0]], LocalId(found[1])
        column, local, remote, state = found[2:]
        if state == "settled" or column not in (*table.columns, DELETED_AT):
            raise UsageError(
                f"conflict {number} is settled already", hint="sfsync conflicts --open"
            )
        return table, local_id, column, local, remote, state

    def _take(
        self,
        number: int,
        winner: Side,
        table: MappedTable,
        local_id: LocalId,
        column: str,
        local: Value,
        remote: Value,
        state: str,
    ) -> None:
        chosen = local if winner is Side.LOCAL else remote
        if state == "open":
            self._take_open(table, local_id, column, remote, winner)
        else:
            # a policy decided it, and both sides are at rest: the other value is a new edit
            with self._database.as_edits():
                records.write(self._database, table, local_id, {column: chosen})
        self._database.run(
            "UPDATE conflicts SET state = 'settled', winner = ?, rule = 'a person', value = ?,"
            " settled_at = ? WHERE id = ?",
            [winner.value, chosen, self._database.now(), number],
        )

    def keep_unsent(self, plans: Iterable[RowPlan]) -> int:
        """Keep edits that cannot be sent, each once for as long as it is not settled; how many are new."""
        kept = 0
        with self._database.transaction():
            for plan in plans:
                if plan.local_id is None:
                    continue
                for decision in plan.decisions:
                    if not _is_kept(self._database, plan.object, plan.local_id, decision):
                        run_id = self._context.run_id
                        _keep(self._database, plan, plan.local_id, decision, run_id)
                        kept += 1
        return kept

    def _take_open(
        self, table: MappedTable, local_id: LocalId, column: str, remote: Value, winner: Side
    ) -> None:
        """The base moves to the org's value; the row takes it too, or its own counts as an edit."""
        bases.keep(self._database, table, local_id)
        if winner is Side.REMOTE:
            if column == table.object_map.match_on:
                provenance.note_replaced_addresses(self._database, table, [local_id])
            records.write(self._database, table, local_id, {column: remote})
        bases.move(self._database, table, local_id, {column: remote}, set())
        bases.prune(self._database, table, local_id)


# -- inside a transaction of the caller's ----------------------------------------------------------
def record(database: Database, plan: RowPlan, local_id: LocalId, run_id: str) -> None:
    """Keep a plan's conflicts; settle open ones whose field is held no longer."""
    now = database.now()
    for decision in plan.decisions:
        if decision.winner is Side.HELD:
            _hold(database, plan, local_id, decision, run_id)
        elif decision.conflict:
            _keep(database, plan, local_id, decision, run_id)
    decided = {decision.column for decision in plan.decisions}
    touched = decided | plan.new_base.keys() | plan.to_org.keys()
    settle(database, plan.object, local_id, touched - bases.held_columns(plan), now)


def settle(
    database: Database, object_name: str, local_id: LocalId, columns: Iterable[str], now: str
) -> None:
    """These fields are at rest: their open conflicts are over."""
    still_open = database.rows(
        'SELECT id, "column" FROM conflicts'
        " WHERE object = ? AND person_id = ? AND state = 'open'",
        [object_name, local_id],
    )
    if not still_open:
        return
    over = set(columns)
    database.run_many(
        "UPDATE conflicts SET state = 'settled', settled_at = ? WHERE id = ?",
        [(now, number) for number, column in still_open if column in over],
    )


def move(database: Database, object_name: str, old: LocalId, new: LocalId) -> None:
    """One row's conflicts are another's from now on; an open one that both have is over."""
    database.run(
        "UPDATE conflicts SET state = 'settled', settled_at = ?1 WHERE object = ?2"
        ' AND person_id = ?3 AND state = \'open\' AND "column" IN (SELECT "column" FROM conflicts'
        " WHERE object = ?2 AND person_id = ?4 AND state = 'open')",
        [database.now(), object_name, old, new],
    )
    database.run(
        "UPDATE conflicts SET person_id = ? WHERE object = ? AND person_id = ?",
        [new, object_name, old],
    )


def settle_ended(database: Database, object_name: str, local_id: LocalId) -> None:
    """The record was restored: edits that waited for that are judged like any others."""
    database.run(
        "UPDATE conflicts SET state = 'settled', settled_at = ? WHERE object = ? AND person_id = ?"
        " AND rule = ? AND state = 'decided'",
        [database.now(), object_name, local_id, DELETED_THERE],
    )


def _is_kept(
    database: Database, object_name: str, local_id: LocalId, decision: FieldDecision
) -> bool:
    """Whether this very edit stands among the conflicts already."""
    found = database.value(
        'SELECT 1 FROM conflicts WHERE object = ? AND person_id = ? AND "column" = ?'
        " AND local IS ? AND rule = ? AND state = 'decided'",
        [object_name, local_id, decision.column, _known(decision.local), decision.rule],
    )
    return found is not None


def _keep(
    database: Database, plan: RowPlan, local_id: LocalId, decision: FieldDecision, run_id: str
) -> None:
    database.run(
        f"{_INSERT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'decided', ?, ?)",
        _facts(plan, local_id, decision, run_id, database.now()),
    )


def _hold(
    database: Database, plan: RowPlan, local_id: LocalId, decision: FieldDecision, run_id: str
) -> None:
    database.run(
        f"{_INSERT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?)"
        " ON CONFLICT (object, person_id, \"column\") WHERE state = 'open' DO UPDATE SET"
        " salesforce_id = excluded.salesforce_id, base = excluded.base, local = excluded.local,"
        " remote = excluded.remote, value = excluded.value, run_id = excluded.run_id",
        _facts(plan, local_id, decision, run_id, database.now()),
    )


def keep_taken_back(
    database: Database, table: MappedTable, column: str, condition: str, run_id: str
) -> None:
    """Keep the opt-outs of rows that were taken back here, and are set again without a plan.

    Args:
        condition: SQL over the rows that are set again.
    """
    name = quoted(column)
    database.run(
        f"{_INSERT} SELECT ?, id, salesforce_id, ?, 1, {name}, NULL, 1, ?, ?, 'decided', ?, ?"
        f" FROM {table.name} WHERE {name} IS NOT 1 AND {condition} AND EXISTS"
        f" (SELECT 1 FROM {table.base} AS b WHERE b.id = {table.name}.id AND b.{name} IS 1)",
        [
            table.object,
            column,
            Side.REMOTE.value,
            Merge.STICKY_TRUE.value,
            run_id,
            database.now(),
        ],
    )


def keep_replaced_addresses(
    database: Database,
    table: MappedTable,
    match_on: str,
    staged: str,
    ids: Sequence[int],
    run_id: str,
) -> None:
    """Keep the addresses of rows that were edited here, before they follow their records without a plan.

    Args:
        staged: the table of the records.
    """
    name = quoted(match_on)
    database.run(
        f"{_INSERT} SELECT ?, r.id, r.salesforce_id, ?, b.{name}, r.{name}, s.{name}, s.{name}, ?, ?,"
        f" 'decided', ?, ? FROM {table.name} AS r JOIN {table.base} AS b ON b.id = r.id"
        f" JOIN {staged} AS s ON s.salesforce_id = r.salesforce_id"
        f" WHERE r.{name} IS NOT b.{name} AND r.id IN (SELECT value FROM json_each(?))",
        [
            table.object,
            match_on,
            Side.REMOTE.value,
            table.object_map.by_column[match_on].merge.value,
            run_id,
            database.now(),
            json.dumps(list(ids)),
        ],
    )


_INSERT = (
    'INSERT INTO conflicts (object, person_id, salesforce_id, "column",'
    " base, local, remote, value, winner, rule, state, run_id, found_at)"
)


def _facts(
    plan: RowPlan, local_id: LocalId, decision: FieldDecision, run_id: str, now: str
) -> tuple[Value, ...]:
    return (
        plan.object,
        local_id,
        plan.salesforce_id,
        decision.column,
        _known(decision.base),
        _known(decision.local),
        _known(decision.remote),
        decision.value,
        decision.winner.value,
        decision.rule,
        run_id,
        now,
    )


def _known(value: Value | Missing) -> Value:
    return None if value is MISSING else value
