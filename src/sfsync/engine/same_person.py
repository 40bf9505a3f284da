"""Two rows of the mirror that are one person become one row."""

from __future__ import annotations

from sfsync.engine.ports import Mirror
from sfsync.model.change import RowPlan
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import Row
from sfsync.planning.same_person import merged_rows


def merge_rows(mirror: Mirror, object_map: ObjectMap, staying: Row, going: Row) -> RowPlan:
    """Let one row take over the other's edits, events and Tasks; the other one goes.

    A row that was deleted here is live again: whoever put the person in anew wants it to be.

    Args:
        staying, going: both in canonical form.

    Returns:
        What was done with the row that stays.
    """
    plan = merged_rows(staying, going, object_map)
    mirror.rows.merge(plan, going.local.local_id)
    return plan
