"""The first things a newcomer runs: help, version and the demo."""

import json
import re
import resource
import subprocess
import sys

import pytest

from tests.system.prepared import environment
from tests.system.workspace import KEYS, SFSYNC

STEPS = [
    "Log in", "Pull contacts and leads into the mirror", "Hand in the same file again", "Edit both sides",
    "An opt-out", "Deletions, merges, converted leads", "Work in real time", "Sync once more",
]  # fmt: skip


def sfsync(folder, *arguments):
    return subprocess.run(
        [SFSYNC, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, encoding="utf-8",
        timeout=100, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo in an empty folder, for programs."""
    folder = tmp_path_factory.mktemp("newcomer")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = sfsync(folder, "demo", "--json")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return folder, ran, seconds


@pytest.fixture(scope="module")
def second(demo):
    """Once more beside it, for people."""
    return sfsync(demo[0], "demo", "--seed", "3")


def document(demo):
    return json.loads(demo[1].stdout)


def test_the_demo_succeeds_in_an_empty_folder(demo):
    assert demo[1].returncode == 0, demo[1].stdout + demo[1].stderr
    assert list(document(demo)) == KEYS


def test_the_demo_takes_less_than_twenty_seconds_of_work(demo):
    assert demo[2] < 20


@pytest.mark.parametrize("step", STEPS)
def test_the_demo_shows_this_step(demo, step):
    assert step in {one["step"] for one in document(demo)["data"]["steps"]}


def test_the_demo_ends_with_a_sync_that_writes_nothing(demo):
    last = document(demo)["data"]["steps"][-1]
    assert last["commands"] == ["sfsync sync"]
    assert last["checks"] == ["not one write to Salesforce"]


def test_the_demo_shows_a_delivery_become_one_task_within_seconds(demo):
    step = document(demo)["data"]["steps"][-2]
    assert step["commands"] == ["sfsync listen"]
    within, once, edited = step["checks"]
    assert edited.endswith("it is in the mirror, by Salesforce's change events")
    assert float(re.match(r"after ([\d.]+) s it is a Task in Salesforce: “.+”$", within)[1]) < 20
    assert once == "told twice, it is one Task"


def test_what_the_demo_started_has_ended(demo):
    status = sfsync(demo[0] / "sfsync-demo", "status", "--json")
    listener = json.loads(status.stdout)["data"]["inbox"]["listener"]
    assert (listener["pid"], listener["trouble"]) == (None, None)


@pytest.mark.slow
def test_the_demo_keeps_its_folder_and_never_takes_one_that_is_there(demo, second):
    folder = demo[0]
    assert second.returncode == 0, second.stdout + second.stderr
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["sfsync-demo", "sfsync-demo-2"]
    assert (folder / "sfsync-demo" / "mirror.db").stat().st_size > 0


@pytest.mark.slow
def test_the_demo_tells_people_each_command_and_what_it_found(second):
    told = second.stdout
    assert "$ sfsync push-activity events.jsonl" in told
    assert "✓ no second Task" in told
    assert "\x1b" not in told + second.stderr


# -- help ------------------------------------------------------------------------------------------
def test_help_loads_no_library_it_can_do_without():
    bare = {name: value for name, value in environment().items() if not name.startswith("COV")}
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", SFSYNC, "--help"],
        env=bare, capture_output=True, text=True, encoding="utf-8", timeout=60, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert "sfsync" in loaded
    assert not loaded & {
        "typer",
        "rich",
        "simple_salesforce",
        "requests",
        "sqlite3",
        "yaml",
        "keyring",
        "pydantic",
    }
    assert "push-activity" in ran.stdout


def test_the_version_is_told(tmp_path):
    from sfsync import __version__

    assert sfsync(tmp_path, "--version").stdout.strip() == f"sfsync {__version__}"
