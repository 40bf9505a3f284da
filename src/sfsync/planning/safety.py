"""The brake: refuses plans that delete, blank or change too much of an object. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sfsync.errors import UnsafePlan
from sfsync.model.change import LocalAction, OrgAction, RowPlan
from sfsync.model.limits import Limits
from sfsync.model.record import DELETED_AT


@dataclass(frozen=True, slots=True)
class Damage:
    """How much a plan takes away: rows or records deleted, and rows that lose a value they had."""

    deleted: int = 0
    blanked: int = 0

    def __add__(self, other: Damage) -> Damage:
        return Damage(self.deleted + other.deleted, self.blanked + other.blanked)

    @property
    def rows(self) -> int:
        """Both kinds together."""
        return self.deleted + self.blanked


NO_DAMAGE: Final = Damage()


def damage(plan: RowPlan) -> Damage:
    """What one record's plan takes away.

    A merge or a conversion takes nothing away: the survivor has it.
    """
    if plan.local_action is LocalAction.SOFT_DELETE and plan.successor_id:
        return Damage()
    if plan.local_action is LocalAction.SOFT_DELETE or plan.org_action is OrgAction.DELETE:
        return Damage(deleted=1)
    for decision in plan.decisions:
        if decision.column == DELETED_AT:
            continue  # whether the row lives is no value of it
        had_a_value = decision.local is not None or decision.remote is not None
        if decision.value is None and had_a_value:
            return Damage(blanked=1)
    return Damage()


@dataclass(slots=True)
class OrgWrites:
    """What plans write to the org, counted one by one, in records."""

    creates: int = 0
    updates: int = 0
    deletes: int = 0
    damage: Damage = field(default_factory=Damage)

    @property
    def count(self) -> int:
        """All of them."""
        return self.creates + self.updates + self.deletes

    def add(self, plan: RowPlan) -> None:
        """Count one more plan."""
        self.creates += plan.org_action is OrgAction.CREATE
        self.updates += plan.org_action is OrgAction.UPDATE
        self.deletes += plan.org_action is OrgAction.DELETE
        self.damage += damage(plan)


def brake(
    object_name: str,
    found: Damage,
    changed: int,
    *,
    rows: int,
    limits: Limits,
    earlier: Damage = NO_DAMAGE,
) -> None:
    """Let an object's plans pass, or stop the run; nothing of them may be applied before.

    Args:
        found: what they take away.
        changed: how many rows or records they update.
        rows: how many live rows the mirror has of the object.
        earlier: what was taken away within the last hour, where many small runs count as one.

    Raises:
        UnsafePlan: they take away or change more than the limits.
    """
    at_least = limits.max_delete_rows
    check(
        object_name, found, rows=rows, share=limits.max_delete, at_least=at_least, earlier=earlier
    )
    check_changed(object_name, changed, rows=rows, share=limits.max_change, at_least=at_least)


def allowed(rows: int, share: float, at_least: int) -> int:
    """How many of ``rows`` one run may delete or blank.

    >>> allowed(1_000, 0.10, 20), allowed(50, 0.10, 20)
    (100, 20)
    """
    return max(int(rows * share), at_least)


def check(
    object_name: str,
    found: Damage,
    *,
    rows: int,
    share: float,
    at_least: int,
    earlier: Damage = NO_DAMAGE,
) -> None:
    """Let a plan pass, or stop the run.

    Raises:
        UnsafePlan: it would delete or blank more than the limit.
    """
    limit = allowed(rows, share, at_least)
    if not found.rows or found.rows + earlier.rows <= limit:
        return
    if earlier.rows:
        raise UnsafePlan(
            f"{object_name}: this would delete {found.deleted} and blank {found.blanked} of {rows} rows, after"
            f" {earlier.deleted} and {earlier.blanked} within the last hour; the limit is {limit}. Nothing was applied.",
            hint="Look at it with `sfsync diff`. If it is right, `sfsync pull --allow-mass-change` applies it, or raise"
            " limits.max_delete.",
        )
    raise UnsafePlan(
        f"{object_name}: this run would delete {found.deleted} and blank {found.blanked} of"
        f" {rows} rows; the limit is {limit}. Nothing was applied.",
        hint="Look at it with `sfsync diff`. If it is right, raise limits.max_delete or pass"
        " --allow-mass-change.",
    )


def check_changed(
    object_name: str, changed: int, *, rows: int, share: float, at_least: int
) -> None:
    """Let updates pass, or stop the run: a script that went wrong touches nearly everybody.

    Raises:
        UnsafePlan: it would change more rows than the limit.
    """
    limit = allowed(rows, share, at_least)
    if changed <= limit:
        return
    raise UnsafePlan(
        f"{object_name}: this run would change {changed} of {rows} rows; the limit is {limit}. "
        "Nothing was applied.",
        hint="Look at it with `sfsync diff`. If it is right, raise limits.max_change or pass"
        " --allow-mass-change.",
    )


def check_emptied(object_name: str, *, found: int, missed: int) -> None:
    """Stop where a full reading finds nothing at all of an object that was there before.

    Args:
        found: live records that the org showed.
        missed: rows whose record was not among them.

    Raises:
        UnsafePlan: the org was emptied, or this user may not see the object any more.
    """
    if found or not missed:
        return
    raise UnsafePlan(
        f"{object_name}: Salesforce shows not one record, and the mirror has {missed} rows of"
        " such. Nothing was applied.",
        hint="Was the org emptied or refreshed, or has this user lost access? If it is right:"
        " --allow-mass-change.",
    )
