"""The browser is on another computer: the address it ended on is pasted into a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pexpect
import pytest
import requests

from tests.system.prepared import open_workspace
from tests.system.workspace import SFSYNC, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path, log_in=False, pull=False) as workspace:
        yield workspace


def ended_on(url: str) -> str:
    """Where a browser ends that cannot reach the callback: on its address."""
    with requests.Session() as browser:
        browser.trust_env = False
        for _ in range(10):
            reply = browser.get(url, timeout=10, allow_redirects=False)
            url = urljoin(url, reply.headers["Location"])
            if "/callback?" in url:
                return url
    raise AssertionError(url)


def test_the_address_that_the_browser_ended_on_can_be_pasted_into_a_terminal(
    workspace: Workspace,
) -> None:
    terminal = pexpect.spawn(
        SFSYNC, ["login", "--no-browser", "--timeout", "60"], cwd=str(workspace.folder), timeout=30,
        env=workspace.environ | {"TERM": "xterm"}, encoding="utf-8", dimensions=(24, 80),
    )  # fmt: skip
    terminal.expect(r"(http://\S+/authorize\?\S+)\r?\n")
    callback = ended_on(terminal.match.group(1))
    terminal.sendline(f"  {callback} ")
    terminal.expect("Logged in to")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert workspace.do("whoami")["username"]
