"""Outgoing webhooks: which lines of the feed are to be sent to whom, and how far each endpoint is.

A consumer of the feed, with a place in it for each endpoint. What is to be sent is kept as numbers
of lines, never as values: these are read from the feed for each attempt, so that whoever is purged
is purged from what waits, too. ``_deliveries`` is bounded (``MOST_WAITING``); what comes after it
waits in the feed, which has a bound of its own.

Who sends holds a lock of its own (``sending``) and nothing else, so that a run never waits for a
receiver. What was sent counts only once it is settled: killed in between, it is sent again with
the same id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from sfsync.errors import CursorGone
from sfsync.failpoints import reach
from sfsync.mirror.changes import Changes
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.lock import sending_lock
from sfsync.model.delivery import ACTIVE, Attempt, Delivery, Endpoint, Settlement
from sfsync.model.row_change import FeedCursor, RowChange

MOST_WAITING = 1_000
"""Deliveries of an endpoint that are kept at once."""

LINES_AT_ONCE = 5_000
"""Lines of the feed that one transaction looks at for an endpoint."""

LOOKS = 40
"""Such transactions, one after the other."""

_STATE = "name, state, reason, failures, failing_since, held_until"

Kind = tuple[str, str]
"""The object and the action of a change."""


class Deliveries:
    """Knows every endpoint's place in the feed, and what is on its way. Needs no run lock."""

    def __init__(self, context: MirrorContext, changes: Changes) -> None:
        self._database = context.database
        self._changes = changes

    def sending(self) -> AbstractContextManager[bool]:
        """Be the only one who sends, in this block; whether that is so."""
        return sending_lock(self._database)

    # -- endpoints ---------------------------------------------------------------------------------
    def keep_only(self, names: Collection[str]) -> None:
        """A new endpoint begins at the end of the feed; one that is not among these is forgotten."""
        known = {name for (name,) in self._database.rows("SELECT name FROM _endpoints")}
        if known == set(names):
            return
        kept = [json.dumps(sorted(names))]
        gone = "NOT IN (SELECT value FROM json_each(?))"
        with self._database.transaction(edits=True):
            self._database.run(f"DELETE FROM _deliveries WHERE endpoint {gone}", kept)
            self._database.run(f"DELETE FROM _endpoints WHERE name {gone}", kept)
            end = self._changes.latest().number
            self._database.run_many(
                "INSERT OR IGNORE INTO _endpoints (name, cursor) VALUES (?, ?)",
                [(name, end) for name in sorted(names)],
            )

    def endpoint(self, name: str) -> Endpoint | None:
        """How an endpoint is; ``None`` where it never was one."""
        found = self._database.row(f"SELECT {_STATE} FROM _endpoints WHERE name = ?", [name])
        return None if found is None else Endpoint(*found)

    def resume(self, name: str) -> bool:
        """Send again from now on, first of all what waits; whether there is such an endpoint."""
        with self._database.transaction(edits=True):
            self._database.run("UPDATE _deliveries SET next_at = '' WHERE endpoint = ?", [name])
            return bool(
                self._database.run(
                    "UPDATE _endpoints SET state = ?, reason = '', failures = 0, failing_since = '',"
                    " held_until = '', given_up = 0, lost = 0 WHERE name = ?",
                    [ACTIVE, name],
                )
            )

    # -- what is to be sent ------------------------------------------------------------------------
    def queue(self, name: str, kinds: Collection[Kind]) -> int:
        """Take what is new in the feed over, as far as there is room; the place moves along.

        Returns:
            How many lines were lost: the feed had forgotten them, and the endpoint goes on at its
            end.
        """
        if self._room(name) < MOST_WAITING / 2:
            return 0  # a commit for each that goes would take longer than the posts
        lost, before = 0, -1
        for _ in range(LOOKS):
            cursor = int(self._value("cursor", name))
            if cursor in (before, self._changes.latest().number):
                break
            lost += self._queue_some(name, kinds)
            before = cursor
        return lost

    def _queue_some(self, name: str, kinds: Collection[Kind]) -> int:
        with self._database.transaction(edits=True):
            cursor, latest = int(self._value("cursor", name)), self._changes.latest().number
            if cursor < self._changes.oldest().number:
                lost = latest - cursor
                self._database.run(
                    "UPDATE _endpoints SET cursor = ?, lost = lost + ? WHERE name = ?",
                    [latest, lost, name],
                )
                return lost
            self._take(name, kinds, cursor)
        reach("deliver.queued")
        return 0

    def _take(self, name: str, kinds: Collection[Kind], cursor: int) -> None:
        room = self._room(name)
        taken: list[tuple[str, int]] = []
        for number, is_wanted in self._lines(cursor, kinds):
            if is_wanted:
                if len(taken) == room:
                    break
                taken.append((name, number))
            cursor = number
        self._database.run_many(
            "INSERT OR IGNORE INTO _deliveries (endpoint, cursor) VALUES (?, ?)", taken
        )
        self._database.run("UPDATE _endpoints SET cursor = ? WHERE name = ?", [cursor, name])

    def _room(self, name: str) -> int:
        return MOST_WAITING - self._queued(name)

    def _queued(self, name: str) -> int:
        count = "SELECT count(*) FROM _deliveries WHERE endpoint = ?"
        return int(self._database.value(count, [name]))

    def _lines(self, after: int, kinds: Collection[Kind]) -> Iterator[tuple[int, bool]]:
        """Numbers of the next lines, and whether they are wanted; of many unwanted ones the last."""
        found = self._database.rows(
            "SELECT cursor, line_count, object, action FROM _changes"
            " WHERE cursor > ? ORDER BY cursor LIMIT ?",
            [after, LINES_AT_ONCE],
        )
        for last, count, *kind in found:
            if tuple(kind) not in kinds:
                yield last, False
                continue
            for number in range(max(last - count, after) + 1, last + 1):
                yield number, True

    def due(self, name: str, *, limit: int, under_way: Collection[int] = ()) -> list[Delivery]:
        """What may be sent now, the oldest first. What has been forgotten meanwhile is taken out.

        Args:
            under_way: numbers of lines that are being sent.
        """
        found = self._database.rows(
            "SELECT cursor, attempts FROM _deliveries WHERE endpoint = ? AND next_at <= ?"
            " AND cursor NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at, cursor LIMIT ?",
            [name, self._database.now(), json.dumps(sorted(under_way)), limit],
        )
        lines = [(number, attempts, self._line(number)) for number, attempts in found]
        gone = [(name, number) for number, _, line in lines if line is None]
        if gone:
            self._forget(name, gone)
        return [Delivery(name, line, attempts) for _, attempts, line in lines if line is not None]

    def _line(self, number: int) -> RowChange | None:
        """A line of the feed; ``None`` where it is not kept any more, or its person was purged."""
        before = FeedCursor(self._changes.latest().mirror_key, number - 1)
        try:
            found = self._changes.page(before, 1)
        except CursorGone:
            return None
        return next((line for line in found if line.cursor.number == number), None)

    def _forget(self, name: str, gone: Collection[tuple[str, int]]) -> None:
        too_old = self._changes.oldest().number
        lost = sum(number <= too_old for _, number in gone)
        with self._database.transaction(edits=True):
            self._drop(gone)
            self._database.run("UPDATE _endpoints SET lost = lost + ? WHERE name = ?", [lost, name])

    def _drop(self, deliveries: Iterable[tuple[str, int]]) -> None:
        self._database.run_many(
            "DELETE FROM _deliveries WHERE endpoint = ? AND cursor = ?", deliveries
        )

    # -- what became of it -------------------------------------------------------------------------
    def settle(self, attempts: Iterable[Attempt]) -> list[tuple[Attempt, Settlement]]:
        """Keep what became of attempts, all in one transaction.

        Returns:
            What was decided, less what was sent to an endpoint that has been forgotten meanwhile.
        """
        settled = []
        with self._database.transaction(edits=True):
            for attempt in attempts:
                endpoint = self.endpoint(attempt.delivery.endpoint)
                if endpoint is not None:
                    settled.append((attempt, attempt.decide(endpoint)))
                    self._keep(*settled[-1])
        reach("deliver.settled")
        return settled

    def _keep(self, attempt: Attempt, settled: Settlement) -> None:
        delivery, answer = attempt.delivery, str(attempt.answer)
        if settled.next_at:
            self._database.run(
                "UPDATE _deliveries SET attempts = ?, next_at = ?, answer = ?"
                " WHERE endpoint = ? AND cursor = ?",
                [
                    delivery.attempts + 1, settled.next_at, answer,
                    delivery.endpoint, delivery.number,
                ],
            )  # fmt: skip
        else:
            self._drop([(delivery.endpoint, delivery.number)])
        self._keep_endpoint(settled, answer)

    def _keep_endpoint(self, settled: Settlement, answer: str) -> None:
        now, outcome = settled.endpoint, settled.outcome
        self._database.run(
            "UPDATE _endpoints SET state = ?, reason = ?, failures = ?, failing_since = ?,"
            " held_until = ?, last_answer = ?, last_at = ?, delivered = delivered + ?,"
            " given_up = given_up + ? WHERE name = ?",
            [
                now.state, now.reason, now.failures, now.failing_since, now.held_until, answer,
                self._database.now(), outcome == "delivered", outcome == "given_up", now.name,
            ],
        )  # fmt: skip

    # -- for people --------------------------------------------------------------------------------
    def overview(self, kinds: Callable[[str], Collection[Kind]]) -> list[dict[str, Any]]:
        """How every endpoint is, and what waits there.

        Args:
            kinds: of an endpoint, what it is told.
        """
        names = [row[0] for row in self._database.rows("SELECT name FROM _endpoints ORDER BY name")]
        return [self._told(name, kinds(name)) for name in names]

    def waiting(self, name: str, kinds: Collection[Kind]) -> int:
        """How many lines are still to be sent."""
        wanted = [json.dumps(["/".join(kind) for kind in kinds])]
        cursor = self._value("cursor", name)
        behind = self._database.value(
            "SELECT coalesce(sum(min(line_count, cursor - ?)), 0) FROM _changes WHERE cursor > ?"
            " AND object || '/' || action IN (SELECT value FROM json_each(?))",
            [cursor, cursor, *wanted],
        )
        return self._queued(name) + int(behind)

    def _told(self, name: str, kinds: Collection[Kind]) -> dict[str, Any]:
        columns = (
            "state", "reason", "failing_since", "held_until", "last_answer", "last_at",
            "delivered", "given_up", "lost",
        )  # fmt: skip
        found = self._database.row(
            f"SELECT {', '.join(columns)} FROM _endpoints WHERE name = ?", [name]
        )
        told = dict(zip(columns, found or (), strict=False))
        return {
            "endpoint": name,
            "waiting": self.waiting(name, kinds),
            "oldest_at": self._oldest(name),
        } | {key: None if value == "" else value for key, value in told.items()}

    def _oldest(self, name: str) -> str | None:
        first = self._database.value(
            "SELECT min(cursor) FROM _deliveries WHERE endpoint = ?", [name]
        )
        if first is None:
            return None
        at = self._database.value(
            "SELECT at FROM _changes WHERE cursor >= ? ORDER BY cursor LIMIT 1", [first]
        )
        return None if at is None else str(at)

    def _value(self, column: str, name: str) -> Any:
        return self._database.value(f"SELECT {column} FROM _endpoints WHERE name = ?", [name]) or 0
