"""Consent by person: statements about addresses, and the rows that they hold for.

``consent`` is a list of statements that is only ever added to. What they add up to for an address stands in
``_opted_out`` and ``_consented``, in each spelling of the address, so that SQL finds the rows by their index. The law
is ``planning.consent``; a property test holds this against it.

The opt-out columns of rows are what Salesforce and people see of it. ``settle`` brings the two together: a row that is
opted out makes a statement, a statement reaches rows, and rows that an explicit consent has freed are freed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, Self

from sfsync.mirror import conflicts, quarantine
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import literal, quoted
from sfsync.mirror.person_history import Person, people
from sfsync.mirror.purged_people import purged_opt_outs
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import match_key, spellings
from sfsync.model.consent import ConsentSource, ConsentState, Due, Statement
from sfsync.model.record import LocalId

STATEMENTS = 5_000
"""Statements a transaction when rows of a first pull are heard."""

_STANDING = """
SELECT max(CASE state WHEN 'consented' THEN since END) AS consented,
       max(CASE state WHEN 'opted_out' THEN since END) AS opted_out
FROM consent WHERE address_key = ?
"""

_FIRST_OPT_OUT = """
SELECT min(since) FROM consent WHERE address_key = ?1 AND state = 'opted_out' AND since >= ?2
"""

OptOut = Mapping[str, Sequence[str]]
"""Object -> the columns that say "no more emails" and that this org has."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What bringing rows and statements together did.

    Attributes:
        heard: new statements, from rows that are opted out.
        opted_out: rows that were opted out because of a statement.
        freed: rows that an explicit consent has freed.
    """

    heard: int = 0
    opted_out: int = 0
    freed: int = 0


PURGED_CHECKED = "purged_consent_checked"
"""Note, by object: the last row whose address was compared with those of purged people who opted out."""

NAMED = 5
"""Records that are named where opt-outs are due; of more, their number."""


class Consent:
    """The table ``consent``, and what follows from it for the mapped tables."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    # -- statements --------------------------------------------------------------------------------
    def record(self, statements: Iterable[Statement]) -> int:
        """Add statements, in one transaction; one that is there already is not added again.

        Returns:
            How many are new.
        """
        with self._database.transaction():
            return sum(self.add(statement) for statement in statements)

    def add(self, statement: Statement) -> int:
        """Add a statement inside a transaction of the caller's; whether it is new."""
        if not statement.address_key:
            return 0
        database = self._database
        added = database.run(
            "INSERT OR IGNORE INTO consent"
            " (address_key, state, since, source, reason, run_id, recorded_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                statement.address_key,
                statement.state.value,
                statement.since,
                statement.source.value,
                statement.reason,
                self._context.run_id,
                database.now(),
            ],
        )
        if added:
            self._stand(statement.address_key)
        return added

    def _stand(self, key: str) -> None:
        """Keep what the statements about one address add up to."""
        database = self._database
        consented, opted_out = database.row(_STANDING, [key]) or (None, None)
        for spelling in spellings(key):
            database.run("DELETE FROM _opted_out WHERE spelling = ?", [spelling])
            database.run("DELETE FROM _consented WHERE spelling = ?", [spelling])
            # At the same instant an opt-out goes before a consent.
            if opted_out is not None and opted_out >= (consented or ""):
                first = database.value(_FIRST_OPT_OUT, [key, consented or ""])
                database.run("INSERT INTO _opted_out VALUES (?, ?, ?)", [spelling, key, first])
            elif consented is not None:
                database.run("INSERT INTO _consented VALUES (?, ?, ?)", [spelling, key, consented])

    def statements(self, address_keys: Sequence[str]) -> list[Statement]:
        """All statements about these addresses, the oldest first.

        Of purged people who opted out there is one for each address, by its hash.
        """
        marks = ", ".join("?" * len(address_keys))
        found = self._database.rows(
            "SELECT address_key, state, since, source, reason FROM consent"
            f" WHERE address_key IN ({marks}) ORDER BY since, id",
            list(address_keys),
        )
        said = [_statement(row) for row in found]
        known = {(each.address_key, each.since) for each in said}
        purged = [
            each
            for each in self.of_purged(address_keys)
            if (each.address_key, each.since) not in known
        ]
        return sorted([*said, *purged], key=attrgetter("since"))

    def of_purged(self, address_keys: Iterable[str]) -> list[Statement]:
        """What is known of these addresses by their hash: that a purged person had opted out."""
        return [
            Statement(key, ConsentState.OPTED_OUT, since, ConsentSource.PURGED)
            for key, since in purged_opt_outs(self._database, address_keys).items()
        ]

    def is_opted_out(self, address: str) -> bool:
        """Whether whoever has this address now is not to get emails."""
        found = self._database.value(
            "SELECT 1 FROM _opted_out WHERE spelling = ?", [match_key(address)]
        )
        return found is not None

    def last_opt_out(self, address: str) -> str:
        """When the person last opted out, by any address of theirs; empty where never."""
        keys = self.keys_of_person(address)
        said = [one.since for one in self.statements(keys) if one.state is ConsentState.OPTED_OUT]
        return max(said, default="")

    def keys_of_person(self, address: str) -> list[str]:
        """The addresses a person speaks for: this one, and those that their records have or had.

        Not an address that somebody else has now: that one is the other's.
        """
        keys = {match_key(address)}
        for table, local_id in self._people(address):
            keys |= self._keys_of_row(table, local_id)
        return sorted(keys)

    def _people(self, address: str) -> list[Person]:
        return people(self._database, self._context.people_tables, address)

    def _keys_of_row(self, table: MappedTable, local_id: LocalId) -> set[str]:
        found = self._database.rows(
            f"SELECT {table.match()}, 0 FROM {table.name} WHERE id = ?1"
            " UNION SELECT match_key, 1 FROM _former_addresses WHERE object = ?2 AND person_id = ?1",
            [local_id, table.object],
        )
        return {
            match_key(key)
            for key, is_former in found
            if key and not (is_former and self._is_taken(key))
        }

    def _is_taken(self, key: str) -> bool:
        """Whether a live row has this address."""
        return any(
            self._database.value(
                f"SELECT 1 FROM {table.name} WHERE {table.match()} = ? AND deleted_at IS NULL",
                [spelling],
            )
            for table in self._context.people_tables
            for spelling in spellings(key)
        )

    def of_person(self, address: str) -> tuple[list[dict[str, Any]], list[Statement]]:
        """The person's rows, with whether each is opted out and whether that waits to be sent; and all statements."""
        return (
            [self._record_state(*person) for person in self._people(address)],
            self.statements(self.keys_of_person(address)),
        )

    def _record_state(self, table: MappedTable, local_id: LocalId) -> dict[str, Any]:
        columns = table.object_map.opt_out
        some = _some("r", columns) or "0"
        unsaid = _unsaid(columns) or "0"
        row = self._database.row(
            f"SELECT r.salesforce_id, r.deleted_at, {some}, b.id IS NOT NULL AND ({unsaid})"
            f" FROM {table.name} AS r LEFT JOIN {table.base} AS b ON b.id = r.id WHERE r.id = ?",
            [local_id],
        )
        salesforce_id, deleted_at, opted_out, waits = row or (None, None, 0, 0)
        return {
            "object": table.object,
            "id": local_id,
            "salesforce_id": salesforce_id,
            "deleted_at": deleted_at,
            "opted_out": bool(opted_out),
            "waits": bool(waits),
        }

    # -- rows --------------------------------------------------------------------------------------
    def settle(self, opt_out: OptOut) -> Settled:
        """Bring rows and statements together; writes nothing where they agree.

        A row that is opted out speaks for the address that it has now, which may reach further rows: this goes on
        until nothing is new.

        Args:
            opt_out: the columns to read and to set. An object without any is left out.
        """
        heard = opted_out = freed = 0
        while True:
            new = self._hear(opt_out)
            reached, taken_back = self._spread(opt_out)
            heard, opted_out, freed = heard + new, opted_out + reached, freed + taken_back
            if not reached:
                return Settled(heard, opted_out, freed)

    def _spread(self, opt_out: OptOut) -> tuple[int, int]:
        with (
            _Closure(self._context, "_reached", "_opted_out") as reached,
            _Closure(self._context, "_freed", "_consented") as consented,
            self._database.transaction(edits=True, origin="consent"),
        ):
            opted_out = freed = 0
            for table, columns in self._mapped(opt_out):
                opted_out += self._opt_out_rows(table, columns, reached)
                freed += self._free_rows(table, columns, reached, consented)
            return opted_out, freed

    def _mapped(self, opt_out: OptOut) -> Iterator[tuple[MappedTable, Sequence[str]]]:
        for name, columns in opt_out.items():
            if columns and name in self._context.tables:
                yield self._context.tables[name], columns

    def _hear(self, opt_out: OptOut) -> int:
        """Statements of rows that are opted out and whose address is not: ticked here or there, or moved there."""
        heard = self._hear_of_purged()
        for table, columns in self._mapped(opt_out):
            found = self._unheard(table, columns)
            while batch := list(islice(found, STATEMENTS)):
                heard += self.record(batch)
        return heard

    def _hear_of_purged(self) -> int:
        """Statements of people who were purged, and are there again: put in by hand, or readmitted.

        The address of a row is hashed once, when the row is new; of one that was put in by hand, at each settling.
        """
        database = self._database
        if database.value("SELECT 1 FROM _purged_consent LIMIT 1") is None:
            return 0
        heard = 0
        for table in self._context.people_tables:
            name = f"{PURGED_CHECKED}:{table.object}"
            checked = int(database.value("SELECT value FROM _notes WHERE name = ?", [name]) or 0)
            last = int(database.value(f"SELECT max(id) FROM {table.name}") or 0)
            keys = database.rows(
                f"SELECT {table.match('r')} FROM {table.base} AS b JOIN {table.name} AS r"
                f" ON r.id = b.id WHERE b._never_agreed = '*' AND {table.match('r')} <> ''"
                f" UNION SELECT {table.match('r')} FROM {table.name} AS r"
                f" WHERE r.id > ? AND {table.match('r')} <> ''",
                [checked],
            )
            heard += self.record(self.of_purged({match_key(str(key)) for (key,) in keys}))
            if last > checked:
                database.run(
                    "INSERT OR REPLACE INTO _notes (name, value) VALUES (?, ?)", [name, str(last)]
                )
        return heard

    def _unheard(self, table: MappedTable, columns: Sequence[str]) -> Iterator[Statement]:
        rows = f"{table.name} AS r LEFT JOIN {table.base} AS b ON b.id = r.id"
        yield from self._unheard_of(table, columns, table.match("r"), rows)
        # an address that was changed here is the record's until Salesforce has taken the new one
        edited = f"{table.base} AS b CROSS JOIN {table.name} AS r ON r.id = b.id"
        theirs = f"iif({_has_another_address_there(table)}, {table.match('b')}, '')"
        yield from self._unheard_of(table, columns, theirs, edited)

    def _unheard_of(
        self, table: MappedTable, columns: Sequence[str], key: str, rows: str
    ) -> Iterator[Statement]:
        """Statements of rows (``r``, with their base ``b``) for one of their addresses, all of it as SQL."""
        # a new row agreed on nothing, whatever its base holds
        agreed = f"b._never_agreed <> '*' AND ({_some('b', columns)})"
        # an opt-out that was agreed on before a consent is no news: it waits to be taken back
        is_news = (
            f"(b.id IS NOT NULL AND NOT ({agreed}))"
            f" OR NOT EXISTS (SELECT 1 FROM _consented AS c WHERE c.spelling = {key})"
        )
        found = self._database.rows(
            f"SELECT {key}, r.id, r.salesforce_id, b.id, b._edited_at, ({agreed})"
            f" FROM {rows} WHERE ({_some('r', columns)}) AND {key} <> '' AND ({is_news})"
            f" AND NOT EXISTS (SELECT 1 FROM _opted_out AS o WHERE o.spelling = {key})"
        )
        for address, local_id, salesforce_id, base_id, edited_at, was_opted_out in found:
            whose = salesforce_id or f"{table.object} {local_id}"
            if base_id is None:
                # agreed as it stands: Salesforce said it, or the record has a new address
                source, since = ConsentSource.SALESFORCE, self._database.now()
            elif was_opted_out:
                source, since = ConsentSource.RECORD, self._database.now()
            else:
                source, since = ConsentSource.EDIT, edited_at or self._database.now()
            yield Statement(match_key(address), ConsentState.OPTED_OUT, since, source, whose)

    def _opt_out_rows(self, table: MappedTable, columns: Sequence[str], reached: _Closure) -> int:
        """Set the opt-outs of reached rows: live ones, and those deleted here whose record stays.

        Not one that was taken back here since both sides agreed on it: the merge decides, and keeps a conflict. A
        row that has no record yet has agreed on nothing. One that waits for a correction is not merged, so it is set
        here, and what it held is kept as a conflict.
        """
        is_reached = (
            f"id IN (SELECT id FROM {reached.name} WHERE object = '{literal(table.object)}')"
            f" AND {_has_record(table)}"
        )
        waits = quarantine.waits_for_a_correction(table)
        for column in columns:
            conflicts.keep_taken_back(
                self._database, table, column, f"{is_reached} AND {waits}", self._context.run_id
            )
        setting = ", ".join(f"{quoted(name)} = 1" for name in columns)
        return self._database.run(
            f"UPDATE {table.name} SET {setting} WHERE {is_reached} AND ({_lacking('', columns)})"
            f" AND (salesforce_id IS NULL OR {waits} OR NOT EXISTS (SELECT 1 FROM {table.base} AS b"
            f" WHERE b.id = {table.name}.id AND ({_taken_back(table, columns)})))"
        )

    def _free_rows(
        self, table: MappedTable, columns: Sequence[str], reached: _Closure, consented: _Closure
    ) -> int:
        """Take the opt-outs of rows back whose person has explicitly consented since."""
        setting = ", ".join(f"{quoted(name)} = 0" for name in columns)
        return self._database.run(
            f"UPDATE {table.name} SET {setting}"
            f" WHERE id IN (SELECT id FROM {consented.name} WHERE object = ?1)"
            f" AND id NOT IN (SELECT id FROM {reached.name} WHERE object = ?1)"
            f" AND ({_some('', columns)})",
            [table.object],
        )

    def last_edit(self) -> int:
        """The number of the last edit of any row, whoever made it."""
        return int(self._database.value("SELECT edit FROM _sync"))

    def due(self, opt_out: OptOut, *, up_to: int | None = None) -> Due:
        """The records that are opted out here and not yet, as far as is known, in Salesforce.

        Args:
            up_to: leave those out whose rows were edited after this edit: nobody has sent them yet.
            opt_out: the columns that say so there. Where an object has none, nothing can say it: its
                records of people who opted out are due, too.
        """
        count, first = 0, list[str]()
        for name, columns in opt_out.items():
            table = self._context.tables.get(name)
            if table is None or not table.object_map.kind.is_people:
                continue
            for salesforce_id in self._due(table, columns, up_to):
                count += 1
                if len(first) < NAMED:
                    first.append(f"{name} {salesforce_id}")
        return Due(count, tuple(first))

    def _due(self, table: MappedTable, columns: Sequence[str], up_to: int | None) -> Iterator[str]:
        if columns:
            sql = (
                f"SELECT r.salesforce_id FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
                " WHERE r.salesforce_id IS NOT NULL AND r.deleted_at IS NULL"
                f" AND ({_unsaid(columns)})"
                " AND b._edit <= coalesce(?, b._edit)"
                f" AND NOT {quarantine.is_out_of_sight(table)} ORDER BY b.id"
            )
            found = self._database.rows(sql, [up_to])
        else:
            found = self._database.rows(
                f"SELECT r.salesforce_id {self._opted_out_rows(table)} ORDER BY r.id"
            )
        return (str(salesforce_id) for (salesforce_id,) in found)

    def _opted_out_rows(self, table: MappedTable) -> str:
        """SQL: live rows with a record whose address is opted out, as ``r``."""
        return (
            f"FROM _opted_out AS o CROSS JOIN {table.name} AS r INDEXED BY {table.match_index}"
            f" ON {table.match('r')} = +o.spelling"
            " WHERE r.salesforce_id IS NOT NULL AND r.deleted_at IS NULL"
        )

    def lacks_opt_out(self, object_name: str, columns: Sequence[str]) -> bool:
        """Whether any person who opted out has a live row that does not say so in one of these columns."""
        table = self._context.table(object_name)
        if not columns or not table.object_map.kind.is_people:
            return False
        found = self._database.value(
            f"SELECT 1 {self._opted_out_rows(table)} AND ({_lacking('r', columns)}) LIMIT 1"
        )
        return found is not None


