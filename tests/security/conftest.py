"""A workspace for each test: a copy of one that was set up once, all on one org."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.workspace import Workspace


@pytest.fixture
def workspace(shared_workspace: Workspace, tmp_path: Path) -> Workspace:
    """A copy to work at."""
    return shared_workspace.copied(tmp_path)
