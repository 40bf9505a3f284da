"""Setting up an org where something is in the way: a field of another type, a call that fails, a reply that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.system.prepared import open_workspace
from tests.system.test_org_setup import MADE, Setup, bare, codes
from tests.system.workspace import Workspace


@pytest.fixture
def new_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Workspace]]:
    """Opens a workspace that closes with the test."""
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(
            open_workspace(tmp_path_factory.mktemp("workspace"), **given)
        )


def test_a_field_of_another_type_is_told_and_left_and_the_rest_goes_on(
    new_workspace: Callable[..., Workspace],
) -> None:
    workspace = bare(new_workspace)
    setup = Setup(workspace)
    metadata = {"type": "Text", "label": "Score", "length": 20}
    body = {"FullName": "Contact.PenguinMails_Lead_Score__c", "Metadata": metadata}
    setup.call("POST", "tooling/sobjects/CustomField", json=body)
    before = setup.definitions()["Contact.PenguinMails_Lead_Score__c"]
    ran = workspace.run("org", "setup", *MADE)
    assert ran.code == 0, ran.out
    assert (
        "Contact.PenguinMails_Lead_Score__c: it is string in this org, and Number(9,0) is needed"
        in ran.warnings
    )
    assert setup.definitions()["Contact.PenguinMails_Lead_Score__c"] == before
    assert "Contact.PenguinMails_Total_Opens__c" in setup.fields()
    found = workspace.run("org", "check", "--json")
    assert ("mapping", "Contact.PenguinMails_Lead_Score__c") in codes(found)
    assert workspace.run("sync", "--json").code == 0


def test_a_call_that_fails_is_told_and_the_next_run_finishes(
    new_workspace: Callable[..., Workspace],
) -> None:
    workspace = bare(new_workspace)
    setup = Setup(workspace)
    workspace.local(
        "faults",
        faults=[
            {"match": {"method": "POST", "path": "/tooling/sobjects/CustomField"}, "nth": [3], "fault": "lose_reply"},
            {"match": {"method": "POST", "path": "/sobjects/ObjectPermissions"}, "nth": [1], "fault": "status",
             "args": {"status": 400, "code": "LIMIT_EXCEEDED", "message": "not now"}},
        ],
    )  # fmt: skip
    first = workspace.run("org", "setup", *MADE)
    assert first.code == 1
    assert {each["status"] for each in first.data["results"]} == {"done", "failed", "skipped"}
    second = workspace.run("org", "setup", *MADE)
    assert second.code == 1
    assert "LIMIT_EXCEEDED: not now" in second.out
    third = workspace.run("org", "setup", *MADE)
    assert third.code == 0, third.out
    assert workspace.run("org", "setup", *MADE).data["changed"] == 0
    assert len(setup.fields()) == sum(step["part"] == "field" for step in third.data["plan"])
