"""What both sides had changed: both values are kept, whoever won.

A field that a person decides (``Side.HELD``) is one ``open`` conflict for as long as it is held, brought up to
date and never doubled; it is settled when the field comes to rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sfsync.mirror.database import Database
from sfsync.model.change import FieldDecision, RowPlan, Side
from sfsync.model.record import MISSING, LocalId, Missing, SalesforceId, Value


@dataclass(frozen=True, slots=True)
class KeptConflict:
    """One field that both sides had changed.

    Attributes:
        state: ``decided`` by a policy, ``open`` until a person decides, or ``settled``.
        email: the person's address now, for people who read the list.
    """

    id: int
    object: str
    local_id: LocalId
    salesforce_id: SalesforceId | None
    email: str
    column: str
    base: Value
    local: Value
    remote: Value
    value: Value
    winner: str
    rule: str
    state: str
    run_id: str
    found_at: str


def record(database: Database, plan: RowPlan, local_id: LocalId, run_id: str) -> None:
    """Keep a plan's conflicts, inside a transaction; settle open ones whose field is held no longer."""
    now = database.now()
    for decision in plan.decisions:
        if decision.winner is Side.HELD:
            _hold(database, plan, local_id, decision, run_id)
        elif decision.conflict:
            _keep(database, plan, local_id, decision, run_id)
    held = {decision.column for decision in plan.decisions if decision.winner is Side.HELD}
    touched = {decision.column for decision in plan.decisions} | plan.new_base.keys() | plan.to_org.keys()
    settle(database, plan.object, local_id, touched - held, now)


def settle(database: Database, object_name: str, local_id: LocalId, columns: Iterable[str], now: str) -> None:
    """These fields are at rest: their open conflicts are over."""
    database.run_many(
        "UPDATE conflicts SET state = 'settled', settled_at = ?"
        " WHERE object = ? AND person_id = ? AND \"column\" = ? AND state = 'open'",
        [(now, object_name, local_id, column) for column in columns],
    )


def _keep(database: Database, plan: RowPlan, local_id: LocalId, decision: FieldDecision, run_id: str) -> None:
    database.run(
        f"{_INSERT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'decided', ?, ?)",
        _facts(plan, local_id, decision, run_id, database.now()),
    )


def _hold(database: Database, plan: RowPlan, local_id: LocalId, decision: FieldDecision, run_id: str) -> None:
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
