"""The nearest file is found and read whole, or nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sfsync.config.file import MAX_BYTES, find_config, load_config
from sfsync.errors import ConfigError
from tests.unit.config.files import SMALLEST, load


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    cwd, user = tmp_path / "work", tmp_path / "user"
    cwd.mkdir()
    user.mkdir()
    return cwd, user


def test_the_nearest_file_is_found(places: tuple[Path, Path]) -> None:
    cwd, user = places
    with pytest.raises(ConfigError) as caught:
        find_config(None, {}, cwd, user)
    assert caught.value.hint == "`sfsync init` writes one"
    assert caught.value.message == f"no sfsync.yaml in {cwd} nor in {user}"
    (user / "sfsync.yaml").touch()
    assert find_config(None, {}, cwd, user) == user / "sfsync.yaml"
    (cwd / "sfsync.yaml").touch()
    assert find_config(None, {"SFSYNC_CONFIG": ""}, cwd, user) == cwd / "sfsync.yaml"
    (cwd / "other.yaml").touch()
    assert find_config(None, {"SFSYNC_CONFIG": "other.yaml"}, cwd, user) == cwd / "other.yaml"
    assert (
        find_config(user / "sfsync.yaml", {"SFSYNC_CONFIG": "other.yaml"}, cwd, user)
        == user / "sfsync.yaml"
    )


def test_a_named_file_that_is_none_is_told_and_no_other_is_taken(places: tuple[Path, Path]) -> None:
    cwd, user = places
    (cwd / "sfsync.yaml").touch()
    with pytest.raises(ConfigError, match=r"--config nope.yaml: no such file"):
        find_config(Path("nope.yaml"), {}, cwd, user)
    with pytest.raises(ConfigError, match=r"\$SFSYNC_CONFIG \(nope.yaml\): no such file"):
        find_config(None, {"SFSYNC_CONFIG": "nope.yaml"}, cwd, user)
    with pytest.raises(ConfigError, match="is a folder") as caught:
        find_config(user, {}, cwd, user)
    assert caught.value.hint == f"did you mean {user / 'sfsync.yaml'}?"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "sfsync.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})


def test_a_file_of_more_than_one_mebibyte_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(tmp_path, b"#" * (MAX_BYTES + 1))


def test_the_digest_tells_whether_the_file_changed(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST).digest == load(tmp_path, SMALLEST).digest
    assert load(tmp_path, SMALLEST).digest != load(tmp_path, SMALLEST + "\n").digest
