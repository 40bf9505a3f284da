"""What other programs write into the mirror that cannot be meant: text that is none, Ids that are none."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from sfsync.selftest.people import ADDRESSES, SOBJECTS, People

CELLS = {"not UTF-8": "CAST(x'4164FF61' AS TEXT)", "too long": "printf('%.*c', 300, 'x')"}
"""What a text column gets, by its name: SQL."""

IDS = ("no Id", "another object's Id", "wrong checksum")


@dataclass
class Nonsense:
    """The nonsense of one schedule, until it is mended.

    Attributes:
        cells: ``(table, row, column)`` of what no value of its column is.
    """

    people: People
    cells: list[tuple[str, int, str]] = field(default_factory=list)

    def nonsense_here(self, number: int, table: str, what: str) -> str:
        """A cell of a row gets what no text is."""
        row = self.people.row(number, table)
        if row is None:
            return ""
        self.people.type_here(table, row, "job_title", None)
        self.people.edit(f"UPDATE {table} SET job_title = {CELLS[what]} WHERE id = ?", row)
        self.cells.append((table, row, "job_title"))
        return f"{table} {row}: job_title is {what}"

    def row_with_a_senseless_id(self, number: int, table: str, address: int, what: str) -> str:
        """A row is put in whose record is none."""
        found = self._senseless_id(number, table, what)
        if not found:
            return ""
        title = self.people.new_value()
        try:
            self.people.edit(
                f"INSERT INTO {table} (email, job_title, salesforce_id) VALUES (?, ?, ?)",
                ADDRESSES[address],
                title,
                found,
            )
        except sqlite3.IntegrityError:  # another row has it already
            self.people.ledger.typed.discard(title)
            return ""
        ((row,),) = self.people.look(f"SELECT id FROM {table} WHERE salesforce_id = ?", found)
        self.cells.append((table, row, "salesforce_id"))
        return f"{table} gets a row {row} with {title} and the record {found!r}"

    def _senseless_id(self, number: int, table: str, what: str) -> str:
        other = next(name for name in SOBJECTS.values() if name != SOBJECTS[table])
        if what == "another object's Id":
            raw = self.people.record(number, other)
            return str(raw["Id"]) if raw else ""
        if what == "wrong checksum":
            raw = self.people.record(number, SOBJECTS[table])
            return f"{raw['Id'][:-1]}{'Z' if raw['Id'][-1] != 'Z' else 'Y'}" if raw else ""
        return f"banana {number}"

    def nonsense_is_mended(self) -> str:
        """A user puts sense into all of it."""
        cells, self.cells = self.cells, []
        for table, row, column in cells:
            if not self.people.look(f"SELECT 1 FROM {table} WHERE id = ?", row):
                continue  # somebody has deleted it
            value = None if column == "salesforce_id" else self.people.new_value()
            self.people.type_here(table, row, column, value)
        return f"{len(cells)} cells" if cells else ""
