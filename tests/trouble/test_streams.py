"""Streams, environments and limits of the shell: the installed command, as a person or cron starts it."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.system.workspace import SFSYNC, CommandResult, Workspace
from tests.trouble.convergence import check_convergence


@pytest.fixture(scope="module")
def shell(shared_workspace: Workspace):
    """Runs a line in a shell beside the mirror; $S is sfsync."""

    def run(line: str) -> CommandResult:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=shared_workspace.folder,
            env=shared_workspace.environ | {"S": SFSYNC},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert "does not understand" not in done.stderr
        assert "Exception ignored" not in done.stderr
        return CommandResult(done.returncode, done.stdout, done.stderr)

    return run


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("$S status > /dev/full", 1, "the answer could not be written to standard output"),
        ("$S sync --json > /dev/full", 1, "What was done is kept"),
        ("$S --help > /dev/full", 1, "could not be written"),
        ("$S --version > /dev/full", 1, "could not be written"),
        ("$S webhook", 2, "sfsync webhook what?"),
        ("$S sync 2> /dev/full", 0, ""),
        ("$S pull --since soon 2> /dev/full", 2, ""),
        ("$S statusx 2> /dev/full", 2, ""),
        ("$S sync --json >&-", 0, ""),
        ("$S sync >&- 2>&- <&-", 0, ""),
        ("$S --help >&-", 0, ""),
        ("$S push-activity - <&-", 0, ""),
        ("$S status | head -1 | grep -c object", 0, ""),
    ],
)
def test_a_stream_that_is_full_closed_or_not_read_to_its_end(
    shell, line: str, code: int, told: str
) -> None:
    ran = shell(line)
    assert ran.code == code
    assert told in ran.err


def test_after_all_that_the_mirror_is_whole(shared_workspace: Workspace, shell) -> None:
    assert shell("$S sync >/dev/full 2>&1").code == 1
    check_convergence(shared_workspace)


@pytest.mark.parametrize(
    "line",
    [
        "unset HOME; $S sync",
        "HOME=/proc/nowhere $S sync",
        "env -i $S status",
        "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 $S sync",
        "PYTHONIOENCODING=ascii $S status",
        "ulimit -n 24; $S sync",
        "TERM=dumb COLUMNS=20 $S status",
    ],
)
def test_a_bare_or_odd_environment_is_no_matter(shell, line: str) -> None:
    ran = shell(line)
    assert ran.code == 0, ran.err


def test_without_a_home_the_configuration_beside_one_is_found_and_elsewhere_its_absence_is_told(
    shell,
) -> None:
    ran = shell("unset HOME; cd /; $S status --json")
    assert ran.code == 2
    assert "no sfsync.yaml" in json.loads(ran.out)["errors"][0]["message"]


def test_on_twenty_columns_no_line_is_wider(shared_workspace: Workspace) -> None:
    for line in (["diff"], ["conflicts"], ["quarantine"], ["pull"], ["verify"], ["push", "--help"]):
        ran = shared_workspace.run_in_process(*line, COLUMNS="20")
        assert max(map(len, ran.out.splitlines())) <= 20, ran.out
