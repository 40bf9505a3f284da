"""undo, apply and purge, ended by SIGKILL: the same command again ends where an undisturbed one ends."""

import signal
from collections.abc import Callable

import pytest

from tests.crash.scene import FinalState, Scene, differences

pytestmark = pytest.mark.timeout(600)
KILLED = -signal.SIGKILL
EDITS = (
    "UPDATE contacts SET phone = 'new ' || id WHERE deleted_at IS NULL",
    "UPDATE leads SET city = 'Newtown' WHERE deleted_at IS NULL",
)
WRITING = ["push.journaled", "push.sent", "push.settled", "commit"]


@pytest.fixture(scope="module")
def scene(open_scene: Callable[..., Scene]) -> Scene:
    """Both sides agree; then people edit here, and a plan of it is kept."""
    scene = open_scene()
    workspace = scene.workspace
    workspace.run_in_process("sync")
    workspace.run_in_process("sync")
    for edit in EDITS:
        workspace.sql(edit)
    assert workspace.run_in_process("diff", "--out", "plan.json").code == 0
    scene.checkpoint("edited")
    return scene


@pytest.fixture(scope="module")
def pushed(scene: Scene) -> str:
    """The run that sent these edits."""
    scene.restore("edited")
    run_id = scene.workspace.run_in_process("push", "--json").document["run_id"]
    scene.checkpoint("pushed")
    return run_id


def same_end(scene: Scene, place: str, point: str, *command: str, done: tuple[int, ...]) -> None:
    """Undisturbed, and killed and run again: both sides end alike, and the org got each write once."""

    def ended() -> tuple[FinalState, list]:
        assert scene.workspace.run_in_process(*command).code in done
        scene.check_file()
        assert scene.unsettled_counts() == (0, 0)
        return scene.final_state(), sorted(map(str, scene.writes))

    scene.restore(place)
    end, wrote = ended()
    scene.restore(place)
    name, _, nth = point.partition("@")
    ran = scene.workspace.run(*command, SFSYNC_FAILPOINTS=f"{name}=kill@{nth or 1}")
    assert ran.code == KILLED, ran
    scene.check_file()
    again, wrote_again = ended()
    assert differences(end, again) == []
    assert wrote_again == wrote


@pytest.mark.parametrize(
    "point", [*WRITING, "commit@2", "commit@3", "call.begun@2", "call.answered@2"]
)
def test_an_undo_that_was_killed_goes_on(scene: Scene, pushed: str, point: str) -> None:
    same_end(scene, "pushed", point, "undo", pushed, "--yes", done=(0, 3))


@pytest.mark.parametrize("point", WRITING)
def test_a_kept_plan_that_was_cut_short_goes_on(scene: Scene, point: str) -> None:
    same_end(scene, "edited", point, "apply", "plan.json", done=(0, 3))


@pytest.mark.parametrize("point", ["commit"])
def test_a_purge_that_was_killed_leaves_a_whole_person_or_none(scene: Scene, point: str) -> None:
    scene.restore("edited")
    [row, *_] = scene.workspace.sql(
        "SELECT email FROM contacts WHERE email LIKE '%@%' AND deleted_at IS NULL"
    )
    same_end(scene, "edited", point, "purge", row["email"], "--yes", "--lose-opt-out", done=(0,))
