"""Edits that cannot be sent, and that no reading of Salesforce would meet: they are listed. Pure."""

from __future__ import annotations

from sfsync.model.change import FieldDecision, RowPlan, Side
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import MISSING, Row, Triple
from sfsync.planning.merge import PULL_ONLY, agreed_value
from sfsync.planning.survivor import lost_edits


def unsent_edits(row: Row, object_map: ObjectMap, *, sends: bool = True) -> RowPlan:
    """A plan that changes nothing, and whose conflicts are the edits of this row that cannot be sent.

    Args:
        row: one that was edited here.
        object_map: its mapping, as configured.
        sends: whether the rules send anything of the object.
    """
    local, base = row.local, row.base
    if local.deleted_at and base is not None and base.deleted_at:
        # An edit of a row whose record is gone: it waits there for the record to be restored.
        lost = lost_edits(Triple(object_map.name, base, local, None), object_map)
    elif local.deleted_at or row.salesforce_id is None:
        lost = ()
    else:
        lost = _kept_here(row, object_map, sends=sends)
    return RowPlan(object_map.name, local.local_id, row.salesforce_id, decisions=lost)


def _kept_here(row: Row, object_map: ObjectMap, *, sends: bool) -> tuple[FieldDecision, ...]:
    """What was typed into a column that only comes down, where Salesforce has no value to put there."""
    kept = []
    for field_map in object_map.fields:
        agreed = agreed_value(row.base, field_map.column)
        ours = row.local.values.get(field_map.column)
        if (sends and field_map.pushes) or ours is None or not _is_blank(agreed):
            continue
        kept.append(
            FieldDecision(
                field_map.column, None, ours, None, ours, Side.LOCAL, PULL_ONLY, conflict=True
            )
        )
    return tuple(kept)


def _is_blank(value: object) -> bool:
    return value is None or value is MISSING
