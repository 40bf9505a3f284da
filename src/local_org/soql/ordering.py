"""Sorting rows, or groups of rows, with nulls at the wanted end."""

from collections.abc import Callable
from typing import Any


def sort(
    rows: list[Any], key: Callable[[Any], Any], *, descending: bool, nulls_first: bool
) -> None:
    """Sort in place, stably, with nulls at the wanted end."""
    filled = [row for row in rows if key(row) is not None]
    if len(filled) == len(rows):
        rows.sort(key=key, reverse=descending)
        return
    empty = [row for row in rows if key(row) is None]
    filled.sort(key=key, reverse=descending)
    rows[:] = empty + filled if nulls_first else filled + empty
