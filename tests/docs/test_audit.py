"""The check for known vulnerabilities: it fails where one is known, and says so where nothing is known."""

from __future__ import annotations

import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"
SAFE = {"name": "safe", "version": "1", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "not found on the index"}
VULNERABLE = {
    "name": "broken",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}],
}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ([SAFE], 0, ["1 packages checked, 0 vulnerabilities"]),
        ([SAFE, UNKNOWN], 0, ["NOT CHECKED: 1 of 2 packages", "1 packages checked"]),
        ([SAFE, VULNERABLE], 1, ["broken 2: PYSEC-1; fixed in 2.1", "1 vulnerabilities"]),
        (None, 0, ["NOT CHECKED", "no route to the index"]),
    ],
    ids=["nothing known", "a package that is not checked", "a vulnerability", "no index"],
)
def test_what_is_known_decides(
    answer: list[dict[str, Any]] | None,
    code: int,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = "" if answer is None else json.dumps({"dependencies": answer})
    done = subprocess.CompletedProcess(["pip-audit"], 1, out, "warning\nno route to the index\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert runpy.run_path(str(AUDIT))["main"](["requirements.txt"]) == code
    said = capsys.readouterr().out
    assert [each for each in words if each not in said] == []
