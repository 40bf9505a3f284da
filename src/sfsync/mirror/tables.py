"""A mapped table and its base table, as SQL names them.

Beside ``contacts`` stands ``_contacts_base``: a row of it holds what both sides last agreed on, and
exists only where the row has changed since. A row without one is agreed as it stands.

The base's own columns: ``_never_agreed`` names the columns on which both sides never agreed (``*``
for all of them, else ``,phone,title,``), ``_held_columns`` those that wait for a person's decision,
``_edit`` counts edits over the whole mirror (a clock that never stands still), ``_salesforce_id``
is the record it was agreed with. ``deleted_at`` is set where both agreed that the record is gone;
``REVIVED`` where the row alone was deleted and is live again: its record went on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sfsync.mirror.database import quoted
from sfsync.model.mapping import ObjectMap
from sfsync.model.merges import Merge

ALL = "*"
"""``_never_agreed`` of a row of which nothing was ever agreed."""

REVIVED = "revived"
"""``deleted_at`` of the base of a row that was deleted here alone and is live again."""

BASE_COLUMNS = {
    "deleted_at": "TEXT",
    "_salesforce_id": "TEXT",
    "_edited_at": "TEXT NOT NULL DEFAULT ''",
    "_edit": "INTEGER NOT NULL DEFAULT 0",
    "_never_agreed": "TEXT NOT NULL DEFAULT ''",
    "_held_columns": "TEXT NOT NULL DEFAULT ''",
}
"""The columns of a base table beside ``id`` and the mapped ones: ``{name: SQL type}``."""


@dataclass(frozen=True)
class MappedTable:
    """One object's table, as SQL names it.

    Attributes:
        object_map: its mapping.
    """

    object_map: ObjectMap

    @cached_property
    def object(self) -> str:
        """The configuration's name of the object."""
        return self.object_map.name

    @cached_property
    def name(self) -> str:
        """The table, quoted."""
        return quoted(self.object_map.table)

    @cached_property
    def base(self) -> str:
        """Its base table, quoted."""
        return quoted(f"_{self.object_map.table}_base")

    @cached_property
    def replaced(self) -> str:
        """The table of rows that an insert may be about to replace, quoted: empty but for that moment."""
        return quoted(f"_{self.object_map.table}_replaced")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The mapped columns."""
        return self.object_map.columns

    @cached_property
    def person_column(self) -> str:
        """Its column in ``contact_segments``; empty where that has none for it."""
        return f"{self.object}_id" if self.object_map.kind.is_people else ""

    @cached_property
    def match_index(self) -> str:
        """The index by match key, quoted."""
        return quoted(f"_{self.object_map.table}_match")

    @cached_property
    def unlinked_index(self) -> str:
        """The index of live rows without a Salesforce Id, by match key, quoted.

        Queries name it (INDEXED BY): SQLite takes ``salesforce_id IS NULL`` for one row, the column
        being unique, and would walk all of them.
        """
        return quoted(f"_{self.object_map.table}_unlinked")

    def match(self, alias: str = "") -> str:
        """The match key of a row, as SQL: the same as ``model.address.match_key``.

        Trap: it has an index, but being an expression no affinity. Compared with a column of texts
        SQLite does not use that index and walks the whole table, for each address anew; compared
        with ``+column``, a parameter or another expression it does.
        """
        column = quoted(self.object_map.match_on)
        return f"lower(trim({alias}.{column}))" if alias else f"lower(trim({column}))"

    def other_match(self, alias: str) -> str:
        """The match key with its domain spelled in the other way, as SQL; null where it has no other.

        Only few are looked at: ``xn--`` or a letter beyond ASCII is in them. They are given as bytes:
        text that is not UTF-8 ends a statement whose function takes it.
        """
        key = self.match(alias)
        return (
            f"CASE WHEN instr({key}, 'xn--') OR {key} GLOB '*[^ -~]*'"
            f" THEN _other_spelling(CAST({key} AS BLOB)) END"
        )

    def match_or_blank(self, alias: str = "") -> str:
        """The same, blank where there is none: the order of the index of unlinked rows."""
        return f"coalesce({self.match(alias)}, '')"

    def listed(self, alias: str = "", columns: Sequence[str] | None = None) -> str:
        """Columns, quoted, with commas between them."""
        chosen = self.columns if columns is None else columns
        return ", ".join(f"{alias}.{quoted(name)}" if alias else quoted(name) for name in chosen)

    @cached_property
    def sql_keep_base(self) -> str:
        """A base row for ``:id``: the row as it stands, where there is none yet."""
        return (
            f"INSERT INTO {self.base} (id, {self.listed()}, deleted_at, _salesforce_id)"
            f" SELECT id, {self.listed()}, deleted_at, salesforce_id FROM {self.name}"
            f" WHERE id = :id AND NOT EXISTS (SELECT 1 FROM {self.base} WHERE id = :id)"
        )

    @cached_property
    def same_as_base(self) -> str:
        """SQL over ``r`` and ``b``: the row is as agreed, and all of it is."""
        equal = (f"r.{quoted(name)} IS b.{quoted(name)}" for name in (*self.columns, "deleted_at"))
        return f"(b._never_agreed = '' AND {' AND '.join(equal)})"

    @cached_property
    def sql_prune(self) -> str:
        """Drop the base row of ``:id`` where it says nothing any more."""
        return (
            f"DELETE FROM {self.base} WHERE id = :id AND EXISTS"
            f" (SELECT 1 FROM {self.name} AS r, {self.base} AS b"
            f" WHERE r.id = :id AND b.id = :id AND {self.same_as_base})"
        )

    def is_counter(self, column: str) -> bool:
        """Whether both sides add to this column, so that what both added counts."""
        return self.object_map.by_column[column].merge is Merge.COUNTER

    def type_of(self, column: str) -> str:
        """The SQL type of a mapped column."""
        return self.object_map.by_column[column].type.traits.sql


def differs(left: str, right: str, columns: Iterable[str]) -> str:
    """SQL: some of these columns is not the same in both; null equals null."""
    return (
        " OR ".join(f"{left}.{quoted(name)} IS NOT {right}.{quoted(name)}" for name in columns)
        or "0"
    )


def joined_names(columns: Iterable[str]) -> str:
    """A set of columns as ``_never_agreed`` and ``_held_columns`` hold it.

    >>> joined_names(["phone", "title"])
    ',phone,title,'
    """
    names = sorted(columns)
    return f",{','.join(names)}," if names else ""


def split_names(text: str) -> set[str]:
    """The reverse of ``joined_names``."""
    return {name for name in text.split(",") if name}


def field_meaning(object_map: ObjectMap, column: str) -> str:
    """Which field of the org a column is tied to, and how it is kept."""
    field_map = object_map.by_column[column]
    return f"{object_map.sobject}.{field_map.remote}:{field_map.type.value}"
