"""Wrong command lines: each a sentence that says what is wrong and what there is instead, and exit code 2."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.system.workspace import Workspace
from tests.trouble.convergence import check_convergence
from tests.trouble.machine import at

LONG = "x" * 100_000

WRONG = {
    "an unknown command": (["statsu"], "Did you mean 'status'?"),
    "an unknown flag": (["pull", "--sicne", "7d"], "--since"),
    "a flag without its value": (["pull", "--since"], "requires an argument"),
    "a flag before the command": (["--profile", "x", "status"], "No such option: --profile"),
    "an argument too many": (["pull", "extra"], "unexpected extra argument"),
    "flags that exclude each other": (["pull", "--since", "7d", "--full"], "do not go together"),
    "a file and an event": (["push-activity", "x.jsonl", "--type", "email_sent"], "not both"),
    "half an event": (["push-activity", "--email", "ada@example.com"], "--type and --email"),
    "an event of no kind": (
        ["push-activity", "--type", "openend", "--email", "a@b.example"],
        "email_opened",
    ),
    "an address that is none": (
        ["push-activity", "--type", "email_sent", "--email", "ada"],
        "--email: 'ada'",
    ),
    "an address of half characters": (
        ["push-activity", "--type", "email_sent", "--email", "\udcff@b.example"],
        "half a character",
    ),
    "an id with a bell in it": (
        ["push-activity", "--type", "email_sent", "--email", "a@b.example", "--id", "a\x07b"],
        "control characters",
    ),
    "a time in the future": (
        ["push-activity", "--type", "email_sent", "--email", "a@b.example", "--at", "9999-01-01"],
        "future",
    ),
    "a time before email": (
        ["push-activity", "--type", "email_sent", "--email", "a@b.example", "--at", "1999-01-01"],
        "before the year 2000",
    ),
    "no limit at all": (["diff", "--limit", "0"], "greater than or equal to 1"),
    "less than nothing": (["conflicts", "--limit", "-1"], "greater than or equal to 1"),
    "a limit in words": (["quarantine", "--limit", "all"], "valid integer"),
    "an object that is none": (["pull", "--object", "contcat"], "There are: contact, lead."),
    "an object to import that is none": (
        ["import", "x.csv", "--object", "account"],
        "There are: contact, lead.",
    ),
    "a profile that climbs": (["status", "--profile", ".."], "'..' is no profile name"),
    "a profile with a slash": (["status", "--profile", "a/b"], "letters, digits, dots and dashes"),
    "a profile without a name": (["status", "--profile", ""], "no profile name"),
    "a profile of half characters": (["status", "--profile", "\udcff"], "no profile name"),
    "a profile that nobody knows": (["status", "--profile", "defualt"], "did you mean default?"),
    "a file that is not there": (["push-activity", "no.jsonl"], "no.jsonl: no such file"),
    "a folder in place of a file": (["import", "."], "a folder, not a file"),
    "a name that no file can have": (["import", "\udcff.csv"], "no such file"),
    "a configuration that is not there": (
        ["status", "--config", "no.yaml"],
        "`sfsync init --config no.yaml` writes one",
    ),
    "a folder in place of a configuration": (["status", "--config", "."], "did you mean"),
    "a store that is none": (["login", "--token-store", "file"], "keyring or database"),
    "no time to wait": (["login", "--timeout", "0"], "greater than or equal to 1"),
    "an age that is none": (["status", "--max-age", "2"], "is no time"),
    "a side that is none": (["conflicts", "--take", "1", "mine"], "local, or remote"),
    "a conflict that is none": (["conflicts", "--take", "99", "local"], "there is no conflict 99"),
    "a number that is none": (["retry", "x"], "valid integer"),
    "an entry to ignore that is none": (["quarantine", "--ignore", "99"], "99"),
    "an entry to retry that is none": (["retry", "99"], "99"),
    "a port that is none": (["local-org", "--port", "70000"], "less than or equal to 65535"),
    "a fault plan that is not there": (["local-org", "--faults", "no.json"], "no.json"),
    "webhooks to elsewhere": (
        ["local-org", "--webhooks", "http://192.0.2.1/x", "--webhooks-secret-file", "new.secret"],
        "http://192.0.2.1/x is not on this machine",
    ),
    "webhooks without a secret": (
        ["local-org", "--webhooks", "http://127.0.0.1:9/x"],
        "$PENGUINMAILS_SECRET is not set",
    ),
    "webhooks signed with something else": (
        ["local-org", "--webhooks", "http://127.0.0.1:9/x", "--webhooks-secret-file", "."],
        "cannot be read: Is a directory",
    ),
    "a secret where nothing can be written": (
        ["local-org", "--webhooks", "http://127.0.0.1:9/x", "--webhooks-secret-file", "/proc/no/s"],
        "cannot be made",
    ),
    "traffic to nobody": (["local-org", "--traffic", "3"], "--webhooks URL"),
    "traffic that is no number": (
        [
            "local-org",
            "--webhooks",
            "http://127.0.0.1:9/x",
            "--webhooks-secret-file",
            "new.secret",
            "--traffic",
            "nan",
        ],
        "greater than or equal to 0",
    ),
    "a file that is there already": (["init"], "overwrite it with --force"),
    "a place where nothing can be written": (
        ["init", "--config", "/proc/no/x.yaml"],
        "cannot be written",
    ),
    "100 KB of time": (["pull", "--since", LONG], "is no time"),
    "100 KB of profile": (["status", "--profile", LONG], "no profile name"),
    "100 KB of file name": (["import", LONG], "File name too long"),
    "100 KB of address": (
        ["push-activity", "--type", "email_sent", "--email", LONG],
        "longer than 254",
    ),
    "100 KB of object": (["pull", "--object", LONG], "There are: contact, lead."),
    "100 KB of command": ([LONG], "No such command"),
    "a token as a flag": (["login", "--access-token", "00Dsecret"], "No such option"),
}


@pytest.mark.always
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_command_line_is_told_and_nothing_is_done(workspace: Workspace, name: str) -> None:
    line, told = WRONG[name]
    before = _data(workspace)
    said = " ".join(workspace.stderr_of(*line, expect=2).replace("│", " ").split())
    assert " ".join(told.split()) in said
    assert len(said) < 6_000, "what was typed is quoted, but not all of it"
    assert _data(workspace) == before


def _data(workspace: Workspace) -> list[list[dict[str, object]]]:
    return [
        workspace.sql(f"SELECT * FROM {name}")
        for name in ("contacts", "leads", "events", "quarantine", "_outbox")
    ]


@pytest.mark.parametrize("name", sorted(WRONG.keys() - {"a flag without its value"}))
def test_with_json_it_is_one_document_all_the_same(workspace: Workspace, name: str) -> None:
    ran = workspace.run_in_process(*WRONG[name][0], "--json")
    assert ran.out.count("\n") == 1
    document = ran.document
    assert (ran.code, document["exit_code"], document["status"]) == (2, 2, "failed")
    assert document["errors"][0]["message"]


BEFORE_LOGIN = [
    "pull",
    "push",
    "sync",
    "push-activity",
    "diff",
    "verify",
    "whoami",
    "logout",
    "retry",
]


@pytest.mark.parametrize("command", BEFORE_LOGIN)
def test_before_a_login_each_command_says_how_to_get_one(
    workspace: Workspace, command: str
) -> None:
    with workspace.yaml.open("a", encoding="utf-8") as file:
        file.write("\nprofiles: {nobody: {}}\n")
    said = workspace.stderr_of(command, "--profile", "nobody", expect=4)
    assert "Profile 'nobody' is not logged in" in said
    assert "sfsync login --profile nobody" in said


@pytest.mark.parametrize("command", [*BEFORE_LOGIN, "login", "status", "conflicts", "quarantine"])
def test_before_init_each_command_says_how_to_begin(workspace: Workspace, command: str) -> None:
    workspace.yaml.unlink()
    assert "`sfsync init` writes one" in workspace.stderr_of(
        command, expect=2, XDG_CONFIG_HOME=str(workspace.folder)
    )


def test_a_terminal_that_interrupts_a_wait_gets_a_document_too(workspace: Workspace) -> None:
    with at("pull.page_staged", lambda: os.kill(os.getpid(), signal.SIGINT)):
        ran = workspace.run_in_process("pull", "--full", "--json")
    assert ran.code == 130
    assert json.loads(ran.out)["errors"][0]["slug"] == "interrupted"
    check_convergence(workspace)


def test_two_profiles_are_two_mirrors_of_one_org(workspace: Workspace) -> None:
    assert workspace.run_in_process("login", "--profile", "second").code == 0, workspace.printed
    assert workspace.run_in_process("sync", "--profile", "second").code == 0
    assert workspace.run_in_process("sync").code == 0
    assert (workspace.folder / "mirror-second.db").exists()
    assert workspace.run_in_process("diff", "--exit-code", "--profile", "second").code == 0


def test_a_mirror_that_belongs_to_another_org_is_not_mixed(workspace: Workspace) -> None:
    workspace.sql("UPDATE _sync SET org_id = '00D5f0000000009EAA'")
    before = workspace.rows()
    for line in (["login"], ["sync"], ["push"], ["whoami"]):
        assert "belongs to org 00D5f0000000009EAA" in workspace.stderr_of(*line, expect=4)
    assert workspace.rows() == before
