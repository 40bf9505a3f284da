"""Offices for the tests of the installed command; see ``office``."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.system.office import Office, open_office


@pytest.fixture(scope="module")
def open_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Office]]:
    """Opens offices that close with the module; takes what ``open_office`` takes."""
    with ExitStack() as stack:
        yield lambda *changes, **given: stack.enter_context(
            open_office(tmp_path_factory.mktemp("office"), *changes, **given)
        )


@pytest.fixture(scope="module")
def office(open_one: Callable[..., Office]) -> Office:
    """An office in its usual state: everything pulled, nothing changed."""
    return open_one()
