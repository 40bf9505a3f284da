"""The browser is on another computer: the address it ended on is pasted into a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pexpect
import pytest
import requests

from tests.system.office import SFSYNC, Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path, log_in=False, pull=False) as office:
        yield office


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
    office: Office,
) -> None:
    terminal = pexpect.spawn(
        SFSYNC, ["login", "--no-browser", "--timeout", "60"], cwd=str(office.folder), timeout=30,
        env=office.environ | {"TERM": "xterm"}, encoding="utf-8", dimensions=(24, 80),
    )  # fmt: skip
    terminal.expect(r"(http://\S+/authorize\?\S+)\r?\n")
    callback = ended_on(terminal.match.group(1))
    terminal.sendline(f"  {callback} ")
    terminal.expect("Logged in to")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert office.do("whoami")["username"]
