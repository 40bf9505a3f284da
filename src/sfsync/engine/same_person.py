"""Two rows of the mirror that are one person become one row."""

from __future__ import annotations

from sfsync.engine.ports import Mirror
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import LocalId, Row, Value
from sfsync.planning.same_person import taken_over


def merge_rows(mirror: Mirror, object_map: ObjectMap, staying: Row, going: Row) -> dict[str, Value]:
    """Let one row take over the other's edits, events and Tasks; the other one goes.

    A row that was deleted here is live again: whoever put the person in anew wants it to be.

    Returns:
        ``{column: value}`` that the row which stays got.
    """
    values = taken_over(staying.local.values, going.local.values, object_map)
    mirror.rows.merge(object_map.name, _id(staying), _id(going), values)
    return values


def _id(row: Row) -> LocalId:
    return row.local.local_id
