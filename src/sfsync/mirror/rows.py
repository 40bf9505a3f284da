"""The mirror's rows, each with its base beside it: looked up, edited, and changed as plans say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from sfsync.errors import MirrorError
from sfsync.mirror import bases, changes, conflicts, provenance, quarantine, records
from sfsync.mirror.committer import Committer
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import quoted
from sfsync.mirror.sync_state import mirror_key
from sfsync.model.address import match_key
from sfsync.model.change import LocalAction, RowPlan
from sfsync.model.record import LocalId, NotUtf8, Row, SalesforceId, Value, Values

PAGE = 1_000
"""Rows read at once."""


class Rows:
    """Rows of the mapped tables. What writes is one transaction a call."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    # -- one row -----------------------------------------------------------------------------------
    def by_local_id(self, object_name: str, local_id: LocalId) -> Row | None:
        """One row with its base (the row itself where nobody has edited it)."""
        return records.find(
            self._database, self._context.table(object_name), "r.id = ?", [local_id]
        )

    def by_salesforce_id(self, object_name: str, salesforce_id: SalesforceId) -> Row | None:
        """The row of this record, with its base."""
        table, where = self._context.table(object_name), "r.salesforce_id = ?"
        if isinstance(salesforce_id, NotUtf8):  # what is shown of it is not what is there
            where = "r.salesforce_id = CAST(? AS TEXT)"
            return records.find(self._database, table, where, [salesforce_id.raw])
        return records.find(self._database, table, where, [salesforce_id])

    def address_of(self, object_name: str, row: Row) -> str:
        """What a row is recognised by, in the form in which two are the same; empty for none."""
        match_on = self._context.table(object_name).object_map.match_on
        return match_key(str(row.local.values.get(match_on) or ""))

    def successor(
        self, object_name: str, salesforce_id: SalesforceId
    ) -> tuple[str, SalesforceId] | None:
        """The survivor of a merged or converted record, as far as is known here: object and Id."""
        found = self._database.row(
            "SELECT successor_object, successor_id FROM _successors"
            " WHERE object = ? AND salesforce_id = ?",
            [object_name, salesforce_id],
        )
        return (str(found[0]), SalesforceId(str(found[1]))) if found else None

    def external_key(self, object_name: str, local_id: LocalId, sent: Mapping[str, Value]) -> str:
        """The external id value for a row that sfsync creates in the org; the same for as long as it is tried.

        The mapped column's value where the external id field is mapped and the row has one; else
        the mirror's own random key with a letter for the object, the row's number, and a mark of
        whom the row is about: a mirror that is put back from a copy gives the number of a record
        that it does not know of to somebody else, and an upsert must not meet that record.

        Args:
            sent: what the create sends, column -> value.
        """
        table = self._context.table(object_name)
        mapped = table.object_map.by_remote.get(table.object_map.external_id)
        if mapped is not None:
            own = self._database.value(
                f"SELECT {quoted(mapped.column)} FROM {table.name} WHERE id = ?", [local_id]
            )
            if own not in (None, ""):
                return str(own)
        mark = _mark(sent, table.object_map.match_on)
        return f"{mirror_key(self._database)}-{object_name[:1]}{local_id}-{mark}"

    # -- many --------------------------------------------------------------------------------------
    def count(self, object_name: str) -> int:
        """How many live rows there are, for the brake."""
        table = self._context.table(object_name)
        return int(
            self._database.value(f"SELECT count(*) FROM {table.name} WHERE deleted_at IS NULL")
        )

    def dirty_ids(self, object_name: str, columns: Sequence[str]) -> Iterator[SalesforceId]:
        """Salesforce Ids of rows where one of these columns was edited here, in a steady order.

        Also of rows that were linked and never agreed on anything. Not of rows in open quarantine,
        nor of rows whose only such columns are held for a person to decide, nor of soft-deleted
        ones unless the mapping deletes their records.
        """
        table = self._context.table(object_name)
        after = 0
        while page := self._database.rows(
            f"SELECT b.id, r.salesforce_id FROM {table.base} AS b"
            f" JOIN {table.name} AS r ON r.id = b.id"
            f" WHERE b.id > ? AND r.salesforce_id IS NOT NULL AND {bases.is_dirty(table, columns)}"
            " ORDER BY b.id LIMIT ?",
            [after, PAGE],
        ):
            yield from (SalesforceId(found[1]) for found in page)
            after = page[-1][0]

    def quarantined(
        self, object_name: str, columns: Sequence[str]
    ) -> Iterator[tuple[LocalId, SalesforceId | None]]:
        """Rows in quarantine that hold what the org should get, and that no push sends as they are."""
        table = self._context.table(object_name)
        after = 0
        while page := self._database.rows(
            f"SELECT b.id, r.salesforce_id FROM {table.base} AS b"
            f" JOIN {table.name} AS r ON r.id = b.id"
            " WHERE b.id > ? AND b.id IN (SELECT person_id FROM quarantine"
            "  WHERE kind = 'record' AND state <> 'settled' AND object = ?)"
            f" AND {bases.is_unsent(table, columns)} AND NOT ({bases.is_dirty(table, columns)})"
            " ORDER BY b.id LIMIT ?",
            [after, object_name, PAGE],
        ):
            for local_id, salesforce_id in page:
                yield LocalId(local_id), SalesforceId(salesforce_id) if salesforce_id else None
            after = page[-1][0]

    def are_edited(self, object_name: str, columns: Sequence[str]) -> bool:
        """Whether any live row with a record was edited in one of these columns, in quarantine or not."""
        table = self._context.table(object_name)
        found = self._database.value(
            f"SELECT 1 FROM {table.base} AS b JOIN {table.name} AS r ON r.id = b.id"
            " WHERE r.salesforce_id IS NOT NULL AND r.deleted_at IS NULL"
            f" AND {bases.is_edited(table, columns)} LIMIT 1"
        )
        return found is not None

    def unsendable(self, object_name: str, *, sends: bool) -> Iterator[Row]:
        """Rows with an edit that cannot be sent, as the mirror alone can tell, in a steady order.

        Of a row whose record is gone on both sides; or in a column that only comes down, where
        Salesforce has no value.

        Args:
            sends: whether the rules send anything of the object; if not, every column only comes
                down.
        """
        table, after = self._context.table(object_name), 0
        where = bases.is_unsendable(table, sends=sends)
        while page := self._database.rows(
            f"SELECT {records.row_columns(table, table.columns)} FROM {table.base} AS b"
            f" JOIN {table.name} AS r ON r.id = b.id"
            f" WHERE b.id > ? AND r.salesforce_id IS NOT NULL AND {where} ORDER BY b.id LIMIT ?",
            [after, PAGE],
        ):
            yield from (records.read_row(found, table.columns) for found in page)
            after = page[-1][0]

    def unlinked(self, object_name: str) -> Iterator[tuple[LocalId, str]]:
        """Live rows without a Salesforce Id, with the value of the match column (may be empty).

        Ordered by match key, so that the same address stands together; not rows in open quarantine.
        """
        table = self._context.table(object_name)
        key = table.match_or_blank("r")
        # keys go back as the bytes they are: one that is not UTF-8 would stand elsewhere in the order;
        # the unary plus takes away the cast's affinity, with which the index would not be used
        last: tuple[bytes, int] = (b"", 0)
        while page := self._database.rows(
            f"SELECT CAST({key} AS BLOB), r.id, r.{quoted(table.object_map.match_on)}"
            f" FROM {table.name} AS r"
            f" INDEXED BY {table.unlinked_index} LEFT JOIN {table.base} AS b ON b.id = r.id"
            " WHERE r.salesforce_id IS NULL AND r.deleted_at IS NULL"
            f" AND {key} >= +CAST(?1 AS TEXT) AND ({key} > +CAST(?1 AS TEXT) OR r.id > ?2)"
            f" AND NOT {quarantine.is_quarantined(table)}"
            f" ORDER BY {key}, r.id LIMIT ?3",
            [*last, PAGE],
        ):
            yield from ((LocalId(found[1]), str(found[2] or "")) for found in page)
            last = (page[-1][0], page[-1][1])

    # -- writing -----------------------------------------------------------------------------------
    def merge(self, plan: RowPlan, going: LocalId) -> None:
        """Two rows are one person: one takes the plan's values and all that belongs to the other, which goes."""
        database, table = self._database, self._context.table(plan.object)
        staying = plan.local_id
        if staying is None:
            raise ValueError("a plan for a row that stays names it")
        with database.transaction(edits=True, origin="local"):
            records.write(database, table, staying, plan.to_local)
            if plan.local_action is LocalAction.RESTORE:
                database.run(f"UPDATE {table.name} SET deleted_at = NULL WHERE id = ?", [staying])
            records.move_references(database, table, going, table, staying)
            provenance.move(database, table, going, staying)
            conflicts.move(database, plan.object, going, staying)
            conflicts.record(database, plan, staying, self._context.run_id)
            quarantine.settle_row(database, plan.object, going)
            database.run(f"DELETE FROM {table.name} WHERE id = ?", [going])
            changes.name_survivor(database, table, going, staying)

    def commit(self, plans: Sequence[RowPlan], *, segment: str = "") -> None:
        """Apply the mirror's half of these plans (rows, base, conflicts, successors, segments)."""
        if plans:
            with self._database.transaction():
                Committer(self._context).commit(plans, segment)

    def link(self, object_name: str, local_id: LocalId, salesforce_id: SalesforceId) -> None:
        """This row is that record, found by address or external id; nothing is agreed yet.

        Raises:
            MirrorError: another row, edited here, is that record.
        """
        table = self._context.table(object_name)
        with self._database.transaction():
            if not records.link(self._database, table, local_id, salesforce_id):
                raise MirrorError(
                    f"{object_name} {local_id} cannot be {salesforce_id}:"
                    " another row is that record already",
                    hint="Delete one of the two rows.",
                )
            bases.keep(self._database, table, local_id)
            self._database.run(
                f"UPDATE {table.base} SET _never_agreed = '*', _salesforce_id = ? WHERE id = ?",
                [salesforce_id, local_id],
            )

    def write_edits(self, object_name: str, local_id: LocalId, values: Values) -> bool:
        """Write columns of a row as an edit to be pushed; whether there is such a row."""
        table = self._context.table(object_name)
        with self._database.transaction(edits=True, origin="local"):
            found = self._database.value(f"SELECT 1 FROM {table.name} WHERE id = ?", [local_id])
            records.write(self._database, table, local_id, values)
        return found is not None


def _mark(sent: Mapping[str, Value], match_on: str) -> str:
    """Six characters that tell whom a create is about: of the address, without one of all that is sent."""
    about = match_key(str(sent.get(match_on) or "")) or json.dumps(sent, sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:6]
