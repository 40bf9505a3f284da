"""Several orgs from one configuration: each profile has a mirror, a login and an org of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_org.oauth.apps import App
from local_org.server import LocalOrg, LocalOrgConfig
from tests.system.prepared import CLIENT, open_workspace
from tests.system.workspace import Workspace


@pytest.fixture
def second_org() -> Iterator[LocalOrg]:
    with LocalOrg(LocalOrgConfig(contacts=4, leads=1, seed=9, auto_approve=True)) as org:
        org.state.org_id = "00D000000000009EAA"
        yield org


@pytest.fixture
def workspace(tmp_path: Path, second_org: LocalOrg) -> Iterator[Workspace]:
    """The default profile is logged in; `eu` is another org, in a section of the file."""
    with open_workspace(tmp_path, pull=False) as workspace:
        callbacks = workspace.org.oauth.apps[CLIENT].callbacks
        second_org.oauth.register(App("eu-app", "sfsync", callbacks=callbacks))
        text = workspace.yaml.read_text()
        section = (
            f"\nprofiles:\n  eu:\n    org: {{login_url: {second_org.url}, client_id: eu-app}}\n"
        )
        workspace.yaml.write_text(text + section + "    mirror: {path: eu/mirror.db}\n")
        (tmp_path / "eu").mkdir()
        yield workspace


def listed(workspace: Workspace) -> dict[str, dict[str, Any]]:
    return {
        row["name"]: row
        for row in workspace.run_in_process("profile", "list", "--json").data["profiles"]
    }


def test_a_profile_of_the_file_is_another_org_with_a_mirror_of_its_own(
    workspace: Workspace, second_org: LocalOrg
) -> None:
    assert workspace.run_in_process("login", "--profile", "eu").code == 0
    pulled = workspace.run_in_process("pull", "--profile", "eu", "--json").data
    assert pulled["pull"]["contact"]["created"] == 4
    rows = listed(workspace)
    assert (rows["eu"]["org_id"], rows["eu"]["instance_url"]) == (
        "00D000000000009EAA",
        second_org.url,
    )
    assert rows["eu"]["mirror"] == str(workspace.folder / "eu" / "mirror.db")
    assert rows["eu"]["last_good_run"]
    assert rows["default"]["org_id"] == workspace.org.state.org_id
    assert rows["default"]["current"]
    assert (rows["eu"]["login"], rows["eu"]["token_store"]) == ("browser", "database")


def test_what_is_chosen_holds_until_another_is_and_the_flag_and_the_variable_win(
    workspace: Workspace,
) -> None:
    assert workspace.run_in_process("profile", "use", "eu").code == 0
    assert (workspace.folder / "sfsync.profile").read_text() == "eu\n"
    assert workspace.run_in_process("status", "--json").data["mirror"].endswith("eu/mirror.db")
    for winner in ({"SFSYNC_PROFILE": "default"}, {}):
        options = [] if winner else ["--profile", "default"]
        assert workspace.run_in_process("status", "--json", *options, **winner).data[
            "mirror"
        ] == str(workspace.mirror)
    assert (
        workspace.run_in_process("status", "--json", SFSYNC_PROFILE="")
        .data["mirror"]
        .endswith("eu/mirror.db")
    )
    assert "$SFSYNC_PROFILE says default" in workspace.stderr_of(
        "profile", "use", "eu", expect=0, SFSYNC_PROFILE="default"
    )
    assert workspace.run_in_process("profile", "use", "default").code == 0
    assert not (workspace.folder / "sfsync.profile").exists()
    assert workspace.run_in_process("status", "--json").data["mirror"] == str(workspace.mirror)


def test_a_trial_run_chooses_nothing(workspace: Workspace) -> None:
    assert workspace.run_in_process("profile", "use", "eu", "--dry-run").code == 0
    assert not (workspace.folder / "sfsync.profile").exists()


def test_a_profile_that_nobody_knows_is_a_slip(workspace: Workspace) -> None:
    assert "did you mean eu?" in workspace.stderr_of("profile", "use", "eur", expect=2)
    assert "no profile name" in workspace.stderr_of("profile", "use", "../eu", expect=2)


@pytest.mark.parametrize("content", [b"", b"../eu\n", b"\xff\n", b"eu\nus\n"])
def test_a_file_of_the_choice_that_is_damaged_stops_everything_and_is_healed_by_choosing(
    workspace: Workspace, content: bytes
) -> None:
    (workspace.folder / "sfsync.profile").write_bytes(content)
    said = workspace.stderr_of("sync", expect=2)
    assert "sfsync.profile" in said
    assert "sfsync profile use" in said
    assert workspace.run_in_process("profile", "use", "default").code == 0
    assert workspace.run_in_process("status").code == 0


def test_two_profiles_for_one_org_are_warned_about(workspace: Workspace) -> None:
    assert workspace.run_in_process("login", "--profile", "second").code == 0
    [warning] = workspace.run_in_process("profile", "list", "--json").document["warnings"]
    assert "default and second" in warning
    assert workspace.org.state.org_id in warning


def test_the_list_fits_and_marks_the_one_in_use(workspace: Workspace) -> None:
    workspace.run_in_process("profile", "use", "eu")
    out = workspace.run_in_process("profile", "list").out
    assert "* eu" in out
    assert "  default" in out
    assert "never logged in" in out


# -- remove ----------------------------------------------------------------------------------------
def test_removing_a_profile_ends_its_login_and_keeps_its_mirror(workspace: Workspace) -> None:
    workspace.run_in_process("login", "--profile", "eu")
    workspace.run_in_process("profile", "use", "eu")
    told = workspace.run_in_process("profile", "remove", "eu", "--json")
    assert told.data["revoked"] is True
    assert "take it out there" in told.warnings
    assert (workspace.folder / "eu" / "mirror.db").exists()
    assert not (workspace.folder / "sfsync.profile").exists()
    assert workspace.run_in_process("whoami", "--profile", "eu").code == 4
    assert listed(workspace)["eu"]["login"] is None
    assert workspace.run_in_process("whoami").code == 0, "the other login lives on"


def test_a_mirror_is_deleted_only_with_a_yes(workspace: Workspace) -> None:
    workspace.run_in_process("login", "--profile", "second")
    mirror = workspace.folder / "mirror-second.db"
    inbox = workspace.folder / "mirror-second.db.inbox"
    inbox.write_bytes(b"people's events")
    assert "--yes" in workspace.stderr_of(
        "profile", "remove", "second", "--delete-mirror", expect=2
    )
    assert mirror.exists()
    assert workspace.run_in_process("whoami", "--profile", "second").code == 0, (
        "nor is the login ended without"
    )
    would = workspace.run_in_process(
        "profile", "remove", "second", "--delete-mirror", "--dry-run", "--json"
    ).data
    assert str(mirror) in would["deleted"]
    assert mirror.exists()
    assert (
        workspace.run_in_process("profile", "remove", "second", "--delete-mirror", "--yes").code
        == 0
    )
    assert [path.name for path in workspace.folder.iterdir() if "second" in path.name] == []
    assert "second" not in listed(workspace)


def test_a_profile_that_was_never_logged_in_can_go_too(workspace: Workspace) -> None:
    told = workspace.run_in_process("profile", "remove", "eu", "--json")
    assert (told.code, told.data["revoked"]) == (0, None)


# -- the section in the file -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("  ../x: {}", "no name for a profile"),
        ("  a/b: {}", "no name for a profile"),
        ("  default: {}", "what the top of the file says"),
        ("  us: {og: {}}", "no such key here; did you mean org?"),
        ("  us: {org: {login_ur: x}}", "did you mean login_url?"),
        ("  us: {org: {login_url: http://example.com}}", "in the clear"),
        ("  us: {org: {client_secret: x}}", "a secret does not belong"),
        ('  us: {org: {client_id: ""}}', "empty: the consumer key"),
        ("  us: {org: {redirect_ports: [0]}}", "expected a port"),
        ("  us: {mirror: {path: mirror.db}}", "is profile default's"),
        ("  us: {mirror: {}}", "missing in mirror"),
        ("  us: {mirror: {path: x.db}}\n  uk: {mirror: {path: x.db}}", "is profile us's"),
        ("  us: 7", "expected keys with values"),
    ],
)
def test_a_mistake_in_a_profile_is_told_with_its_place(
    workspace: Workspace, section: str, told: str
) -> None:
    lines = workspace.yaml.read_text().splitlines()
    start = lines.index("profiles:")
    workspace.yaml.write_text("\n".join([*lines[: start + 1], section, ""]))
    ran = workspace.run_in_process("config", "check", "--json")
    problems = ran.document["errors"][0]["problems"]
    assert ran.code == 2
    assert any(told in one for one in problems), problems
    assert all(
        one.startswith((f"sfsync.yaml:{start + 2}:", f"sfsync.yaml:{start + 3}:"))
        for one in problems
    )


def test_what_another_profile_takes_from_variables_need_not_be_set_for_this_one(
    workspace: Workspace,
) -> None:
    workspace.configure(("client_id: eu-app", 'client_id: "${EU_APP}"'))
    assert workspace.run_in_process("whoami").code == 0
    assert "EU_APP is not set" in workspace.stderr_of("status", "--profile", "eu", expect=2)
    assert workspace.run_in_process("status", "--profile", "eu", EU_APP="eu-app").code == 0


def test_a_profile_is_added_without_editing_and_can_be_logged_in_to(
    workspace: Workspace, second_org: LocalOrg
) -> None:
    workspace.yaml.write_text(workspace.yaml.read_text().partition("\nprofiles:")[0] + "\n")
    before = workspace.yaml.read_text()
    options = ("--login-url", second_org.url, "--client-id", "eu-app", "--json")
    assert workspace.run_in_process("profile", "add", "us", "--dry-run", *options).code == 0
    assert workspace.yaml.read_text() == before
    added = workspace.run_in_process("profile", "add", "us", *options)
    assert added.data["mirror"] == str(workspace.folder / "mirror-us.db")
    assert workspace.yaml.read_text().startswith(before.rstrip())
    assert workspace.yaml.stat().st_mode & 0o777 == 0o600
    assert workspace.run_in_process("login", "--profile", "us").code == 0
    assert listed(workspace)["us"]["org_id"] == "00D000000000009EAA"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("eu",), "already"),
        (("default",), "cannot be the name"),
        (("a/b",), "cannot be the name"),
        (("us", "--login-url", "ftp://x"), "login_url"),
        (("us", "--mirror", "eu/mirror.db"), "this mirror is profile eu's"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_and_the_file_stays(
    workspace: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    before = workspace.yaml.read_bytes()
    assert told in workspace.stderr_of("profile", "add", *arguments, expect=2)
    assert workspace.yaml.read_bytes() == before
