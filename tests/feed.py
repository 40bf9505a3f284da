"""What a program makes of the feed of changes, and what it should come to: the mirror's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sfsync.mirror.database import quoted
from sfsync.mirror.store import SqliteMirror
from sfsync.model.mapping import ObjectMap
from sfsync.model.row_change import FeedCursor, RowChange


def read(
    mirror: SqliteMirror, after: FeedCursor | None = None, *, page: int = 3, of: str = ""
) -> list[RowChange]:
    """All lines after a place, some at once."""
    place, lines = after or mirror.changes.oldest(), list[RowChange]()
    while found := mirror.changes.page(place, page, of):
        assert len(found) <= page
        lines += found
        place = found[-1].cursor
    return lines


def new_values(line: RowChange) -> dict[str, Any]:
    return {column: both["new"] for column, both in line.changed.items()}


def replayed(lines: list[RowChange], rows: dict[Any, Any] | None = None) -> dict[Any, Any]:
    """What a reader makes of the lines: ``{(object, id): {column: value}}``, and segments.

    A row that ends stays where ``deleted_at`` says when, as in the mirror.
    """
    rows = {} if rows is None else rows
    for line in lines:
        whose = line.object, line.row_id
        if line.action in ("joined", "left"):
            members = rows.setdefault(("segment", line.segment), {})
            members.pop(whose, None)
            if line.action == "joined":
                members[whose] = True
            continue
        kept = line.changed.get("deleted_at", {}).get("new") is not None
        if line.action in ("delete", "merge", "convert") and not kept:
            rows.pop(whose, None)
            continue
        row = rows.setdefault(whose, {})
        for column, value in new_values(line).items():
            row.pop(column, None)
            if value is not None:
                row[column] = value
    return {key: value for key, value in rows.items() if value or key[0] != "segment"}


def tables(
    look: Callable[[str], Iterable[Any]], object_maps: Iterable[ObjectMap]
) -> dict[Any, Any]:
    """The same, from the mirror's tables.

    Args:
        look: asks the mirror's file, as another program does.
    """
    found: dict[Any, Any] = {}
    for object_map in object_maps:
        columns = ("id", "salesforce_id", "deleted_at", *object_map.columns)
        for row in look(f"SELECT {', '.join(map(quoted, columns))} FROM {object_map.table}"):
            values = dict(zip(columns, row, strict=True))
            key = object_map.name, values.pop("id")
            found[key] = {name: value for name, value in values.items() if value is not None}
    for name, contact, lead in look(
        "SELECT s.name, cs.contact_id, cs.lead_id FROM contact_segments AS cs"
        " JOIN segments AS s ON s.id = cs.segment_id"
    ):
        members = found.setdefault(("segment", name), {})
        for whose in (("contact", contact), ("lead", lead)):
            if whose[1] is not None:
                members[whose] = True
    return found
