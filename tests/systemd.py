"""systemd's own opinion of units."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def verified(folder: Path, kind: str) -> subprocess.CompletedProcess[str]:
    """``systemd-analyze verify`` of all units in a folder; skips the test where it is not installed, but for CI.

    Args:
        kind: ``--user`` or ``--system``.
    """
    analyze = shutil.which("systemd-analyze")
    if analyze is None and os.environ.get("CI") != "true":
        pytest.skip("systemd-analyze is not installed")
    assert analyze is not None, "in CI nothing may be skipped"
    home = str(folder.parent)
    return subprocess.run(
        [analyze, kind, "verify", *map(str, sorted(folder.iterdir()))],
        env={"XDG_RUNTIME_DIR": home, "PATH": os.environ["PATH"], "HOME": home},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
