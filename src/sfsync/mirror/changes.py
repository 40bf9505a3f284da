"""The feed of changes: what changed in the mirror's rows, oldest first, for programs that follow it.

Triggers write it (``feed_triggers``), so whoever changes a row is told of. A line has a number, and
a reader's cursor is the number of the last line that it has read. Rows that one statement inserted
are one row of ``_changes``: it stands for ``line_count`` lines, the last of which has its number,
and their values are read from the table when they are told.

The oldest lines go (``prune``). ``_sync.changes_gone`` is the last number of which anything may be
missing: who has read less far has to read the tables whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sfsync.errors import CursorGone, UsageError
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database
from sfsync.mirror.feed_triggers import NOW, watched_columns
from sfsync.mirror.tables import MappedTable
from sfsync.model.record import LocalId, Value
from sfsync.model.row_change import FeedCursor, RowChange

PRUNED_AT_ONCE = 20_000
"""Rows of the feed that one transaction deletes."""

PRUNED_IN_A_RUN = 25
"""Such transactions that one run does."""

VALUES_AT_ONCE = 500
"""Rows whose values are read at once."""

_LINES = (
    "SELECT cursor, line_count, at, object, row_id, salesforce_id, action, changed, segment,"
    " survivor_object, survivor_id, survivor_salesforce_id, origin, run FROM _changes"
)
_LAST = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = '_changes'), 0)"


class Changes:
    """Reads the feed, and keeps it short. Needs no run lock."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    # -- places ------------------------------------------------------------------------------------
    def latest(self) -> FeedCursor:
        """The end of the feed: what changes from now on comes after it."""
        return self._at(int(self._database.value(f"SELECT {_LAST}")))

    def oldest(self) -> FeedCursor:
        """Before the oldest line that is kept."""
        return self._at(self._gone())

    def place_of(self, text: str) -> FeedCursor:
        """A reader's cursor, from its text.

        Raises:
            UsageError: it is no cursor.
            CursorGone: it is of another mirror, or what came after it is not kept any more.
        """
        try:
            place = FeedCursor.parse(text)
        except ValueError:
            raise UsageError(
                f"{text!r} is no cursor",
                hint="Give the `cursor` of a line of `sfsync changes` as it is, or `now`.",
            ) from None
        latest = self.latest()
        if place.mirror_key != latest.mirror_key:
            raise self._lost(f"{text} is a cursor of another mirror than {self._database.path}")
        if place.number > latest.number:
            raise self._lost(f"{text} is of a later state of this mirror, which was put back since")
        self._refuse_gone(place)
        return place

    def _refuse_gone(self, place: FeedCursor) -> None:
        if place.number < self._gone():
            raise self._lost(f"what came after {place} is not kept any more")

    def _lost(self, message: str) -> CursorGone:
        latest = str(self.latest())
        return CursorGone(
            message,
            cursor=latest,
            hint=f"Read the mirror's tables whole, then go on with --since {latest}",
        )

    def _at(self, number: int) -> FeedCursor:
        return FeedCursor(str(self._database.value("SELECT mirror_key FROM _sync")), number)

    def _gone(self) -> int:
        return int(self._database.value("SELECT changes_gone FROM _sync"))

    def version(self) -> int:
        """A number that is another one after any other connection has written."""
        return int(self._database.value("PRAGMA data_version"))

    # -- lines -------------------------------------------------------------------------------------
    def page(self, after: FeedCursor, limit: int, object_name: str = "") -> list[RowChange]:
        """The next lines, oldest first; none at the end of the feed.

        Args:
            limit: at most so many.
            object_name: only lines of this object's rows.

        Raises:
            CursorGone: some of them are not kept any more.
        """
        where, parameters = "cursor > ?", list[Value]([after.number, limit])
        if object_name:
            where, parameters = "cursor > ? AND object = ?", [after.number, object_name, limit]
        found = self._database.rows(f"{_LINES} WHERE {where} ORDER BY cursor LIMIT ?", parameters)
        # asked after the lines are read: what has gone meanwhile is told
        self._refuse_gone(after)
        lines = (line for row in found for line in self._told(after, row))
        return list(islice(lines, limit))

    def _told(self, after: FeedCursor, row: Sequence[Any]) -> Iterator[RowChange]:
        """The lines that a row of the feed stands for, less those that are read already."""
        number, count, at, object_name, row_id, record, action, changed, segment = row[:9]
        survivor, (origin, run) = row[9:12], row[12:]
        skipped = max(0, after.number - (number - count))
        for back in range(count - 1 - skipped, -1, -VALUES_AT_ONCE):
            lines = range(back, max(back - VALUES_AT_ONCE, -1), -1)
            ids = [row_id - each for each in lines]
            values = self._values(object_name, ids) if changed is None or not record else {}
            for each, local_id in zip(lines, ids, strict=True):
                now = values.get(local_id, {})
                told = self._parsed(changed) if changed is not None else _as_new(now)
                yield RowChange(
                    FeedCursor(after.mirror_key, number - each),
                    at,
                    object_name,
                    local_id,
                    record or _text(now.get("salesforce_id")),
                    action,
                    told,
                    origin,
                    run,
                    self._survivor(*survivor) if survivor[0] else {},
                    segment,
                )

    def _parsed(self, changed: str) -> dict[str, dict[str, Value]]:
        # a line break in a value stands in its text as it is
        parsed: dict[str, dict[str, Value]] = self._database.parsed(changed, strict=False)
        return parsed

    def _values(self, object_name: str, ids: Sequence[int]) -> dict[int, dict[str, Value]]:
        """``{row id: {column: value}}`` as the rows are now; of those that are still there."""
        table = self._context.tables.get(object_name)
        if table is None:
            return {}
        columns = watched_columns(table)
        found = self._database.rows(
            f"SELECT id, {table.listed('', columns)} FROM {table.name}"
            " WHERE id IN (SELECT value FROM json_each(?))",
            [json.dumps(ids)],
        )
        return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in found}

    def _survivor(
        self, object_name: str, local_id: int | None, salesforce_id: str | None
    ) -> dict[str, Any]:
        table = self._context.tables.get(object_name)
        if table is not None and local_id is None:
            local_id = self._database.value(
                f"SELECT id FROM {table.name} WHERE salesforce_id = ?", [salesforce_id]
            )
        if table is not None and salesforce_id is None:
            salesforce_id = self._database.value(
                f"SELECT salesforce_id FROM {table.name} WHERE id = ?", [local_id]
            )
        return {"object": object_name, "id": local_id, "salesforce_id": salesforce_id}

    # -- keeping it short --------------------------------------------------------------------------
    def prune(self, *, rows: int, days: int) -> int:
        """Forget the oldest lines, in small transactions; the next run goes on where there are more.

        Args:
            rows: at most so many lines are kept.
            days: for at most so long.

        Returns:
            How many rows of ``_changes`` have gone.
        """
        gone = 0
        for _ in range(PRUNED_IN_A_RUN):
            last = self._last_to_forget(rows, days)
            if last is None:
                break
            with self._database.transaction(edits=True):
                self._database.run("UPDATE _sync SET changes_gone = max(changes_gone, ?)", [last])
                gone += self._database.run("DELETE FROM _changes WHERE cursor <= ?", [last])
        return gone

    def _last_to_forget(self, rows: int, days: int) -> int | None:
        found = self._database.value(
            "SELECT max(cursor) FROM (SELECT cursor, at FROM _changes ORDER BY cursor LIMIT ?)"
            f" WHERE at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?) OR cursor <= {_LAST} - ?",
            [PRUNED_AT_ONCE, f"-{days} days", rows],
        )
        return None if found is None else int(found)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _as_new(values: dict[str, Value]) -> dict[str, dict[str, Value]]:
    """A row as the line of its import tells it."""
    return {
        column: {"old": None, "new": value}
        for column, value in values.items()
        if value is not None and value not in (float("inf"), float("-inf"))
    }