class _Closure:
    """A temporary table of the rows that addresses lead to: ``(object, id)``; gone at the end of the block.

    Trap: the match key of a row is an expression, so it has no affinity; compared with a column of
    texts, SQLite does not use the index by it and walks all people for each address. Hence the plus.

    A row is reached that has the address here or in Salesforce, or had it, and so is the row of the record that
    survived its record.
    An address that another live row has now leads to its former holders only for what was said while they had it.
    """

    def __init__(self, context: MirrorContext, name: str, seeds: str) -> None:
        self._database = context.database
        self._tables = context.people_tables
        self._seeds = seeds
        self.name = f"temp.{name}"

    def __enter__(self) -> Self:
        with self._database.temporary():
            # kept between settlings: a table that comes or goes has SQLite compile every statement anew
            self._database.run(
                f"CREATE TABLE IF NOT EXISTS {self.name}"
                " (object TEXT, id INTEGER, PRIMARY KEY (object, id)) WITHOUT ROWID"
            )
            self._database.run(f"DELETE FROM {self.name}")
            for table in self._tables:
                self._with_address(table)
                self._with_address_there(table)
                self._with_former_address(table)
            while self._survivors():
                pass
        return self

    def __exit__(self, *_: object) -> None:
        with self._database.temporary():
            self._database.run(f"DELETE FROM {self.name}")

    def _with_address(self, table: MappedTable) -> None:
        self._database.run(
            f"INSERT OR IGNORE INTO {self.name} SELECT ?, r.id FROM {self._seeds} AS o"
            f" CROSS JOIN {table.name} AS r INDEXED BY {table.match_index}"
            f" ON {table.match('r')} = +o.spelling",
            [table.object],
        )

    def _with_address_there(self, table: MappedTable) -> None:
        """The address was changed here, and the record in Salesforce has it still: not sent yet, or refused."""
        self._database.run(
            f"INSERT OR IGNORE INTO {self.name} SELECT ?, b.id FROM {table.base} AS b"
            f" CROSS JOIN {table.name} AS r ON r.id = b.id"
            f" CROSS JOIN {self._seeds} AS o ON o.spelling = {table.match('b')}"
            f" WHERE {_has_another_address_there(table)}",
            [table.object],
        )

    def _with_former_address(self, table: MappedTable) -> None:
        has_it_now = " OR ".join(
            f"EXISTS (SELECT 1 FROM {self._seeds} AS z CROSS JOIN {other.name} AS h"
            f" INDEXED BY {other.match_index} ON {other.match('h')} = +z.spelling WHERE z.address_key = o.address_key"
            " AND h.deleted_at IS NULL"
            f"{' AND h.id <> f.person_id' if other.object == table.object else ''})"
            for other in self._tables
        )
        self._database.run(
            f"INSERT OR IGNORE INTO {self.name} SELECT f.object, f.person_id FROM {self._seeds} AS o"
            " CROSS JOIN _former_addresses AS f ON f.match_key = o.spelling"
            f" WHERE f.object = ? AND (o.since <= f.until OR NOT ({has_it_now}))",
            [table.object],
        )

    def _survivors(self) -> int:
        """One step on from rows whose record has ended to the rows of their survivors; how many are new."""
        found = 0
        for ended in self._tables:
            for survivor in self._tables:
                found += self._database.run(
                    f"INSERT OR IGNORE INTO {self.name} SELECT ?2, n.id FROM {self.name} AS x"
                    f" CROSS JOIN {ended.name} AS r ON r.id = x.id"
                    " CROSS JOIN _successors AS l ON l.object = ?1 AND l.salesforce_id = r.salesforce_id"
                    f" CROSS JOIN {survivor.name} AS n ON n.salesforce_id = l.successor_id"
                    " WHERE x.object = ?1 AND l.successor_object = ?2",
                    [ended.object, survivor.object],
                )
        return found


