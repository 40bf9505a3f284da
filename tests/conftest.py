"""What tests in several folders need."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.prepared import PreparedWorkspaces
from tests.system.workspace import Workspace

JSFORCE = Path(__file__).parent / "system" / "jsforce"
LONG = {"crash", "faults", "trouble", "test_sync_machine.py"}
"""Folders whose tests are many and slow: `make long` runs them, and `pytest` those marked ``always``."""

NodeClient = Callable[..., dict[str, Any]]


IN_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 1 << 30


def pytest_configure() -> None:
    """Keep the tests' folders in memory where the machine has a place for it.

    Most of what the mirror's tests waited for was the disk's confirmation of each commit.
    """
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the suite that runs at every change fast."""
    for item in items:
        within = LONG.intersection(item.path.relative_to(Path(__file__).parent.parent).parts)
        if within and item.get_closest_marker("always") is None:
            item.add_marker("long")


@pytest.fixture(scope="session")
def prepared_workspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedWorkspaces]:
    """Logged in and pulled, each kind set up once per worker; see ``tests/system/prepared.py``."""
    prepared = PreparedWorkspaces(tmp_path_factory.mktemp("prepared"))
    yield prepared
    prepared.close()


@pytest.fixture(scope="module")
def shared_workspace(
    prepared_workspaces: PreparedWorkspaces, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """Everything pulled, nothing changed; tests work at copies of it."""
    with prepared_workspaces.lend(tmp_path_factory.mktemp("workspace")) as workspace:
        yield workspace


@pytest.fixture
def at_a_terminal() -> Iterator[None]:
    """Signals are heard, here and in children, also where the shell that started the tests ignores some.

    A shell without job control starts what runs in the background deaf to Ctrl-C, and nohup deafens
    to the terminal's end; both are inherited.
    """
    heard = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _node_is_missing() -> str | None:
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not (JSFORCE / "node_modules" / "jsforce").is_dir():
        return "jsforce is not installed: run npm ci in tests/system/jsforce"
    return None


@pytest.fixture(scope="session")
def node_client() -> NodeClient:
    """A way to run one job of the jsforce client; without Node a test is skipped, or fails where CI=true."""
    missing = _node_is_missing()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing}, and in CI nothing may be skipped")
    if missing:
        pytest.skip(missing)

    def run(job: str, **given: Any) -> dict[str, Any]:
        done = subprocess.run(
            ["node", str(JSFORCE / "client.mjs")],
            input=json.dumps({"job": job, **given}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return run
