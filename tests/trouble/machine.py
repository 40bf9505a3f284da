"""What can be wrong with a machine, put on for the length of a block and taken off again."""

from __future__ import annotations

import ctypes
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sfsync import failpoints
from sfsync.mirror.database import Database
from sfsync.mirror.store import SqliteMirror

_OVERRIDES = 0b1110
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER: what lets root pass every permission."""


@contextmanager
def without_roots_power() -> Iterator[None]:
    """Let file permissions hold for this thread, even where the tests run as root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    less = (ctypes.c_uint32 * 6)(*held)
    less[0] &= ~_OVERRIDES
    assert libc.capset(header, less) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0


@contextmanager
def disk_with_room_for(pages: int) -> Iterator[None]:
    """The mirror's file may grow by so many pages, and no more."""
    configure = Database._configure

    def with_little_room(database: Database) -> None:
        configure(database)
        size = database.connection.execute("PRAGMA page_count").fetchone()[0]
        database.connection.execute(f"PRAGMA max_page_count = {size + pages}")

    with mock.patch.object(Database, "_configure", with_little_room):
        yield


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """No file may grow beyond this: writing beyond it is refused by the system (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def patience_of(seconds: float) -> Iterator[None]:
    """How long sfsync waits for another program that writes in the mirror: ten seconds usually."""
    with mock.patch.dict(SqliteMirror.__init__.__kwdefaults__, busy_seconds=seconds):
        yield


@contextmanager
def another_program_writing(path: Any) -> Iterator[sqlite3.Connection]:
    """Another program with a transaction open on the mirror."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


class At:
    """Does something when a run passes a place, the first time."""

    bulk_from: int | None = None

    def __init__(self, place: str, do: Callable[[], object]) -> None:
        assert place in failpoints.NAMES
        self._place, self._do, self.passed = place, do, 0

    def hit(self, name: str) -> None:
        """A place is passed."""
        if name == self._place:
            self.passed += 1
            if self.passed == 1:
                self._do()


@contextmanager
def at(place: str, do: Callable[[], object]) -> Iterator[At]:
    """Do this when the next run here passes that place; it has to."""
    watch = At(place, do)
    failpoints.arm(watch)  # type: ignore[arg-type]
    try:
        yield watch
    finally:
        failpoints.arm(None)
    assert watch.passed, f"{place} was never passed"


@contextmanager
def under_umask(mask: int) -> Iterator[None]:
    """Files are born under this umask."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
