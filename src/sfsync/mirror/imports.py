"""People from files: each is an edit made here, to be pushed like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sfsync.mirror import provenance, purge, records
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.event import match_key
from sfsync.model.record import LocalId, Value, Values


class Imports:
    """Takes in what files hold."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def store(
        self, object_name: str, rows: Iterable[Values], *, source: str = "", run_id: str = ""
    ) -> dict[str, int]:
        """Take records in, in one transaction: what is new or different is an edit like any other.

        A row is recognised by its match key; of several live rows with it the oldest is meant. Only
        the columns that a record states are touched. Whoever was purged is not brought back.

        Args:
            source: the file's name, for the history of each person.
            run_id: what to note it under; the run under way where empty.

        Returns:
            How many were ``created``, ``updated`` and ``unchanged``, and, where there were any,
            ``purged``.
        """
        database, table = self._database, self._context.table(object_name)
        counts = Counter({"created": 0, "updated": 0, "unchanged": 0})
        is_people = table.object_map.kind.is_people
        forgotten = purge.PurgedPeople(database) if is_people else None
        with database.transaction(edits=True):
            for values in rows:
                key = match_key(str(values.get(table.object_map.match_on) or ""))
                if forgotten and key in forgotten and not records.has_address(database, table, key):
                    counts["purged"] += 1
                    continue
                action, local_id, columns = _import_one(database, table, values)
                counts[action] += 1
                if columns:
                    provenance.note(
                        database,
                        table,
                        local_id,
                        "imported",
                        columns,
                        source,
                        run_id or self._context.run_id,
                    )
        return dict(counts)


def _import_one(
    database: Database, table: MappedTable, values: Values
) -> tuple[str, LocalId, Sequence[str]]:
    key = match_key(str(values.get(table.object_map.match_on) or ""))
    columns = list(values)
    if key:
        where, parameters = f"{table.match()} = ?", list[Value]([key])
    else:  # nobody to recognise it by: the same record again is no second person
        same = " AND ".join(f"{quoted(name)} IS ?" for name in columns) or "0"
        where, parameters = (
            f"{table.match()} IS NULL AND {same}",
            [values[name] for name in columns],
        )
    found = database.row(
        f"SELECT id, {table.listed('', columns) or 'NULL'} FROM {table.name}"
        f" WHERE {where} AND deleted_at IS NULL ORDER BY id LIMIT 1",
        parameters,
    )
    if found is None:
        return "created", records.insert(database, table, values), columns
    moved = {
        name: values[name]
        for name, held in zip(columns, found[1:], strict=False)
        if values[name] != held
        and not (name == table.object_map.match_on and match_key(str(held or "")) == key)
    }
    records.write(database, table, LocalId(found[0]), moved)
    return "updated" if moved else "unchanged", LocalId(found[0]), list(moved)
