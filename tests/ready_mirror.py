"""A mirror's file with all its tables in it, copied: to make the tables takes most of a short test's time."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sfsync.mirror.store import SqliteMirror
from sfsync.model.mapping import SyncMapping

MOST_KEPT = 16
"""Mappings whose file is kept: a few are used by many tests, and most others once."""

_KEY = b"the key."
"""Of the files that are kept, as long as a mirror's own, and nowhere else in them."""

_kept: list[tuple[SyncMapping, bytes]] = []


def write_ready_mirror(path: Path, mapping: SyncMapping) -> None:
    """Write what ``SqliteMirror`` makes of a new file for this mapping, with a key of its own; a file stays as it is."""
    if path.exists():
        return
    path.touch(mode=0o600)
    path.write_bytes(_made_for(mapping).replace(_KEY, secrets.token_hex(4).encode()))


def _made_for(mapping: SyncMapping) -> bytes:
    for known, made in _kept:
        if known == mapping:
            return made
    made = _made(mapping)
    _kept.append((mapping, made))
    del _kept[:-MOST_KEPT]
    return made


def _made(mapping: SyncMapping) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mirror.db"
        path.touch(mode=0o600)
        path.write_bytes(_without_mapping())
        with SqliteMirror(path, now=lambda: "2026-01-20T10:00:00Z") as mirror:
            mirror.prepare(mapping)
        return path.read_bytes()


@cache
def _without_mapping() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mirror.db"
        SqliteMirror(path, now=lambda: "2026-01-20T10:00:00Z").close()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE _sync SET mirror_key = ?", [_KEY.decode()])
        return path.read_bytes()
