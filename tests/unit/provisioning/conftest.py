"""The example's mapping."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfsync.config.file import example_config, load_config
from sfsync.model.mapping import (
    SyncMapping,
)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> SyncMapping:
    path = tmp_path_factory.mktemp("config") / "sfsync.yaml"
    path.write_text(example_config(), encoding="utf-8")
    return load_config(Path(path), {"SFSYNC_CLIENT_ID": "3MVG9"}).mapping
