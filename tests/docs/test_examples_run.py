"""Every command line in the documentation is run: against a local org, in a folder with what the page speaks of.

A page's lines are run one after another; those of the command reference are alternatives, each in a
folder of its own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_org.state.users import add_user
from sfsync.auth.unattended import new_key
from tests.docs.pages import Block, blocks
from tests.system.prepared import CLIENT, Checkpoint, open_workspace
from tests.system.workspace import CommandResult, Workspace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("at_a_terminal"),  # a server here is ended by Ctrl-C
]

CALLBACKS = tuple(f"http://localhost:{port}/callback" for port in (1717, 1718, 1716))
WHO = "sync@example.com"
RUN = "20260120T100000Z-1a2b3c"

TRY_IT, TEST_IT = [str(block) for block in blocks("sh") if block.page.name == "README.md"][:2]
ELSEWHERE = {
    TRY_IT: "CI runs it, as it stands there",
    TEST_IT: "CI runs it, as it stands there",
    "pipx install .": "installs",
    "python3 -m venv ~/sfsync && ~/sfsync/bin/pip install .": "installs",
    "make venv": "installs",
    "make check": "runs this test",
    "sfsync changes --since now --follow": "follows until it is stopped: tests/system/test_changes.py",
    "sfsync changes --since c1-1a2b3c4d-1021": "another mirror's cursor: tests/system/test_changes.py",
    "sfsync changes --since c1-1a2b3c4d-1021 --object contact": "another mirror's cursor: tests/system/test_changes.py",
    **dict.fromkeys(
        (
            "sfsync fleet sync orgs/",
            "sfsync fleet sync orgs/ --jobs 8 --shard 2/4 --timeout 600",
            "sfsync fleet 'status --max-age 2h' 'orgs/*.yaml' --json",
            "sfsync fleet 'status --max-age 2h' orgs/ --json",
        ),
        "many configurations: tests/system/test_fleet.py",
    ),
    "sfsync notify test": "tells somebody: tests/system/test_notify.py",
    "sfsync notify test webhook": "tells somebody: tests/system/test_notify.py",
    "sfsync status --metrics --out /var/lib/node_exporter/sfsync.prom": "a folder of the system's: tests/system/test_metrics.py",
    "sfsync listen": "serves until it is stopped: tests/system/test_listen.py",
    "sfsync listen --bind 127.0.0.1:9000": "serves until it is stopped: tests/system/test_listen.py",
    "sfsync webhook send penguinmails --email ada@example.com": "tests/system/test_listen.py",
    "sfsync webhook send penguinmails --email ada@example.com --type email.clicked --dry-run": "tests/system/test_listen.py",
    "sfsync webhook verify penguinmails body.json -H 'X-PenguinMails-Signature: sha256=…'": "tests/system/test_listen.py",
    "sfsync webhook test crm-copy": "needs a receiver: tests/system/test_outgoing.py",
    "sfsync webhook resume crm-copy": "needs an endpoint: tests/system/test_outgoing.py",
}
"""What is not run here, and why; each is a line that a shell can read."""

SHORTER = {
    "sfsync selftest": "sfsync selftest --seed 7 --schedules 1",
    "sfsync selftest --seconds 600 --jobs 2": "sfsync selftest --seed 7 --schedules 2 --jobs 2",
}
"""Lines that would go on for long: the same, for a moment."""

ENDS = {
    "sfsync diff --exit-code --quiet": {0, 1},
    "sfsync org check": {0, 1},
    "sfsync doctor --fix --dry-run": {0, 1},
    "sfsync verify": {0, 1},
    "sfsync local-org": {130},
}
"""How a line may end, by how it begins, where not only with 0 or 3: a difference, a finding, an interrupt."""

ASKED = (
    "sfsync org setup",
    "sfsync profile remove sandbox --delete-mirror",
    "sfsync undo",
    "sfsync purge",
)
"""Lines that ask a person on a terminal; here the answer is yes."""

SYSTEMS = ("systemctl", "journalctl", "loginctl", "crontab", "launchctl")
"""Programs of a system that is not there, or not to be touched: they say nothing, and succeed."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Where the documentation's people, files, conflicts and refusals are to be found."""
    with open_workspace(
        tmp_path_factory.mktemp("workspace"), log_in=False, pull=False, contacts=60, leads=20
    ) as workspace:
        app = workspace.org.oauth.apps[CLIENT]
        workspace.org.oauth.register(
            replace(app, callbacks=CALLBACKS, preauthorized=True, run_as=WHO)
        )
        add_user(workspace.org.state, first_name="Sync", last_name="User", username=WHO)
        for address in ("ada@example.com", "bob@example.com", "eve@example.com"):
            workspace.create("Contact", LastName=address.partition("@")[0].title(), Email=address)
        workspace.yaml.write_text(
            re.sub(
                r"redirect_ports: \[\d+\]",
                "redirect_ports: [1717, 1718, 1716]",
                workspace.yaml.read_text(),
            )
        )
        (workspace.folder / "bin").mkdir()
        for name in SYSTEMS:
            program = workspace.folder / "bin" / name
            program.write_text("#!/bin/sh\nexit 0\n")
            program.chmod(0o755)
        here = Path(sys.executable).parent
        workspace.environ |= {
            "PATH": f"{workspace.folder / 'bin'}:{here}:{os.environ['PATH']}",
            "HOME": str(workspace.folder),
            "SFSYNC_CLIENT_ID": CLIENT,
            "SFSYNC_CLIENT_SECRET": "",
            "SFSYNC_LOGIN_TIMEOUT": "20",
        }
        for words in ("login", "pull"):
            workspace.stderr_of(words, expect=0)
        disagree(workspace)
        yield workspace


