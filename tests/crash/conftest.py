"""Scenes for the crash tests, each with its work prepared; and, at the end, how much was tried."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.crash.scene import Scene, prepare_work
from tests.crash.sweep import TALLY, Tally
from tests.system.prepared import open_workspace

BARE = {"custom_fields": False, "task_external_id": False}
"""An org in which no record can carry a key of ours."""


@pytest.fixture(autouse=True)
def hearing(at_a_terminal: None) -> None:
    """Every test may send signals, to itself and to its children."""


@pytest.fixture(scope="module")
def open_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Scene]]:
    """Opens scenes that close with the module; takes what ``open_workspace`` takes of the org."""
    with ExitStack() as stack:

        def opened(**org: Any) -> Scene:
            folder = tmp_path_factory.mktemp("scene")
            workspace = stack.enter_context(
                open_workspace(folder, **{"contacts": 12, "leads": 4, **org})
            )
            scene = Scene(workspace)
            prepare_work(scene)
            return scene

        yield opened


@pytest.fixture(autouse=True)
def tallied(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Tell the controlling process what was tried since the last test."""
    yield
    record_property("crash", json.dumps(TALLY.taken()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was tried, and how much of it went wrong."""
    whole = Tally()
    for report in terminalreporter.stats.get("", []):  # where a teardown that went well is kept
        told = dict(report.user_properties).get("crash")
        if told is not None and report.when == "teardown":
            whole.add(json.loads(str(told)))
    wrong = len(terminalreporter.getreports("failed"))
    terminalreporter.write_line(f"{whole}; {wrong} tests failed")
