"""The mirror's file: opened with care, written in immediate transactions, its errors translated.

The file is private (``private_file``). It keeps the rollback journal and ``synchronous = EXTRA``:
SQLite before 3.51.3 can corrupt a write-ahead log with two writers
(docs/decisions/0013-a-rollback-journal.md), and one writer with durable commits is all that a sync
needs.

A transaction raises a guard while it runs, so that the triggers which notice people's edits (see
``tables``) let sfsync's own writes pass, and says for the feed of changes who writes, in which run.
The guard is a row of the same file, set and cleared inside the transaction: no other connection ever sees it up, and a crash takes it back with the
rest.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from sfsync.errors import MirrorBusy, MirrorError, SfsyncError, advice_for, shortage
from sfsync.failpoints import reach
from sfsync.mirror.private_file import make_private
from sfsync.model.address import other_spelling
from sfsync.model.record import NotUtf8

Clock: TypeAlias = Callable[[], str]
"""Now, as ``2026-01-20T10:00:00Z``."""

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]

CACHE_KIB = 32_000
"""Page cache, fixed: memory does not grow with the mirror."""

_OLDEST = (3, 37, 0)
"""STRICT tables. Python 3.11 comes with an older SQLite on some systems."""

_SAFE_WAL = (3, 51, 3)
GUARDED, BULK = 1, 2
"""How high the guard is up: ``BULK`` where the feed of changes is told apart from the rows."""

_SET_GUARD = "UPDATE _sync SET guard = ?"
_NAME_WRITER = "UPDATE _sync SET guard = ?, origin = ?, run = ?"
_FORGET_WRITER = "UPDATE _sync SET guard = 0, origin = 'local', run = ''"


class Database:
    """One connection to the mirror's file.

    Args:
        path: the file; it is made, and its folder too, where there is none.
        now: the clock.
        busy_seconds: how long to wait for another program that is writing.

    Attributes:
        run_id: the run under way, if any: what is changed is told with it.

    Raises:
        MirrorError: the file cannot be used.
        MirrorBusy: another program keeps writing.
    """

    def __init__(self, path: Path, *, now: Clock, busy_seconds: float = 10.0) -> None:
        self.path = path
        self.now = now
        self.run_id = ""
        if sqlite3.sqlite_version_info < _OLDEST:
            raise MirrorError(
                f"sfsync needs SQLite 3.37 or newer, and this Python has {sqlite3.sqlite_version}",
                hint="Use a newer Python, for example from python.org or uv.",
            )
        make_private(path)
        with self._translated():
            self._connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
            try:
                self._configure()
            except BaseException:
                self._connection.close()
                raise

    def _configure(self) -> None:
        self._connection.create_function("_other_spelling", 1, _respelled, deterministic=True)
        self._connection.execute("PRAGMA synchronous = EXTRA")
        self._connection.execute("PRAGMA temp_store = FILE")
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        mode = self._connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode == "wal" and sqlite3.sqlite_version_info < _SAFE_WAL:
            self._connection.execute("PRAGMA journal_mode = DELETE")

    @property
    def connection(self) -> sqlite3.Connection:
        """The bare connection, for schema steps."""
        return self._connection

    def close(self) -> None:
        """Close the file; a transaction left open is taken back."""
        self._connection.close()

    # -- reading -----------------------------------------------------------------------------------
    # a statement each, thousands a second: try/except where a context manager would do, for it
    # costs nothing
    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Every row of a query, as tuples."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            return self._reread(error, sql, parameters)

    def row(self, sql: str, parameters: Parameters = ()) -> Any | None:
        """The first row, or ``None``."""
        try:
            return self._connection.execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            found = self._reread(error, sql, parameters)
            return found[0] if found else None

    def _reread(self, error: sqlite3.Error, sql: str, parameters: Parameters) -> list[Any]:
        """The rows of a query that one text which is not UTF-8 has ended, that text marked.

        Other programs can write any bytes as text. Marking costs a call for each text, so it is
        done only where a query has met one.

        Raises:
            SfsyncError: the query ended for another reason.
        """
        if not str(error).startswith("Could not decode to UTF-8"):
            raise translated(error, self.path) from error
        connection = self._connection
        connection.text_factory = _marked
        try:
            return connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as again:
            raise translated(again, self.path) from again
        finally:
            connection.text_factory = str

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """The first column of the first row, or ``None``."""
        found = self.row(sql, parameters)
        return None if found is None else found[0]

    def parsed(self, text: str, *, strict: bool = True) -> Any:
        """What sfsync keeps as JSON.

        Args:
            strict: control characters in strings are damage.

        Raises:
            MirrorError: it is none any more: SQLite notices damage to its own pages, not to what is
                in them.
        """
        try:
            return json.loads(text, strict=strict)
        except ValueError:
            sentence, hint = _MEANINGS["SQLITE_CORRUPT"]
            raise MirrorError(f"{self.path}: {sentence}", hint=hint) from None

    # -- writing -----------------------------------------------------------------------------------
    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """One statement; how many rows it touched."""
        try:
            return self._connection.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def insert(self, sql: str, parameters: Parameters = ()) -> int:
        """One INSERT; the new row's id."""
        try:
            return self._connection.execute(sql, parameters).lastrowid or 0
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def run_many(self, sql: str, parameters: Iterable[Parameters]) -> int:
        """One statement for many rows; how many rows it touched."""
        try:
            return self._connection.executemany(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    @contextmanager
    def transaction(
        self, *, edits: bool = False, origin: str = "", run_id: str = ""
    ) -> Iterator[None]:
        """Everything in the block, or nothing.

        Args:
            edits: what is written to mapped rows counts as edited here, to be pushed.
            origin: who the feed of changes says wrote them: ``salesforce`` where nothing is said,
                and ``local`` for edits. It has to be said for edits to be told with their run.
            run_id: the run that they are told with, where it is another than that under way.

        Raises:
            MirrorBusy: another program kept the file locked for too long.
            MirrorError: no space, no permission, a damaged file.
        """
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                if origin or not edits:
                    guard, writer = 0 if edits else GUARDED, origin or "salesforce"
                    self._connection.execute(_NAME_WRITER, [guard, writer, run_id or self.run_id])
                yield
                if origin or not edits:
                    self._connection.execute(_FORGET_WRITER)
                self._commit()
            except BaseException:
                self._rollback()
                raise

    @contextmanager
    def as_edits(self) -> Iterator[None]:
        """Inside a transaction: what is written in this block counts as edited here."""
        self.run(_SET_GUARD, [0])
        yield
        self.run(_SET_GUARD, [GUARDED])

    @contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Inside a transaction: rows that are inserted in this block are not told one by one."""
        self.run(_SET_GUARD, [BULK])
        yield
        self.run(_SET_GUARD, [GUARDED])

    @contextmanager
    def wiping(self) -> Iterator[None]:
        """What is deleted or replaced in this block is overwritten in the file."""
        before = self.value("PRAGMA secure_delete")
        self.value("PRAGMA secure_delete = ON")
        try:
            yield
        finally:
            self.value(f"PRAGMA secure_delete = {int(before)}")

    @contextmanager
    def temporary(self) -> Iterator[None]:
        """A transaction over temporary tables alone: the mirror's file is not locked."""
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise

    def _commit(self) -> None:
        if not self._connection.in_transaction:
            raise MirrorError(
                f"{self.path}: SQLite took the transaction back; nothing of it was kept"
            )
        self._connection.execute("COMMIT")
        reach("commit")

    def _rollback(self) -> None:
        # a full disk or an I/O error has rolled back already: going on would be autocommit, one
        # half at a time
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error


def _respelled(key: bytes) -> str | None:
    try:
        return other_spelling(key.decode())
    except UnicodeDecodeError:
        return None  # it is no address


def _marked(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return NotUtf8(raw)


def translated(error: sqlite3.Error, path: Path) -> SfsyncError:
    """What an error of SQLite means for a person."""
    name = getattr(error, "sqlite_errorname", "") or ""
    for start, (sentence, hint) in _MEANINGS.items():
        if name.startswith(start):
            if start in ("SQLITE_BUSY", "SQLITE_LOCKED"):
                return MirrorBusy(f"{path}: {sentence}", hint=hint)
            if start in ("SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR"):
                short = shortage(path.parent)
                if short is not None:
                    return MirrorError(f"{path}: {short.strerror}", hint=advice_for(short))
            return MirrorError(f"{path}: {sentence}", hint=hint)
    return MirrorError(
        f"{path}: {error}", hint="Look at the file with `sqlite3 FILE 'PRAGMA integrity_check'`."
    )


_MEANINGS = {
    "SQLITE_BUSY": (
        "another program is writing in the mirror",
        "Wait until it is done, or close the tool that holds a transaction open, then try again.",
    ),
    "SQLITE_LOCKED": (
        "the mirror is locked by another part of this program",
        "Try again; please report it if it stays so.",
    ),
    "SQLITE_FULL": (
        "the disk is full; nothing half-written was kept",
        "Make room, then run the same command again.",
    ),
    "SQLITE_READONLY": (
        "the mirror cannot be written",
        "Give yourself write permission on the file and on its folder.",
    ),
    "SQLITE_CANTOPEN": (
        "the mirror cannot be opened",
        "Look at the permissions of the file and of its folder.",
    ),
    "SQLITE_PERM": (
        "the mirror cannot be opened",
        "Look at the permissions of the file and of its folder.",
    ),
    "SQLITE_NOTADB": (
        "this file is not an SQLite database",
        "Point mirror.path at another file, or restore a backup.",
    ),
    "SQLITE_CORRUPT": (
        "the mirror is damaged",
        "Restore a backup, or move the file away: `sfsync pull --full` reads everything again.",
    ),
    "SQLITE_IOERR": (
        "reading or writing the mirror failed",
        "Look at the disk, then run the same command again.",
    ),
}


@lru_cache(maxsize=4096)
def quoted(name: str) -> str:
    """A name as SQL wants it.

    >>> print(quoted("first_name"))
    "first_name"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Text as it stands between the quotes of an SQL string.

    >>> literal("O'Hara")
    "O''Hara"
    """
    return text.replace("'", "''")
