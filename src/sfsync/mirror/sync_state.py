"""What is remembered between runs: whose mirror it is, watermarks, the org's fields, notes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sfsync.errors import WrongOrg
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database
from sfsync.mirror.tables import field_meaning
from sfsync.model.cursor import Watermark
from sfsync.model.facts import SObjectFacts


class SyncState:
    """Small facts between runs; each that is kept is a transaction of its own."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    # -- whose -------------------------------------------------------------------------------------
    @property
    def mirror_key(self) -> str:
        """This mirror's own random name, which never changes."""
        return mirror_key(self._database)

    def pinned_org(self) -> str:
        """The org id this mirror belongs to; empty before the first run."""
        return str(self._database.value("SELECT org_id FROM _sync"))

    def pin_org(self, org_id: str) -> None:
        """Bind this mirror to an org, once and for all.

        Raises:
            WrongOrg: it belongs to another one.
        """
        with self._database.transaction():
            pinned = self.pinned_org()
            if pinned not in {"", org_id}:
                raise WrongOrg(
                    f"this mirror belongs to the org {pinned}, not to {org_id}",
                    hint="Use another profile with its own mirror.",
                )
            self._database.run("UPDATE _sync SET org_id = ?", [org_id])

    # -- what the org has --------------------------------------------------------------------------
    def facts(self, sobject: str) -> SObjectFacts | None:
        """What the org said of an object when last asked; ``None`` also where that is damaged."""
        kept = self._database.value("SELECT facts FROM _facts WHERE sobject = ?", [sobject])
        if kept is None:
            return None
        try:
            return SObjectFacts.from_dict(json.loads(kept))
        except (ValueError, TypeError, LookupError, AttributeError):
            return None

    def keep_facts(self, facts: SObjectFacts) -> None:
        """Keep it for the next run."""
        with self._database.transaction():
            self._database.run(
                "INSERT INTO _facts (sobject, facts, asked_at) VALUES (?, ?, ?)"
                " ON CONFLICT (sobject) DO UPDATE"
                " SET facts = excluded.facts, asked_at = excluded.asked_at",
                [facts.name, json.dumps(facts.as_dict()), self._database.now()],
            )

    # -- how far the pulls got ---------------------------------------------------------------------
    def watermark(self, object_name: str, columns: Sequence[str]) -> Watermark | None:
        """Where the last complete pull of this object got to.

        ``None`` where there was none, where it did not read all of these columns (a field was added
        to the mapping, or has become visible since), or where it read one of them from another
        field: then everything has to be read again.
        """
        kept = self._database.row(
            "SELECT at, columns FROM _watermarks WHERE object = ?", [object_name]
        )
        if kept is None:
            return None
        read = self._database.parsed(kept[1])
        object_map = self._context.table(object_name).object_map
        if any(read.get(column) != field_meaning(object_map, column) for column in columns):
            return None
        return Watermark.parse(kept[0])

    def advance_watermark(self, object_name: str, to: Watermark, columns: Sequence[str]) -> None:
        """Move the watermark on, never back, and remember which columns were read."""
        object_map = self._context.table(object_name).object_map
        read = json.dumps({column: field_meaning(object_map, column) for column in columns})
        with self._database.transaction():
            self._database.run(
                "INSERT INTO _watermarks (object, at, columns) VALUES (?, ?, ?)"
                " ON CONFLICT (object) DO UPDATE"
                " SET at = max(at, excluded.at), columns = excluded.columns",
                [object_name, str(to), read],
            )

    # -- notes -------------------------------------------------------------------------------------
    def note(self, name: str) -> str:
        """A small fact by its name; empty where there is none."""
        return str(self._database.value("SELECT value FROM _notes WHERE name = ?", [name]) or "")

    def keep_note(self, name: str, value: str) -> None:
        """Keep it; an empty value forgets it."""
        with self._database.transaction():
            self._database.run("DELETE FROM _notes WHERE name = ?", [name])
            if value:
                self._database.run("INSERT INTO _notes (name, value) VALUES (?, ?)", [name, value])


def mirror_key(database: Database) -> str:
    """The mirror's own random name, which never changes."""
    return str(database.value("SELECT mirror_key FROM _sync"))
