"""Fresh records beside the mirror's rows, and what is plain about them settled by SQL.

A stage is a temporary table: it is not in the mirror's file, not durable, and gone at the end of
the block. A crash loses nothing but work, for the watermark has not moved.

What SQL settles here is what ``planning.planner`` would decide without looking twice; a property
test holds the one against the other. Everything else comes out as triples, page by page, so that
memory stays flat and the caller may commit between any two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sfsync.mirror import records
from sfsync.mirror.database import Database, literal, quoted
from sfsync.mirror.tables import MappedTable, differs
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import LocalId, Remote, RemoteState, Row, SalesforceId, Triple, Value
from sfsync.model.stage import StageSummary

CHUNK = 20_000
"""Staged records a transaction when what is plain is settled."""

PAGE = 1_000
"""Triples read at once."""

_LIVES_ON = "('merged', 'converted')"


@dataclass(frozen=True)
class Law:
    """What is plain and what is contested, as SQL over ``s`` (staged), ``r`` (the row) and ``b`` (its base).

    Attributes:
        columns: what is staged. Only these are ever compared.
    """

    table: MappedTable
    columns: tuple[str, ...]

    @cached_property
    def object_map(self) -> ObjectMap:
        """The object's mapping."""
        return self.table.object_map

    @cached_property
    def pulled(self) -> tuple[str, ...]:
        """The staged columns that come down; no other column of a row is touched."""
        return tuple(name for name in self.columns if self.object_map.by_column[name].pulls)

    @cached_property
    def differs(self) -> str:
        """Some column that comes down is not the same."""
        return f"({differs('s', 'r', self.pulled)})"

    @cached_property
    def blanked(self) -> str:
        """Some column that comes down would lose its value."""
        lost = (f"(s.{quoted(n)} IS NULL AND r.{quoted(n)} IS NOT NULL)" for n in self.pulled)
        return f"({' OR '.join(lost) or '0'})"

    @cached_property
    def torn(self) -> str:
        """The row and the record do not say the same about consent, and not just in the org's favour."""
        taken_back = (
            f"(r.{quoted(field.column)} IS 1 AND s.{quoted(field.column)} IS NOT 1)"
            for field in self.object_map.fields
            if field.merge is Merge.STICKY_TRUE and field.column in self.pulled
        )
        opt_outs = self._opt_outs(("s", "r"))
        return f"({' OR '.join([*taken_back, opt_outs])})"

    @cached_property
    def torn_alone(self) -> str:
        """The record contradicts itself about consent."""
        return f"({self._opt_outs(('s',))})"

    def _opt_outs(self, sides: Sequence[str]) -> str:
        columns = [name for name in self.object_map.opt_out if name in self.columns]
        if not columns:
            return "0"
        some = " OR ".join(f"{side}.{quoted(name)} IS 1" for side in sides for name in columns)
        lacking = " OR ".join(f"s.{quoted(name)} IS NOT 1" for name in columns)
        return f"(({some}) AND ({lacking}))"

    @cached_property
    def alone(self) -> str:
        """There is an unlinked live row with the record's address."""
        if self.object_map.match_on not in self.columns:
            return "0"
        key, index = self.table.match_or_blank("s"), self.table.unlinked_index
        return (
            f"({key} <> '' AND EXISTS (SELECT 1 FROM {self.table.name} AS u INDEXED BY {index}"
            f" WHERE {self.table.match_or_blank('u')} = {key}"
            " AND u.salesforce_id IS NULL AND u.deleted_at IS NULL))"
        )

    @cached_property
    def new(self) -> str:
        """No row has this record, and none has its address."""
        return f"(r.id IS NULL AND s._state = 'present' AND NOT {self.alone} AND NOT {self.torn_alone})"

    @cached_property
    def at_rest(self) -> str:
        """The row is live, nobody has edited it, and the record is complete and live."""
        return (
            "(r.id IS NOT NULL AND b.id IS NULL AND r.deleted_at IS NULL"
            " AND s._state = 'present' AND s._absent = '')"
        )

    @cached_property
    def changed(self) -> str:
        """At rest here, and different there."""
        return f"({self.at_rest} AND NOT {self.torn} AND {self.differs})"

    @cached_property
    def verdict(self) -> str:
        """One word for each staged record; null where there is nothing to do at all."""
        gone = "r.deleted_at IS NOT NULL AND b.id IS NULL"
        return (
            "CASE WHEN r.id IS NULL THEN CASE WHEN s._state <> 'present' THEN NULL"
            f" WHEN {self.alone} OR {self.torn_alone} THEN 'contested' ELSE 'new' END"
            f" WHEN s._state <> 'present' THEN CASE WHEN {gone} THEN NULL ELSE 'contested' END"
            f" WHEN NOT {self.at_rest} OR {self.torn} THEN 'contested'"
            f" WHEN {self.differs} THEN 'changed' ELSE 'equal' END"
        )


