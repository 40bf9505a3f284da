"""What data, file names and arguments say to a terminal: nothing that it obeys."""

from __future__ import annotations

import json

import pytest

from tests.system.prepared import open_workspace
from tests.system.workspace import CommandResult, Workspace, event

BELL, CLEAR, CSI = "\x1b]0;title\x07", "\x1b[2J", "\x9b31m"
TURNED = "\u202egpj.exe\u2066"
EVIL = f"{BELL}{CLEAR}{CSI}{TURNED}[red]x[/red][link=file:///etc/passwd]y[/link]\r"
OBEYED = {
    *map(chr, range(32)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
}
OBEYED -= {"\n"}


def obeyed(ran: CommandResult) -> list[str]:
    return sorted(OBEYED & {*ran.out, *ran.err})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CommandResult]:
    """What each command shows where all data is hostile: typed in Salesforce, typed here, sent by the org."""
    with open_workspace(tmp_path_factory.mktemp("hostile")) as workspace:
        both, ours, refused, *_ = workspace.people()
        change = "UPDATE contacts SET job_title = ?, last_name = ? WHERE salesforce_id = ?"
        workspace.edit(both, Title=f"theirs {EVIL}", LastName=EVIL)
        workspace.sql(change, f"mine {EVIL}", f"M{EVIL}", both)
        workspace.sql(change, EVIL, EVIL, ours)
        workspace.sql(change, "refuse", EVIL, refused)
        workspace.sql(
            "INSERT INTO contacts (email, last_name) VALUES (?, ?)", f"a{EVIL}@b.example", EVIL
        )
        rule = {
            "sobject": "Contact",
            "when": "Title = 'refuse'",
            "message": f"No.\nerror: forged {EVIL}",
        }
        workspace.local("settings", validation_rules=[rule])
        email = workspace.rows()[4]["email"]
        lines = [
            json.dumps(event("email_sent", email, "named", campaign_name=TURNED)),
            json.dumps(event("email_sent", email, "timed", timestamp=EVIL)),
            f"rubbish {CLEAR}",
        ]
        (workspace.folder / f"events{CLEAR}.jsonl").write_text("\n".join(lines))
        commands = {
            "diff": ["diff"],
            "dry run": ["sync", "--dry-run"],
            "sync": ["sync"],
            "conflicts": ["conflicts"],
            "events": ["push-activity", f"events{CLEAR}.jsonl"],
            "quarantine": ["quarantine"],
            "verify": ["verify"],
            "status": ["status"],
            "retry": ["retry"],
        }
        return {name: workspace.run_in_process(*line) for name, line in commands.items()}


@pytest.mark.parametrize(
    "name",
    ["diff", "dry run", "sync", "conflicts", "events", "quarantine", "verify", "status", "retry"],
)
def test_nothing_in_the_data_is_obeyed_by_a_terminal(
    told: dict[str, CommandResult], name: str
) -> None:
    assert told[name].code in (0, 1, 3)
    assert obeyed(told[name]) == []


def test_what_the_data_says_is_shown_all_the_same(told: dict[str, CommandResult]) -> None:
    shown = told["quarantine"].out
    assert "\\x1b[2J" in shown
    assert "[red]x[/red]" in shown.replace("\n", "")
    assert "\\u202e" in shown.replace("\n", "")


def test_a_line_end_in_the_data_begins_no_line_of_ours(told: dict[str, CommandResult]) -> None:
    assert not [line for line in told["quarantine"].out.splitlines() if line.startswith("error: ")]
    assert "⏎error: forged" in told["quarantine"].out


@pytest.mark.parametrize(
    "line",
    [
        [CLEAR],
        ["pull", f"--{CLEAR}"],
        ["pull", CLEAR],
        ["pull", "--since", EVIL],
        ["pull", "--object", EVIL],
        ["diff", EVIL],
        ["status", "--profile", EVIL],
        ["status", "--config", f"no{CLEAR}"],
        ["conflicts", "--take", EVIL, "local"],
        ["conflicts", "--take", "1", EVIL],
        ["retry", EVIL],
        ["import", f"no{CLEAR}.csv"],
        ["push-activity", f"no{CLEAR}.jsonl"],
        ["push-activity", "--type", EVIL, "--email", "a@b.example"],
        ["push-activity", "--type", "email_sent", "--email", EVIL],
        ["init", "--config", f"{CLEAR}/x"],
        ["login", "--token-store", EVIL],
        ["local-org", "--faults", f"no{CLEAR}"],
    ],
    ids=lambda line: " ".join(line[:2]).encode("ascii", "backslashreplace").decode()[:30],
)
def test_nothing_in_an_argument_is_obeyed_by_a_terminal(
    workspace: Workspace, line: list[str]
) -> None:
    assert obeyed(workspace.run_in_process(*line)) == []
    ran = workspace.run_in_process(*line, "--json")
    assert obeyed(ran) == []
    assert ran.out.isascii()


def test_nothing_in_a_configuration_is_obeyed_by_a_terminal(workspace: Workspace) -> None:
    workspace.configure(
        ("timezone: UTC", f'timezone: "{TURNED}[red]\\e[2J"'), ("direction: ", "dirction: ")
    )
    assert obeyed(workspace.run_in_process("status")) == []


def test_nothing_in_an_orgs_refusal_of_a_login_is_obeyed(workspace: Workspace) -> None:
    workspace.org.oauth.grants.expire_access_tokens()
    refusal = {"error": f"invalid_grant{CLEAR}", "error_description": EVIL}
    workspace.local("oauth/refuse-next", **refusal)
    ran = workspace.run_in_process("sync")
    assert ran.code == 4
    assert obeyed(ran) == []
