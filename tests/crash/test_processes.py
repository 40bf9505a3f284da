"""The same with real processes: SIGKILL, SIGTERM, Ctrl-C and a failing disk, at named places and commits.

What comes after the end, and the reference, is run in this process: it is the same code and takes a
    tenth.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from sfsync import failpoints
from tests.crash.conftest import BARE
from tests.crash.killable import KillableProgram, points
from tests.crash.processes import Processes
from tests.crash.scene import Scene
from tests.crash.sweep import WORK, Reference, Sweep

pytestmark = pytest.mark.timeout(3_600)
WORK_BY_NAME = {command[0]: command for command in WORK}


@dataclass
class Case:
    sweep: Sweep
    references: dict[str, Reference]


@pytest.fixture(scope="module")
def case(open_scene: Callable[..., Scene]) -> Case:
    return opened(open_scene())


def opened(scene: Scene, *, bulk: bool = False) -> Case:
    scene.workspace.org.bulk.settings.in_progress_polls = 0
    sweep = Sweep(scene, KillableProgram(scene, bulk=bulk), Processes(scene, bulk=bulk))
    return Case(sweep, {reference.command[0]: reference for reference in sweep.record_references()})


@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize(
    ("command", "point", "act"),
    [
        ("pull", ("pull.plain_settled", 1), "kill"),
        pytest.param("push", ("push.sent", 1), "kill", marks=pytest.mark.always),
        ("push", ("push.journaled", 1), "term"),
        ("push-activity", ("activity.sent", 1), "kill"),
        ("push-activity", ("activity.applied", 1), "int"),
        ("sync", ("push.sent", 1), "disk"),
    ],
)  # fmt: skip
def test_a_process_ended_from_outside_leaves_nothing_undone(
    case: Case, command: str, point: tuple[str, int], act: str
) -> None:
    assert not case.sweep.check_interrupted(case.references[command], (point, act))


@pytest.mark.crash
@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize("command", WORK_BY_NAME)
@pytest.mark.parametrize("act", ["kill", "term", "disk"])
def test_ended_at_any_named_place_the_next_run_finishes_the_job(
    case: Case, command: str, act: str
) -> None:
    reference = case.references[command]
    wrong = {}
    for point in points(reference.passed):
        if act == "kill" or point[0] != "commit":
            found = case.sweep.check_interrupted(reference, (point, act))
            wrong |= {point: found} if found else {}

    assert not wrong


@pytest.mark.crash
@pytest.mark.xdist_group("processes without keys")
@pytest.mark.parametrize(
    "name", ["push.journaled", "push.sent", "activity.marked", "activity.sent"]
)
def test_without_keys_in_the_org_what_was_sent_is_found_again(bare: Case, name: str) -> None:
    assert not bare.sweep.check_everywhere(bare.references.values(), "kill", names=name)


@pytest.mark.crash
@pytest.mark.xdist_group("processes by Bulk")
@pytest.mark.parametrize(
    "name", sorted(each for each in failpoints.NAMES if each.startswith("bulk."))
)
def test_a_bulk_job_goes_on_without_its_process_and_is_not_made_twice(
    bulk: Case, name: str
) -> None:
    assert not bulk.sweep.check_everywhere(bulk.references.values(), "kill", names=name)


@pytest.fixture(scope="module")
def bare(open_scene: Callable[..., Scene]) -> Case:
    return opened(open_scene(**BARE))


@pytest.fixture(scope="module")
def bulk(open_scene: Callable[..., Scene]) -> Case:
    return opened(open_scene(), bulk=True)