class SqliteStage:
    """One object's stage; see ``engine.ports.Stage``."""

    def __init__(
        self,
        database: Database,
        table: MappedTable,
        columns: Sequence[str],
        name: str,
        run_id: str = "",
    ) -> None:
        self._database = database
        self._run_id = run_id
        self._table = table
        self._columns = tuple(columns)
        self._law = Law(table, self._columns)
        self._bare = name
        self._began = int(
            database.value("SELECT edit FROM _sync")
        )  # the mirror's count of edits so far
        self._name = f"temp.{quoted(name)}"
        own = "_state TEXT, _successor_id TEXT, _modified_at TEXT, _absent TEXT"
        listed = "".join(f", {quoted(column)} {table.type_of(column)}" for column in self._columns)
        with database.temporary():
            database.run(
                f"CREATE TABLE {self._name} (salesforce_id TEXT PRIMARY KEY, {own}{listed}) WITHOUT ROWID"
            )
        marks = ", ".join("?" * (5 + len(self._columns)))
        self._add = f"INSERT OR REPLACE INTO {self._name} VALUES ({marks})"

    def drop(self) -> None:
        """Forget everything staged."""
        with self._database.temporary():
            self._database.run(f"DROP TABLE IF EXISTS {self._name}")

    # -- filling -----------------------------------------------------------------------------------
    def add(self, records: Iterable[Remote]) -> int:
        """Stage one page; a record staged before is replaced. Returns how many."""
        with self._database.temporary():
            return self._database.run_many(self._add, map(self._staged, records))

    def _staged(self, remote: Remote) -> tuple[Value, ...]:
        values = remote.values
        absent = "" if len(values) >= len(self._columns) else _absent(values, self._columns)
        return (
            remote.salesforce_id,
            remote.state.value,
            remote.successor_id,
            remote.modified_at,
            absent,
            *[values.get(column) for column in self._columns],
        )

    # -- plain -------------------------------------------------------------------------------------
    @property
    def _joined(self) -> str:
        return (
            f"{self._name} AS s LEFT JOIN {self._table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" LEFT JOIN {self._table.base} AS b ON b.id = r.id"
        )

    def summary(self) -> StageSummary:
        """Count what settling would do."""
        law = self._law
        found = self._database.rows(
            f"SELECT {law.verdict} AS verdict, count(*), sum({law.blanked}) FROM {self._joined} GROUP BY verdict"
        )
        counts = {verdict: (count, blanked or 0) for verdict, count, blanked in found}
        by_word = {
            word: counts.get(word, (0, 0))[0] for word in ("new", "changed", "equal", "contested")
        }
        return StageSummary(**by_word, blanked=counts.get("changed", (0, 0))[1])

    def unstaged_ids(self) -> Iterator[SalesforceId]:
        """Salesforce Ids of live rows that no staged record is for, in a steady order."""
        after = ""
        while page := self._database.rows(
            f"SELECT r.salesforce_id FROM {self._table.name} AS r WHERE r.salesforce_id > ? AND r.deleted_at IS NULL"
            f" AND NOT EXISTS (SELECT 1 FROM {self._name} AS s WHERE s.salesforce_id = r.salesforce_id)"
            " ORDER BY r.salesforce_id LIMIT ?",
            [after, PAGE],
        ):
            yield from (SalesforceId(found[0]) for found in page)
            after = page[-1][0]

    def settle_plain(self, *, insert: bool, update: bool, segment: str) -> ObjectReport:
        """Apply, by SQL and in transactions of a bounded size, what needs no decision: ``new`` and ``changed``.

        ``insert`` and ``update`` say whether the rules want it; ``segment`` names the segment new
        rows join. Merges and conversions are noted as links, whatever becomes of the rows.
        """
        report = ObjectReport()
        for span in self._spans():
            with self._database.transaction():
                self._keep_successors(span)
                if update:
                    report.updated += self._update(span)
                if insert:
                    report.created += self._insert(span, segment)
        return report

    def _spans(self) -> Iterator[tuple[str, str]]:
        """``(after, up to)`` by Salesforce Id."""
        after = ""
        while True:
            upto = self._database.value(
                f"SELECT max(salesforce_id) FROM (SELECT salesforce_id FROM {self._name}"
                " WHERE salesforce_id > ? ORDER BY salesforce_id LIMIT ?)",
                [after, CHUNK],
            )
            if upto is None:
                return
            yield after, upto
            after = upto

    def _update(self, span: tuple[str, str]) -> int:
        if not self._law.pulled:
            return 0
        pulled, table = self._law.pulled, self._table
        last = self._note_changed(span)
        # joined_names out from the stage to the rows: as UPDATE FROM, SQLite walks every row of the
        # mirror
        return self._database.run(
            f"UPDATE {table.name} AS moved SET ({table.listed('', pulled)}) ="
            f" (SELECT {table.listed('s', pulled)} FROM {self._name} AS s WHERE s.salesforce_id = moved.salesforce_id)"
            " WHERE moved.id IN (SELECT person_id FROM _provenance WHERE id > ?)",
            [last],
        )

    def _note_changed(self, span: tuple[str, str]) -> int:
        """Keep which columns of which rows are about to change, and addresses that go: for people's stories.

        Returns:
            The last note before these.
        """
        database, table = self._database, self._table
        last = int(database.value("SELECT max(id) FROM _provenance") or 0)
        named = " || ".join(
            f"iif(s.{quoted(name)} IS NOT r.{quoted(name)}, '{literal(name)},', '')"
            for name in self._law.pulled
        )
        count = database.run(
            "INSERT INTO _provenance (object, person_id, how, columns, run_id, at)"
            f" SELECT ?, r.id, 'pulled', ',' || {named}, ?, ? FROM {self._name} AS s"
            f" CROSS JOIN {table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" LEFT JOIN {table.base} AS b ON b.id = r.id"
            f" WHERE s.salesforce_id > ? AND s.salesforce_id <= ? AND {self._law.changed}",
            [table.object, self._run_id, database.now(), *span],
        )
        match_on = table.object_map.match_on
        if count and match_on in self._law.pulled:
            database.run(
                f"INSERT OR REPLACE INTO _former_addresses (object, person_id, match_key, until)"
                f" SELECT b.object, r.id, {table.match('r')}, b.at FROM _provenance AS b"
                f" CROSS JOIN {table.name} AS r ON r.id = b.person_id WHERE b.id > ?"
                " AND instr(b.columns, ?)"
                f" AND {table.match('r')} <> '' AND EXISTS (SELECT 1 FROM {self._name} AS s"
                f" WHERE s.salesforce_id = r.salesforce_id AND {table.match('s')} IS NOT {table.match('r')})",
                [last, f",{match_on},"],
            )
        return last

    def _insert(self, span: tuple[str, str], segment: str) -> int:
        database, table, pulled = self._database, self._table, self._law.pulled
        before = database.value(f"SELECT max(id) FROM {table.name}") or 0
        names, values = ("", "")
        if pulled:
            names, values = f", {table.listed('', pulled)}", f", {table.listed('s', pulled)}"
        count = database.run(
            f"INSERT INTO {table.name} (salesforce_id{names})"
            f" SELECT s.salesforce_id{values} FROM {self._name} AS s"
            f" LEFT JOIN {table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" WHERE s.salesforce_id > ? AND s.salesforce_id <= ? AND {self._law.new} ORDER BY s.salesforce_id",
            span,
        )
        if count:
            upto = database.value(f"SELECT max(id) FROM {table.name}")
            records.note_pulled_rows(
                database, table, LocalId(before + 1), LocalId(upto), self._run_id
            )
        if segment and count and table.person_column:
            database.run(
                f"INSERT OR IGNORE INTO contact_segments (segment_id, {table.person_column}, added_at)"
                f" SELECT ?, id, ? FROM {table.name} WHERE id > ?",
                [records.segment_id(database, segment), database.now(), before],
            )
        return count

    def _keep_successors(self, span: tuple[str, str]) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO _successors (object, salesforce_id, successor_object, successor_id, reason, found_at)"
            " SELECT ?, s.salesforce_id, CASE s._state WHEN 'converted' THEN 'contact' ELSE ? END,"
            f" s._successor_id, s._state, ? FROM {self._name} AS s"
            " WHERE s.salesforce_id > ? AND s.salesforce_id <= ?"
            f" AND s._state IN {_LIVES_ON} AND s._successor_id IS NOT NULL",
            [self._table.object, self._table.object, self._database.now(), *span],
        )

    # -- triples -----------------------------------------------------------------------------------
    def triples(self, *, contested_only: bool, dirty_only: bool = False) -> Iterator[Triple]:
        """Triples in a steady order, streaming; the caller may commit between any two of them.

        ``contested_only``: what ``settle_plain`` leaves. ``dirty_only``: rows edited here, with the
        staged record as remote (``None`` where the row has no Id and no staged record its address).
        Not rows that were
        edited, or put in, too late to be asked for: they wait for the next run. Otherwise every
        staged record that differs from its row, and every dirty row (``GONE`` where its record is
        not staged).
        """
        handed_out: set[LocalId] = set()
        if not dirty_only:
            yield from self._by_record(handed_out, contested_only=contested_only)
        if not contested_only:
            yield from self._by_row(handed_out, beside_staged=dirty_only)

    def _by_record(self, handed_out: set[LocalId], *, contested_only: bool) -> Iterator[Triple]:
        """From the staged records; an unlinked row is handed out once, to the first record with its address."""
        wanted = "= 'contested'" if contested_only else "IN ('contested', 'changed', 'new')"
        after = ""
        while page := self._database.rows(
            f"SELECT {self._staged_columns}, {records.row_columns(self._table, self._local_columns)}"
            f" FROM {self._joined} WHERE s.salesforce_id > ? AND {self._law.verdict} {wanted}"
            " ORDER BY s.salesforce_id LIMIT ?",
            [after, PAGE],
        ):
            width = 5 + len(self._columns)
            for found in page:
                remote = self._remote(found)
                row = (
                    None
                    if found[width] is None
                    else records.read_row(found[width:], self._local_columns)
                )
                yield self._triple(row or self._unlinked(remote, handed_out), remote)
            after = page[-1][0]

    def _unlinked(self, remote: Remote, handed_out: set[LocalId]) -> Row | None:
        if self._table.object_map.match_on not in self._columns:
            return None
        address = remote.values.get(self._table.object_map.match_on)
        if not address:
            return None
        found = self._database.rows(
            f"SELECT {records.row_columns(self._table, self._local_columns)} FROM {self._table.name} AS r"
            f" INDEXED BY {self._table.unlinked_index} LEFT JOIN {self._table.base} AS b ON b.id = r.id"
            f" WHERE {self._table.match_or_blank('r')} = lower(trim(?)) AND lower(trim(?)) <> ''"
            " AND r.salesforce_id IS NULL AND r.deleted_at IS NULL ORDER BY r.id",
            [address, address],
        )
        for candidate in found:
            if candidate[0] not in handed_out:
                handed_out.add(candidate[0])
                row = records.read_row(candidate, self._local_columns)
                return Row(row.local, None, None)
        return None

    def _by_row(self, handed_out: set[LocalId], *, beside_staged: bool) -> Iterator[Triple]:
        """From the rows edited here; ``beside_staged``: also those that have a staged record."""
        pushed = [
            name for name in self._local_columns if self._table.object_map.by_column[name].pushes
        ]
        only = " AND s.salesforce_id IS NULL"
        if beside_staged:
            in_time = f"b._edit <= {self._began}"
            only = f" AND CASE WHEN r.salesforce_id IS NULL THEN {in_time} ELSE s.salesforce_id IS NOT NULL END"
        after, width = 0, 5 + len(self._columns)
        while page := self._database.rows(
            f"SELECT {self._staged_columns}, {records.row_columns(self._table, self._local_columns)}"
            f" FROM {self._table.base} AS b JOIN {self._table.name} AS r ON r.id = b.id"
            f" LEFT JOIN {self._name} AS s ON s.salesforce_id = r.salesforce_id"
            f" WHERE b.id > ? AND {records.dirty(self._table, pushed)}{only} ORDER BY b.id LIMIT ?",
            [after, PAGE],
        ):
            by_key = self._staged_for(page, width)
            for found in page:
                row = records.read_row(found[width:], self._local_columns)
                if row.local.local_id not in handed_out:
                    yield self._triple(row, self._remote_of(found, row, by_key))
            after = page[-1][width]

    def _remote_of(
        self, found: Sequence[Value], row: Row, by_key: Mapping[LocalId, Remote]
    ) -> Remote | None:
        if found[0] is not None:
            return self._remote(found)
        if row.salesforce_id is not None:
            return Remote(row.salesforce_id, {}, RemoteState.GONE)
        return by_key.get(row.local.local_id)

    def _staged_for(self, page: Sequence[Sequence[Value]], width: int) -> dict[LocalId, Remote]:
        """Staged records that no row has, for the page's rows without a Salesforce Id, by address."""
        if self._table.object_map.match_on not in self._columns:
            return {}
        unlinked = [found[width] for found in page if found[width + 1] is None]
        matched: dict[LocalId, Remote] = {}
        taken: set[SalesforceId] = set()
        if not unlinked or not self._unrowed():
            return matched
        key = self._table.match("s")
        self._index()
        for local_id in unlinked:
            for found in self._database.rows(
                f"SELECT {self._staged_columns} FROM {self._table.name} AS u JOIN {self._name} AS s"
                f" ON {key} = {self._table.match('u')} WHERE u.id = ? AND {key} <> '' AND s._state = 'present'"
                f" AND NOT EXISTS (SELECT 1 FROM {self._table.name} AS r WHERE r.salesforce_id = s.salesforce_id)"
                " ORDER BY s.salesforce_id",
                [local_id],
            ):
                remote = self._remote(found)
                if remote.salesforce_id not in taken:
                    taken.add(remote.salesforce_id)
                    matched[LocalId(int(local_id or 0))] = remote
                    break
        return matched

    def _unrowed(self) -> bool:
        """Whether any staged record has no row at all."""
        return bool(
            self._database.value(
                f"SELECT EXISTS (SELECT 1 FROM {self._name} AS s WHERE NOT EXISTS"
                f" (SELECT 1 FROM {self._table.name} AS r WHERE r.salesforce_id = s.salesforce_id))"
            )
        )

    def _index(self) -> None:
        with self._database.temporary():
            self._database.run(
                f"CREATE INDEX IF NOT EXISTS temp.{quoted(self._bare + '_match')} ON {quoted(self._bare)}"
                f" ({self._table.match()})"
            )

    @cached_property
    def _local_columns(self) -> tuple[str, ...]:
        return self._table.columns

    @cached_property
    def _staged_columns(self) -> str:
        listed = "".join(f", s.{quoted(name)}" for name in self._columns)
        return f"s.salesforce_id, s._state, s._successor_id, s._modified_at, s._absent{listed}"

    def _remote(self, found: Sequence[Value]) -> Remote:
        values = dict(zip(self._columns, found[5 : 5 + len(self._columns)], strict=True))
        for column in str(found[4] or "").split(","):
            values.pop(column, None)
        return Remote(
            SalesforceId(str(found[0])),
            values,
            RemoteState(str(found[1])),
            SalesforceId(str(found[2])) if found[2] is not None else None,
            str(found[3] or ""),
        )

    def _triple(self, row: Row | None, remote: Remote | None) -> Triple:
        if row is None:
            return Triple(self._table.object, None, None, remote)
        return Triple(self._table.object, row.base, row.local, remote)


def _absent(values: Mapping[str, Value], columns: Sequence[str]) -> str:
    return ",".join(column for column in columns if column not in values)
