"""Shards of a fleet as an array of a real Slurm, whose node dies in the middle of a write."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from sfsync.planning.shards import shard_of
from tests.docs.pages import blocks
from tests.slurm import Slurm, need_slurm, slurm, until
from tests.system.workspace import SFSYNC, Workspace, event

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
NAMES = ("acme", "beta", "cosmos", "delta", "ember", "fjord")
TASKS_ARE_SENT = {"method": "PATCH", "path": "/composite/sobjects/Task"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Slurm]:
    need_slurm()
    folder = tmp_path / "slurm"
    folder.mkdir()
    with slurm(folder) as running:
        yield running


def orgs_with_work(workspace: Workspace) -> Path:
    """Configurations, each with two events that wait for the next sync."""
    orgs = workspace.folder / "orgs"
    for who, name in zip(workspace.people(), NAMES, strict=True):
        (orgs / name).mkdir(parents=True)
        one = workspace.copied(orgs / name)
        email = workspace.record(who)["Email"]
        events = [event("email_replied", email, key=f"{name}-{number}") for number in (1, 2)]
        lines = "\n".join(map(json.dumps, events)).encode()
        with FileLock(f"{one.mirror}.lock"):  # so that they are kept and not sent
            one.run_in_process("push-activity", "-", stdin=lines)
    return orgs


def script(folder: Path) -> Path:
    """The one of the documentation, for two shards."""
    [text] = [block.text for block in blocks("text") if "#SBATCH" in block.text]
    path = folder / "job.sh"
    path.write_text(text.replace("--array=1-4 --cpus-per-task=2", "--array=1-2").replace("exec sfsync", f"exec {SFSYNC}"))  # fmt: skip
    return path


def test_a_shard_whose_node_dies_is_repeated_and_nothing_is_lost_or_doubled(
    cluster: Slurm, new_workspace: Callable[..., Workspace]
) -> None:
    workspace = new_workspace(contacts=len(NAMES), leads=1)
    orgs = orgs_with_work(workspace)
    people = workspace.people()
    assert {shard_of(f"{name}/sfsync.yaml", 2) for name in NAMES} == {1, 2}
    # The Tasks are made there, and the answer never comes: whoever repeats that blindly doubles them.
    workspace.org.faults.set(
        [{"match": TASKS_ARE_SENT, "times": 2, "fault": "silent", "args": {"done": True}}]
    )
    job = cluster.submit(script(cluster.folder), ORGS=str(orgs), **workspace.environ)
    until(lambda: workspace.org.faults.faults[0].fired == 2 and len(workspace.tasks()) >= 4)
    cluster.crash_node()
    until(lambda: {task["JobState"] for task in cluster.tasks(job)} == {"COMPLETED"})

    assert [task["Restarts"] for task in cluster.tasks(job)] == ["1", "1"], cluster.logs()
    assert Counter(task["WhoId"] for task in workspace.tasks()) == dict.fromkeys(people, 2)
