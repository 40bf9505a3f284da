"""Every option of every command can come from the environment, by one rule."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sfsync.cli.app import run
from sfsync.cli.variables import OTHER_VARIABLES, option_variables


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command line here, with these variables; gives exit code, stdout, stderr."""

    def said(*arguments: str, **environ: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        for name, value in [("SFSYNC_CLIENT_ID", "x"), ("COLUMNS", "200"), *environ.items()]:
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["sfsync", *arguments])
        code = run()
        told = capsys.readouterr()
        return code, told.out, told.err

    return said


def test_every_variable_is_for_one_option_of_one_command_or_for_one_of_all() -> None:
    found = option_variables()
    assert found["SFSYNC_PULL_SINCE"] == "pull --since"
    assert found["SFSYNC_PUSH_ACTIVITY_DRY_RUN"] == "push-activity --dry-run"
    assert found["SFSYNC_PROFILE_REMOVE_YES"] == "profile remove --yes"
    assert {
        "SFSYNC_CONFIG",
        "SFSYNC_PROFILE",
        "SFSYNC_JSON",
        "SFSYNC_QUIET",
        "SFSYNC_VERBOSE",
    } <= set(found)
    assert found["SFSYNC_TOKEN_STORE"] == "login --token-store"
    assert not set(found) & set(OTHER_VARIABLES)


def test_no_secret_has_an_option() -> None:
    named = [name for name in option_variables() if "SECRET" in name or "TOKEN_KEY" in name]
    assert not [name for name in named if not name.endswith("_FILE")]  # a path is no secret


@pytest.mark.parametrize(
    ("value", "written"), [("1", False), ("true", False), ("0", True), ("", True)]
)
def test_a_switch_is_1_or_true_0_or_false_and_empty_is_not_set(
    say, tmp_path: Path, value: str, written: bool
) -> None:
    (tmp_path / "sfsync.yaml").write_text("mine")
    code, _, _ = say("init", SFSYNC_INIT_FORCE=value)
    assert ((tmp_path / "sfsync.yaml").read_text() == "mine") is written
    assert code == (2 if written else 0)


def test_an_option_on_the_command_line_wins_over_its_variable(say, tmp_path: Path) -> None:
    assert say("init", "--client-id", "flag", SFSYNC_INIT_CLIENT_ID="variable")[0] == 0
    assert "client_id: flag" in (tmp_path / "sfsync.yaml").read_text()


def test_an_option_of_one_command_says_nothing_to_another(say, tmp_path: Path) -> None:
    assert say("init", SFSYNC_PULL_CLIENT_ID="of-another")[0] == 0
    assert "of-another" not in (tmp_path / "sfsync.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SFSYNC_PULL_FULL", "perhaps"),
        ("SFSYNC_PULL_SINCE", "tomorow"),
        ("SFSYNC_PROFILE", "a/b"),
        ("SFSYNC_QUIET", "perhaps"),
        ("SFSYNC_VERBOSE", "very"),
    ],
)
def test_a_wrong_value_is_told_with_the_name_of_its_variable(say, name: str, value: str) -> None:
    say("init")
    code, out, err = say("pull", "--json", **{name: value})
    told = json.loads(out)["errors"][0]
    assert (code, err.count("\n"), err[:7]) == (2, 1, "error: "), err
    assert f"${name}" in told["message"] + told.get("hint", ""), told


def test_a_wrong_value_of_the_command_line_is_not_blamed_on_a_variable(say) -> None:
    say("init")
    code, out, _ = say("pull", "--json", "--since", "tomorow", SFSYNC_PULL_SINCE="yesterday")
    told = json.loads(out)["errors"][0]
    assert code == 2
    assert "$SFSYNC" not in told["message"] + told["hint"]


def test_a_wrong_command_line_is_one_document_too_where_the_variable_asks_for_json(say) -> None:
    code, out, _ = say("pull", "--nonsense", SFSYNC_JSON="1")
    assert (code, json.loads(out)["errors"][0]["slug"]) == (2, "usage")


