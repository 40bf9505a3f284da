"""What is plain and what is contested about staged records, as SQL.

It is what ``planning.planner`` would decide without looking twice; a property test holds the one
against the other. All conditions are over ``s`` (the staged record), ``r`` (its row) and ``b`` (the
row's base), each of which may be absent but the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sfsync.mirror.database import quoted
from sfsync.mirror.tables import MappedTable, differs
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge


@dataclass(frozen=True)
class Verdicts:
    """The conditions for one object's stage.

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

    # -- the verdict -------------------------------------------------------------------------------
    @cached_property
    def verdict(self) -> str:
        """One word for each staged record; null where there is nothing to do at all."""
        return f"""CASE
            WHEN r.id IS NULL AND s._state <> 'present' THEN NULL
            WHEN r.id IS NULL AND ({self.address_is_here} OR {self.torn_alone}) THEN 'contested'
            WHEN r.id IS NULL THEN 'new'
            WHEN s._state <> 'present' AND {self.gone_here_too} THEN NULL
            WHEN s._state <> 'present' THEN 'contested'
            WHEN NOT {self.at_rest} OR {self.torn} THEN 'contested'
            WHEN {self.differs} THEN 'changed'
            ELSE 'equal'
        END"""

    @cached_property
    def new(self) -> str:
        """No row has this record, and none has its address."""
        return (
            "(r.id IS NULL AND s._state = 'present'"
            f" AND NOT {self.address_is_here} AND NOT {self.torn_alone})"
        )

    @cached_property
    def changed(self) -> str:
        """At rest here, and different there."""
        return f"({self.at_rest} AND NOT {self.torn} AND {self.differs})"

    # -- its parts ---------------------------------------------------------------------------------
    @cached_property
    def at_rest(self) -> str:
        """The row is live, nobody has edited it, and the record is complete and live."""
        return (
            "(r.id IS NOT NULL AND b.id IS NULL AND r.deleted_at IS NULL"
            " AND s._state = 'present' AND s._absent = '')"
        )

    @cached_property
    def gone_here_too(self) -> str:
        """The row is soft-deleted, and that is agreed."""
        return "(r.deleted_at IS NOT NULL AND (b.id IS NULL OR b.deleted_at IS NOT NULL))"

    @cached_property
    def differs(self) -> str:
        """Some column that comes down is not the same."""
        return f"({differs('s', 'r', self.pulled)})"

    @cached_property
    def blanked(self) -> str:
        """Some column that comes down would lose its value."""
        lost = [
            f"(s.{quoted(name)} IS NULL AND r.{quoted(name)} IS NOT NULL)" for name in self.pulled
        ]
        return f"({' OR '.join(lost) or '0'})"

    @cached_property
    def torn(self) -> str:
        """Row and record differ about consent, and not just in the org's favour."""
        taken_back = [
            f"(r.{quoted(field.column)} IS 1 AND s.{quoted(field.column)} IS NOT 1)"
            for field in self.object_map.fields
            if field.merge is Merge.STICKY_TRUE and field.column in self.pulled
        ]
        return f"({' OR '.join([*taken_back, self._opt_outs_differ(('s', 'r'))])})"

    @cached_property
    def torn_alone(self) -> str:
        """The record contradicts itself about consent."""
        return f"({self._opt_outs_differ(('s',))})"

    def _opt_outs_differ(self, sides: Sequence[str]) -> str:
        """Some opt-out of these sides is set, and not every one of the record's is."""
        columns = [name for name in self.object_map.opt_out if name in self.columns]
        if not columns:
            return "0"
        some = " OR ".join(f"{side}.{quoted(name)} IS 1" for side in sides for name in columns)
        lacking = " OR ".join(f"s.{quoted(name)} IS NOT 1" for name in columns)
        return f"(({some}) AND ({lacking}))"

    @cached_property
    def address_is_here(self) -> str:
        """There is an unlinked live row with the record's address."""
        if self.object_map.match_on not in self.columns:
            return "0"
        key, other = self.table.match_or_blank("s"), self.table.other_match("s")
        return (
            f"({key} <> '' AND ({self._is_unlinked(key)}"
            f" OR (({other}) IS NOT NULL AND {self._is_unlinked(other)})))"
        )

    def _is_unlinked(self, key: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM {self.table.name} AS u INDEXED BY {self.table.unlinked_index}"
            f" WHERE {self.table.match_or_blank('u')} = {key}"
            " AND u.salesforce_id IS NULL AND u.deleted_at IS NULL)"
        )