def _has_another_address_there(table: MappedTable) -> str:
    """SQL over ``r`` and ``b``: both sides had agreed on an address, and it was changed here since."""
    column = f"',{table.object_map.match_on},'"
    return (
        f"(r.salesforce_id IS NOT NULL AND b._never_agreed <> '*'"
        f" AND NOT instr(b._never_agreed, {column}) AND {table.match('b')} IS NOT {table.match('r')})"
    )


def is_mailable(table: MappedTable, alias: str) -> str:
    """SQL over a row of people: nothing known says that the person gets no emails.

    What a filter by consent asks. It holds without waiting for ``settle``: for a row that was put in a
    moment ago, and for an address of which a statement was just heard.
    """
    opted_out = _some(alias, table.object_map.opt_out) or "0"
    return (
        f"NOT ({opted_out}) AND NOT EXISTS"
        f" (SELECT 1 FROM _opted_out AS o WHERE o.spelling = {table.match(alias)})"
    )


def _statement(row: Sequence[Any]) -> Statement:
    key, state, since, source, reason = row
    return Statement(key, ConsentState(state), since, ConsentSource(source), reason)


def _some(alias: str, columns: Iterable[str]) -> str:
    """SQL: one of these columns is true."""
    dot = f"{alias}." if alias else ""
    return " OR ".join(f"{dot}{quoted(name)} IS 1" for name in columns)


def _lacking(alias: str, columns: Iterable[str]) -> str:
    """SQL: one of these columns is not true."""
    dot = f"{alias}." if alias else ""
    return " OR ".join(f"{dot}{quoted(name)} IS NOT 1" for name in columns)


def _unsaid(columns: Iterable[str]) -> str:
    """SQL over ``r`` and ``b``: an opt-out of the row that both sides never agreed on."""
    return " OR ".join(
        f"(r.{quoted(name)} IS 1 AND (b.{quoted(name)} IS NOT 1 OR b._never_agreed = '*'))"
        for name in columns
    )


def _taken_back(table: MappedTable, columns: Iterable[str]) -> str:
    """SQL over ``b``: an opt-out that both sides had agreed on is not set in the row any more."""
    return " OR ".join(
        f"(b.{quoted(name)} IS 1 AND {table.name}.{quoted(name)} IS NOT 1)" for name in columns
    )


def _has_record(table: MappedTable) -> str:
    """SQL: the row is live, or was deleted here alone, so that its record is still mailed."""
    return (
        f"(deleted_at IS NULL OR EXISTS (SELECT 1 FROM {table.base} AS b"
        f" WHERE b.id = {table.name}.id AND b.deleted_at IS NULL))"
    )
