"""Tables and indented sentences for people. They fit 80 columns; data is never taken for markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from sfsync.cli.text import one_line
from sfsync.model.record import MISSING

if TYPE_CHECKING:
    from rich.console import Console


COUNTS = ("created", "updated", "unchanged", "deleted", "conflicts", "quarantined")

_CUT = 28


def cell(value: object, *, width: int = _CUT) -> Text:
    """One value in a table: blank for null, cut to ``width``, control characters shown."""
    if value is MISSING:
        return Text("-", style="dim")
    if value is None:
        return Text("(blank)", style="dim")
    text = one_line(str(value))
    return Text(text if len(text) <= width else text[: width - 1] + "…")


def table(*columns: str) -> Table:
    """A quiet table."""
    made = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1), collapse_padding=True
    )
    for column in columns:
        made.add_column(column, justify="right" if column in COUNTS else "left", overflow="fold")
    return made


def rows_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, width: int = _CUT
) -> Table:
    """Rows of a query, as a table."""
    made = table(*columns)
    for row in rows:
        made.add_row(*(cell(row.get(column), width=width) for column in columns))
    return made


INDENT = 9

_WIDEST = 96


def print_beside(console: Console, head: Any, sentence: str, *, style: str = "") -> None:
    """A sentence beside its head, wrapped under itself."""
    from rich.text import Text

    width = max(min(console.width, _WIDEST) - INDENT, 30)
    lines = Text(one_line(sentence)).wrap(console, width)
    for number, line in enumerate(lines):
        line.rstrip()
        console.print(
            Text.assemble(head if number == 0 else " " * INDENT, (line.plain, style)),
            soft_wrap=True,
        )
