"""Workspaces for the tests of the installed command; see ``workspace``."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import stamina

from tests.system.prepared import PreparedWorkspaces
from tests.system.workspace import Workspace


@pytest.fixture(scope="module")
def new_workspace(
    prepared_workspaces: PreparedWorkspaces, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Workspace]]:
    """Lends workspaces to the module; takes what ``prepared.set_up`` takes."""
    with ExitStack() as stack:
        yield lambda *changes, **given: stack.enter_context(
            prepared_workspaces.lend(tmp_path_factory.mktemp("workspace"), *changes, **given)
        )


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    """A workspace in its usual state: everything pulled, nothing changed."""
    return new_workspace()


@pytest.fixture
def quiet_workspace(shared_workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A copy with nothing to do, where a repeat waits for nothing; the org is shared."""
    workspace = shared_workspace.copied(tmp_path)
    with stamina.set_testing(True, attempts=3, cap=True):
        workspace.stderr_of("sync", expect=0)
        yield workspace
    workspace.org.faults.clear()
