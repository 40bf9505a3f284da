"""Trouble while a login is made or renewed: told in words, and nobody has to log in again unless the login is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from requests.adapters import HTTPAdapter

from tests.faults.local_sides import daily_cells
from tests.faults.network_faults import DONE, NETWORK_FAULTS, NO_TLS, FaultyAdapter, NetworkFault
from tests.system.prepared import open_workspace
from tests.system.workspace import Workspace

TOKEN = "/services/oauth2/token"
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "a 500": ("status", {"status": 500}),
    "a 503 page": ("html", {"status": 503}),
    "a page with 200": ("html", {"status": 200}),
    "a 429 with seconds": ("rate_limited", {"retry_after": 2}),
    "JSON of another shape": ("status", {"status": 200, "code": "X", "message": "no"}),
}
LOST: dict[str, tuple[str, dict[str, Any]]] = {
    "the reply is lost": ("lose_reply", {}),
    "the reply breaks off": ("truncate", {}),
}
"""The org has answered, and given out a token that nobody got."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Logged in to an org that gives a new refresh token with each renewal; the old one is dead at once."""
    with open_workspace(
        tmp_path_factory.mktemp("workspace"), rotate_refresh_tokens=True
    ) as workspace:
        yield workspace


@pytest.fixture
def workspace(first: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose login nobody else renews."""
    workspace = first.copied(tmp_path)
    assert workspace.run_in_process("login").code == 0, workspace.printed
    yield workspace
    workspace.org.faults.clear()


def fired(workspace: Workspace) -> int:
    return sum(fault.fired for fault in workspace.org.faults.faults)


def told(workspace: Workspace, *line: str) -> int:
    """Run a command that fails, in words; gives its exit code."""
    ran = workspace.run_in_process(*line)
    assert ran.code in (1, 4), ran
    assert "Traceback" not in ran.err
    assert "<html" not in ran.err.lower()
    assert "try: " in ran.err
    return ran.code


def strike(workspace: Workspace, fault: str, args: dict[str, Any]) -> None:
    workspace.org.faults.add({"match": {"path": TOKEN}, "fault": fault, "args": args})


FAULTS = {**ANSWERS, **LOST, "the connection breaks": ("drop", {})}


@pytest.mark.always
@pytest.mark.parametrize("name", daily_cells(FAULTS, "the reply is lost", "a page with 200"))
def test_a_login_that_goes_wrong_leaves_the_login_before(workspace: Workspace, name: str) -> None:
    strike(workspace, *FAULTS[name])
    told(workspace, "login")
    assert fired(workspace) == 1, "a code is good for one exchange, so it is not sent again"
    workspace.org.faults.clear()
    assert workspace.run_in_process("whoami").code == 0, "the login before still holds"
    assert workspace.run_in_process("login").code == 0
    assert workspace.run_in_process("sync").code == 0


@pytest.mark.always
@pytest.mark.parametrize("name", daily_cells(FAULTS, "the reply is lost", "a 503 page"))
def test_a_renewal_that_goes_wrong_asks_for_a_login_only_where_it_is_lost(
    workspace: Workspace, name: str
) -> None:
    workspace.org.oauth.grants.expire_access_tokens()
    strike(workspace, *FAULTS[name])
    told(workspace, "sync")
    assert fired(workspace) == 1, "a refresh token that may be spent is not sent again"
    workspace.org.faults.clear()
    after = workspace.run_in_process("sync", "--json")
    if name in LOST:
        assert after.code == 4
        assert "sfsync login" in after.document["errors"][0]["hint"]
        assert workspace.run_in_process("login").code == 0
        after = workspace.run_in_process("sync", "--json")
    assert after.code == 0, after
    assert workspace.run_in_process("diff", "--exit-code").code == 0


@pytest.mark.parametrize(
    "what", daily_cells(NETWORK_FAULTS, *NO_TLS, "connection refused", "no such host")
)
@pytest.mark.parametrize("command", ["login", "sync"])
def test_a_connection_that_breaks_at_the_tokens_door(
    workspace: Workspace, command: str, what: str
) -> None:
    workspace.org.oauth.grants.expire_access_tokens()
    adapter, send = FaultyAdapter(NetworkFault(what, TOKEN, nth=0)), HTTPAdapter.send

    def breaking(carrier: HTTPAdapter, request: Any, **more: Any) -> Any:
        return (
            send(carrier, request, **more) if carrier is adapter else adapter.send(request, **more)
        )

    with mock.patch.object(HTTPAdapter, "send", breaking):
        told(workspace, command)
    assert adapter.struck == 1
    lost = what in DONE and command == "sync"
    assert workspace.run_in_process("sync").code == (4 if lost else 0)
    assert not lost or workspace.run_in_process("login").code == 0
    assert workspace.run_in_process("diff", "--exit-code").code == 0