@pytest.fixture(scope="module")
def ready(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The workspace before any line was run; each begins there."""
    return Checkpoint.of(workspace, tmp_path_factory.mktemp("ready"))


def disagree(workspace: Workspace) -> None:
    """A conflict that waits for a person, rows that were refused, something still to be sent."""
    workspace.configure(
        (
            "Title: job_title\n      MailingCity",
            "Title: {to: job_title, merge: manual}\n      MailingCity",
        )
    )
    ada = workspace.sql("SELECT salesforce_id FROM contacts WHERE email = 'ada@example.com'")[0][
        "salesforce_id"
    ]
    workspace.sql("UPDATE contacts SET job_title = 'Countess' WHERE email = 'ada@example.com'")
    workspace.edit(ada, Title="Analyst")
    for name in ("one", "two", "three"):
        workspace.sql(
            "INSERT INTO contacts (email, last_name) VALUES (?, 'Refused')", f"no address {name}"
        )
    assert workspace.run_in_process("sync").code == 3
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('bob@example.com', 'Twin')")
    assert workspace.run_in_process("sync").code == 3
    workspace.sql("UPDATE contacts SET phone = '+1 555 0100' WHERE email = 'bob@example.com'")


def at_work(workspace: Workspace, ready: Checkpoint, folder: Path) -> Workspace:
    """The workspace as it was when it was ready, in a folder of its own, with the files that the pages name."""
    mine = ready.restore(workspace, folder)
    mine.environ["HOME"] = str(folder)
    [jsonl] = blocks("jsonl")
    [csv] = blocks("csv")
    files = {
        "events.jsonl": jsonl.text,
        "events.csv": csv.text,
        "list.csv": "Work address,Last Name\nlist@example.com,List\n",
        "dump.json": '[{"event": "open", "email": "ada@example.com", "timestamp": 1768903200, "sg_event_id": "1"}]',
        "people.csv": "email,last_name\nnew@example.com,New\n",
        "leads.jsonl": json.dumps(
            {"email": "lead@example.com", "last_name": "L", "company": "Acme"}
        )
        + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return mine


def filled_in(workspace: Workspace, line: str) -> str:
    """The line with what its placeholders stand for."""
    [conflict] = workspace.sql("SELECT id FROM conflicts WHERE state = 'open'")
    refused = [
        row["id"]
        for row in workspace.sql("SELECT id FROM quarantine WHERE state = 'open' ORDER BY id")
    ]
    run = workspace.sql("SELECT run_id FROM runs WHERE command = 'sync'")[-1]["run_id"]
    contact = workspace.sql("SELECT salesforce_id FROM contacts WHERE salesforce_id > ''")[0][
        "salesforce_id"
    ]
    for old, new in (
        ("--take 12 ", f"--take {conflict['id']} "),
        ("--ignore 3", f"--ignore {refused[0]}"),
        ("retry 3 4", f"retry {refused[1]} {refused[2]}"),
        (RUN, run),
        ("http://127.0.0.1:8700", workspace.org.url),
        ("0035f0000000001AAA", contact),
        ("003A0000001AbCd", contact),
        ("your-consumer-key", CLIENT),
        ("sfsync-local", CLIENT),
    ):
        line = line.replace(old, new)
    return line


def prepared(workspace: Workspace, line: str) -> None:
    """What a line takes for granted."""
    key = workspace.folder / "sync.pem"
    app = workspace.org.oauth.apps[CLIENT]
    if "--jwt-key sync.pem --username" in line and not key.exists():
        new_key(key, "sfsync", datetime.now(UTC))
        workspace.org.oauth.register(replace(app, public_key=key.with_name("sync.crt").read_text()))
    secret = "s3cret-of-the-app" if "--client-credentials" in line else ""
    workspace.org.oauth.register(replace(workspace.org.oauth.apps[CLIENT], secret=secret or None))
    workspace.environ["SFSYNC_CLIENT_SECRET"] = secret
    if "sandbox" in line and not workspace.mirror.with_name("mirror-sandbox.db").exists():
        workspace.stderr_of("login", "--profile", "sandbox", expect=0)
    if "apply plan.json" in line and not (workspace.folder / "plan.json").exists():
        workspace.stderr_of("diff", "--out", "plan.json", expect=0)
    if "sfsync fleet" in line and not (workspace.folder / "orgs").exists():
        (workspace.folder / "orgs").mkdir()
        workspace.copied(workspace.folder / "orgs")
    if "'Given=" in line:
        (workspace.folder / "list.csv").write_text(
            "Work address,Given,Last Name\nlist@example.com,Lis,List\n"
        )
    if "sfsync init" in line:
        workspace.yaml.unlink(missing_ok=True)
        workspace.mirror.unlink(missing_ok=True)


def run(workspace: Workspace, line: str) -> CommandResult:
    """Run one line, in this process where it is one command of ours."""
    if line.startswith("export "):
        name, _, value = line.removeprefix("export ").partition("=")
        workspace.environ[name] = value.replace("~", workspace.environ["HOME"], 1)
        return CommandResult(0, "", "")
    words = shlex.split(line)
    if words[:2] == ["sfsync", "local-org"]:
        return served_for_a_moment(workspace, words[2:])
    if words[:3] == ["sfsync", "login", "--no-browser"]:
        return workspace.log_in()
    if line.startswith(ASKED) and not {"--yes", "--dry-run"}.intersection(words):
        words.append("--yes")
    if words[0] == "sfsync" and not re.search(r"[|<>;&]", line):
        ran = workspace.run_in_process(*words[1:])
        if words[1] == "init":
            workspace.yaml.write_text(
                re.sub(
                    r"login_url: http\S+",
                    f"login_url: {workspace.org.url}",
                    workspace.yaml.read_text(),
                )
            )
        return ran
    done = subprocess.run(
        ["bash", "-c", line], cwd=workspace.folder, env=workspace.environ, input="", capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return CommandResult(done.returncode, done.stdout, done.stderr)


def served_for_a_moment(workspace: Workspace, words: list[str]) -> CommandResult:
    """A server runs until somebody ends it: as soon as it says where it is, on any free port."""
    process = workspace.start("local-org", *words, "--port", "0", "--contacts", "9")
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    ended = workspace.finish(process)
    return replace(ended, out=first + ended.out)


def commands(block: Block) -> list[str]:
    """The lines of a block, without remarks."""
    lines = (re.sub(r"\s+#.*", "", line).strip() for line in block.text.splitlines())
    return [line for line in lines if line]


def is_run(block: Block) -> bool:
    return str(block) not in ELSEWHERE and any(line not in ELSEWHERE for line in commands(block))


RUN_HERE = [
    block
    for block in blocks("sh")
    if is_run(block) and block.page.name != "tutorial.md"  # test_tutorial.py pastes it as a whole
]


@pytest.mark.parametrize("block", RUN_HERE, ids=str)
def test_every_line_does_what_its_page_says(
    block: Block, workspace: Workspace, ready: Checkpoint, tmp_path: Path
) -> None:
    alternatives = block.page.name == "cli.md"
    mine = at_work(workspace, ready, tmp_path)
    for number, line in enumerate(line for line in commands(block) if line not in ELSEWHERE):
        if alternatives and number:
            (tmp_path / str(number)).mkdir()
            mine = at_work(workspace, ready, tmp_path / str(number))
        prepared(mine, line)
        given = filled_in(workspace, SHORTER.get(line, line))
        ran = run(mine, given)
        ends = next((codes for start, codes in ENDS.items() if given.startswith(start)), {0, 3})
        assert ran.code in ends, f"{given}\n{ran.out}{ran.err}"
        assert "Traceback" not in ran.out + ran.err


def test_what_is_not_run_still_stands_on_a_page() -> None:
    there = {str(block) for block in blocks("sh")} | {
        line for block in blocks("sh") for line in commands(block)
    }
    assert there >= ELSEWHERE.keys() | SHORTER.keys()
