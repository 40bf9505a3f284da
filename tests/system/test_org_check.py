"""``sfsync org check``, the installed command: each thing that can be wrong is told, with who can mend it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sfsync.salesforce.transport import OrgSession
from tests.system.workspace import CommandResult, Workspace


def told(ran: CommandResult) -> dict[tuple[str, str], dict[str, str]]:
    """Findings by code and subject."""
    return {(each["code"], each["subject"]): each for each in ran.data["findings"]}


def codes(ran: CommandResult) -> set[str]:
    return {each["code"] for each in ran.data["findings"]} - {"sqlite.version"}


def look(workspace: Workspace, *options: str) -> CommandResult:
    return workspace.run("org", "check", "--json", *options)


def look_in_process(workspace: Workspace, *options: str) -> CommandResult:
    """Another look, to compare with one of the installed command."""
    return workspace.run_in_process("org", "check", "--json", *options)


# -- an org that lacks everything


@pytest.fixture(scope="module")
def bare(new_workspace: Callable[..., Workspace]) -> tuple[Workspace, CommandResult]:
    workspace = new_workspace(
        custom_fields=False, task_external_id=False, hide_opt_out=True,
        settings={"storage_records": 10, "daily_api_requests": 2_000},
    )  # fmt: skip
    return workspace, look(workspace)


@pytest.mark.parametrize(
    "subject",
    [
        "Contact.PenguinMails_Total_Opens__c",
        "Lead.PenguinMails_Total_Opens__c",
        "Contact.PenguinMails_Id__c",
        "Task.PenguinMails_Event_Id__c",
    ],
)
def test_each_field_that_is_missing_is_told_with_the_command_that_makes_it(
    bare: tuple[Workspace, CommandResult], subject: str
) -> None:
    [finding] = [each for each in bare[1].data["findings"] if each["subject"] == subject]
    assert (finding["severity"], finding["who"]) == ("warning", "an admin")
    assert "sfsync org setup" in finding["remedy"]


def test_a_hidden_opt_out_is_told_with_what_it_means(bare: tuple[Workspace, CommandResult]) -> None:
    finding = told(bare[1])["field.missing", "Contact.HasOptedOutOfEmail"]
    assert "mailings may still reach that person" in finding["why"]


def test_what_is_left_of_the_limits_is_told(bare: tuple[Workspace, CommandResult]) -> None:
    org = bare[1].data["org"]
    assert org["api_calls_left"] < 2_000
    assert org["org_id"] == bare[0].org.state.org_id
    assert bare[1].data["api_calls"] <= 6


def test_the_text_fits_a_narrow_terminal_and_says_in_words_what_colour_would(
    bare: tuple[Workspace, CommandResult],
) -> None:
    ran = bare[0].run("doctor", COLUMNS="80", NO_COLOR="1")
    assert max(len(line) for line in ran.out.splitlines() if "http" not in line) <= 80
    assert "\x1b" not in ran.out
    assert re.search(r"^warning  Contact\.PenguinMails_Total_Opens__c: ", ran.out, re.MULTILINE)
    assert re.search(r"-> an admin: Run `sfsync org setup`", ran.out)
    assert re.search(r"\d+ warnings, .*API calls\.$", ran.out.strip())


def test_looking_changes_nothing_in_the_org(bare: tuple[Workspace, CommandResult]) -> None:
    before = bare[0].everything()
    look_in_process(bare[0])
    assert bare[0].everything() == before


# -- an org that has everything


@pytest.fixture(scope="module")
def whole(new_workspace: Callable[..., Workspace]) -> Workspace:
    return new_workspace()


def test_where_nothing_is_missing_the_mapping_gives_no_finding(whole: Workspace) -> None:
    ran = look(whole)
    assert ran.code == 0
    assert not [
        each for each in ran.data["findings"] if each["area"] in ("Objects and fields", "Login")
    ]


def test_a_picklist_a_length_and_a_status_are_compared_with_what_is_here(whole: Workspace) -> None:
    whole.sql("UPDATE contacts SET job_title = ? WHERE id = 1", "x" * 129)
    try:
        finding = told(look(whole))["value.too-long", "contacts.job_title"]
    finally:
        whole.sql("UPDATE contacts SET job_title = 'x' WHERE id = 1")
    assert finding["what"] == "the mirror holds 129 characters, and Contact.Title takes 128"


def test_rules_and_rights_that_change_what_a_sync_does_are_told(whole: Workspace) -> None:
    whole.local("settings", duplicate_rules=True, lead_assignment_user_id=whole.org.state.admin_id)
    try:
        found = told(look(whole))
    finally:
        whole.local("settings", duplicate_rules=False, lead_assignment_user_id=None)
    assert "Standard Contact" in found["org.duplicate-rule", "Contact"]["what"]
    assert found["org.lead-assignment", "Lead"]["severity"] == "note"
    assert found["user.admin", "admin@penguin.example"]["severity"] == "warning"
    assert {"org.duplicate-rule", "org.lead-assignment"}.isdisjoint(codes(look_in_process(whole)))


def test_calls_that_are_spent_are_told_and_the_look_itself_still_works(whole: Workspace) -> None:
    used = requests.get(f"{whole.org.url}/_local/calls", timeout=10).json()["used"]
    whole.local("settings", daily_api_requests=used + 7)
    try:
        ran = look(whole)
        assert ran.code == 1
        assert {"api.spent"} <= codes(ran)
    finally:
        whole.local("settings", daily_api_requests=15_000)


@pytest.mark.parametrize(
    ("place", "content"),
    [("/services/data/", b"[" * 5_000), ("/composite", b'{"compositeResponse": [7]}')],
)
def test_an_answer_that_is_none_is_a_finding(
    whole: Workspace, place: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = OrgSession.request

    def garbled(self: OrgSession, method: str, url: str, **given: Any) -> requests.Response:
        response = exchange(self, method, url, **given)
        if url.endswith(place):
            response._content = content
        return response

    monkeypatch.setattr(OrgSession, "request", garbled)
    ran = look_in_process(whole)
    assert ran.code == 1
    assert "Traceback" not in ran.err
    [finding] = [each for each in ran.data["findings"] if each["severity"] == "error"]
    assert "the org" in finding["what"]


def test_an_api_version_that_the_org_does_not_speak(whole: Workspace) -> None:
    whole.configure(('api_version: "66.0"', 'api_version: "99.0"'))
    try:
        ran = look(whole)
    finally:
        whole.configure(('api_version: "99.0"', 'api_version: "66.0"'))
    assert ran.code == 1
    assert 'api_version: "68.0"' in told(ran)["org.api-version", ""]["remedy"]


def test_modes_are_mended_only_with_fix_and_not_in_a_dry_run(whole: Workspace) -> None:
    whole.yaml.chmod(0o666)
    first = look(whole, "--fix", "--dry-run")
    assert first.code == 1
    assert told(first)["file.mode", str(whole.yaml)]["who"] == "sfsync"
    assert len(first.data["would_mend"]) == 1
    assert whole.yaml.stat().st_mode & 0o777 == 0o666
    second = look(whole, "--fix")
    assert second.code == 0
    assert second.data["mended"] == [f"closed {whole.yaml} to others: 0666 is now 0644"]
    assert whole.yaml.stat().st_mode & 0o777 == 0o644
    assert look_in_process(whole, "--fix").data["mended"] == []


def test_a_mirror_that_others_may_read_is_told_though_any_command_closes_it(
    whole: Workspace,
) -> None:
    whole.mirror.chmod(0o644)
    ran = look(whole)
    assert ("file.mode", str(whole.mirror)) in told(ran)
    assert whole.mirror.stat().st_mode & 0o777 == 0o600


def test_runs_that_have_stopped_and_a_pause_are_told(whole: Workspace) -> None:
    old = (datetime.now(UTC) - timedelta(days=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    whole.sql("UPDATE runs SET finished_at = ?", old)
    whole.do_in_process("pause")
    ran = look(whole)
    whole.do_in_process("resume")
    assert {"run.old", "run.paused"} <= codes(ran)


# -- an org that changes


def test_a_field_that_became_visible_is_noted_with_fix_and_then_synced(whole: Workspace) -> None:
    person = whole.people()[0]
    whole.local("settings", hide_opt_out=True)
    look_in_process(whole, "--fix")
    whole.local("settings", hide_opt_out=False)
    finding = told(look(whole))["memory.stale", "Contact"]
    assert "HasOptedOutOfEmail" in finding["what"]
    whole.edit(person, HasOptedOutOfEmail=True)
    assert "HasOptedOutOfEmail" in whole.run_in_process("pull", "--json").warnings
    assert "noted what Contact is like in the org now" in look(whole, "--fix").data["mended"]
    assert "memory.stale" not in codes(look_in_process(whole))
    assert whole.run_in_process("pull", "--json").warnings == ""
    assert whole.row(person)["opted_out"] == 1


def test_what_an_admin_switched_on_for_addresses_and_people_is_told(whole: Workspace) -> None:
    before = codes(look_in_process(whole))
    whole.local("settings", state_country_picklists=True, person_accounts=True)
    seen = codes(look(whole))
    whole.local("settings", state_country_picklists=False, person_accounts=False)
    assert {"address.picklist", "org.person-accounts"} <= seen - before
    assert codes(look_in_process(whole)) == before


# -- where there is little to look at


@pytest.fixture(scope="module")
def stranger(new_workspace: Callable[..., Workspace]) -> Workspace:
    """Nobody has logged in here."""
    return new_workspace(log_in=False, pull=False)


def test_without_a_login_the_rest_is_looked_at(stranger: Workspace) -> None:
    ran = look(stranger)
    assert ran.code == 1
    assert told(ran)["login.missing", ""]["remedy"] == "Run `sfsync login`."
    assert ("run.none", "") in told(ran)


def test_a_remedy_of_several_lines_can_be_copied(stranger: Workspace) -> None:
    ran = stranger.run("doctor", COLUMNS="80", SFSYNC_TOKEN_KEY="")
    assert ran.code == 1
    assert re.search(r"^ +sh -c 'umask 077; .*token\.key'$", ran.out, re.MULTILINE)


def test_an_org_that_cannot_be_reached_and_then_a_damaged_mirror_are_findings(
    new_workspace: Callable[..., Workspace],
) -> None:
    workspace = new_workspace(pull=False)
    workspace.org.stop()
    ran = look(workspace)
    assert ran.code == 1
    assert told(ran)["org.unreachable", ""]["severity"] == "error"
    content = workspace.mirror.read_bytes()
    workspace.mirror.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])
    ran = look(workspace)
    assert ran.code == 1
    [damaged] = [each for each in ran.data["findings"] if each["severity"] == "error"]
    assert damaged["code"] in ("mirror.damaged", "mirror.unusable")
    assert "Restore a backup" in damaged["remedy"]


def test_a_configuration_with_mistakes_is_told_as_ever(stranger: Workspace) -> None:
    stranger.configure(("match_on: email", "match_on: emial"))
    ran = look(stranger)
    stranger.configure(("match_on: emial", "match_on: email"))
    assert (ran.code, ran.document["errors"][0]["slug"]) == (2, "config")


# -- setup as files


def test_the_files_for_an_admin_need_no_login(stranger: Workspace) -> None:
    dry = stranger.do("org", "setup", "--sfdx", "salesforce", "--dry-run")
    assert dry["written"]
    assert not (stranger.folder / "salesforce").exists()
    made = stranger.do("org", "setup", "--sfdx", "salesforce")
    assert {Path(path).name for path in made["written"]} >= {
        "sfdx-project.json",
        "PenguinMails_Sync.permissionset-meta.xml",
    }
    assert (
        made["by_hand"][0]["where"]
        == "Setup > External Client App Manager > New External Client App"
    )
    again = stranger.do("org", "setup", "--sfdx", "salesforce")
    assert (again["written"], len(again["unchanged"])) == (
        [],
        len(made["written"]) - 1,
    )  # their project file is theirs
    packed = stranger.do("org", "setup", "--package", "penguins.zip")
    assert packed["written"] == ["penguins.zip"]


def test_a_file_that_somebody_changed_is_replaced_only_when_told_to(stranger: Workspace) -> None:
    stranger.do("org", "setup", "--sfdx", "mine")
    [field] = stranger.folder.glob("mine/**/Lead/fields/PenguinMails_Id__c.field-meta.xml")
    field.write_text("mine", encoding="utf-8")
    refused = stranger.run("org", "setup", "--sfdx", "mine", "--json")
    assert (refused.code, json.loads(refused.out)["errors"][0]["hint"]) == (
        2,
        "Replace it with --yes.",
    )
    assert field.read_text(encoding="utf-8") == "mine"
    assert stranger.do("org", "setup", "--sfdx", "mine", "--yes")["written"] == [
        str(field.relative_to(stranger.folder))
    ]


def test_two_forms_at_once_are_refused(stranger: Workspace) -> None:
    ran = stranger.run("org", "setup", "--sfdx", "a", "--package", "b.zip", "--json")
    assert (ran.code, ran.document["command"]) == (2, "org setup")
