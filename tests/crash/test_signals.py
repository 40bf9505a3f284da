"""Asked to stop, a run finishes its batch and keeps it; asked twice, it ends at once. The org says what it saw."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.crash.scene import Scene
from tests.system.workspace import CommandResult

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("signals")]
SIGNALS = [(signal.SIGTERM, "term", 143), (signal.SIGINT, "int", 130)]


@dataclass
class Reference:
    """What the org was made to write by a push that nobody disturbed."""

    writes: Counter[Any]
    created: Counter[str]


@pytest.fixture(scope="module")
def at_rest(open_scene: Callable[..., Scene]) -> tuple[Scene, Reference]:
    """Pulled, so that all there is to do is to push; and how that ends, one record of it refused."""
    scene = open_scene()
    scene.workspace.do_in_process("pull")
    scene.checkpoint("pulled")
    scene.restore("pulled")
    assert scene.workspace.run_in_process("push", "--json").code == 3
    return scene, Reference(Counter(scene.writes), scene.created.copy())


@pytest.fixture
def scene(at_rest: tuple[Scene, Reference]) -> Scene:
    """Pulled, and nothing pushed yet."""
    at_rest[0].restore("pulled")
    return at_rest[0]


@pytest.fixture
def reference(at_rest: tuple[Scene, Reference]) -> Reference:
    return at_rest[1]


def unsettled(scene: Scene) -> int:
    return sum(scene.unsettled_counts())


def stopped_runs(scene: Scene) -> list[str]:
    return [
        row["status"]
        for row in scene.workspace.sql("SELECT status FROM runs ORDER BY started_at, rowid")
    ]


@pytest.mark.parametrize(("number", "act", "code"), SIGNALS)
def test_the_batch_under_way_is_finished_kept_and_told(
    scene: Scene, reference: Reference, number: signal.Signals, act: str, code: int
) -> None:
    ran = scene.workspace.run("push", "--json", SFSYNC_FAILPOINTS=f"push.journaled={act}")

    assert ran.code == code, ran
    assert (ran.document["status"], ran.document["exit_code"]) == ("interrupted", code)
    assert "Traceback" not in ran.err
    assert scene.writes, "what was journaled has been sent"
    assert unsettled(scene) == 0, "and its outcome was kept"
    assert stopped_runs(scene)[-1] == "interrupted"
    assert scene.workspace.run_in_process("push", "--json").code == 0, (
        "what was refused is put aside already"
    )
    assert (Counter(scene.writes), scene.created) == (reference.writes, reference.created)


@pytest.mark.always
@pytest.mark.parametrize(("number", "act", "code"), SIGNALS)
def test_asked_twice_it_ends_at_once_and_the_next_run_looks_before_it_repeats(
    scene: Scene, reference: Reference, number: signal.Signals, act: str, code: int
) -> None:
    ran = scene.workspace.run(
        "push", "--json", SFSYNC_FAILPOINTS=f"push.journaled={act},push.sent={act}"
    )

    assert ran.code == code, ran
    assert ran.document["status"] == "interrupted"
    assert scene.writes, "the org has it"
    assert unsettled(scene) > 0, "and nobody waited to keep that"
    assert scene.workspace.run_in_process("push", "--json").code == 3
    assert unsettled(scene) == 0
    assert (Counter(scene.writes), scene.created) == (reference.writes, reference.created)


@pytest.mark.parametrize(("number", "act", "code"), SIGNALS)
def test_while_the_org_keeps_it_waiting_the_second_signal_ends_it(
    scene: Scene, reference: Reference, number: signal.Signals, act: str, code: int
) -> None:
    """The first signal comes at a named place, the second one while a call hangs."""
    door, hung = scene.workspace.org.app, []

    async def hang(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["path"].startswith("/services/data") and scope["method"] != "GET" and not hung:
            hung.append(scope["path"])
            process.send_signal(number)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await app(scope, receive, send)

    app, door._app = door._app, hang
    try:
        process = scene.workspace.start("push", "--json", SFSYNC_FAILPOINTS=f"push.journaled={act}")
        ran = ended(process)
    finally:
        door._app = app

    assert hung
    assert ran.code == code, ran
    assert ran.document["status"] == "interrupted"
    assert "Traceback" not in ran.err
    assert not scene.writes
    assert scene.workspace.run_in_process("push", "--json").code == 3
    assert (Counter(scene.writes), scene.created) == (reference.writes, reference.created)


def ended(process: subprocess.Popen[str]) -> CommandResult:
    """Well before the time that a drain may take."""
    try:
        out, err = process.communicate(timeout=25)
    finally:
        process.kill()
    return CommandResult(process.returncode, out, err)
