"""A mirror in a fresh folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sfsync.mirror.store import SqliteMirror
from tests.ready_mirror import write_ready_mirror
from tests.unit.mirror.samples import mapping, open_mirror


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mirror.db"


@pytest.fixture
def mirror(path: Path) -> Iterator[SqliteMirror]:
    write_ready_mirror(path, mapping())
    with open_mirror(path) as opened:
        yield opened
