"""Staged records and edited rows as triples, page by page: what SQL leaves to be decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sfsync.mirror import bases, records
from sfsync.mirror.address_lookup import marks
from sfsync.mirror.database import Database
from sfsync.mirror.stage_table import StageTable
from sfsync.mirror.stage_verdicts import Verdicts
from sfsync.mirror.tables import MappedTable
from sfsync.model.address import folded, other_spelling
from sfsync.model.record import LocalId, Remote, RemoteState, Row, SalesforceId, Triple, Value

TRIPLE_PAGE = 1_000
"""Triples read at once."""


class StageTriples:
    """Reads triples; ``handed_out`` is shared by both ways, so that no row comes twice."""

    def __init__(
        self, database: Database, table: MappedTable, staged: StageTable, verdicts: Verdicts
    ) -> None:
        self._database = database
        self._table = table
        self._staged = staged
        self._verdicts = verdicts
        # the mirror's count of edits so far: a row edited later was not asked for
        self._began = int(database.value("SELECT edit FROM _sync"))
        self._selected = f"{staged.selected()}, {records.row_columns(table, table.columns)}"
        self._matches = table.object_map.match_on in staged.columns

    # -- from the staged records -------------------------------------------------------------------
    def by_record(self, handed_out: set[LocalId], *, contested_only: bool) -> Iterator[Triple]:
        """Staged records that differ, each with its row.

        A row without a Salesforce Id goes, once, to the first record with its address.
        """
        wanted = "IN ('contested', 'changed', 'new')"
        if contested_only:
            wanted = "= 'contested'"
        after = ""
        while page := self._database.rows(
            f"SELECT {self._selected} FROM {self._staged.name} AS s"
            f" LEFT JOIN {self._table.name} AS r ON r.salesforce_id = s.salesforce_id"
            f" LEFT JOIN {self._table.base} AS b ON b.id = r.id"
            f" WHERE s.salesforce_id > ? AND {self._verdicts.verdict} {wanted}"
            " ORDER BY s.salesforce_id LIMIT ?",
            [after, TRIPLE_PAGE],
        ):
            for found in page:
                remote = self._staged.read(found)
                row = self._row(found) or self._unlinked_row(remote, handed_out)
                yield self._triple(row, remote)
            after = page[-1][0]

    def _row(self, found: Sequence[Value]) -> Row | None:
        of_row = found[self._staged.width :]
        if of_row[0] is None:
            return None
        return records.read_row(of_row, self._table.columns)

    def _unlinked_row(self, remote: Remote, handed_out: set[LocalId]) -> Row | None:
        """The oldest live row without a Salesforce Id that has the record's address."""
        address = remote.values.get(self._table.object_map.match_on) if self._matches else None
        if not address:
            return None
        table, forms = self._table, _forms(str(address))
        found = self._database.rows(
            f"SELECT {records.row_columns(table, table.columns)} FROM {table.name} AS r"
            f" INDEXED BY {table.unlinked_index} LEFT JOIN {table.base} AS b ON b.id = r.id"
            f" WHERE {table.match_or_blank('r')} IN ({marks(forms)})"
            " AND r.salesforce_id IS NULL AND r.deleted_at IS NULL ORDER BY r.id",
            forms,
        )
        for candidate in found:
            if candidate[0] not in handed_out:
                handed_out.add(candidate[0])
                row = records.read_row(candidate, table.columns)
                return Row(row.local, None, None)
        return None

    # -- from the rows edited here -----------------------------------------------------------------
    def by_row(self, handed_out: set[LocalId], *, beside_staged: bool) -> Iterator[Triple]:
        """Rows edited here without a staged record; ``beside_staged``: those with one instead.

        A row without a Salesforce Id is among both.
        """
        table = self._table
        after = 0
        while page := self._database.rows(
            f"SELECT {self._selected} FROM {table.base} AS b"
            f" JOIN {table.name} AS r ON r.id = b.id"
            f" LEFT JOIN {self._staged.name} AS s ON s.salesforce_id = r.salesforce_id"
            f" WHERE b.id > ? AND {bases.is_dirty(table, table.columns)}"
            f" AND {self._in_question(beside_staged=beside_staged)}"
            " ORDER BY b.id LIMIT ?",
            [after, TRIPLE_PAGE],
        ):
            matched = self._staged_by_address(page)
            for found in page:
                row = records.read_row(found[self._staged.width :], table.columns)
                if row.local.local_id not in handed_out:
                    yield self._triple(row, self._remote(found, row, matched))
            after = page[-1][self._staged.width]

    def _in_question(self, *, beside_staged: bool) -> str:
        if not beside_staged:
            return "s.salesforce_id IS NULL"
        # a row without an Id is looked for by its address before the stage is filled: one edited
        # since was not
        return (
            f"CASE WHEN r.salesforce_id IS NULL THEN b._edit <= {self._began}"
            " ELSE s.salesforce_id IS NOT NULL END"
        )

    def _remote(
        self, found: Sequence[Value], row: Row, matched: Mapping[LocalId, Remote]
    ) -> Remote | None:
        if found[0] is not None:
            return self._staged.read(found)
        if row.salesforce_id is not None:
            return Remote(row.salesforce_id, {}, RemoteState.GONE)
        return matched.get(row.local.local_id)

    def _staged_by_address(self, page: Sequence[Sequence[Value]]) -> dict[LocalId, Remote]:
        """Staged records without a row, by address, for the page's rows without a Salesforce Id."""
        width = self._staged.width
        unlinked = [LocalId(int(found[width] or 0)) for found in page if found[width + 1] is None]
        matched: dict[LocalId, Remote] = {}
        if not self._matches or not unlinked or not self._any_without_row():
            return matched
        self._staged.index_by_address()
        taken: set[SalesforceId] = set()
        for local_id in unlinked:
            for remote in self._with_address_of(local_id):
                if remote.salesforce_id not in taken:
                    taken.add(remote.salesforce_id)
                    matched[local_id] = remote
                    break
        return matched

    def _with_address_of(self, local_id: LocalId) -> Iterator[Remote]:
        """Live staged records without a row that have this row's address."""
        address = self._database.value(
            f"SELECT {self._table.match()} FROM {self._table.name} WHERE id = ?", [local_id]
        )
        forms = _forms(str(address or ""))
        found = self._database.rows(
            f"SELECT {self._staged.selected()} FROM {self._staged.name} AS s"
            f" WHERE {self._table.match('s')} IN ({marks(forms)})"
            f" AND s._state = 'present' AND {self._has_no_row()}"
            " ORDER BY s.salesforce_id",
            forms,
        )
        return map(self._staged.read, found)

    def _any_without_row(self) -> bool:
        return bool(
            self._database.value(
                f"SELECT EXISTS (SELECT 1 FROM {self._staged.name} AS s WHERE {self._has_no_row()})"
            )
        )

    def _has_no_row(self) -> str:
        return (
            f"NOT EXISTS (SELECT 1 FROM {self._table.name} AS r"
            " WHERE r.salesforce_id = s.salesforce_id)"
        )

    def _triple(self, row: Row | None, remote: Remote | None) -> Triple:
        if row is None:
            return Triple(self._table.object, None, None, remote)
        return Triple(self._table.object, row.base, row.local, remote)


def _forms(address: str) -> list[str]:
    """An address in every form of its match key; none of a blank one."""
    key = folded(address)
    return [form for form in (key, other_spelling(key)) if form]
