"""Whose an address is: live rows that have it, and survivors of merged or converted ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import literal
from sfsync.mirror.tables import MappedTable
from sfsync.model.activity import Person
from sfsync.model.address import match_key, spelled
from sfsync.model.record import SalesforceId

PARAMETERS = 500
"""Parameters a query: SQLite takes 999 at least."""


class AddressLookup:
    """Looks people up by match key."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def live(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """The live rows with these addresses, in the mapping's order of objects, oldest first."""
        return self._rows(keys, lambda _: "r.deleted_at IS NULL")

    def deleted(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """The soft-deleted rows that have these addresses, and whose record has no survivor."""
        found = self._rows(keys, _ended)
        return {key: [replace(one, deleted=True) for one in rows] for key, rows in found.items()}

    def _rows(
        self, keys: Sequence[str], where: Callable[[MappedTable], str]
    ) -> dict[str, list[Person]]:
        found: dict[str, list[Person]] = {}
        for table in self._context.people_tables:
            for some in chunks(spelled(keys)):
                rows = self._database.rows(
                    f"SELECT {table.match('r')} AS key, r.id, r.salesforce_id, {table.listed('r')}"
                    f" FROM {table.name} AS r WHERE {table.match('r')} IN ({marks(some)})"
                    f" AND {where(table)} ORDER BY r.id",
                    some,
                )
                for key, *person in rows:
                    found.setdefault(match_key(key), []).append(_person(table, person))
        return found

    def former(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """The live rows that had these addresses, the latest holder last."""
        found: dict[str, list[Person]] = {}
        for table in self._context.people_tables:
            for some in chunks(spelled(keys)):
                rows = self._database.rows(
                    f"SELECT f.match_key, r.id, r.salesforce_id, {table.listed('r')}"
                    f" FROM _former_addresses AS f JOIN {table.name} AS r ON r.id = f.person_id"
                    f" WHERE f.match_key IN ({marks(some)}) AND f.object = ?"
                    " AND r.deleted_at IS NULL ORDER BY f.until, r.id",
                    [*some, table.object],
                )
                for key, *person in rows:
                    found.setdefault(match_key(key), []).append(_person(table, person))
        return found

    def survivors(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """The live rows of survivors of merged or converted records with these addresses."""
        found: dict[str, list[Person]] = {}
        for table in self._context.people_tables:
            for some in chunks(spelled(keys)):
                rows = self._database.rows(
                    f"SELECT {table.match()}, salesforce_id FROM {table.name} AS r"
                    f" WHERE {table.match()} IN ({marks(some)}) AND deleted_at IS NOT NULL"
                    " AND EXISTS (SELECT 1 FROM _successors"
                    " WHERE object = ? AND salesforce_id = r.salesforce_id)",
                    [*some, table.object],
                )
                for spelling, salesforce_id in rows:
                    key = match_key(spelling)
                    person = self._survivor(table.object, salesforce_id)
                    if person is not None and person not in found.setdefault(key, []):
                        found[key].append(person)
        return {key: people for key, people in found.items() if people}

    def _survivor(self, object_name: str, salesforce_id: str) -> Person | None:
        last_object, last_id = self.last_successor(object_name, salesforce_id)
        table = self._context.tables.get(last_object)
        if table is None:
            return None
        row = self._database.row(
            f"SELECT id, salesforce_id, {table.listed()} FROM {table.name}"
            " WHERE salesforce_id = ? AND deleted_at IS NULL",
            [last_id],
        )
        return _person(table, row) if row else None

    def last_successor(self, object_name: str, salesforce_id: str) -> tuple[str, SalesforceId]:
        """Where merges and conversions of a record end: object and Id; perhaps itself."""
        found = self._database.row(_LAST_SUCCESSOR, [object_name, salesforce_id])
        if found is None:
            return object_name, SalesforceId(salesforce_id)
        return str(found[0]), SalesforceId(str(found[1]))


_LAST_SUCCESSOR = """
WITH RECURSIVE trail (object, salesforce_id, steps) AS (
    SELECT ?, ?, 0
    UNION
    SELECT l.successor_object, l.successor_id, t.steps + 1
    FROM _successors AS l
    JOIN trail AS t ON l.object = t.object AND l.salesforce_id = t.salesforce_id
    WHERE t.steps < 20
)
SELECT object, salesforce_id FROM trail ORDER BY steps DESC LIMIT 1
"""


def _ended(table: MappedTable) -> str:
    """SQL over ``r``: a row that was deleted, and whose record has no survivor."""
    return (
        "r.deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM _successors AS l"
        f" WHERE l.object = '{literal(table.object)}' AND l.salesforce_id = r.salesforce_id)"
    )


def _person(table: MappedTable, row: Sequence[Any]) -> Person:
    """A row as id, Salesforce Id and mapped values, as a person."""
    local_id, salesforce_id, *values = row
    return Person(
        table.object, local_id, salesforce_id, dict(zip(table.columns, values, strict=True))
    )


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Lists short enough for one query's parameters."""
    for start in range(0, len(keys), PARAMETERS):
        yield keys[start : start + PARAMETERS]


def marks(keys: Sequence[str]) -> str:
    """A parameter's mark for each of them.

    >>> marks(["a", "b"])
    '?, ?'
    """
    return ", ".join("?" * len(keys))
