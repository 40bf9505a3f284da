"""What every family of the mirror works with: the file, the mapped tables, the run under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sfsync.errors import MirrorError
from sfsync.mirror.database import Database, literal, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.objects import PERSON_NAME


@dataclass
class MirrorContext:
    """One open mirror. All families share it, so that a new mapping or run reaches each of them.

    Attributes:
        tables: all mapped tables, by object, in the mapping's order.
    """

    database: Database
    tables: dict[str, MappedTable] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """What is written is noted under it."""
        return self.database.run_id

    @run_id.setter
    def run_id(self, run_id: str) -> None:
        self.database.run_id = run_id

    def table(self, object_name: str) -> MappedTable:
        """The table of an object.

        Raises:
            MirrorError: the mapping has no such object.
        """
        if object_name not in self.tables:
            raise MirrorError(
                f"the mirror has no table for {object_name!r}",
                hint="Name it under `objects` in sfsync.yaml.",
            )
        return self.tables[object_name]

    @property
    def people_tables(self) -> list[MappedTable]:
        """The tables whose rows are people, in the mapping's order: events are theirs alone."""
        return [table for table in self.tables.values() if table.object_map.kind.is_people]

    def name_sql(self) -> str:
        """SQL: the name of the person that ``k.object`` and ``k.person_id`` name; blank for none."""
        return f"coalesce({self._of_row(_name_of)}, '')"

    def record_sql(self) -> str:
        """SQL: the Salesforce Id of that row."""
        return self._of_row(lambda _table: "r.salesforce_id")

    def address_sql(self) -> str:
        """SQL: the address of that person."""
        return self._of_row(lambda table: f"r.{quoted(table.object_map.match_on)}")

    def _of_row(self, expression: Callable[[MappedTable], str]) -> str:
        """SQL: something of the row ``r`` that ``k.object`` and ``k.person_id`` name."""
        cases = "".join(
            f" WHEN '{literal(table.object)}' THEN (SELECT {expression(table)}"
            f" FROM {table.name} AS r WHERE r.id = k.person_id)"
            for table in self.tables.values()
        )
        return f"CASE k.object{cases} END" if cases else "NULL"


def _name_of(table: MappedTable) -> str:
    """SQL: the name in a row ``r``; null where the mapping has none."""
    by_remote = table.object_map.by_remote
    columns = [by_remote[remote].column for remote in PERSON_NAME if remote in by_remote]
    parts = " || ' ' || ".join(f"coalesce(r.{quoted(column)}, '')" for column in columns)
    return f"trim({parts})" if parts else "NULL"
