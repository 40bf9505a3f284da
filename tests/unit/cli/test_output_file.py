"""Files that a person names: regular ones are replaced, everything else stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sfsync.cli.output_file import output_file
from sfsync.errors import UsageError


def write(path: Path, text: str = "new", **options: int) -> None:
    with output_file(path, **options) as file:
        file.write(text.encode())


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_made_or_replaced_with_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "plan.json"
    for text in ("first", "second"):
        write(path, text, mode=mode)
        assert path.read_text() == text
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o666)
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")
    with suppress(ZeroDivisionError), output_file(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_fifo_is_written_to_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(path.read_text()))
    reader.start()
    write(path)
    reader.join(10)
    assert got == ["new"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_device_is_written_to_and_stays_one() -> None:
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(UsageError, match="/dev/full cannot be written: No space left"):
        write(Path("/dev/full"))
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_an_open_stream_is_written_to_whatever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "redirected"
    with path.open("w") as file:
        write(Path(f"/dev/fd/{file.fileno()}"))
    assert path.read_text() == "new"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("there", [True, False])
def test_a_planted_link_is_not_followed(tmp_path: Path, there: bool) -> None:
    victim, path = tmp_path / "profile", tmp_path / "plan.json"
    if there:
        victim.write_text("mine")
    path.symlink_to(victim)
    with pytest.raises(UsageError, match=r"is a symbolic link to .*profile") as refused:
        write(path)
    assert str(victim) in str(refused.value.hint)
    assert path.is_symlink()
    assert victim.read_text() == "mine" if there else not victim.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere/plan\.json cannot be written: No such file"):
        write(tmp_path / "nowhere" / "plan.json")
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        write(tmp_path)
