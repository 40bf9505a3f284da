"""The inbox: what was handed in, durable before anybody is told so, in an SQLite file of its own beside the mirror.

A run may hold the mirror's lock for an hour, and one transaction of a large pull may outlast the patience of whoever
sends a webhook. So what comes in is kept here, without the run lock, and the next run takes it from here. An entry is
some lines of a file or a delivery as it came; what it means is read when it is taken.

The file is 0600 and bounded. What has been taken is kept for a while, for deliveries that are to be handed in again;
it goes first where room is needed, and what waits never goes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

from sfsync.errors import InboxFull, MirrorError
from sfsync.failpoints import reach
from sfsync.mirror.database import Clock, Database
from sfsync.model.cursor import iso
from sfsync.model.limits import Limits

APPLICATION_ID = 0x73667369
"""``sfsi``, in the file's header: whose database this is."""

Result = TypeVar("Result")

_VERSION = 1
_TABLES = (
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        origin TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('lines', 'delivery')),
        headers TEXT NOT NULL DEFAULT '{}',
        body BLOB NOT NULL,
        events INTEGER NOT NULL,
        received_at TEXT NOT NULL,
        taken_at TEXT
    ) STRICT
    """,
    "CREATE INDEX _waiting ON entries (id) WHERE taken_at IS NULL",
    "CREATE INDEX _taken ON entries (taken_at) WHERE taken_at IS NOT NULL",
    "CREATE TABLE size (bytes INTEGER NOT NULL, events INTEGER NOT NULL) STRICT",
    "INSERT INTO size VALUES (0, 0)",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """
    CREATE TRIGGER _more AFTER INSERT ON entries BEGIN
        UPDATE size SET bytes = bytes + length(new.body), events = events + new.events;
    END
    """,
    """
    CREATE TRIGGER _less AFTER DELETE ON entries BEGIN
        UPDATE size SET bytes = bytes - length(old.body), events = events - old.events;
    END
    """,
)
_PRUNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        origin: a file's name, ``stdin``, ``flags``, or the email service.
        kind: ``lines``, as ``intake.packed_lines`` writes them, or ``delivery``.
        headers: of a delivery, those that are needed to read it again; names in small letters.
        events: how many events it holds, as far as that is known; at least 1.
    """

    number: int
    origin: str
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    received_at: str = ""
    events: int = 1


@dataclass(frozen=True, slots=True)
class InboxState:
    """What is in the inbox.

    Attributes:
        waiting: entries that nobody has taken yet.
        events: how many events those hold.
        oldest_at: since when the first of them waits; empty where none does.
        bytes: of all entries, taken ones too.
    """

    waiting: int = 0
    events: int = 0
    oldest_at: str = ""
    bytes: int = 0


def inbox_path(mirror_path: Path) -> Path:
    """Where the inbox of a mirror is.

    >>> print(inbox_path(Path("/data/mirror.db")))
    /data/mirror.db.inbox
    """
    return mirror_path.with_name(mirror_path.name + ".inbox")


