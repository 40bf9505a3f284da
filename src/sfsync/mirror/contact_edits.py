"""People as the email platform has them: who was added or changed there is an edit here, as an import's row is.

An event counts once, by its id in ``events``. Events overtake one another: of each column what was
said last holds (``_contact_edits``), in whatever order it comes. An update may name nobody but by
the platform's own id: whose that is, is kept from whatever stated both (``_contact_ids``). One that
came before its person waits for a while (``_contact_waiting``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from sfsync.mirror import provenance, records
from sfsync.mirror.address_lookup import AddressLookup
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.imports import edit_row
from sfsync.mirror.purged_people import PURGED, PurgedPeople
from sfsync.mirror.tables import MappedTable
from sfsync.model.activity import Person
from sfsync.model.address import match_key
from sfsync.model.arrival import ContactEdit, ContactsTaken
from sfsync.model.cursor import iso
from sfsync.model.record import LocalId, Value, Values

PATIENCE: Final = timedelta(days=3)
"""How long a change waits for its person: longer than services repeat a delivery."""


class ContactEdits:
    """Takes in what is said of people."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database
        self._lookup = AddressLookup(context)

    def learn(self, addresses: Mapping[str, str]) -> None:
        """Keep who the platform's ids are; what is said last holds.

        Args:
            addresses: ``{"service:id": address}``.
        """
        purged = PurgedPeople(self._database)
        known = [(each, match_key(address)) for each, address in addresses.items()]
        with self._database.transaction():
            self._database.run_many(
                "INSERT OR REPLACE INTO _contact_ids (contact_id, match_key) VALUES (?, ?)",
                [pair for pair in known if pair[1] not in purged],
            )

    def take(self, edits: Sequence[ContactEdit], *, source: str) -> ContactsTaken:
        """Take edits in, in one transaction, each once per id.

        Somebody is known by the platform's id, else by address; the row is that of whoever has the
        address, had it, or lives on from one that had. Whoever was purged or deleted is not brought back.
        """
        counts: Counter[str] = Counter()
        with self._database.transaction(edits=True, origin="import"):
            for edit in edits:
                counts[self._take(edit, source)] += 1
        return ContactsTaken(counts["written"], counts["duplicate"], counts["unknown"])

    def _take(self, edit: ContactEdit, source: str) -> str:
        key = self._key_of(edit)
        if not self._keep(edit, key or "", source):
            return "duplicate"
        if key is None:
            self._note(edit, PURGED, None)
            return "unknown"
        people = self._people(key) if key else []
        creates = edit.creates
        if any(person.deleted for person in people):
            people, creates = [], ""
        person = next((each for each in people if each.object in edit.values), None)
        if person is not None:
            return self._edit(edit, person)
        if not people and creates:
            return self._create(edit, self._context.table(creates))
        if not people and edit.contact_id and not edit.is_new:
            self._let_wait(edit)
        self._note(edit, "nobody here is meant", None)
        return "unknown"

    def take_waiting(self) -> int:
        """Take in what waited for somebody who is here now; how many rows were changed."""
        database = self._database
        if not database.value("SELECT 1 FROM _contact_waiting LIMIT 1"):
            return 0
        gone = iso(datetime.fromisoformat(database.now()) - PATIENCE)
        written = 0
        with database.transaction(edits=True, origin="import"):
            database.run("DELETE FROM _contact_waiting WHERE since < ?", [gone])
            found = database.rows(
                "SELECT w.edit, i.match_key FROM _contact_waiting AS w"
                " JOIN _contact_ids AS i ON i.contact_id = w.contact_id ORDER BY w.since, w.id"
            )
            for text, key in found:
                edit = ContactEdit(**database.parsed(text))
                people = [each for each in self._people(key) if each.object in edit.values]
                if people and not people[0].deleted:
                    database.run("DELETE FROM _contact_waiting WHERE id = ?", [edit.id])
                    written += self._edit(edit, people[0]) == "written"
        return written

    def _let_wait(self, edit: ContactEdit) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO _contact_waiting (id, contact_id, edit, since) VALUES (?, ?, ?, ?)",
            [edit.id, edit.contact_id, json.dumps(asdict(edit)), self._database.now()],
        )

    def _key_of(self, edit: ContactEdit) -> str | None:
        """The match key of whoever is meant; empty where nothing says, ``None`` of somebody purged."""
        known = self._database.value(
            "SELECT match_key FROM _contact_ids WHERE contact_id = ?", [edit.contact_id]
        )
        key = str(known or match_key(edit.email))
        if known == "" and not key:
            return None
        purged = PurgedPeople(self._database)
        return None if key and key in purged and not self._lookup.live([key]) else key

    def _keep(self, edit: ContactEdit, key: str, source: str) -> bool:
        """Whether the event is new."""
        kind = "contact_created" if edit.is_new else "contact_updated"
        address = edit.email if key else ""
        return bool(
            self._database.run(
                "INSERT OR IGNORE INTO events"
                " (id, type, email, match_key, timestamp, received_at, source, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'handled')",
                [edit.id, kind, address, key, f"{edit.at[:19]}Z", self._database.now(), source],
            )
        )

    def _people(self, key: str) -> list[Person]:
        """In the mapping's order of objects; those who were deleted where nobody else is meant."""
        for look in (self._lookup.live, self._lookup.survivors, self._lookup.former):
            if found := look([key]).get(key, []):
                return found
        return self._lookup.deleted([key]).get(key, [])

    def _create(self, edit: ContactEdit, table: MappedTable) -> str:
        values = edit.values[table.object]
        local_id = records.insert(self._database, table, values)
        self._said(edit, table, local_id, values)
        self._told(edit, table, local_id, list(values))
        return "written"

    def _edit(self, edit: ContactEdit, person: Person) -> str:
        table = self._context.tables[person.object]
        values = self._latest(edit, table, person.local_id)
        self._said(edit, table, person.local_id, values)
        changed = edit_row(self._database, table, person.local_id, person.values, values, Counter())
        self._told(edit, table, person.local_id, changed)
        return "written" if changed else "unchanged"

    def _latest(self, edit: ContactEdit, table: MappedTable, local_id: LocalId) -> Values:
        """What it says of columns of which nothing was said later; of two at one time by id."""
        said = dict(
            self._database.rows(
                'SELECT "column", said FROM _contact_edits WHERE object = ? AND person_id = ?',
                [table.object, local_id],
            )
        )
        values: dict[str, Value] = {
            column: value
            for column, value in edit.values[table.object].items()
            if said.get(column, "") < _said_at(edit)
        }
        address = str(values.get(table.object_map.match_on) or "")
        if edit.contact_id and address:
            self._database.run(
                "INSERT OR REPLACE INTO _contact_ids (contact_id, match_key) VALUES (?, ?)",
                [edit.contact_id, match_key(address)],
            )
        return values

    def _said(
        self, edit: ContactEdit, table: MappedTable, local_id: LocalId, values: Values
    ) -> None:
        self._database.run_many(
            'INSERT OR REPLACE INTO _contact_edits (object, person_id, "column", said)'
            " VALUES (?, ?, ?, ?)",
            [(table.object, local_id, column, _said_at(edit)) for column in values],
        )

    def _told(
        self, edit: ContactEdit, table: MappedTable, local_id: LocalId, columns: Sequence[str]
    ) -> None:
        """Remember where these values came from."""
        self._note(edit, "", (table, local_id))
        if columns:
            provenance.note(
                self._database, table, local_id, "imported", columns, edit.id, self._context.run_id
            )

    def _note(self, edit: ContactEdit, note: str, row: tuple[MappedTable, LocalId] | None) -> None:
        place: list[Value] = [row[0].object, row[1]] if row else [None, None]
        self._database.run(
            "UPDATE events SET note = ?, object = ?, person_id = ? WHERE id = ?",
            [note, *place, edit.id],
        )


def _said_at(edit: ContactEdit) -> str:
    """When, and of two at the same time which: comparable as text."""
    return f"{edit.at} {edit.id}"
