"""The first hour, pasted line by line into a shell, on a machine that has nothing but sfsync: no keyring, no home."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.pages import blocks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("sqlite3"), reason="the page uses the sqlite3 command"),
]

KEY = "openssl rand -base64 32"


def lines() -> list[str]:
    """What the page has its reader type, but for the org, which has a terminal of its own."""
    found = [
        re.sub(r"\s+#.*", "", line)
        for block in blocks("sh")
        if block.page.name == "tutorial.md"
        for line in block.text.splitlines()
    ]
    org, *rest = [line for line in found if line.strip()]
    assert org.startswith("sfsync local-org")
    return [org, *rest]


@contextmanager
def running(command: list[str], environ: dict[str, str], folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "http://" in process.stdout.readline()
        yield
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody new: sfsync on the path, a browser, and nothing else."""
    (tmp_path / "home").mkdir()
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\ncurl -sL "$1" >/dev/null &\n')
    browser.chmod(0o755)
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "BROWSER": f"{browser} %s",
        "LANG": "C.UTF-8",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


def test_every_line_works_as_pasted_on_a_machine_without_a_keyring(
    machine: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = tmp_path / "work"
    folder.mkdir()

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line], cwd=folder, env=machine, capture_output=True, text=True,
            timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    org, *rest = [line.replace("8700", port) for line in lines()]
    with running(org.split(), machine, folder):
        said = []
        for line in rest:
            ran = run(line)
            if line == "sfsync login" and ran.returncode:
                # what the page says of a machine without a keyring
                [make] = [each for each in ran.stderr.splitlines() if KEY in each]
                assert run(make.strip()).returncode == 0, make
                ran = run(line)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
            assert "Traceback" not in ran.stderr
            said.append(ran.stdout)
    whole = "\n".join(said)
    for told in ("+1 555 0100", "Head of Ice", "Chief Penguin", "1 tasks", "duplicates"):
        assert told in whole, told
