"""What becomes of edits whose record ended: deleted, merged into another, or converted. Pure.

A merge or a conversion has a survivor, the record that the person goes on in. What can be placed
there without a doubt is inherited by the survivor's row, and pushed from there like any other edit.
The rest is kept as conflicts, so that nothing typed here is lost in silence.
"""

from __future__ import annotations

from typing import NamedTuple

from sfsync.model.change import DELETED_THERE, FieldDecision, Side
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge
from sfsync.model.record import DELETED_AT, Local, Triple, Value, Values
from sfsync.planning.merge import agreed_value


class Inheritance(NamedTuple):
    """What a survivor's row takes over.

    Attributes:
        to_set: column -> value.
        to_add: column -> amount, for counters.
        conflicts: edits that cannot be placed.
    """

    to_set: dict[str, Value]
    to_add: dict[str, Value]
    conflicts: tuple[FieldDecision, ...]


def lost_edits(triple: Triple, object_map: ObjectMap) -> tuple[FieldDecision, ...]:
    """Edits made here to a record that has no survivor: each is kept as a conflict.

    The row keeps them, too: they are sent, or judged, should the record be restored.
    """
    local, base = triple.local, triple.base
    if local is None or base is None:
        return ()
    lost = []
    for column in object_map.columns:
        agreed, ours = agreed_value(base, column), local.values.get(column)
        if ours is None or ours == agreed:
            continue
        lost.append(
            FieldDecision(
                column, agreed, ours, None, ours, Side.REMOTE, DELETED_THERE, conflict=True
            )
        )
    return tuple(lost)


def lost_revival(triple: Triple) -> tuple[FieldDecision, ...]:
    """A row made live again here although its record is deleted: that, too, is kept as a conflict."""
    local, base, remote = triple.local, triple.base, triple.remote
    if local is None or base is None or remote is None or not base.deleted_at:
        return ()
    deleted_at = remote.modified_at or base.deleted_at
    return (
        FieldDecision(
            DELETED_AT,
            base.deleted_at,
            None,
            deleted_at,
            deleted_at,
            Side.REMOTE,
            DELETED_THERE,
            conflict=True,
        ),
    )


def inherited(
    triple: Triple, survivor: Values, object_map: ObjectMap, survivor_map: ObjectMap
) -> Inheritance:
    """What the row of a merged or converted record leaves to its survivor.

    Args:
        triple: the row that ends, with its base.
        survivor: the values of the survivor's row, by that object's columns.
    """
    if triple.local is None:
        return Inheritance({}, {}, ())
    to_set = _opt_out(triple.local, survivor, object_map, survivor_map)
    to_add: dict[str, Value] = {}
    conflicts = []
    for column, ours in _edits(triple, object_map).items():
        agreed, theirs = agreed_value(triple.base, column), survivor.get(column)
        target = survivor_map.by_column.get(column)
        merge = target.merge if target and target.pushes else None
        # What was counted here and never sent is counted there.
        if merge is Merge.COUNTER and isinstance(ours, int | float):
            to_add[column] = ours - (agreed if isinstance(agreed, int | float) else 0)
            continue
        # A later time wins, whoever has it.
        if merge is Merge.LATEST and str(ours or "") > str(theirs or ""):
            to_set[column] = ours
            continue
        if ours is None or ours == theirs:
            continue  # nothing would be lost
        # Any other edit was made to the record that ended: nobody knows whether it holds for the
        # survivor. It is found among the conflicts.
        conflicts.append(
            FieldDecision(
                column, agreed, ours, theirs, theirs, Side.REMOTE, "lives on", conflict=True
            )
        )
    return Inheritance(to_set, to_add, tuple(conflicts))


def _opt_out(
    local: Local, survivor: Values, object_map: ObjectMap, survivor_map: ObjectMap
) -> dict[str, Value]:
    """An opt-out holds for the person, so it goes along always, edited here or agreed on."""
    if not any(local.values.get(column) for column in object_map.opt_out):
        return {}
    return {column: 1 for column in survivor_map.opt_out if survivor.get(column) != 1}


def _edits(triple: Triple, object_map: ObjectMap) -> Values:
    """Column -> value, where the row that ends was edited here since both sides agreed."""
    if triple.local is None or triple.base is None:
        return {}
    return {
        column: ours
        for column, ours in triple.local.values.items()
        if ours != agreed_value(triple.base, column) and column not in object_map.opt_out
    }
