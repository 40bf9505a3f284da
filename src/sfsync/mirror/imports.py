"""People from files: each is an edit made here, to be pushed like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from sfsync.mirror import provenance, records
from sfsync.mirror.address_lookup import marks
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.input_lines import add_lines, end_corrected
from sfsync.mirror.purged_people import PurgedPeople
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import match_key, spellings
from sfsync.model.arrival import Unreadable
from sfsync.model.record import LocalId, Value, Values


class Imports:
    """Takes in what files hold."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def take(
        self,
        object_name: str,
        rows: Sequence[tuple[int, Values]],
        unreadable: Sequence[Unreadable],
        *,
        source: str,
        run_id: str,
    ) -> dict[str, int]:
        """Take in some lines of a file: records as ``store`` does, the others into quarantine.

        Args:
            rows: each with its line.
        """
        counts = self.store(object_name, [row for _, row in rows], source=source, run_id=run_id)
        match_on = self._context.table(object_name).object_map.match_on
        facts = {line: _own_words(values.get(match_on)) for line, values in rows}
        with self._database.transaction():
            add_lines(self._database, source, unreadable, run_id, object_name=object_name)
            end_corrected(self._database, source, facts, object_name=object_name)
        return counts

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
            ``purged``, and ``still_opted_out``: an opt-out that the file has not got stands.
        """
        database, table = self._database, self._context.table(object_name)
        noted_under = run_id or self._context.run_id
        counts = Counter({"created": 0, "updated": 0, "unchanged": 0})
        purged, is_people = PurgedPeople(database), table.object_map.kind.is_people
        with database.transaction(edits=True, origin="import", run_id=noted_under):
            for values in rows:
                key = _key(table, values)
                if is_people and key in purged and not records.has_address(database, table, key):
                    counts["purged"] += 1
                    continue
                action, local_id, columns = _import_one(database, table, values, counts)
                counts[action] += 1
                if columns:
                    provenance.note(
                        database, table, local_id, "imported", columns, source, noted_under
                    )
        return dict(counts)


SHORTEST_NAME: Final = 3
"""A shorter name of a mailbox is in too many lines to tell one from another."""


def _own_words(recognised_by: Value) -> tuple[str, ...]:
    """What a line says that another one would not: an address, and the mailbox in it, which a half address has too.

    >>> _own_words("ada@example.com")
    ('ada@example.com', 'ada')
    """
    whole = str(recognised_by or "")
    mailbox, sign, _ = whole.partition("@")
    return (whole, mailbox) if sign and len(mailbox) >= SHORTEST_NAME else (whole,)


def _key(table: MappedTable, values: Values) -> str:
    return match_key(str(values.get(table.object_map.match_on) or ""))


def _import_one(
    database: Database, table: MappedTable, values: Values, counts: Counter[str]
) -> tuple[str, LocalId, Sequence[str]]:
    """What was done with one record, to which row, and the columns it changed."""
    columns = list(values)
    found = _recognised(database, table, values)
    if found is None:
        return "created", records.insert(database, table, values), columns
    local_id = LocalId(int(found[0] or 0))
    held = dict(zip(columns, found[1:], strict=False))
    changed = edit_row(database, table, local_id, held, values, counts)
    return ("updated" if changed else "unchanged"), local_id, changed


def edit_row(
    database: Database,
    table: MappedTable,
    local_id: LocalId,
    held: Values,
    values: Values,
    counts: Counter[str],
) -> Sequence[str]:
    """Write what is stated otherwise than a row holds it; the columns that were changed.

    Args:
        held: what the row holds in the columns that are stated, at least.
        counts: ``still_opted_out`` goes up where an opt-out was to be taken back.
    """
    changed = {name: value for name, value in values.items() if value != held[name]}
    match_on = table.object_map.match_on
    key = _key(table, values)
    if match_on in changed and match_key(str(held[match_on] or "")) == key:
        # the same address in other capitals: the row's own spelling stays
        del changed[match_on]
    opted_out = [name for name in table.object_map.opt_out if name in changed and held[name] == 1]
    if opted_out:
        # an older list says nothing of what was said since: a file opts out, and never in
        counts["still_opted_out"] += 1
        for name in opted_out:
            del changed[name]
    records.write(database, table, local_id, changed)
    return list(changed)


def _recognised(database: Database, table: MappedTable, values: Values) -> Sequence[Value] | None:
    """The oldest live row of this person: its id, and its values of the record's columns."""
    key, columns = _key(table, values), list(values)
    # a domain in Unicode and in its xn-- form is one
    forms = spellings(key)
    where, parameters = f"{table.match()} IN ({marks(forms)})", list[Value](forms)
    if not key:
        # nothing to recognise the person by: the very same record again is no second person
        same = " AND ".join(f"{quoted(name)} IS ?" for name in columns) or "0"
        where, parameters = f"{table.match()} IS NULL AND {same}", list(values.values())
    found: Sequence[Value] | None = database.row(
        f"SELECT id, {table.listed('', columns) or 'NULL'} FROM {table.name}"
        f" WHERE {where} AND deleted_at IS NULL ORDER BY id LIMIT 1",
        parameters,
    )
    return found
