"""The package that ``sfsync org setup --package`` writes, deployed: the org becomes what a setup makes of it directly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.system.test_org_setup import MADE, VERSION, WORKER, Setup, bare
from tests.system.workspace import Workspace


@dataclass
class Both:
    """Two bare orgs: one set up by the command, one by its package."""

    direct: Setup
    deployed: Setup
    before: tuple[Any, ...]
    checked: dict[str, Any]
    after_check: tuple[Any, ...]
    result: dict[str, Any]
    again: dict[str, Any]


@pytest.fixture(scope="module")
def both(new_workspace: Callable[..., Workspace]) -> Both:
    direct, other = bare(new_workspace), bare(new_workspace)
    assert direct.run("org", "setup", *MADE).code == 0
    assert other.run("org", "setup", "--package", "setup.zip", "--json").code == 0
    setup = Setup(other)
    return Both(
        Setup(direct),
        setup,
        setup.everything(),
        deploy(setup, checkOnly=True),
        setup.everything(),
        deploy(setup),
        deploy(setup),
    )


def deploy(setup: Setup, **options: bool) -> dict[str, Any]:
    """Deploy the workspace's package as an admin; gives how it ended."""
    told = {"deployOptions": {"singlePackage": True, "rollbackOnError": True, **options}}
    parts = {
        "json": (None, json.dumps(told), "application/json"),
        "file": (
            "setup.zip",
            (setup.workspace.folder / "setup.zip").read_bytes(),
            "application/zip",
        ),
    }
    url = f"{setup.workspace.org.url}{VERSION}/metadata/deployRequest"
    made = requests.post(url, files=parts, headers=setup.headers, timeout=10)
    assert made.status_code == 201, made.text
    found = setup.call(
        "GET", f"metadata/deployRequest/{made.json()['id']}", params={"includeDetails": "true"}
    )
    result: dict[str, Any] = found["deployResult"]
    return result


def done(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in result["details"]["componentSuccesses"] if each["componentType"]]


def test_a_check_finds_no_fault_and_changes_nothing(both: Both) -> None:
    assert (both.checked["status"], both.checked["details"]["componentFailures"]) == (
        "Succeeded",
        [],
    )
    assert both.after_check == both.before


def test_every_component_arrives(both: Both) -> None:
    assert both.result["status"] == "Succeeded", both.result
    assert all(each["created"] for each in done(both.result))
    made = {each["fullName"] for each in done(both.result)}
    assert made == {*both.direct.definitions(), "PenguinMails_Sync"} - {*both.before[0]}


def test_the_org_is_what_a_setup_makes_of_it(both: Both) -> None:
    assert both.deployed.definitions() == both.direct.definitions()
    assert both.deployed.grants() == both.direct.grants()
    assert both.deployed.grants()["fields"]


def test_deployed_again_it_changes_nothing(both: Both) -> None:
    assert done(both.again)
    assert not any(each["changed"] for each in done(both.again))


def test_once_it_is_assigned_the_user_sees_the_same_and_the_check_is_clean(both: Both) -> None:
    setup = both.deployed
    [mine] = setup.query("SELECT Id FROM PermissionSet WHERE Name = 'PenguinMails_Sync'")
    [user] = setup.query(f"SELECT Id FROM User WHERE Username = '{WORKER}'")
    body = {"AssigneeId": user["Id"], "PermissionSetId": mine["Id"]}
    setup.call("POST", "sobjects/PermissionSetAssignment", json=body)
    for sobject in ("Account", "Contact", "Lead", "Task"):
        assert described(setup, sobject) == described(both.direct, sobject)
    assert "PenguinMails_Id__c" in described(setup, "Contact")
    assert setup.workspace.run("org", "check", "--json").code == 0


def described(setup: Setup, sobject: str) -> dict[str, Any]:
    """What the integration user sees of an object."""
    org = setup.workspace.org
    headers = {"Authorization": f"Bearer {org.token(WORKER)}"}
    told = requests.get(
        f"{org.url}{VERSION}/sobjects/{sobject}/describe", headers=headers, timeout=10
    ).json()
    return {each["name"]: each for each in told["fields"]}
