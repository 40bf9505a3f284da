"""``sfsync fleet``: many configurations by the installed command, each on its own, none in the way of another."""

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from tests.system.workspace import CommandResult, Workspace

NAMES = ("acme", "beta", "cosmos", "delta")


@pytest.fixture(scope="module")
def prepared(new_workspace: Callable[..., Workspace]) -> Workspace:
    return new_workspace(contacts=6, leads=2)


@pytest.fixture
def workspace(prepared: Workspace) -> Workspace:
    """A workspace with ``orgs``: configurations with a mirror each, all logged in to the same org."""
    prepared.org.faults.clear()
    prepared.do_in_process("pull")
    orgs = prepared.folder / "orgs"
    shutil.rmtree(orgs, ignore_errors=True)
    for name in NAMES:
        (orgs / name).mkdir(parents=True)
        prepared.copied(orgs / name)
    return prepared


def edit(workspace: Workspace, name: str, phone: str) -> str:
    """Edit the contact of that name's place in that mirror; gives its Salesforce Id."""
    who = workspace.people()[NAMES.index(name)]
    own = replace(workspace, folder=workspace.folder / "orgs" / name)
    own.sql("UPDATE contacts SET phone = ? WHERE salesforce_id = ?", phone, who)
    return who


def codes(ran: CommandResult) -> dict[str, int | None]:
    """Name of the configuration -> its exit code."""
    return {
        Path(each["config"]).parent.name: each["exit_code"] for each in ran.data["configurations"]
    }


def test_each_is_synced_with_its_own_mirror_and_told_in_a_line(workspace: Workspace) -> None:
    edited = {edit(workspace, name, f"+1 {name}"): f"+1 {name}" for name in NAMES}
    ran = workspace.run("fleet", "sync", "orgs", "--jobs", "2")
    assert ran.code == 0, ran
    assert {who: workspace.record(who)["Phone"] for who in edited} == edited
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["0"] * 4
    assert lines[4].startswith("4 configurations: 4 ok; ")
    assert ran.err == ""


def test_one_that_is_broken_ends_no_other(workspace: Workspace) -> None:
    who = edit(workspace, "delta", "+1 555")
    (workspace.folder / "orgs/acme/sfsync.yaml").write_text("orgg: {\n")
    ran = workspace.run("fleet", "sync", "orgs", "gone.yaml", "--json")
    assert ran.code == 2
    assert ran.document["status"] == "failed"
    assert codes(ran) == {"acme": 2, "beta": 0, "cosmos": 0, "delta": 0, "": 2}
    assert ran.data["counts"] == {"ok": 3, "failed": 2}
    assert "no such file" in ran.data["configurations"][-1]["message"]
    assert workspace.record(who)["Phone"] == "+1 555"


def test_one_that_is_killed_is_told_and_the_next_run_ends_its_work(workspace: Workspace) -> None:
    who = edit(workspace, "beta", "+1 777")
    ran = workspace.run("fleet", "sync", "orgs", "--json", SFSYNC_FAILPOINTS="push.journaled=kill")
    assert ran.code == 1
    assert codes(ran) == {"acme": 0, "beta": 137, "cosmos": 0, "delta": 0}
    [died] = [each for each in ran.data["configurations"] if each["status"] == "died"]
    assert "SIGKILL" in died["message"]
    assert workspace.do("fleet", "sync", "orgs")["counts"] == {"ok": 4}
    assert workspace.record(who)["Phone"] == "+1 777"


def test_a_lock_is_of_one_configuration(workspace: Workspace) -> None:
    with FileLock(workspace.folder / "orgs/cosmos/mirror.db.lock"):
        ran = workspace.run("fleet", "sync", "orgs", "--json")
        skipped = workspace.run("fleet", "sync --skip-if-locked", "orgs", "--json")
    assert ran.code == 6
    assert codes(ran) == {"acme": 0, "beta": 0, "cosmos": 6, "delta": 0}
    assert skipped.code == 0


def test_quiet_tells_what_is_not_well_alone(workspace: Workspace) -> None:
    assert workspace.run("fleet", "status", "orgs", "--quiet").err == ""
    ran = workspace.run("fleet", "status", "orgs/acme", "gone.yaml", "--quiet")
    assert (ran.code, ran.out) == (2, "")
    first, summary = ran.err.splitlines()
    assert first.startswith("  2  gone.yaml")
    assert summary.startswith("1 of 2 configurations did not end well")


def test_shards_share_out_all_and_each_once(workspace: Workspace) -> None:
    of_shards = [
        codes(workspace.run("fleet", "config path", "orgs", "--shard", f"{number}/3", "--json"))
        for number in (1, 2, 3)
    ]
    assert sorted(name for shard in of_shards for name in shard) == sorted(NAMES)


def test_a_dry_run_writes_nothing_anywhere(workspace: Workspace) -> None:
    who = edit(workspace, "acme", "+1 999")
    assert workspace.do("fleet", "push", "orgs", "--dry-run")["counts"] == {"ok": 4}
    assert workspace.record(who)["Phone"] != "+1 999"


def test_what_is_told_in_detail_is_told_of_each(workspace: Workspace) -> None:
    log = workspace.folder / "fleet.log"
    workspace.do("fleet", "sync", "orgs", "--log-file", str(log))
    lines = log.read_text().splitlines()
    ends = [line for line in lines if "ended with exit code" in line]
    assert sum('"command": "sync"' in line for line in ends) == 4
    assert sum('"command": "fleet"' in line for line in ends) == 5


@pytest.mark.slow
def test_where_it_cannot_fork_each_begins_by_itself(workspace: Workspace) -> None:
    # this very process has threads: of the local org
    ran = workspace.run_in_process(
        "fleet", "status", "orgs/acme", "orgs/beta", "gone.yaml", "--json"
    )
    assert codes(ran) == {"acme": 0, "beta": 0, "": 2}


def hang(workspace: Workspace) -> None:
    """Let the org answer nothing that is asked about records."""
    workspace.org.faults.set([{"match": {"path": "/services/data"}, "fault": "silent"}])


@pytest.mark.slow
def test_one_that_takes_too_long_is_stopped(workspace: Workspace) -> None:
    hang(workspace)
    ran = workspace.run("fleet", "diff", "orgs/acme", "--timeout", "1", "--json")
    assert ran.code == 1
    assert codes(ran) == {"acme": 124}
    assert ran.data["counts"] == {"timed_out": 1}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_asked_to_stop_it_tells_what_was_not_begun(
    workspace: Workspace, number: signal.Signals, code: int
) -> None:
    hang(workspace)
    process = workspace.start("fleet", "diff", "orgs", "--jobs", "1", "--json")
    until = time.monotonic() + 20
    while not workspace.org.faults.faults[0].seen and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(number)
    ran = workspace.finish(process)
    assert ran.code == code, ran
    assert ran.document["status"] == "interrupted"
    assert codes(ran) == {"acme": 143, "beta": None, "cosmos": None, "delta": None}
    assert ran.data["counts"]["not begun"] == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("snyc", "orgs"), "did you mean sync"),
        (("sync", "orgs", "--shard", "5/4"), "no shard"),
        (("sync", "orgs", "--config", "x.yaml"), "takes no --config"),
        (("sync",), "CONFIG"),
    ],
)
def test_a_wrong_fleet_is_told_with_exit_code_2(
    workspace: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    ran = workspace.run_in_process("fleet", *arguments, "--json")
    assert ran.code == 2
    assert told in ran.document["errors"][0]["message"]
