"""``sfsync org setup``, the installed command, on an org that nobody has prepared.

The integration user's own login finds out what is missing; an admin's login makes it; then the
check is clean but for what only an admin can do by hand, and a sync works.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pexpect
import pytest
import requests

from tests.system.workspace import SFSYNC, CommandResult, Workspace, event

WORKER = "integration@penguin.example"
ADMIN = ("--profile", "admin")
MADE = ("--profile", "admin", "--user", WORKER, "--yes", "--json")
VERSION = "/services/data/v66.0"


@dataclass
class Setup:
    """The org's setup, as an admin sees it over HTTP."""

    workspace: Workspace
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.workspace.org.token()}"}

    def call(self, method: str, path: str, **more: Any) -> Any:
        url = f"{self.workspace.org.url}{VERSION}/{path}"
        reply = requests.request(method, url, headers=self.headers, timeout=10, **more)
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    def query(self, statement: str, *, tooling: bool = False) -> list[dict[str, Any]]:
        told = self.call("GET", f"{'tooling/' if tooling else ''}query", params={"q": statement})
        return [
            {name: each[name] for name in each if name != "attributes"} for each in told["records"]
        ]

    def fields(self) -> set[str]:
        found = self.query("SELECT DeveloperName, TableEnumOrId FROM CustomField", tooling=True)
        return {f"{each['TableEnumOrId']}.{each['DeveloperName']}__c" for each in found}

    def definitions(self) -> dict[str, Any]:
        found = self.query("SELECT Id FROM CustomField", tooling=True)
        told = [self.call("GET", f"tooling/sobjects/CustomField/{each['Id']}") for each in found]
        return {each["FullName"]: each["Metadata"] for each in told}

    def grants(self) -> dict[str, Any]:
        """What the permission set allows, and to whom."""
        ours = "Parent.Name = 'PenguinMails_Sync'"
        return {
            "set": self.query(
                "SELECT Label, PermissionsApiEnabled, PermissionsEditTask, PermissionsModifyAllData, PermissionsViewAllData"
                " FROM PermissionSet WHERE Name = 'PenguinMails_Sync'"
            ),
            "objects": self.query(
                "SELECT SobjectType, PermissionsRead, PermissionsCreate, PermissionsEdit, PermissionsDelete,"
                f" PermissionsViewAllRecords FROM ObjectPermissions WHERE {ours} ORDER BY SobjectType"
            ),
            "fields": self.query(
                f"SELECT Field, PermissionsEdit FROM FieldPermissions WHERE {ours} ORDER BY Field"
            ),
        }

    def assigned(self) -> list[str]:
        found = self.query(
            "SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSet.Name = 'PenguinMails_Sync'"
        )
        return [each["Assignee"]["Username"] for each in found]

    def everything(self) -> tuple[Any, ...]:
        return self.definitions(), self.grants(), self.assigned()


def bare(new_workspace: Callable[..., Workspace]) -> Workspace:
    """The integration user is logged in, and an admin under a profile of that name."""
    workspace = new_workspace(bare=True, log_in=False, pull=False)
    workspace.log_in_in_process(username=WORKER)
    workspace.log_in_in_process(*ADMIN)
    return workspace


def codes(ran: CommandResult) -> set[tuple[str, str]]:
    return {(each["code"], each["subject"]) for each in ran.data["findings"]}


@dataclass
class Story:
    """One org's way from bare to working; each step as it ended."""

    workspace: Workspace
    setup: Setup
    before: tuple[Any, ...]
    lost: CommandResult
    refused: CommandResult
    dry: CommandResult
    declined: tuple[str, int | None]
    unasked: CommandResult
    strangers: CommandResult
    after_dry: tuple[Any, ...]
    made: CommandResult
    after: tuple[Any, ...]
    again: CommandResult
    after_again: tuple[Any, ...]
    found: CommandResult
    synced: CommandResult


@pytest.fixture(scope="module")
def story(new_workspace: Callable[..., Workspace]) -> Story:
    workspace = bare(new_workspace)
    setup = Setup(workspace)
    before = setup.everything()
    lost = workspace.run("org", "check", "--json")
    refused = workspace.run("org", "setup", "--yes", "--json")
    dry = workspace.run("org", "setup", "--dry-run", *MADE)
    declined = decline(workspace)
    unasked = workspace.run("org", "setup", *ADMIN, "--user", WORKER, "--json")
    strangers = workspace.run(
        "org", "setup", *ADMIN, "--user", "who@example.com", "--yes", "--json"
    )
    after_dry = setup.everything()
    made = workspace.run("org", "setup", *MADE)
    after = setup.everything()
    again = workspace.run("org", "setup", *MADE)
    after_again = setup.everything()
    found = workspace.run("org", "check", "--fix", "--json")
    synced = workspace.run_in_process("sync", "--json")
    return Story(
        workspace, setup, before, lost, refused, dry, declined, unasked, strangers, after_dry,
        made, after, again, after_again, found, synced,
    )  # fmt: skip


def decline(workspace: Workspace) -> tuple[str, int | None]:
    """Look at the plan on a terminal of 80 columns, and say no; what was shown, and the exit code."""
    terminal = pexpect.spawn(
        SFSYNC, ["org", "setup", *ADMIN, "--user", WORKER], cwd=str(workspace.folder),
        env={**workspace.environ, "TERM": "dumb", "NO_COLOR": "1"}, encoding="utf-8", timeout=60, dimensions=(60, 80),
    )  # fmt: skip
    terminal.expect(r"Make these changes in http://.*\?")
    shown = terminal.before
    terminal.sendline("n")
    terminal.expect(pexpect.EOF)
    terminal.close()
    return f"{shown}{terminal.before}", terminal.exitstatus


