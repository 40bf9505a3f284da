"""The org on disk: one SQLite file, written row by row as rows change.

Logins are not kept: a client logs in again after a restart.
"""

import json
import sqlite3
from pathlib import Path

from local_org.state.founding import equip
from local_org.state.org import OrgState

_SCHEMA = """
create table if not exists rows (
  sobject text, id text, body text, primary key (sobject, id)
) without rowid;
create table if not exists facts (name text primary key, value text);
"""


class StateFile:
    """A state file.

    Args:
        path: where; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._db.execute("pragma synchronous = off")

    def load(self, state: OrgState) -> bool:
        """Bring the org back; False where the file was new."""
        state.unsaved = set()
        facts = {
            name: json.loads(value)
            for name, value in self._db.execute("select name, value from facts")
        }
        if not facts:
            return False
        with state.lock:
            for sobject, record_id, body in self._db.execute(
                "select sobject, id, body from rows order by sobject, id"
            ):
                if state.has_object(sobject):
                    state.table(sobject).put(record_id, json.loads(body))
            state.org_id, state.admin_id = facts["org_id"], facts["admin_id"]
            if state.table("Profile").rows:
                state.apply_custom_fields()
            else:  # kept by a version that knew no profiles
                equip(state)
            state.clock.offset_seconds = facts["clock_offset_seconds"]
            state.settings.change(facts["settings"])
            for sobject, (last_number, log) in facts["tables"].items():
                if state.has_object(sobject):
                    state.table(sobject).last_number = last_number
                    state.table(sobject).delete_log = log
        return True

    def save(self, state: OrgState) -> None:
        """Write what has changed since the last time."""
        with state.lock:
            changed = sorted(state.unsaved or ())
            if state.unsaved is not None:
                state.unsaved.clear()
            bodies = [(name, each, state.table(name).rows.get(each)) for name, each in changed]
            facts = {
                "org_id": state.org_id,
                "admin_id": state.admin_id,
                "clock_offset_seconds": state.clock.offset_seconds,
                "settings": state.settings.as_dict(),
                "tables": {
                    table.kind.name: [table.last_number, table.delete_log] for table in state.tables
                },
            }
            with self._db:
                self._db.executemany(
                    "insert or replace into rows values (?, ?, ?)",
                    [
                        (name, each, json.dumps(body))
                        for name, each, body in bodies
                        if body is not None
                    ],
                )
                self._db.executemany(
                    "delete from rows where sobject = ? and id = ?",
                    [(name, each) for name, each, body in bodies if body is None],
                )
                self._db.executemany(
                    "insert or replace into facts values (?, ?)",
                    [(name, json.dumps(value)) for name, value in facts.items()],
                )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
