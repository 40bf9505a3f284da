"""Scenes for the crash tests, each with its work prepared."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.crash.scene import Scene, prepare
from tests.system.office import open_office

BARE = {"custom_fields": False, "task_external_id": False}
"""An org in which no record can carry a key of ours."""


@pytest.fixture(autouse=True)
def hearing(at_a_terminal: None) -> None:
    """Every test may send signals, to itself and to its children."""


@pytest.fixture(scope="module")
def open_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Scene]]:
    """Opens scenes that close with the module; takes what ``open_office`` takes of the org."""
    with ExitStack() as stack:

        def opened(**org: Any) -> Scene:
            folder = tmp_path_factory.mktemp("scene")
            office = stack.enter_context(open_office(folder, **{"contacts": 12, "leads": 4, **org}))
            scene = Scene(office)
            prepare(scene)
            return scene

        yield opened
