"""What comes from outside is told for what it is: it is never a bug, and never held without bound."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
import requests

from sfsync import errors
from sfsync.cli import clock
from sfsync.cli.answer import Answer
from sfsync.cli.apply import MAX_LINE, _plan_file, _rewound, _state
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.config.file import load_config
from sfsync.errors import ConfigError, InputError, MirrorError, SfsyncError
from sfsync.intake.event_files import read_events
from sfsync.intake.people_files import read_records
from sfsync.mirror.database import Database
from sfsync.planning.planfile import header_of, records
from tests.sides import MAPPING

ENDLESS = Path("/dev/zero")
NOW = "2026-01-20T10:00:00Z"


@contextmanager
def little_memory() -> Iterator[None]:
    """No more than 300 MB beyond what the process has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + 300_000_000, before[1])
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> dict:
    def work() -> Answer:
        raise error

    perform(Cli("pull", as_json=True), work)
    return json.loads(capsys.readouterr().out)["errors"][0]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EMFILE, "ulimit -n"),
        (errno.ENFILE, "whole machine"),
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "read-only"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permissions"),
    ],
)
def test_each_refusal_of_the_system_has_its_own_advice(
    number: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = told(OSError(number, os.strerror(number), "/somewhere/mirror.db"), capsys)
    assert entry["slug"] == "failed"
    assert advice in entry["hint"]
    assert "All work done so far is kept" in entry["hint"]


class NoInodes:
    f_files, f_favail, f_bavail = 100, 0, 100


def test_a_disk_without_inodes_is_told_from_a_full_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors.os, "statvfs", lambda _: NoInodes)
    entry = told(OSError(errno.ENOSPC, "No space left on device", "/somewhere/file"), capsys)
    assert "inodes" in entry["hint"]


def test_an_answer_that_is_no_json_is_not_a_matter_of_space(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = told(requests.exceptions.JSONDecodeError("Expecting value", "<html>", 0), capsys)
    assert entry["slug"] == "protocol"
    assert "permissions" not in entry["hint"]


@pytest.mark.parametrize("left", [0, 1])
def test_a_mirror_that_cannot_be_opened_for_want_of_handles(tmp_path: Path, left: int) -> None:
    """With none left not even the file is opened; with one SQLite cannot open its journal."""
    path = tmp_path / "mirror.db"
    Database(path, now=lambda: NOW).close()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(left):
            os.close(taken.pop())
        with pytest.raises(MirrorError) as caught:
            Database(path, now=lambda: NOW).run("CREATE TABLE wanted (x)")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for handle in taken:
            os.close(handle)
    assert "ulimit -n" in caught.value.hint


@pytest.mark.parametrize(
    "error", [ValueError("year 10026 is out of range"), OverflowError("date value out of range")]
)
def test_a_clock_beyond_the_calendar_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            raise error

    monkeypatch.setattr(clock, "datetime", Broken)
    with pytest.raises(SfsyncError, match="clock") as caught:
        clock.now()
    assert "Set the clock" in caught.value.hint


# -- plans -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"schema": ' + "9" * 9_999 + "}"]
)
def test_a_plan_of_brackets_is_none(text: str) -> None:
    with pytest.raises(InputError, match="no plan"):
        header_of(text, "plan.json")
    with pytest.raises(InputError):
        list(records([text, text], "plan.json"))


def test_a_plan_that_is_a_device_or_a_pipe_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (ENDLESS, pipe, Path("/dev/null")):
        with pytest.raises(InputError, match="no regular file"), _plan_file(path):
            pass


def test_a_huge_plan_without_line_ends_is_not_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with path.open("wb") as file:
        file.truncate(4 * 1024**3)
    with little_memory(), _plan_file(path) as file, pytest.raises(InputError):
        list(records(_rewound(file, as_it_was=_state(file)), str(path)))
    assert MAX_LINE < 100_000_000


# -- files -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_an_end_is_no_file_of_events_or_people(device: str) -> None:
    contact = MAPPING.objects["contact"]
    with little_memory(), Path(device).open("rb") as stream:
        for source in (Path(device), stream):
            with pytest.raises(InputError, match="device"):
                list(read_records(source, contact))
            with pytest.raises(InputError, match="device"):
                list(read_events(source, now=NOW))


def test_a_config_file_that_is_a_device_or_huge_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / "sfsync.yaml"
    with huge.open("wb") as file:
        file.truncate(4 * 1024**3)
    for path in (ENDLESS, huge):
        with little_memory(), pytest.raises(ConfigError, match="larger than 1 MiB"):
            load_config(path, {})


def test_bytes_in_memory_are_read_as_before() -> None:
    people = list(read_records(io.BytesIO(b"email\nada@example.com\n"), MAPPING.objects["contact"]))
    assert len(people) == 1
