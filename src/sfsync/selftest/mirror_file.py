"""The mirror's file: as the process of a run has it open, and as any other SQLite tool does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sfsync.mirror.store import SqliteMirror
from sfsync.model.mapping import SyncMapping
from sfsync.selftest.people import connection_of, tell_time


class MirrorFile:
    """One file, opened when it is wanted.

    Args:
        now: this machine's clock.

    Attributes:
        mapping: what the mirror is prepared for when it is opened; to be set before.
    """

    mapping: SyncMapping

    def __init__(self, path: Path, now: Callable[[], str]) -> None:
        self.path = path
        self._now = now
        self._mirror: SqliteMirror | None = None
        self._tool: sqlite3.Connection | None = None

    @property
    def opened(self) -> SqliteMirror | None:
        """The mirror, where the process has it open."""
        return self._mirror

    def open(self) -> SqliteMirror:
        """The mirror as the process has it open."""
        if self._mirror is None:
            self._mirror = SqliteMirror(self.path, now=self._now, busy_seconds=1)
            tell_time(self._mirror._database.connection, self._now)  # noqa: SLF001  the one clock of the world
            self._mirror.prepare(self.mapping)
        return self._mirror

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        """Every row of a statement's result, by another tool."""
        self.open()
        if self._tool is None:
            self._tool = connection_of(str(self.path), self._now)
        return self._tool.execute(sql, parameters).fetchall()

    def close_mirror(self) -> None:
        """The process that had the mirror open is gone; the other tool may stay."""
        if self._mirror is not None:
            self._mirror.close()
            self._mirror = None

    def close(self) -> None:
        """Nothing has the file open."""
        self.close_mirror()
        if self._tool is not None:
            self._tool.close()
            self._tool = None
