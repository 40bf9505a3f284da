"""Tables for people. They fit 80 columns: what is too long goes on in the next line, and nothing is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from sfsync.cli.text import one_line
from sfsync.model.record import MISSING

if TYPE_CHECKING:
    from rich.console import JustifyMethod


COUNTS = ("created", "updated", "unchanged", "deleted", "conflicts", "quarantined")
"""Columns of numbers, which stand to the right."""


def cell(value: object) -> Text:
    """One value in a table: blank for null, control characters shown; data is never taken for markup."""
    if value is MISSING:
        return Text("-", style="dim")
    if value is None:
        return Text("(blank)", style="dim")
    return Text(one_line(str(value)))


def table(*columns: str) -> Table:
    """An empty table with these columns; a line under its head, no frame."""
    empty = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1), collapse_padding=True
    )
    for column in columns:
        justify: JustifyMethod = "right" if column in COUNTS else "left"
        empty.add_column(column, justify=justify, overflow="fold")
    return empty


def rows_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """These columns of the rows as a table."""
    filled = table(*columns)
    for row in rows:
        filled.add_row(*(cell(row.get(column)) for column in columns))
    return filled
