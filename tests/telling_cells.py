"""A table whose telling cells run at every change, and the others before a release."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import pytest


def telling_cells(cells: Iterable[Any], telling: Container[Any]) -> list[Any]:
    """All cells for ``parametrize``; those that are not telling are marked ``slow``. A cell of several values is a tuple."""
    return [
        pytest.param(
            *(cell if isinstance(cell, tuple) else (cell,)),
            marks=() if cell in telling else pytest.mark.slow,
        )
        for cell in cells
    ]
