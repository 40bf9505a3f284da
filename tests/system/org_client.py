"""What other users do in the org of a workspace, and what the org holds: read and changed from outside, over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from local_org.server import LocalOrg


@dataclass
class OrgClient:
    """Another user of a running local org."""

    org: LocalOrg

    def local(self, name: str, **body: Any) -> Any:
        """Something a user or an admin does in Salesforce, by the local org's control API."""
        reply = requests.post(f"{self.org.url}/_local/{name}", json=body, timeout=10)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def create(self, sobject: str, **fields: Any) -> str:
        return self.local("create", sobject=sobject, fields=fields)["id"]

    def edit(self, salesforce_id: str, **fields: Any) -> None:
        self.local("edit", id=salesforce_id, fields=fields)

    def stamp(self, salesforce_id: str, at: datetime) -> None:
        """Let a record have been changed last at that time, by its own stamps."""
        state, seconds = self.org.state, int(at.timestamp())
        with state.lock:
            table = state.table_of_id(salesforce_id)
            stamps = {"LastModifiedDate": seconds, "SystemModstamp": seconds}
            state.put(table, salesforce_id, table.rows[salesforce_id] | stamps)

    def records(self, sobject: str = "Contact") -> dict[str, dict[str, Any]]:
        """Every record of an object as the org holds it, deleted ones too."""
        reply = requests.get(f"{self.org.url}/_local/dump", params={"sobject": sobject}, timeout=10)
        return {record["Id"]: record for record in reply.json()[sobject]}

    def record(self, salesforce_id: str) -> dict[str, Any]:
        return self.records("Contact" if salesforce_id.startswith("003") else "Lead")[salesforce_id]

    def everything(self) -> dict[str, Any]:
        """The whole org, every stamp included."""
        return requests.get(f"{self.org.url}/_local/dump", timeout=10).json()

    def tasks(self, who: str | None = None) -> list[dict[str, Any]]:
        """The Tasks in the org, of one person or all."""
        return [task for task in self.records("Task").values() if who in (None, task["WhoId"])]

    def people(self, sobject: str = "Contact") -> list[str]:
        """Ids in the order they were made."""
        return sorted(self.records(sobject))

    @contextmanager
    def counted(self) -> Iterator[dict[str, Any]]:
        """Count the API calls of a block, by the org's own counter."""
        self.local("calls/reset")
        counts: dict[str, Any] = {}
        yield counts
        counts.update(requests.get(f"{self.org.url}/_local/calls", timeout=10).json())
