"""One run at a time, by a lock of the operating system's, which a killed run never leaves held.

Who holds it, and since when, is a note in the mirror, for the message to the one who has to wait.
The note is never used to decide.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sfsync.errors import MirrorBusy, MirrorError
from sfsync.mirror.database import Database

HOLDER = "lock_holder"


@contextmanager
def run_lock(
    database: Database, run_id: str, command: str, *, timeout_seconds: float = 0
) -> Iterator[None]:
    """Hold the mirror's lock.

    Raises:
        MirrorBusy: another run holds it; the message names the run and since when.
    """
    path = database.path.with_name(database.path.name + ".lock")
    lock = FileLock(path, timeout=timeout_seconds, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise MirrorBusy(
            f"{database.path}: {_sentence(database)}",
            hint="Wait for it to end; for cron there is --skip-if-locked.",
        ) from error
    except OSError as error:
        raise MirrorError(
            f"{path}: the lock cannot be taken: {error.strerror}",
            hint="Give yourself write permission on the mirror's folder.",
        ) from error
    try:
        _make_private(path)
        _note_holder(database, run_id, command)
        yield
    finally:
        lock.release()


def holder(database: Database) -> tuple[str, str] | None:
    """Who holds the lock, in a sentence, and since when (perhaps empty); ``None`` if nobody."""
    path = database.path.with_name(database.path.name + ".lock")
    if not path.exists():
        return None
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        kept = database.value("SELECT value FROM _notes WHERE name = ?", [HOLDER])
        since = str(database.parsed(kept)["since"]) if kept else ""
        return _sentence(database), since
    except OSError:
        return None
    lock.release()
    return None


def _make_private(path: Path) -> None:
    """In a container another user may have made it, whose file it stays."""
    if not path.exists():
        return
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(0o600)


def _note_holder(database: Database, run_id: str, command: str) -> None:
    note = json.dumps(
        {"run_id": run_id, "command": command, "since": database.now(), "pid": os.getpid()}
    )
    with database.transaction(edits=True):
        database.run(
            "INSERT INTO _notes (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [HOLDER, note],
        )


def _sentence(database: Database) -> str:
    kept = database.value("SELECT value FROM _notes WHERE name = ?", [HOLDER])
    if not kept:
        return "another run holds the lock"
    note = database.parsed(kept)
    return (
        f"`{note['command']}` holds the lock since {note['since']}"
        f" (run {note['run_id']}, process {note['pid']})"
    )


@contextmanager
def sending_lock(database: Database) -> Iterator[bool]:
    """Be the only one who sends outgoing webhooks; whether that is so. Runs are not kept waiting.

    Raises:
        MirrorError: the lock's file cannot be used.
    """
    path = database.path.with_name(database.path.name + ".webhooks.lock")
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise MirrorError(
            f"{path}: the lock cannot be taken: {error.strerror}",
            hint="Give yourself write permission on the mirror's folder.",
        ) from error
    try:
        _make_private(path)
        yield True
    finally:
        lock.release()
