"""Values as people read them: whole, yes and no for a checkbox, times of this place, and what differs marked.

Nothing is cut, at any width: a value that does not fit goes on in the next line, under its beginning.
Where it is not a terminal that reads, a line is as long as it has to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import takewhile
from typing import Any

from rich.table import Table
from rich.text import Text

from sfsync.cli.text import one_line
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import ObjectMap
from sfsync.model.record import MISSING

NAME_WIDTH = 24
"""Characters of a field's name, before it is folded."""

MARK = "bold underline"


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows what the columns hold.

    Attributes:
        objects: of the mapping, by name.
        zone: where the reader is; ``None`` for this machine's zone.
    """

    objects: Mapping[str, ObjectMap]
    zone: tzinfo | None = None

    def shown(self, object_name: str, column: str, value: object) -> Text:
        """One value; ``(blank)`` for none, ``-`` for one that is not known."""
        if value is MISSING:
            return Text("-", style="dim")
        if value is None:
            return Text("(blank)", style="dim")
        return Text(one_line(self._words(object_name, column, value)))

    def _words(self, object_name: str, column: str, value: object) -> str:
        object_map = self.objects.get(object_name)
        field_map = object_map.by_column.get(column) if object_map else None
        if field_map is None:
            return str(value)
        if field_map.type is FieldType.BOOLEAN and value in (0, 1):
            return "yes" if value else "no"
        if field_map.type is FieldType.DATETIME:
            return time_here(str(value), self.zone)
        return str(value)

    def change(self, object_name: str, column: str, old: object, new: object) -> Text:
        """``old → new``, with what differs marked."""
        before, after = marked(
            self.shown(object_name, column, old), self.shown(object_name, column, new)
        )
        return Text.assemble(before, Text(" → ", style="dim"), after)


def time_here(instant: str, zone: tzinfo | None = None) -> str:
    """An instant as a clock here shows it, with its zone; any other text as it is.

    >>> from datetime import UTC
    >>> time_here("2026-01-20T10:00:00Z", UTC), time_here("soon")
    ('2026-01-20 10:00:00 UTC', 'soon')
    """
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        return instant
    if at.tzinfo is None:
        return instant
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def marked(one: Text, other: Text) -> tuple[Text, Text]:
    """Both, with what differs between them marked: all between their common beginning and end.

    >>> [text.plain[span.start:span.end] for text in marked(Text("Head of Sales"), Text("Head of Data")) for span in text.spans]
    ['Sales', 'Data']
    """
    before = _common(one.plain, other.plain)
    after = _common(one.plain[before:][::-1], other.plain[before:][::-1])
    return _marked(one, before, after), _marked(other, before, after)


def _common(one: str, other: str) -> int:
    """How many characters of their beginning two texts share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _marked(text: Text, before: int, after: int) -> Text:
    found = text.copy()
    found.stylize(MARK, before, len(text.plain) - after)
    return found


def stacked() -> Table:
    """An empty list of values, one under the other: the field, which of its values it is, the value whole."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(max_width=2)
    grid.add_column(max_width=NAME_WIDTH, overflow="fold")
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def add_values(grid: Table, name: str, values: Sequence[tuple[str, Text]]) -> None:
    """One field's values, each with its label; all are marked where they differ from the first."""
    first = values[0][1]
    for number, (label, value) in enumerate(values):
        text = marked(value, first)[0] if number else marked(value, values[-1][1])[0]
        grid.add_row("", one_line(name) if not number else "", label, text)


def with_address(name: str, address: str) -> str:
    """A person in short, as far as they are known.

    >>> with_address("Ada Lovelace", "ada@example.com"), with_address("", "ada@example.com")
    ('Ada Lovelace <ada@example.com>', 'ada@example.com')
    """
    return f"{name} <{address}>" if name and address else name or address


def person_line(row: Mapping[str, Any]) -> str:
    """Who a row is: ``Ada Lovelace <ada@example.com>, contact 3, 0035f0000000001AAA``, as far as it is known.

    >>> person_line({"object": "contact", "local_id": 3, "person": "", "record": "ada@example.com", "salesforce_id": None})
    'ada@example.com, contact 3'
    """
    address = row.get("record") or ""
    who = row.get("person") or ""
    if address in (row.get("salesforce_id"), str(row.get("local_id"))):
        address = ""  # it stands below
    name = with_address(who, address)
    number = f"{row['object']} {row['local_id']}" if row.get("local_id") is not None else ""
    return ", ".join(filter(None, (name, number, row.get("salesforce_id") or "")))