class Inbox:
    """The inbox of one mirror. One per thread.

    Args:
        path: the file; made where there is none, 0600.
        now: the clock, ``2026-01-20T10:00:00Z``.
        limits: how large it may grow; another value may be set later.

    Raises:
        MirrorError: the file cannot be used.
        MirrorBusy: another program keeps writing.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Clock,
        limits: Limits | None = None,
        busy_seconds: float = 10.0,
    ) -> None:
        self.path = path
        self.limits = limits or Limits()
        self._database = Database(path, now=now, busy_seconds=busy_seconds)
        try:
            # what is taken is gone from the file, too: people are purged
            self._database.value("PRAGMA secure_delete = ON")
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _prepare(self) -> None:
        database = self._database
        if int(database.value("PRAGMA application_id")) == APPLICATION_ID:
            self._refuse_newer()
            return
        if database.value("SELECT count(*) FROM sqlite_master"):
            raise MirrorError(
                f"{self.path}: this database is no inbox of sfsync",
                hint="Move it away: sfsync makes the file.",
            )
        with database.transaction(edits=True):
            if database.value("SELECT count(*) FROM sqlite_master"):
                return  # another process was quicker
            for statement in _TABLES:
                database.run(statement)
            database.run(f"PRAGMA application_id = {APPLICATION_ID}")
            database.run(f"PRAGMA user_version = {_VERSION}")

    def _refuse_newer(self) -> None:
        if int(self._database.value("PRAGMA user_version")) > _VERSION:
            raise MirrorError(
                f"{self.path}: this inbox was written by a newer sfsync", hint="Update sfsync."
            )

    # -- in ----------------------------------------------------------------------------------------
    def keep(self, *entries: Entry) -> None:
        """Keep entries durably, all of them or none.

        Raises:
            InboxFull: there is no room for them, even without all that was taken.
        """
        database = self._database
        with database.transaction(edits=True):
            self._make_room(
                sum(len(each.body) for each in entries), sum(each.events for each in entries)
            )
            database.run_many(
                "INSERT INTO entries (origin, kind, headers, body, events, received_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        each.origin,
                        each.kind,
                        json.dumps(dict(each.headers)),
                        each.body,
                        each.events,
                        each.received_at or database.now(),
                    )
                    for each in entries
                ],
            )
        reach("inbox.kept")

    def _make_room(self, more_bytes: int, more_events: int) -> None:
        limits = self.limits
        while True:
            [(held_bytes, held_events)] = self._database.rows("SELECT bytes, events FROM size")
            if (
                held_bytes + more_bytes <= limits.inbox_bytes
                and held_events + more_events <= limits.inbox_events
            ):
                return
            if not self._delete_taken("taken_at IS NOT NULL", []):
                raise InboxFull(
                    f"{self.path}: the inbox is full: {held_events} events and {held_bytes / 1e6:,.0f} MB wait",
                    hint="Let `sfsync push-activity` take them in, see `sfsync status` for what is in the way, or raise"
                    " limits.inbox_events or limits.inbox_bytes.",
                )

    def _delete_taken(self, where: str, parameters: list[str]) -> int:
        return self._database.run(
            f"DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE {where}"
            f" ORDER BY taken_at, id LIMIT {_PRUNED_AT_ONCE})",
            parameters,
        )

    # -- out ---------------------------------------------------------------------------------------
    def waiting(self) -> Iterator[Entry]:
        """Entries that nobody has taken yet, oldest first; not those that come while these are read."""
        after = 0
        last = self._database.value("SELECT max(id) FROM entries WHERE taken_at IS NULL")
        while True:
            found = self._database.row(
                "SELECT id, origin, kind, headers, body, events, received_at FROM entries"
                " WHERE taken_at IS NULL AND id > ? AND id <= ? ORDER BY id LIMIT 1",
                [after, last or 0],
            )
            if found is None:
                return
            number, origin, kind, headers, body, events, received_at = found
            after = number
            yield Entry(
                number, origin, kind, body, self._database.parsed(headers), received_at, events
            )

    def taken(self, entry: Entry) -> None:
        """The mirror has what is in it. Lines go; a delivery is kept for a while."""
        with self._database.transaction(edits=True):
            if entry.kind == "lines":
                self._database.run("DELETE FROM entries WHERE id = ?", [entry.number])
            else:
                now = self._database.now()
                self._database.run(
                    "UPDATE entries SET taken_at = ? WHERE id = ?", [now, entry.number]
                )
        reach("inbox.taken")

    def hand_in_again(self, *, source: str = "", since: str = "", dry_run: bool = False) -> int:
        """Let deliveries that were taken wait once more; how many.

        Args:
            source: only those of this email service.
            since: only those received at or after this time, ``2026-01-20T10:00:00Z``.
        """
        which = "taken_at IS NOT NULL AND kind = 'delivery' AND (origin = ?1 OR ?1 = '') AND received_at >= ?2"
        if dry_run:
            count = f"SELECT count(*) FROM entries WHERE {which}"
            return int(self._database.value(count, [source, since]))
        with self._database.transaction(edits=True):
            return self._database.run(
                f"UPDATE entries SET taken_at = NULL WHERE {which}", [source, since]
            )

    def state(self) -> InboxState:
        """What is in it."""
        [(waiting, events, oldest)] = self._database.rows(
            "SELECT count(*), coalesce(sum(events), 0), min(received_at) FROM entries WHERE taken_at IS NULL"
        )
        held = self._database.value("SELECT bytes FROM size")
        return InboxState(waiting, events, oldest or "", held)

    def note(self, name: str, value: str) -> None:
        """Remember something under a name."""
        with self._database.transaction(edits=True):
            self._database.run("INSERT OR REPLACE INTO notes VALUES (?, ?)", [name, value])

    def noted(self, name: str) -> str:
        """What is remembered under a name; empty for nothing."""
        return str(self._database.value("SELECT value FROM notes WHERE name = ?", [name]) or "")

    def change_note(self, name: str, change: Callable[[str], tuple[str, Result]]) -> Result:
        """Change what is remembered under a name, as one step for all processes.

        Args:
            change: what is remembered, empty for nothing -> what is to be, and what is given back.
        """
        with self._database.transaction(edits=True):
            before = self.noted(name)
            after, result = change(before)
            if after != before:
                self._database.run("INSERT OR REPLACE INTO notes VALUES (?, ?)", [name, after])
        return result

    def forget_old(self) -> int:
        """Delete deliveries that were taken longer ago than they are kept; how many."""
        kept = timedelta(days=self.limits.keep_deliveries_days)
        before = iso(datetime.fromisoformat(self._database.now()) - kept)
        gone = 0
        while True:
            with self._database.transaction(edits=True):
                some = self._delete_taken("taken_at < ?", [before])
            gone += some
            if some < _PRUNED_AT_ONCE:
                return gone

    def forget(self, text: str) -> int:
        """Delete deliveries that were taken and hold this text, in any capitals; how many."""
        held = self._holding(text, "taken_at IS NOT NULL")
        with self._database.transaction(edits=True):
            return self._database.run_many(
                "DELETE FROM entries WHERE id = ?", [(number,) for number in held]
            )

    def count_waiting_with(self, text: str) -> int:
        """How many entries wait that hold this text, in any capitals."""
        return len(self._holding(text, "taken_at IS NULL"))

    def _holding(self, text: str, where: str) -> list[int]:
        wanted = text.casefold()
        numbers = self._database.rows(f"SELECT id FROM entries WHERE {where} ORDER BY id")
        return [number for (number,) in numbers if wanted in self._body(number)]

    def _body(self, number: int) -> str:
        body = self._database.value("SELECT body FROM entries WHERE id = ?", [number])
        return bytes(body or b"").decode("utf-8", "replace").casefold()
