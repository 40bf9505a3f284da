"""A configuration file written for a test, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfsync.config.file import example_config, load_config
from sfsync.config.sections import Config
from sfsync.errors import ConfigError

EXAMPLE = example_config()
ENVIRON = {"SFSYNC_CLIENT_ID": "abc"}
SMALLEST = "org: {client_id: abc}\nobjects: {contact: {fields: {Email: email}}}\n"


def load(folder: Path, content: str | bytes, environ: dict[str, str] | None = None) -> Config:
    path = folder / "sfsync.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_config(path, ENVIRON if environ is None else environ)


def problems_of(
    folder: Path, content: str | bytes, environ: dict[str, str] | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, content, environ)
    assert all(problem.startswith("sfsync.yaml:") for problem in caught.value.problems)
    return [problem.removeprefix("sfsync.yaml:") for problem in caught.value.problems]
