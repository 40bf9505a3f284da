"""Sentences beside a head, wrapped under themselves, as lists of findings and steps are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sfsync.cli.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

INDENT = 9
"""Columns of the head beside a sentence."""

_WIDEST = 96
"""Columns of head and sentence together, on a terminal that is wider."""


def print_beside(console: Console, head: Any, sentence: str, *, style: str = "") -> None:
    """Print a sentence beside its head of ``INDENT`` columns, wrapped under itself."""
    from rich.text import Text

    width = max(min(console.width, _WIDEST) - INDENT, 30)
    lines = Text(one_line(sentence)).wrap(console, width)
    for line in lines:
        line.rstrip()
        console.print(Text.assemble(head, (line.plain, style)), soft_wrap=True)
        head = " " * INDENT  # of the lines that follow
