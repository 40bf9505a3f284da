"""The log of change events: kept three days, in a temporary file, each at a position.

Positions jump, as those of a bus that many orgs share do, and age by the org's clock. A position is
known as long as it is kept, whether an event stands there or an empty answer named it.

Source: docs/salesforce.md §14.5.
"""

import random
import sqlite3
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

KEPT_SECONDS = 72 * 3600
_PURGE_SECONDS = 60.0
_LEAP = 40
_SCHEMA = """
pragma journal_mode = memory;
pragma synchronous = off;
create table positions (
  position integer primary key, at real not null, entity text, event_id text, schema_id text, payload blob
);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One event of the log.

    Args:
        position: where it stands.
        entity: the object it tells of.
        event_id: what stays the same where it is delivered twice.
        schema_id: the schema of its payload.
        payload: header and body, every field in it.
    """

    position: int
    entity: str
    event_id: str
    schema_id: str
    payload: bytes


class EventLog:
    """The events of the last three days.

    Args:
        seed: what the positions are drawn from; None for the machine's own chance.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        # An empty name makes SQLite keep it in a temporary file once it no longer fits its cache.
        self._db = sqlite3.connect("", check_same_thread=False)
        self._db.executescript(_SCHEMA)
        weakref.finalize(self, self._db.close)
        self._random = random.Random(seed)  # noqa: S311 - gaps, not secrecy
        self._last = self._random.randrange(1 << 32, 1 << 48)
        self._purged_at = 0.0

    def _next(self) -> int:
        self._last += self._random.randint(1, _LEAP)
        return self._last

    def append(self, events: Iterable[tuple[str, str, str, bytes]], at: float) -> int:
        """Keep events.

        Args:
            events: entity, event id, schema id and payload of each.
            at: the org's time.

        Returns:
            The position of the last.
        """
        with self._lock, self._db:
            rows = [(self._next(), at, *event) for event in events]
            self._db.executemany("insert into positions values (?, ?, ?, ?, ?, ?)", rows)
            self._purge(at)
            return self._last

    def _purge(self, now: float) -> None:
        if abs(now - self._purged_at) > _PURGE_SECONDS:
            self._purged_at = now
            self._db.execute("delete from positions where at < ?", (now - KEPT_SECONDS,))

    def mark(self, at: float) -> int:
        """A position at which nothing stands, ahead of all others."""
        with self._lock:
            return self._mark(at)

    def mark_if_quiet(self, position: int, entities: Iterable[str], at: float) -> int | None:
        """A position ahead of all others, if no event of these objects waits behind a position.

        Whoever goes on from it has missed nothing then.
        """
        with self._lock:
            return None if self._read(position, entities, 1, at) else self._mark(at)

    def _mark(self, at: float) -> int:
        with self._db:
            position = self._next()
            query = "insert into positions (position, at) values (?, ?)"
            self._db.execute(query, (position, at))
            return position

    def knows(self, position: int, now: float) -> bool:
        """Whether a position is one of this log, and not too old."""
        query = "select 1 from positions where position = ? and at >= ?"
        with self._lock:
            return self._db.execute(query, (position, now - KEPT_SECONDS)).fetchone() is not None

    def after(self, position: int, entities: Iterable[str], most: int, now: float) -> list[Kept]:
        """The events behind a position that are not too old, in order.

        Args:
            position: behind this one; 0 for all that is kept.
            entities: the objects whose events are wanted.
            most: how many at most.
            now: the org's time.
        """
        with self._lock:
            rows = self._read(position, entities, most, now)
        return [Kept(*row) for row in rows]

    def _read(
        self, position: int, entities: Iterable[str], most: int, now: float
    ) -> list[tuple[Any, ...]]:
        names = list(entities)
        wanted = ", ".join("?" * len(names))
        query = (
            "select position, entity, event_id, schema_id, payload from positions"  # noqa: S608
            f" where position > ? and at >= ? and entity in ({wanted}) order by position limit ?"
        )
        values = (position, now - KEPT_SECONDS, *names, most)
        return self._db.execute(query, values).fetchall()

    def latest(self, most: int) -> list[tuple[float, Kept]]:
        """The last events with the org's time of each, the newest first."""
        query = (
            "select at, position, entity, event_id, schema_id, payload from positions"
            " where entity is not null order by position desc limit ?"
        )
        with self._lock:
            rows = self._db.execute(query, (most,)).fetchall()
        return [(row[0], Kept(*row[1:])) for row in rows]

    def reset(self) -> None:
        """Begin a new stream, as the org's move to another instance does: no position is known."""
        with self._lock, self._db:
            self._db.execute("delete from positions")
            self._last = self._random.randrange(1 << 32, 1 << 48)
