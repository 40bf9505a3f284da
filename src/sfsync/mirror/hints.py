"""Which records the org's stream of changes says are to be read, and how far the stream was followed.

A position and the Ids that it covers are stored in one transaction, so that nothing is skipped whatever ends the process
between. What was read is taken away afterwards: a crash between costs a reading. No value of a record is kept, but for
fingerprints by which an own write is known again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from sfsync.mirror.context import MirrorContext
from sfsync.model.hint import Batch, DueRead, Hint
from sfsync.model.record import SalesforceId

MOST_IDS: Final = 50_000
"""Ids of one object that wait; with more of them the whole object is read, which is cheaper by then."""

WHOLE: Final = ""
"""Stands for an Id: the whole object."""


class Hints:
    """Ids to read, and positions."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    # -- what the stream says ----------------------------------------------------------------------
    def position(self, channel: str, org_id: str) -> bytes | None:
        """Where to go on in a channel; ``None`` where it was never followed, or in another org."""
        kept = self._database.value(
            "SELECT position FROM _stream_positions WHERE channel = ? AND org_id = ?",
            [channel, org_id],
        )
        return None if kept is None else bytes(kept)

    def has_foreign_position(self, channel: str, org_id: str) -> bool:
        """Whether a position in this channel is another org's."""
        kept = self._database.value(
            "SELECT 1 FROM _stream_positions WHERE channel = ? AND org_id <> ?", [channel, org_id]
        )
        return kept is not None

    def position_at(self) -> str:
        """When a position was last stored; empty for never."""
        return str(self._database.value("SELECT max(stored_at) FROM _stream_positions") or "")

    def keep(self, channel: str, org_id: str, batch: Batch) -> None:
        """Store what a message names, and the position after it, in one transaction."""
        with self._database.transaction(edits=True):
            self._add(batch.hints)
            if batch.position:
                self._database.run(
                    "INSERT INTO _stream_positions (channel, org_id, position, stored_at)"
                    " VALUES (?, ?, ?, ?) ON CONFLICT (channel) DO UPDATE SET"
                    " org_id = excluded.org_id, position = excluded.position,"
                    " stored_at = excluded.stored_at",
                    [channel, org_id, batch.position, self._database.now()],
                )

    def lose_position(self, channel: str, hints: Sequence[Hint]) -> None:
        """Forget a position that is dead, and store what is to be read instead, in one transaction."""
        with self._database.transaction(edits=True):
            self._add(hints)
            self._database.run("DELETE FROM _stream_positions WHERE channel = ?", [channel])

    def _add(self, hints: Iterable[Hint]) -> None:
        number = 1 + int(self._database.value("SELECT max(number) FROM _stream_hints") or 0)
        now = self._database.now()
        for hint in hints:
            echo = None if hint.changed is None else json.dumps(hint.changed, sort_keys=True)
            ids = hint.ids or (SalesforceId(WHOLE),)
            self._database.run_many(
                "INSERT INTO _stream_hints (object, salesforce_id, number, is_full, echo, since)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (object, salesforce_id) DO UPDATE SET"
                " number = excluded.number, is_full = max(is_full, excluded.is_full),"
                " echo = iif(echo IS excluded.echo, echo, NULL)",
                [(hint.object, each, number, hint.is_full, echo, now) for each in ids],
            )
        for name in {hint.object for hint in hints if hint.ids}:
            self._widen(name, number, now)

    def _widen(self, name: str, number: int, now: str) -> None:
        """Where too many Ids wait, wait for the whole object instead."""
        waiting = self._database.value(
            "SELECT count(*) FROM _stream_hints WHERE object = ?", [name]
        )
        if int(waiting) <= MOST_IDS:
            return
        self._database.run(
            "DELETE FROM _stream_hints WHERE object = ? AND salesforce_id <> ?", [name, WHOLE]
        )
        self._database.run(
            "INSERT INTO _stream_hints (object, salesforce_id, number, since) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (object, salesforce_id) DO UPDATE SET number = excluded.number",
            [name, WHOLE, number, now],
        )

    # -- what is to be read ------------------------------------------------------------------------
    def due(self, name: str, most: int) -> DueRead:
        """What is to be read of one object: so many Ids at most, the oldest first."""
        found = self._database.rows(
            "SELECT salesforce_id, is_full, echo, number FROM _stream_hints WHERE object = ?"
            " ORDER BY salesforce_id <> ?, number, salesforce_id LIMIT ?",
            [name, WHOLE, most + 1],
        )
        ids: dict[SalesforceId, dict[str, str] | None] = {}
        whole = full = False
        for salesforce_id, is_full, echo, _ in found:
            if salesforce_id == WHOLE:
                whole, full = True, bool(is_full)
            elif len(ids) < most:
                ids[SalesforceId(salesforce_id)] = self._database.parsed(echo) if echo else None
        return DueRead(name, ids, whole, full, max((each[3] for each in found), default=0))

    def wait_for(self, names: Sequence[str]) -> bool:
        """Whether anything is to be read of these objects."""
        marks = ", ".join("?" * len(names))
        found = self._database.value(
            f"SELECT 1 FROM _stream_hints WHERE object IN ({marks}) LIMIT 1", list(names)
        )
        return found is not None

    def count(self) -> int:
        """How many records, or whole objects, are to be read."""
        return int(self._database.value("SELECT count(*) FROM _stream_hints"))

    def taken(self, due: DueRead, ids: Iterable[SalesforceId]) -> None:
        """These were read; what was named again since then waits on."""
        with self._database.transaction(edits=True):
            self._database.run_many(
                "DELETE FROM _stream_hints WHERE object = ? AND salesforce_id = ? AND number <= ?",
                [(due.object, each, due.up_to) for each in ids],
            )

    def taken_whole(self, due: DueRead) -> None:
        """The whole object was read; what was named since then waits on."""
        self.taken(due, [SalesforceId(WHOLE)])
