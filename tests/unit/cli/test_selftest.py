"""selftest: what it says, to people and to programs, and that it leaves everything of theirs alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sfsync.cli import selftest as module
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.selftest import runs as worlds


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(*, as_json: bool = False, **options: int) -> int:
    cli = Cli("selftest", as_json=as_json, environ={})
    return perform(cli, lambda: module.selftest(cli, **options))


@pytest.mark.slow
def test_it_tells_what_was_tried_and_touches_nothing(
    capsys: pytest.CaptureFixture[str], elsewhere: Path
) -> None:
    assert run(seed=3, schedules=2) == 0
    told = capsys.readouterr()
    assert "seed 3" in told.err
    assert "2 schedules from seed 3" in told.out
    assert "Every promise held." in told.out
    assert list(elsewhere.iterdir()) == []


def test_the_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(as_json=True, seed=3, schedules=2) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert (data["seed"], data["schedules"], data["result"]) == (3, 2, "held")
    assert data["steps"] == sum(data["steps_by_rule"].values()) > 0
    assert data["crashes"] == data["runs_by_end"].get("died", 0)
    assert data["checks"] == sum(data["checks_by_promise"].values())


def test_it_ends_with_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(as_json=True, seed=3, seconds=0) == 0
    assert json.loads(capsys.readouterr().out)["data"]["schedules"] == 1


@pytest.mark.slow
def test_a_broken_promise_is_exit_code_1_with_the_line_that_plays_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(worlds.VERBS, "sync", worlds.VERBS["pull"])  # a sync that sends nothing
    assert run(seed=7, schedules=20) == 1
    told = capsys.readouterr().out
    assert "both sides hold the same" in told or "comes to an end" in told
    seed = int(told.rpartition("--seed ")[2].split()[0])
    assert told.rstrip().endswith(f"Play it again: sfsync selftest --seed {seed} --schedules 1")
    assert run(as_json=True, seed=seed, schedules=1) == 1
    failure = json.loads(capsys.readouterr().out)["data"]["failure"]
    assert failure["seed"] == seed
    assert failure["broken"]
    assert failure["log"]


@pytest.mark.long
@pytest.mark.slow
def test_several_cores_play_the_same_schedules(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(as_json=True, seed=3, schedules=3, jobs=2) == 0
    together = json.loads(capsys.readouterr().out)["data"]
    assert run(as_json=True, seed=3, schedules=3) == 0
    alone = json.loads(capsys.readouterr().out)["data"]
    same = ("schedules", "steps", "runs", "faults", "steps_by_rule", "faults_by_kind")
    assert {name: together[name] for name in same} == {name: alone[name] for name in same}
