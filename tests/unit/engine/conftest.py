"""Two sides with a handful of people in the org."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sides import Sides


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    made = Sides(tmp_path / "mirror.db")
    yield made
    made.close()
