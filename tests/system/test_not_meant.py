"""A login, a profile or an API version that cannot be meant is told as such, and nothing is read or written with it."""

from __future__ import annotations

import pytest

from local_org.server import LocalOrg, LocalOrgConfig
from tests.system.workspace import Workspace


@pytest.fixture
def workspace(quiet_workspace: Workspace) -> Workspace:
    return quiet_workspace


def test_calls_that_are_spent_at_the_login_host_are_no_ended_login(workspace: Workspace) -> None:
    workspace.org.faults.set(
        [
            {"match": {"path": "/services/data"}, "fault": "expired_session"},
            {"match": {"path": "oauth2/token"}, "fault": "request_limit"},
        ]
    )
    told = workspace.stderr_of("sync", expect=5)
    assert "24 hours" in told
    assert "sfsync login" not in told


def test_a_misspelt_profile_is_refused_and_nothing_is_made(workspace: Workspace) -> None:
    workspace.yaml.write_text(workspace.yaml.read_text() + "\nprofiles: {sandbox: {}}\n")
    before = sorted(workspace.folder.iterdir())
    for line in (["sync"], ["status"], ["import", "-"], ["quarantine"], ["logout"], ["whoami"]):
        told = workspace.stderr_of(*line, "--profile", "sandbx", expect=2)
        assert "did you mean sandbox?" in told
        assert "There are: default, sandbox" in told
    assert sorted(workspace.folder.iterdir()) == before


def test_another_login_host_is_not_shown_the_login_nor_is_the_old_org_written_to(
    workspace: Workspace,
) -> None:
    workspace.new_contact("meant-for-the-other")
    before = workspace.everything()
    with LocalOrg(LocalOrgConfig(contacts=1, auto_approve=True)) as other:
        workspace.configure((workspace.org.url, other.url))
        for line in ("push", "pull", "sync", "diff", "verify", "whoami"):
            told = workspace.stderr_of(line, expect=4)
            assert f"the stored login was made at {workspace.org.url}" in told
            assert "sfsync login" in told
        assert workspace.run_in_process("org", "check").code == 1
        assert workspace.everything() == before
        workspace.configure((other.url, workspace.org.url))
    workspace.stderr_of("push", expect=0)


def test_an_api_version_that_the_org_does_not_have_is_told(workspace: Workspace) -> None:
    workspace.configure(('api_version: "66.0"', 'api_version: "999.0"'))
    workspace.new_contact("later")
    for line in ("pull", "push", "sync", "diff"):
        told = workspace.stderr_of(line, expect=2)
        assert "no API version 999.0; it has " in told
        assert "org.api_version" in told
    assert workspace.do_in_process("status")["in_doubt"] == 0