# -- before


def test_the_check_says_what_the_user_may_not_see(story: Story) -> None:
    assert story.lost.code == 1
    assert {("object.hidden", "Contact"), ("object.hidden", "Lead")} <= codes(story.lost)
    [hidden, *_] = [each for each in story.lost.data["findings"] if each["code"] == "object.hidden"]
    assert (hidden["severity"], hidden["who"]) == ("error", "an admin")
    assert "sfsync org setup" in hidden["remedy"]


def test_a_login_without_an_admins_rights_is_told_the_other_ways(story: Story) -> None:
    assert story.refused.code == 1
    told = story.refused.document["errors"][-1]
    assert "takes an administrator" in f"{story.refused.document['errors']}"
    assert "--sfdx DIR" in told["hint"]
    assert story.before == story.after_dry


def test_a_dry_run_shows_everything_and_changes_nothing(story: Story) -> None:
    assert story.dry.code == 0
    assert {step["act"] for step in story.dry.data["plan"]} == {"create"}
    assert story.dry.data["results"] == []
    assert story.after_dry == story.before


def test_on_a_terminal_the_plan_is_shown_and_asked_about(story: Story) -> None:
    shown, code = story.declined
    assert re.search(r"make +Contact\.PenguinMails_Total_Opens__c: Number", shown)
    assert "Nothing was changed." in shown
    assert code == 1
    assert max(len(line.rstrip()) for line in shown.splitlines() if "http" not in line) <= 80


def test_where_nobody_can_be_asked_it_takes_a_yes(story: Story) -> None:
    assert (story.unasked.code, story.unasked.document["errors"][0]["slug"]) == (2, "usage")


def test_a_user_whom_the_org_does_not_have_is_refused(story: Story) -> None:
    assert story.strangers.code == 2
    assert "no user who@example.com" in story.strangers.document["errors"][0]["message"]


# -- after


def test_everything_is_made(story: Story) -> None:
    assert story.made.code == 0, story.made.out
    assert story.made.data["changed"] == len(story.dry.data["plan"])
    definitions, grants, assigned = story.after
    assert {
        "Contact.PenguinMails_Total_Opens__c",
        "Lead.PenguinMails_Total_Opens__c",
        "Contact.PenguinMails_Id__c",
        "Lead.PenguinMails_Id__c",
        "Activity.PenguinMails_Event_Id__c",
    } <= definitions.keys()
    key = definitions["Lead.PenguinMails_Id__c"]
    assert (key["type"], key["length"], key["externalId"], key["unique"], key["caseSensitive"]) == (
        "Text", 255, True, True, False,
    )  # fmt: skip
    assert assigned == [WORKER]
    assert "Contact.HasOptedOutOfEmail" in [each["Field"] for each in grants["fields"]]
    assert [each["SobjectType"] for each in grants["objects"]] == ["Account", "Contact", "Lead"]


def test_nothing_more_is_allowed_than_the_mapping_needs(story: Story) -> None:
    grants = story.after[1]
    [rights] = grants["set"]
    assert (rights["PermissionsModifyAllData"], rights["PermissionsViewAllData"]) == (False, False)
    assert not any(
        each["PermissionsDelete"] or each["PermissionsViewAllRecords"] for each in grants["objects"]
    )
    assert "Contact.Department" not in [each["Field"] for each in grants["fields"]]


def test_a_second_setup_changes_nothing_and_says_so(story: Story) -> None:
    assert (story.again.code, story.again.data["changed"]) == (0, 0)
    assert {step["act"] for step in story.again.data["plan"]} == {"keep"}
    assert story.after_again == story.after


def test_what_only_a_person_can_do_is_listed(story: Story) -> None:
    told = {each["where"] for each in story.made.data["by_hand"]}
    assert (
        "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields > Contact" in told
    )
    assert any("Task's Type" in each["what"] for each in story.made.data["by_hand"])


def test_then_the_check_is_clean_but_for_what_an_admin_does_by_hand(story: Story) -> None:
    assert story.found.code == 0, story.found.out
    left = {
        (code, subject)
        for code, subject in codes(story.found)
        if code not in ("sqlite.version", "run.none")
    }
    assert left == {("mapping", "Task.Type")}


def test_and_a_sync_works(story: Story) -> None:
    assert story.synced.code == 0, story.synced.out
    workspace = story.workspace
    assert len(workspace.rows()) == len(workspace.people())
    person, lead = workspace.people()[0], workspace.people("Lead")[0]
    people = [workspace.record(each)["Email"] for each in (person, lead)]
    workspace.push_events_in_process(
        *(event(kind, email) for kind in ("email_opened", "email_clicked") for email in people),
        event("unsubscribed", people[0]),
    )
    assert workspace.run_in_process("sync", "--json").code == 0
    for each in (person, lead):
        moved = workspace.record(each)
        assert (moved["PenguinMails_Total_Opens__c"], moved["PenguinMails_Total_Clicks__c"]) == (
            1,
            1,
        )
    assert workspace.record(person)["HasOptedOutOfEmail"] is True
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks(person)]
    assert len(keys) == 2
    assert all(keys)
