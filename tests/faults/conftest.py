"""Pairs of an org and a mirror for the tests of trouble; see ``pair``."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import stamina

from tests.faults.pair import Opener, Pair, Pairs


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Repeats follow at once, as many as in earnest."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture(scope="module")
def pairs() -> Iterator[Pairs]:
    """Stops the orgs at the module's end, all at once: that takes less time than one by one."""
    with Pairs() as opened:
        yield opened


@pytest.fixture
def open_one(pairs: Pairs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opener]:
    """Opens pairs for one test; takes what ``Pairs.open`` takes."""
    with ExitStack() as stack:

        def opener(**given: object) -> Pair:
            return stack.enter_context(pairs.open(tmp_path_factory.mktemp("pair"), **given))

        yield opener


@pytest.fixture
def pair(open_one: Callable[..., Pair]) -> Pair:
    """A dozen people, pulled, everything at rest."""
    return open_one()
