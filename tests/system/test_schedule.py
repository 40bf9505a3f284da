"""The schedule as the machine would run it: cron's line in an empty environment, units under systemd's own eyes."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.prepared import CLIENT
from tests.system.workspace import Workspace
from tests.systemd import verified


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    """A workspace whose key for the login lies in a file, and whose client id comes from the environment."""
    workspace = new_workspace(
        ("client_id: sfsync-tests", "client_id: ${WORKSPACE_CLIENT_ID}"), log_in=False, pull=False
    )
    workspace.environ["WORKSPACE_CLIENT_ID"] = CLIENT
    key = workspace.folder / "token key"
    key.touch(0o600)
    key.write_text(workspace.environ.pop("SFSYNC_TOKEN_KEY"))
    workspace.environ["SFSYNC_TOKEN_KEY_FILE"] = str(key)
    workspace.environ["HOME"] = str(workspace.folder)
    workspace.log_in_in_process()
    workspace.do_in_process("pull")
    return workspace


def fake(workspace: Workspace, name: str, script: str) -> Path:
    """A program of that name first on the path; what it was called with is in the file returned."""
    folder = workspace.folder / "bin"
    folder.mkdir(exist_ok=True)
    calls = workspace.folder / f"{name}.calls"
    program = folder / name
    program.write_text(f'#!/bin/sh\necho "$@" >> "{calls}"\n{script}\n')
    program.chmod(0o755)
    workspace.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    return calls


def test_crons_line_runs_in_an_empty_environment(workspace: Workspace) -> None:
    contact = workspace.people()[0]
    workspace.sql("UPDATE contacts SET phone = '+1 555 0777' WHERE salesforce_id = ?", contact)
    printed = workspace.run("schedule", "cron").out
    [line] = [line for line in printed.splitlines() if line and not line.startswith("#")]
    command = line.split(" ", 5)[5].replace(r"\%", "%")

    ended = subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", env={"HOME": str(workspace.folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert workspace.record(contact)["Phone"] == "+1 555 0777"


@pytest.mark.slow
def test_the_monitoring_line_runs_in_an_empty_environment_too(workspace: Workspace) -> None:
    workspace.do_in_process("sync")
    monitor = workspace.do("schedule", "cron")["monitor"]
    environ = {"HOME": str(workspace.folder)}
    ended = subprocess.run(
        ["/bin/sh", "-c", monitor], cwd="/", env=environ, timeout=60, check=False
    )
    assert ended.returncode == 0


def test_a_crontab_is_installed_once_and_taken_away_again(workspace: Workspace) -> None:
    crontab = workspace.folder / "crontab"
    crontab.write_text("MAILTO=ops\n")
    fake(workspace, "crontab", f'[ "$1" = -l ] && exec cat "{crontab}" || exec cat > "{crontab}"')

    assert workspace.do("schedule", "cron", "--install", "--dry-run")["changed"] is True
    assert crontab.read_text() == "MAILTO=ops\n"
    assert workspace.do("schedule", "cron", "--install")["changed"] is True
    installed = crontab.read_text()
    assert installed.startswith("MAILTO=ops\n# sfsync: begin\n")
    assert workspace.do_in_process("schedule", "cron", "--install")["changed"] is False
    assert (
        workspace.do_in_process("schedule", "cron", "--every", "15m", "--install")["changed"]
        is True
    )
    assert crontab.read_text().count("sfsync.yaml") == 1
    assert workspace.do("schedule", "cron", "--uninstall")["changed"] is True
    assert crontab.read_text() == "MAILTO=ops\n"
    assert workspace.do_in_process("schedule", "cron", "--uninstall")["changed"] is False


def test_units_pass_systemds_own_check(workspace: Workspace, tmp_path: Path) -> None:
    for kind, arguments in (("--user", ()), ("--system", ("--system",))):
        folder = tmp_path / kind
        folder.mkdir()
        for path, text in workspace.do("schedule", "systemd", "--every", "6h", *arguments)[
            "files"
        ].items():
            (folder / Path(path).name).write_text(text)
        told = verified(folder, kind)
        assert (told.returncode, told.stderr) == (0, "")
        (folder / "sfsync.timer").write_text("[Timer]\nOnCalendar=now and then\n")
        assert verified(folder, kind).returncode != 0, "the check can fail"


def test_units_are_installed_once_started_and_taken_away(workspace: Workspace) -> None:
    calls = fake(workspace, "systemctl", "exit 0")
    units = workspace.folder / ".config" / "systemd" / "user"

    workspace.do("schedule", "systemd", "--install")
    assert sorted(path.name for path in units.iterdir()) == ["sfsync.service", "sfsync.timer"]
    assert calls.read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now sfsync.timer",
    ]
    assert workspace.do_in_process("schedule", "systemd", "--install")["changed"] is False
    assert len(calls.read_text().splitlines()) == 2
    service = (units / "sfsync.service").read_text()
    assert f"LoadCredential=sfsync-token-key:{workspace.folder}/token key" in service
    assert workspace.environ["SFSYNC_TOKEN_KEY_FILE"] in service
    workspace.do("schedule", "systemd", "--uninstall")
    assert list(units.iterdir()) == []


def test_another_projects_unit_is_not_written_over(workspace: Workspace) -> None:
    fake(workspace, "systemctl", "exit 0")
    units = workspace.folder / ".config" / "systemd" / "user"
    units.mkdir(parents=True, exist_ok=True)
    (units / "sfsync.service").write_text(
        "[Service]\nExecStart=sfsync sync --config /else/where.yaml\n"
    )

    ran = workspace.run("schedule", "systemd", "--install", "--json")

    assert ran.code == 2, ran
    assert "--name" in ran.document["errors"][0]["hint"]
    workspace.do_in_process("schedule", "systemd", "--install", "--name", "sfsync-second")
    workspace.do_in_process("schedule", "systemd", "--uninstall", "--name", "sfsync-second")
    (units / "sfsync.service").unlink()


def test_a_manager_that_refuses_is_quoted(workspace: Workspace) -> None:
    fake(workspace, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    ran = workspace.run("schedule", "systemd", "--install", "--name", "sfsync-third", "--json")
    assert ran.code == 1
    assert "Failed to connect to bus" in ran.document["errors"][0]["message"]
    units = workspace.folder / ".config" / "systemd" / "user"
    assert not list(units.glob("sfsync-third.*")), (
        "nothing is left that a second --install would take for done"
    )


@pytest.mark.parametrize(
    ("frequency", "fallback", "every"),
    [
        ("real_time", "daily_batch", "1d"),
        ("daily_batch", "hourly_batch", "1d"),
        ("manual", "none", None),
    ],
)
def test_how_often_follows_from_the_rules_of_every_object(
    workspace: Workspace, frequency: str, fallback: str, every: str | None
) -> None:
    before = workspace.yaml.read_text()
    ruled = re.sub(r"frequency: real_time", f"frequency: {frequency}", before)
    workspace.yaml.write_text(re.sub(r"fallback: hourly_batch", f"fallback: {fallback}", ruled))
    try:
        ran = workspace.run("schedule", "cron", "--json")
    finally:
        workspace.yaml.write_text(before)
    assert ran.code == (0 if every else 2), ran
    assert ran.data.get("every") == every


def test_of_several_objects_the_shortest_interval_counts(workspace: Workspace) -> None:
    before = workspace.yaml.read_text()
    workspace.yaml.write_text(before.replace("fallback: hourly_batch", "fallback: daily_batch", 1))
    try:
        assert workspace.do("schedule", "cron")["every"] == "1h"
    finally:
        workspace.yaml.write_text(before)


def test_a_secret_given_by_value_is_left_out_and_told(workspace: Workspace) -> None:
    ran = workspace.run("schedule", "cron", "--json", SFSYNC_TOKEN_KEY="c2VjcmV0")
    assert ran.code == 0
    assert "c2VjcmV0" not in ran.out
    assert "SFSYNC_TOKEN_KEY_FILE" in ran.warnings


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("cron", "--every", "7m"), "no interval"),
        (("cron", "--install", "--uninstall"), "opposites"),
        (("launchd", "--system"), "systemd"),
        (("cron", "--name", "../x"), "name"),
    ],
)
def test_a_wrong_schedule_is_told_with_exit_code_2(
    workspace: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    ran = workspace.run_in_process("schedule", *arguments, "--json")
    assert ran.code == 2
    assert told in json.dumps(ran.document["errors"])


# -- the way to the network ------------------------------------------------------------------------
OPEN = {
    "HTTPS_PROXY": "http://proxy.example:3128",
    "no_proxy": "localhost,.example",
    "REQUESTS_CA_BUNDLE": "/etc/ssl/company ca.pem",
    "SSL_CERT_FILE": "/etc/ssl/all.pem",
}
SECRET = "http://ada:s3cret%40@proxy.example:3128"


@pytest.mark.parametrize("clock", ["cron", "systemd", "launchd"])
def test_a_job_has_the_proxy_and_the_certificates_of_the_shell(
    workspace: Workspace, clock: str
) -> None:
    ran = workspace.run_in_process("schedule", clock, "--json", **OPEN)
    text = "".join(ran.data["files"].values())
    for name, value in OPEN.items():
        assert name in text
        assert value in text
    assert ran.warnings == ""


@pytest.mark.parametrize("clock", ["cron", "systemd", "launchd"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxys_password_stands_in_no_schedule_and_that_is_told(
    workspace: Workspace, clock: str, variable: str
) -> None:
    ran = workspace.run_in_process("schedule", clock, "--json", **{variable: SECRET})
    assert "s3cret" not in ran.out + ran.err
    assert f"${variable}" in ran.warnings
    assert "sfsync.schedule.env" in "".join(ran.data["files"].values())


def test_a_proxys_password_is_handed_over_by_a_file_of_the_users_own(workspace: Workspace) -> None:
    fake(workspace, "systemctl", "exit 0")
    file = workspace.folder / "sfsync.schedule.env"
    units = workspace.folder / ".config" / "systemd" / "user"
    workspace.run_in_process("schedule", "systemd", "--install", HTTPS_PROXY=SECRET)
    assert file.read_text().splitlines()[1:] == [f"HTTPS_PROXY='{SECRET}'"]
    assert file.stat().st_mode & 0o777 == 0o600
    unit = (units / "sfsync.service").read_text()
    assert f"EnvironmentFile={file}\n" in unit
    assert "s3cret" not in unit

    workspace.do_in_process("schedule", "systemd", "--uninstall")
    assert not file.exists()


def test_crons_job_has_it_and_its_command_line_has_not(workspace: Workspace) -> None:
    fake(workspace, "crontab", f'[ "$1" = -l ] || cat > {workspace.folder}/crontab.new')
    workspace.run_in_process("schedule", "cron", "--install", HTTPS_PROXY=SECRET)
    table = (workspace.folder / "crontab.new").read_text()
    assert "s3cret" not in table
    [line] = [line for line in table.splitlines() if not line.startswith("#")]
    command = line.split(" ", 5)[5].replace(r"\%", "%")
    shown = re.sub(r" \S*sfsync sync .*", " /usr/bin/env", command)
    ended = subprocess.run(
        ["/bin/sh", "-c", shown], env={}, capture_output=True, text=True, check=True
    )
    assert f"HTTPS_PROXY={SECRET}\n" in ended.stdout
    workspace.run_in_process("schedule", "cron", "--uninstall")


def test_a_file_of_the_users_own_is_neither_written_over_nor_taken_away(
    workspace: Workspace,
) -> None:
    fake(workspace, "systemctl", "exit 0")
    own = workspace.folder / "sfsync.schedule.env"
    own.write_text("MINE=1\n")
    told = workspace.stderr_of("schedule", "systemd", "--install", expect=2, HTTPS_PROXY=SECRET)
    assert f"{own} is a file of yours" in told
    workspace.do_in_process("schedule", "systemd", "--install")
    workspace.do_in_process("schedule", "systemd", "--uninstall")
    assert own.read_text() == "MINE=1\n"
    own.unlink()
