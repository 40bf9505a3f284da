"""A desk for each test: a copy of one that was set up once, all on one org."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trouble.desk import Desk, open_desk


@pytest.fixture(autouse=True)
def hearing(at_a_terminal: None) -> None:
    """Every test may send signals, to itself and to its children."""


@pytest.fixture(scope="module")
def first_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Everything pulled, nothing changed; nobody works at this one."""
    with open_desk(tmp_path_factory.mktemp("desk")) as desk:
        yield desk


@pytest.fixture
def desk(first_desk: Desk, tmp_path: Path) -> Desk:
    """A copy to work at."""
    return first_desk.copied(tmp_path)
