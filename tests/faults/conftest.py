"""Local orgs, each with its mirror, for the tests of faults; see ``local_sides``."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import stamina

from tests.faults.local_sides import LocalOrgs, LocalSides, OpenSides


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Repeats follow at once, as many as in earnest."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture(scope="module")
def local_orgs() -> Iterator[LocalOrgs]:
    """Stops the orgs at the module's end, all at once: that takes less time than one by one."""
    with LocalOrgs() as opened:
        yield opened


@pytest.fixture
def open_sides(
    local_orgs: LocalOrgs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenSides]:
    """Opens orgs with their mirrors for one test; takes what ``LocalOrgs.open`` takes."""
    with ExitStack() as stack:

        def opened(**given: object) -> LocalSides:
            return stack.enter_context(local_orgs.open(tmp_path_factory.mktemp("sides"), **given))

        yield opened


@pytest.fixture
def sides(open_sides: Callable[..., LocalSides]) -> LocalSides:
    """A dozen people, pulled, everything at rest."""
    return open_sides()