def test_the_rule_stands_at_the_end_of_a_commands_help(say) -> None:
    assert "--since is $SFSYNC_PULL_SINCE" in say("pull", "--help")[1]
    assert "--config is $SFSYNC_CONFIG" in say("whoami", "--help")[1]


# -- config show, path, check ----------------------------------------------------------------------
PROFILES = """
profiles:
  sandbox:
    org: {login_url: "https://test.salesforce.com", client_id: "${SANDBOX_APP}"}
"""


@pytest.fixture
def settled(say, tmp_path: Path) -> Path:
    say("init", SFSYNC_CLIENT_ID="")
    file = tmp_path / "sfsync.yaml"
    file.write_text(file.read_text() + PROFILES)
    return file


def shown(out: str) -> dict[str, tuple[object, str]]:
    return {
        row["key"]: (row["value"], row["origin"]) for row in json.loads(out)["data"]["settings"]
    }


def line_of(file: Path, text: str) -> int:
    return next(
        number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line
    )


def test_every_setting_tells_where_it_came_from(say, settled: Path) -> None:
    rows = shown(say("config", "show", "--json", SANDBOX_APP="3MVG9.sb")[1])
    assert rows["org.login_url"][1] == f"sfsync.yaml:{line_of(settled, '  login_url:')}"
    assert rows["org.client_id"] == (
        "x",
        f"sfsync.yaml:{line_of(settled, '  client_id:')}, $SFSYNC_CLIENT_ID",
    )
    assert rows["profile"] == ("default", "default")
    rows = shown(say("config", "show", "--json", "--profile", "sandbox")[1])
    place = f"sfsync.yaml:{line_of(settled, 'SANDBOX_APP')} (profile sandbox)"
    assert rows["org.login_url"] == ("https://test.salesforce.com", place)
    assert rows["org.client_id"] == ("3MVG9.sb", f"{place}, $SANDBOX_APP")
    assert rows["profile"] == ("sandbox", "--profile")
    assert rows["mirror.path"][0] == str(settled.with_name("mirror-sandbox.db"))


def test_what_nobody_set_is_told_as_a_default(say, tmp_path: Path) -> None:
    (tmp_path / "sfsync.yaml").write_text(
        "org: {client_id: abc}\nobjects: {contact: {fields: {Email: email}}}\n"
    )
    rows = shown(say("config", "show", "--json")[1])
    assert rows["org.login_url"] == ("https://login.salesforce.com", "default")
    assert rows["limits.max_delete"] == ("10%", "default")
    assert rows["objects.contact.fields.Email"] == ("email", "sfsync.yaml:2")


def test_no_secret_is_ever_shown(say, settled: Path) -> None:
    secrets = {
        "SFSYNC_CLIENT_SECRET": "secret-one-4711", "SFSYNC_TOKEN_KEY": "secret-two-4711", "MY_PASSWORD": "secret-3-4711",
    }  # fmt: skip
    settled.write_text(
        settled.read_text().replace('placeholder: "(unknown)"', 'placeholder: "${MY_PASSWORD}"')
    )
    for more in ((), ("--json",)):
        code, out, err = say("config", "show", "--origin", *more, SANDBOX_APP="s", **secrets)
        assert code == 0, err
        assert "4711" not in out + err
        assert "[hidden]" in out


def test_a_variable_that_means_nothing_is_told_with_the_one_that_was_meant(
    say, settled: Path
) -> None:
    out = say("config", "check", "--json", SANDBOX_APP="s", SFSYNC_PUL_FULL="1")[1]
    assert json.loads(out)["warnings"] == [
        "SFSYNC_PUL_FULL is set, and is no variable of sfsync; did you mean SFSYNC_PULL_FULL?"
    ]


def test_a_check_reads_every_profile(say, settled: Path) -> None:
    code, out, _ = say("config", "check", "--json")
    told = json.loads(out)["errors"][0]["problems"]
    assert code == 2
    assert told[0].startswith(f"profile sandbox: sfsync.yaml:{line_of(settled, 'SANDBOX_APP')}:")


def test_the_path_of_the_file_is_the_one_that_would_be_read(say, settled: Path) -> None:
    assert say("config", "path")[1].strip() == str(settled)
