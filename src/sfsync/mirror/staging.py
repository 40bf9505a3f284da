"""Fresh records beside the mirror's rows, and what is plain about them settled by SQL.

What ``stage_verdicts`` calls plain is applied here, in transactions of a bounded size. Everything
else comes out as triples (``stage_triples``), page by page, so that memory stays flat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from sfsync.mirror import bases, changes, conflicts, provenance, records
from sfsync.mirror.database import Database, literal, quoted
from sfsync.mirror.stage_table import StageTable
from sfsync.mirror.stage_triples import StageTriples
from sfsync.mirror.stage_verdicts import Verdicts
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import match_key
from sfsync.model.consent import ConsentSource, ConsentState, Statement
from sfsync.model.merges import Merge
from sfsync.model.outcome import ObjectReport
from sfsync.model.record import LocalId, Remote, SalesforceId, Triple
from sfsync.model.stage import StageSummary

SETTLE_BATCH = 20_000
"""Staged records a transaction when what is plain is settled."""

PAGE = 1_000
"""Ids read at once."""

Span = tuple[str, str]
"""Staged records ``(after, up to)``, by Salesforce Id."""

_OF_SPAN = "s.salesforce_id > ? AND s.salesforce_id <= ?"


class SqliteStage:
    """One object's stage."""

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
        self._staged = StageTable(database, table, columns, name)
        self._verdicts = Verdicts(table, self._staged.columns)
        self._triples = StageTriples(database, table, self._staged, self._verdicts)

    def drop(self) -> None:
        """Forget everything staged."""
        self._staged.drop()

    def add(self, records: Iterable[Remote]) -> int:
        """Stage one page; a record staged before is replaced. Returns how many."""
        return self._staged.add(records)

    # -- looking -----------------------------------------------------------------------------------
    def summary(self) -> StageSummary:
        """Count what settling would do."""
        found = self._database.rows(
            f"SELECT {self._verdicts.verdict} AS verdict, count(*), sum({self._verdicts.blanked})"
            f" FROM {self._staged.name} AS s"
            f" LEFT JOIN {self._table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" LEFT JOIN {self._table.base} AS b ON b.id = r.id"
            " GROUP BY verdict"
        )
        counts = {verdict: count for verdict, count, _ in found}
        blanked = {verdict: blanked or 0 for verdict, _, blanked in found}
        return StageSummary(
            new=counts.get("new", 0),
            changed=counts.get("changed", 0),
            equal=counts.get("equal", 0),
            contested=counts.get("contested", 0),
            blanked=blanked.get("changed", 0),
        )

    def unstaged_ids(self) -> Iterator[SalesforceId]:
        """Salesforce Ids of live rows that no staged record is for, in a steady order."""
        return self._unstaged(f"{self._table.name} AS r", "r.deleted_at IS NULL")

    def revived_ids(self) -> Iterator[SalesforceId]:
        """Salesforce Ids of rows that are live again here and that no staged record is for."""
        return self._unstaged_edits("r.deleted_at IS NULL AND b.deleted_at IS NOT NULL")

    def overruled_ids(self) -> Iterator[SalesforceId]:
        """Salesforce Ids of rows with edits that Salesforce's values replace, where nothing is sent.

        Those that no staged record is for.
        """
        return self._unstaged_edits(bases.is_overruled(self._table))

    def _unstaged_edits(self, where: str) -> Iterator[SalesforceId]:
        table = self._table
        return self._unstaged(f"{table.base} AS b JOIN {table.name} AS r ON r.id = b.id", where)

    def _unstaged(self, source: str, where: str) -> Iterator[SalesforceId]:
        """Salesforce Ids of rows ``r`` of a source that no staged record is for, in a steady order."""
        # the last one goes back as the bytes it is: text that is not UTF-8 is read as other text
        after = b""
        while page := self._database.rows(
            f"SELECT r.salesforce_id, CAST(r.salesforce_id AS BLOB) FROM {source}"
            f" WHERE r.salesforce_id > CAST(? AS TEXT) AND {where}"
            f" AND NOT EXISTS (SELECT 1 FROM {self._staged.name} AS s"
            " WHERE s.salesforce_id = r.salesforce_id)"
            " ORDER BY r.salesforce_id LIMIT ?",
            [after, PAGE],
        ):
            yield from (SalesforceId(found[0]) for found in page)
            after = page[-1][1]

    def triples(self, *, contested_only: bool, dirty_only: bool = False) -> Iterator[Triple]:
        """Triples in a steady order, streaming; the caller may commit between any two of them.

        Every staged record that differs from its row, and every dirty row (``GONE`` where its
        record is not staged). Not rows that were edited, or put in, too late to be asked for: they
        wait for the next run.

        Args:
            contested_only: only what ``settle_plain`` leaves.
            dirty_only: only rows edited here, with the staged record as remote (``None`` where the
                row has no Id and no staged record its address).
        """
        handed_out: set[LocalId] = set()
        if not dirty_only:
            yield from self._triples.by_record(handed_out, contested_only=contested_only)
        if not contested_only:
            yield from self._triples.by_row(handed_out, beside_staged=dirty_only)

    def consent_statements(self, opt_out: Sequence[str]) -> Iterator[Statement]:
        """What the staged records say of consent that both sides did not agree on before.

        An opt-out that is new, also of a record that has ended since; and one that was taken back
        on both sides.
        """
        columns = [name for name in opt_out if name in self._staged.columns]
        if not columns or self._table.object_map.match_on not in self._staged.columns:
            return
        new = self._newly_opted_out(columns)
        taken_back = self._taken_back(columns)
        key, now = self._table.match("s"), self._database.now()
        found = self._database.rows(
            f"SELECT {key}, s.salesforce_id, s._modified_at, ({new}),"
            f" iif(s._state = 'present', NULL, {self._table.match('r')})"
            f" FROM {self._staged.name} AS s"
            f" LEFT JOIN {self._table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" LEFT JOIN {self._table.base} AS b ON b.id = r.id"
            f" WHERE {key} <> '' AND (({new}) OR ({taken_back}))"
        )
        for address, salesforce_id, modified_at, is_new, last_known in found:
            address_key = match_key(address)
            if is_new and last_known:
                # it has ended: its row keeps the address by which its survivor is found
                since = modified_at or now
                yield Statement(
                    match_key(last_known),
                    ConsentState.OPTED_OUT,
                    since,
                    ConsentSource.SALESFORCE,
                    salesforce_id,
                )
            if is_new:
                since, source = modified_at or now, ConsentSource.SALESFORCE
                state = ConsentState.OPTED_OUT
            else:
                since, source = now, ConsentSource.BOTH_SIDES
                state = ConsentState.CONSENTED
            yield Statement(address_key, state, since, source, salesforce_id)

    def follow_addresses(self) -> int:
        """Let rows that are deleted here alone have the address that their record has now; how many.

        The record is still mailed, so that what is said for its new address holds for it, too. An
        address that was edited here is one that the person had, and is kept as a conflict; where the mapping gives
        it the last word, it stays.
        """
        table, staged = self._table, self._staged.name
        match_on = table.object_map.match_on
        if match_on not in self._staged.columns:
            return 0
        name = quoted(match_on)
        local_wins = table.object_map.by_column[match_on].merge is Merge.LOCAL_WINS
        changed = f"r.{name} IS b.{name}" if local_wins else f"s.{name} IS NOT b.{name}"
        moved = (
            f"SELECT r.id FROM {staged} AS s CROSS JOIN {table.name} AS r"
            f" ON r.salesforce_id = s.salesforce_id JOIN {table.base} AS b ON b.id = r.id"
            " WHERE s._state = 'present' AND s._absent = '' AND r.deleted_at IS NOT NULL"
            f" AND b.deleted_at IS NULL AND {changed} AND s.{name} IS NOT r.{name}"
        )
        with self._database.transaction():
            ids = [found for (found,) in self._database.rows(moved)]
            if not ids:
                return 0
            conflicts.keep_replaced_addresses(
                self._database, table, match_on, staged, ids, self._run_id
            )
            provenance.note_replaced_addresses(self._database, table, ids)
            for where in (table.base, table.name):
                self._database.run(
                    f"UPDATE {where} AS changed SET {name} = (SELECT s.{name} FROM {table.name} AS r"
                    f" JOIN {staged} AS s ON s.salesforce_id = r.salesforce_id"
                    " WHERE r.id = changed.id)"
                    " WHERE changed.id IN (SELECT value FROM json_each(?))",
                    [json.dumps(ids)],
                )
        return len(ids)

    def _newly_opted_out(self, columns: Sequence[str]) -> str:
        """SQL: an opt-out of the record that both sides had not agreed on."""
        return " OR ".join(
            f"(s.{quoted(name)} IS 1"
            f" AND iif(b.id IS NULL, r.{quoted(name)}, b.{quoted(name)}) IS NOT 1)"
            for name in columns
        )

    def _taken_back(self, columns: Sequence[str]) -> str:
        """SQL: both sides had agreed on all opt-outs, and now neither has any."""
        cleared = " AND ".join(
            f"b.{quoted(name)} IS 1 AND r.{quoted(name)} IS NOT 1 AND s.{quoted(name)} IS NOT 1"
            for name in columns
        )
        return f"s._state = 'present' AND s._absent = '' AND {cleared}"

    # -- settling ----------------------------------------------------------------------------------
    def settle_plain(self, *, insert: bool, update: bool, segment: str) -> ObjectReport:
        """Apply what needs no decision: ``new`` and ``changed``.

        By SQL, in transactions of a bounded size. Successors of merged and converted records are
        kept, whatever becomes of the rows.

        Args:
            insert: whether the rules want new rows.
            update: whether they want changes.
            segment: the segment that new rows join.
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

    def _spans(self) -> Iterator[Span]:
        after = ""
        while True:
            upto = self._database.value(
                f"SELECT max(salesforce_id) FROM (SELECT salesforce_id FROM {self._staged.name}"
                " WHERE salesforce_id > ? ORDER BY salesforce_id LIMIT ?)",
                [after, SETTLE_BATCH],
            )
            if upto is None:
                return
            yield after, upto
            after = upto

    def _keep_successors(self, span: Span) -> None:
        name = self._table.object
        converted_to = self._table.object_map.kind.survivor_object(converted=True)
        self._database.run(
            "INSERT OR REPLACE INTO _successors"
            " (object, salesforce_id, successor_object, successor_id, reason, found_at)"
            " SELECT ?, s.salesforce_id,"
            " CASE s._state WHEN 'converted' THEN ? ELSE ? END,"
            " s._successor_id, s._state, ?"
            f" FROM {self._staged.name} AS s WHERE {_OF_SPAN}"
            " AND s._state IN ('merged', 'converted') AND s._successor_id IS NOT NULL",
            [name, converted_to, name, self._database.now(), *span],
        )

    def _update(self, span: Span) -> int:
        """The rows that differ take the org's values; ``_provenance`` says which those are."""
        pulled, table = self._verdicts.pulled, self._table
        if not pulled:
            return 0
        last = int(self._database.value("SELECT max(id) FROM _provenance") or 0)
        if self._note_provenance(span) and table.object_map.match_on in pulled:
            self._note_former_addresses(last)
        # written out from the stage to the rows: as UPDATE FROM, SQLite walks every row of the
        # mirror
        return self._database.run(
            f"UPDATE {table.name} AS changed SET ({table.listed('', pulled)}) ="
            f" (SELECT {table.listed('s', pulled)} FROM {self._staged.name} AS s"
            " WHERE s.salesforce_id = changed.salesforce_id)"
            " WHERE changed.id IN (SELECT person_id FROM _provenance WHERE id > ?)",
            [last],
        )

    def _note_provenance(self, span: Span) -> int:
        """Keep which columns of which rows are about to change; how many rows."""
        changed_columns = " || ".join(
            f"iif(s.{quoted(name)} IS NOT r.{quoted(name)}, '{literal(name)},', '')"
            for name in self._verdicts.pulled
        )
        return self._database.run(
            "INSERT INTO _provenance (object, person_id, how, columns, run_id, at)"
            f" SELECT ?, r.id, 'pulled', ',' || {changed_columns}, ?, ?"
            f" FROM {self._staged.name} AS s"
            f" CROSS JOIN {self._table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" LEFT JOIN {self._table.base} AS b ON b.id = r.id"
            f" WHERE {_OF_SPAN} AND {self._verdicts.changed}",
            [self._table.object, self._run_id, self._database.now(), *span],
        )

    def _note_former_addresses(self, last: int) -> None:
        """Keep the addresses that are about to be replaced, of the rows noted after ``last``.

        They were the rows' until their records were changed, which is long before a pull that comes
        once a day: what another person says of the address meanwhile is the other's.
        """
        table = self._table
        old, new = table.match("r"), table.match("s")
        self._database.run(
            "INSERT OR REPLACE INTO _former_addresses (object, person_id, match_key, until)"
            f" SELECT p.object, r.id, {old}, coalesce(nullif(s._modified_at, ''), p.at)"
            " FROM _provenance AS p"
            f" CROSS JOIN {table.name} AS r ON r.id = p.person_id"
            f" CROSS JOIN {self._staged.name} AS s ON s.salesforce_id = r.salesforce_id"
            f" WHERE p.id > ? AND instr(p.columns, ?) AND {old} <> '' AND {new} IS NOT {old}",
            [last, f",{table.object_map.match_on},"],
        )

    def _insert(self, span: Span, segment: str) -> int:
        database, table, pulled = self._database, self._table, self._verdicts.pulled
        before = database.value(f"SELECT max(id) FROM {table.name}") or 0
        into = ", ".join(["salesforce_id", *(quoted(name) for name in pulled)])
        taken = ", ".join(["s.salesforce_id", *(f"s.{quoted(name)}" for name in pulled)])
        with database.in_bulk():
            count = database.run(
                f"INSERT INTO {table.name} ({into})"
                f" SELECT {taken} FROM {self._staged.name} AS s"
                f" LEFT JOIN {table.name} AS r ON r.salesforce_id = s.salesforce_id"
                f" WHERE {_OF_SPAN} AND {self._verdicts.new} ORDER BY s.salesforce_id",
                span,
            )
        if not count:
            return 0
        last = database.value(f"SELECT max(id) FROM {table.name}")
        changes.note_rows(database, table, LocalId(last), count)
        provenance.note_pulled_rows(
            database, table, LocalId(before + 1), LocalId(last), self._run_id
        )
        if segment and table.person_column:
            segment_id = records.segment_id(database, segment)
            with database.in_bulk():
                database.run(
                    "INSERT OR IGNORE INTO contact_segments"
                    f" (segment_id, {table.person_column}, added_at)"
                    f" SELECT ?, id, ? FROM {table.name} WHERE id > ?",
                    [segment_id, database.now(), before],
                )
            changes.note_rows(database, table, LocalId(last), count, segment)
        return count