# -- inside a transaction of the caller's ----------------------------------------------------------
def note_rows(
    database: Database, table: MappedTable, last: LocalId, count: int, segment: str = ""
) -> None:
    """Tell of rows that one statement has inserted.

    Args:
        last: the last of them; their numbers follow one another.
        segment: they have joined it; else they are new.
    """
    action, changed = ("joined", "{}") if segment else ("import", None)
    database.run(
        "INSERT INTO _changes (cursor, line_count, at, object, row_id, action, changed, segment,"
        f" origin, run) SELECT {_LAST} + ?, ?, {NOW}, ?, ?, ?, ?, ?, origin, run FROM _sync",
        [count, count, table.object, last, action, changed, segment or None],
    )


def name_survivor(
    database: Database, table: MappedTable, local_id: LocalId, survivor: LocalId
) -> None:
    """A row that has just been deleted lives on as another one."""
    database.run(
        "UPDATE _changes SET action = 'merge', survivor_object = ?, survivor_id = ?"
        " WHERE cursor = (SELECT cursor FROM _changes WHERE object = ? AND row_id = ?"
        " AND action = 'delete' ORDER BY cursor DESC LIMIT 1)",
        [table.object, survivor, table.object, local_id],
    )


def begin_anew(database: Database) -> None:
    """Rows may have changed without being told: whoever follows has to read the tables whole."""
    database.run("DELETE FROM _changes")
    # also who has read all of it is behind now
    database.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = '_changes'")
    database.run(f"UPDATE _sync SET changes_gone = {_LAST}")
