"""What both sides had changed: both values are kept, whoever won.

A field that a person decides (``Side.HELD``) is one ``open`` conflict for as long as it is held,
brought up to date and never doubled; it is settled when the field comes to rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sfsync.mirror.database import Database
from sfsync.model.change import FieldDecision, RowPlan, Side
from sfsync.model.record import MISSING, LocalId, Missing, Value


def record(database: Database, plan: RowPlan, local_id: LocalId, run_id: str) -> None:
    """Keep a plan's conflicts, inside a transaction; settle open ones whose field is held no longer."""
    now = database.now()
    for decision in plan.decisions:
        if decision.winner is Side.HELD:
            _hold(database, plan, local_id, decision, run_id)
        elif decision.conflict:
            _keep(database, plan, local_id, decision, run_id)
    held = {decision.column for decision in plan.decisions if decision.winner is Side.HELD}
    touched = (
        {decision.column for decision in plan.decisions} | plan.new_base.keys() | plan.to_org.keys()
    )
    settle(database, plan.object, local_id, touched - held, now)


def settle(
    database: Database, object_name: str, local_id: LocalId, columns: Iterable[str], now: str
) -> None:
    """These fields are at rest: their open conflicts are over."""
    still_open = database.rows(
        "SELECT id, \"column\" FROM conflicts WHERE object = ? AND person_id = ? AND state = 'open'",
        [object_name, local_id],
    )
    if not still_open:
        return
    over = set(columns)
    database.run_many(
        "UPDATE conflicts SET state = 'settled', settled_at = ? WHERE id = ?",
        [(now, number) for number, column in still_open if column in over],
    )


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


_INSERT = (
    'INSERT INTO conflicts (object, person_id, salesforce_id, "column", base, local, remote, value, winner, rule,'
    " state, run_id, found_at)"
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


def listed(
    database: Database, addresses: str, *, limit: int, open_only: bool
) -> list[dict[str, Any]]:
    """Conflicts for people, the latest first; ``addresses`` is SQL that gives the address of ``k``'s person."""
    where = "WHERE k.state = 'open'" if open_only else ""
    found = database.rows(
        'SELECT k.id, k.object, k.person_id, k.salesforce_id, k."column", k.base, k.local, k.remote, k.value,'
        f" k.winner, k.rule, k.state, k.run_id, k.found_at, {addresses} FROM conflicts AS k {where}"
        " ORDER BY k.id DESC LIMIT ?",
        [limit],
    )
    names = (
        *("id", "object", "local_id", "salesforce_id", "field", "base", "local", "remote", "value"),
        *("winner", "rule", "state", "run_id", "found_at"),
    )
    return [
        dict(zip(names, row[:-1], strict=True)) | {"record": row[-1] or row[3] or str(row[2])}
        for row in found
    ]
