"""The thread that sends webhooks: whatever goes wrong there is told once, and neither ends it nor keeps its end waiting."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sfsync.cli import outgoing_thread
from sfsync.cli.invocation import Cli
from sfsync.cli.listen_metrics import Metrics
from sfsync.cli.outgoing import troubles
from sfsync.cli.outgoing_thread import OutgoingThread
from tests.unit.config.files import SMALLEST, load


def test_trouble_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing_thread, "TROUBLE_SECONDS", 0.01)
    (tmp_path / "mirror.db").write_bytes(b"this is no database, and long enough to be none" * 20)
    said: list[str] = []
    tries: list[float] = []
    sending = outgoing_thread.sending

    def counted(*given: object) -> object:
        tries.append(time.monotonic())
        return sending(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(outgoing_thread, "sending", counted)
    thread = OutgoingThread(Cli("listen"), load(tmp_path, SMALLEST), [], Metrics(), said.append)
    while len(tries) < 3:
        time.sleep(0.01)
    thread.stop()
    assert len(said) == 1
    assert "not an SQLite database" in said[0]


def test_without_endpoints_it_ends_by_itself(tmp_path: Path) -> None:
    thread = OutgoingThread(Cli("listen"), load(tmp_path, SMALLEST), [], Metrics(), print)
    thread._thread.join(10)
    assert not thread._thread.is_alive()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, []),
        ({"state": "new"}, []),
        ({"failing_since": "2026-01-20T10:00:00Z"}, ["has failed since", "3 messages waiting"]),
        (
            {"state": "paused", "reason": "nothing but failures"},
            ["is paused", "webhook resume crm"],
        ),
        ({"given_up": 1}, ["1 message", "given up"]),
        ({"lost": 2}, ["2 changes were forgotten", "read the tables whole"]),
    ],
)
def test_what_people_are_told_of_an_endpoint(told: dict[str, object], words: list[str]) -> None:
    well = {
        "endpoint": "crm", "state": "active", "waiting": 3, "reason": None, "failing_since": None,
        "last_answer": "HTTP 500", "given_up": 0, "lost": 0,
    }  # fmt: skip
    sentences = list(troubles([well | told]))
    assert len(sentences) == bool(words)
    assert all(word in sentences[0] for word in words)
