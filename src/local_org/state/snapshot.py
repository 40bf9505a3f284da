"""A state of the org to restore: for tests that begin anew many times, faster than a new org.

Records are never changed in place (see ``tables``), so a snapshot costs a dictionary for each
object.
"""

from dataclasses import dataclass
from typing import Any

from local_org.state.org import OrgState
from local_org.state.settings import Settings
from local_org.state.tables import Row


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An org's records, delete logs, numbering and switches, as they were.

    >>> from local_org.server import LocalOrg, LocalOrgConfig
    >>> state = LocalOrg(LocalOrgConfig(contacts=2, leads=0)).state
    >>> before = Snapshot.of(state)
    >>> state.insert_system("Account", {"Name": "New"}) in state.table("Account").rows
    True
    >>> before.restore(state)
    >>> [row["Name"] for row in state.table("Account").rows.values() if row["Name"] == "New"]
    []

    Attributes:
        tables: by object: rows, delete log, the last number given.
    """

    tables: dict[str, tuple[dict[str, Row], dict[str, int], int]]
    settings: dict[str, Any]
    clock_offset_seconds: float

    @classmethod
    def of(cls, state: OrgState) -> "Snapshot":
        """The org as it is now."""
        with state.lock:
            tables = {
                table.kind.name: (dict(table.rows), dict(table.delete_log), table.last_number)
                for table in state.tables
            }
            return cls(tables, state.settings.as_dict(), state.clock.offset_seconds)

    def restore(self, state: OrgState) -> None:
        """Make the org what it was; who is logged in stays so, and no call counts as made."""
        with state.lock:
            state.clock.offset_seconds = self.clock_offset_seconds
            state.settings.change({**Settings().as_dict(), **self.settings})
            for table in state.tables:
                table.restore(*self.tables[table.kind.name])
            state.apply_custom_fields()
            state.meter.reset()
            state.deliveries.reset()
