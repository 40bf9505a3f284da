"""A mirror read from outside: nothing is made, changed, locked or migrated."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sfsync.mirror.runs import GOOD


@dataclass(frozen=True, slots=True)
class Overview:
    """What a mirror says of itself.

    Attributes:
        org_id: empty where it was never logged in.
        notes: small facts by name.
        trouble: why nothing could be seen, for people; else empty.
    """

    org_id: str = ""
    last_good_run: str = ""
    notes: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


_OPEN = {
    "quarantine": "SELECT count(*) FROM quarantine WHERE state = 'open'",
    "conflicts": "SELECT count(*) FROM conflicts WHERE state = 'open'",
}


def count_open(path: Path) -> dict[str, int]:
    """How much is in quarantine, and how many conflicts are open; nothing where that cannot be read now."""
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
        ) as connection:
            return {
                name: int(connection.execute(asked).fetchone()[0]) for name, asked in _OPEN.items()
            }
    except sqlite3.Error:
        return {}


def read_overview(path: Path) -> Overview | None:
    """Look at a mirror's file; ``None`` where there is none."""
    if not path.exists():
        return None
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
        ) as connection:
            org_id = connection.execute("SELECT org_id FROM _sync").fetchone()
            marks = ", ".join("?" * len(GOOD))
            last = connection.execute(
                f"SELECT max(finished_at) FROM runs WHERE status IN ({marks})",
                GOOD,
            ).fetchone()
            notes = connection.execute("SELECT name, value FROM _notes").fetchall()
    except sqlite3.Error as error:
        return Overview(trouble=f"cannot be read: {error}")
    return Overview(
        str(org_id[0] or "") if org_id else "",
        str(last[0] or "") if last else "",
        {str(name): str(value) for name, value in notes},
    )
