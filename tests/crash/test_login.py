"""The login survives: killed between receiving and keeping it, and renewed by two processes at once."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from sfsync.auth.unattended import new_key
from tests.crash.scene import Scene
from tests.system.prepared import CLIENT
from tests.system.workspace import Workspace

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("login")]
KILLED = -signal.SIGKILL
BROWSER_LEFT_ALONE = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)


@pytest.fixture(scope="module")
def workspace(open_scene: Callable[..., Scene]) -> Workspace:
    """A workspace whose org gives a new refresh token with each refresh; the old one is dead at once."""
    return open_scene(rotate_refresh_tokens=True).workspace


@pytest.fixture(scope="module")
def signed_workspace(
    open_scene: Callable[..., Scene], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """A workspace that logs in by a key whose certificate the org's app holds."""
    workspace = open_scene().workspace
    key = tmp_path_factory.mktemp("keys") / "sync.pem"
    certificate = new_key(key, "sfsync", datetime.now(UTC)).read_text()
    app = workspace.org.oauth.apps[CLIENT]
    workspace.org.oauth.register(replace(app, public_key=certificate, preauthorized=True))
    workspace.do_in_process("login", "--jwt-key", str(key), "--username", "admin@penguin.example")
    return workspace


def expire(workspace: Workspace) -> None:
    """End every access token: the next call gets a 401."""
    reply = requests.post(f"{workspace.org.url}/_local/oauth/expire", json={}, timeout=10)
    assert reply.status_code == 200, reply.text


def killed_at(workspace: Workspace, place: str) -> Workspace:
    """The same workspace, where every command is killed at a place."""
    return replace(workspace, environ=workspace.environ | {"SFSYNC_FAILPOINTS": f"{place}=kill"})


def test_killed_before_a_rotated_login_is_kept_the_next_command_says_so_and_a_login_heals(
    workspace: Workspace,
) -> None:
    expire(workspace)

    assert workspace.run("whoami", SFSYNC_FAILPOINTS="auth.refreshed=kill").code == KILLED
    after = workspace.run("whoami", "--json")
    assert after.code == 4, after
    assert "sfsync login" in after.document["errors"][0]["hint"]
    assert workspace.run("sync", "--json").code == 4
    assert workspace.run("status", "--json").code == 0
    assert workspace.log_in("--json").code == 0
    assert workspace.run("whoami").code == 0


def test_killed_after_a_rotated_login_is_kept_the_next_command_goes_on(
    workspace: Workspace,
) -> None:
    expire(workspace)

    assert workspace.run("whoami", SFSYNC_FAILPOINTS="auth.refresh_stored=kill").code == KILLED
    assert workspace.run("whoami").code == 0


def test_a_disk_that_fails_after_the_refresh_is_told_and_a_login_heals(
    workspace: Workspace,
) -> None:
    expire(workspace)

    failed = workspace.run("whoami", "--json", SFSYNC_FAILPOINTS="auth.refreshed=disk")
    assert failed.code == 1, failed
    assert workspace.run("whoami").code == 4
    assert workspace.log_in("--json").code == 0


@BROWSER_LEFT_ALONE
@pytest.mark.parametrize("place", ["auth.code_received", "auth.token_received"])
def test_killed_while_logging_in_the_login_before_holds(workspace: Workspace, place: str) -> None:
    ended = killed_at(workspace, place).log_in()

    assert ended.code == KILLED, ended
    assert workspace.run("whoami").code == 0


@BROWSER_LEFT_ALONE
def test_killed_as_soon_as_the_new_login_is_kept_it_holds(workspace: Workspace) -> None:
    assert killed_at(workspace, "auth.token_stored").log_in().code == KILLED
    assert workspace.run("whoami").code == 0


ROUNDS = pytest.mark.parametrize(
    "rounds", [pytest.param(10, id="slice"), pytest.param(50, id="whole", marks=pytest.mark.crash)]
)


@ROUNDS
def test_two_processes_that_renew_at_once_never_lose_the_login(
    workspace: Workspace, rounds: int
) -> None:
    renew_at_once(workspace, rounds)


@ROUNDS
def test_two_processes_whose_login_is_signed_renew_it_once(
    signed_workspace: Workspace, rounds: int
) -> None:
    renew_at_once(signed_workspace, rounds)


def test_killed_while_it_signs_anew_the_next_command_signs_again(
    signed_workspace: Workspace,
) -> None:
    for place in ("auth.refreshed", "auth.refresh_stored"):
        expire(signed_workspace)
        assert signed_workspace.run("whoami", SFSYNC_FAILPOINTS=f"{place}=kill").code == KILLED
        assert signed_workspace.run("whoami").code == 0


def renew_at_once(workspace: Workspace, rounds: int) -> None:
    """Both are refused with the same token at the same moment; one renews, the other takes what it has kept."""
    with request_barrier(workspace) as barrier:
        for number in range(1, rounds + 1):
            expire(workspace)
            barrier.expect(2)
            both = [workspace.start("whoami", "--json") for _ in range(2)]
            ends = [workspace.finish(each) for each in both]

            assert [each.code for each in ends] == [0, 0], ends
            assert barrier.arrived == 2, "both were refused with the same token, at the same time"
            assert barrier.refreshes == number, (
                "one of the two renews, the other takes what it has kept"
            )


@contextmanager
def request_barrier(workspace: Workspace) -> Iterator["RequestBarrier"]:
    """For the length of a block, whoever asks waits at this workspace's org for the other."""
    barrier = RequestBarrier(workspace)
    try:
        yield barrier
    finally:
        barrier.remove()


class RequestBarrier:
    """At the org's door: who asks for an identity waits until as many as expected have come."""

    def __init__(self, workspace: Workspace) -> None:
        self.arrived = self.refreshes = self._wanted = 0
        self._all_here = asyncio.Event()
        self._door = workspace.org.app
        self._app, self._door._app = self._door._app, self._answer

    def remove(self) -> None:
        self._door._app = self._app

    def expect(self, number: int) -> None:
        self.arrived, self._wanted, self._all_here = 0, number, asyncio.Event()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/id/") and self.arrived < self._wanted:
            self.arrived += 1
            if self.arrived == self._wanted:
                self._all_here.set()
            await self._all_here.wait()
        self.refreshes += scope["path"].endswith("/services/oauth2/token")
        await self._app(scope, receive, send)
