"""init takes what it knows, asks a person once, and the next terminal can start."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import yaml

from sfsync.cli.app import run


@pytest.fixture
def init(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """``sfsync init`` in an empty folder, typed by a person who answers so; gives ``org.client_id``."""

    def done(*arguments: str, answers: str | None = None, client_id: str = "") -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SFSYNC_CLIENT_ID", client_id)
        monkeypatch.setattr(sys, "stdin", typed(answers))
        monkeypatch.setattr(sys, "argv", ["sfsync", "init", *arguments])
        assert run() == 0
        written = yaml.safe_load((tmp_path / "sfsync.yaml").read_text(encoding="utf-8"))
        return written["org"]["client_id"]

    return done


def typed(answers: str | None) -> io.StringIO:
    stdin = io.StringIO(answers or "")
    stdin.isatty = lambda: answers is not None  # type: ignore[method-assign]
    return stdin


def test_what_the_environment_says_is_written_so_that_the_next_terminal_can_start(init) -> None:
    assert init(client_id="3MVG9.of_the_shell") == "3MVG9.of_the_shell"


def test_a_person_is_asked_once(init) -> None:
    assert init(answers="3MVG9.typed\n") == "3MVG9.typed"


def test_who_has_no_key_yet_leaves_it_for_later(init) -> None:
    assert init(answers="\n") == "${SFSYNC_CLIENT_ID}"


def test_nobody_is_asked_where_nobody_can_answer(init) -> None:
    assert init() == "${SFSYNC_CLIENT_ID}"
    assert init("--force", "--json", answers="ignored\n") == "${SFSYNC_CLIENT_ID}"


@pytest.mark.parametrize("key", ["12", "true", "a: b", 'a"b', "x #y"])
def test_any_key_is_read_back_as_it_is(init, key: str) -> None:
    assert init("--client-id", key) == key
