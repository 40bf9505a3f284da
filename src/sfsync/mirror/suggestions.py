"""What a shell may complete from a mirror: looked up from outside, at once, and nothing where it cannot be had."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

MOST = 50
"""More are no help in a list."""

Suggestion = tuple[str, str]
"""A value, and what it is, in a few words: no people's data."""

_RUNS: Final = "SELECT run_id, command || ' ' || substr(started_at, 1, 10) FROM runs ORDER BY started_at DESC LIMIT ?"
_CONFLICTS: Final = (
    "SELECT id, object || ' ' || \"column\" FROM conflicts WHERE state = 'open' ORDER BY id LIMIT ?"
)
_QUARANTINED: Final = (
    "SELECT id, kind || ' ' || code FROM quarantine WHERE state = 'open' ORDER BY id LIMIT ?"
)


def run_ids(mirror: Path) -> list[Suggestion]:
    """The latest runs, newest first."""
    return _found(mirror, _RUNS)


def conflict_ids(mirror: Path) -> list[Suggestion]:
    """The conflicts that wait for a person."""
    return _found(mirror, _CONFLICTS)


def quarantine_ids(mirror: Path) -> list[Suggestion]:
    """What is open in quarantine."""
    return _found(mirror, _QUARANTINED)


def _found(mirror: Path, statement: str) -> list[Suggestion]:
    try:
        with closing(
            sqlite3.connect(f"{mirror.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
        ) as connection:
            rows = connection.execute(statement, [MOST]).fetchall()
    except sqlite3.Error:
        return []
    return [(str(value), str(words or "")) for value, words in rows]
