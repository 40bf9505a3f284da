"""What was refused, and why: in the org's own words, with a hint.

A row in quarantine is not sent again until it is edited (its edit number is past the one it
was refused with) or says ``retry``. One row, event or Task has one open entry, brought up to date
when it is refused again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import Database, literal
from sfsync.mirror.tables import MappedTable
from sfsync.model.outcome import MALFORMED_ID, NOT_FOUND, UNREADABLE_VALUE
from sfsync.model.record import LocalId, Value

RECORD = "record"
EVENT = "event"
ACTIVITY = "activity"
INPUT = "input"

UNREADABLE_LINE = "UNREADABLE_LINE"
CONTRADICTION = "CONTRADICTION"


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """Something that was refused, and why.

    Attributes:
        kind: ``record``, ``event`` or ``activity``.
        event_id: the event, or for a Task its key.
        payload: what was refused, as JSON, for people.
        edit: the edit number the row was refused with.
    """

    kind: str
    code: str
    message: str
    hint: str = ""
    object: str = ""
    local_id: LocalId | None = None
    event_id: str = ""
    payload: str = ""
    edit: int = 0


HINTS = {
    "REQUIRED_FIELD_MISSING": "Fill in the field, or give it a placeholder in sfsync.yaml.",
    "STRING_TOO_LONG": "Shorten the value in the mirror; `sfsync org check` names each field's length.",
    "INVALID_EMAIL_ADDRESS": "Correct the address in the mirror.",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Use one of the picklist's values, or ask an admin to add this one.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "The org's own rule refused it: change the value as the message says.",
    "FIELD_INTEGRITY_EXCEPTION": "Change the value as the message says.",
    "DUPLICATES_DETECTED": "The org has this person already: merge the two there, then `sfsync pull` and `sfsync retry`.",
    "DUPLICATE_VALUE": "Another record holds this unique value: correct one of the two, then `sfsync retry`.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "Give the integration user edit rights on the record, then `sfsync retry`.",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "Give the integration user rights on the related record.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "The user may not write the field: `sfsync org check` says which permission.",
    "CANNOT_UPDATE_CONVERTED_LEAD": "The Lead was converted: `sfsync pull` follows it to its Contact.",
    "ENTITY_IS_DELETED": "The record was deleted in Salesforce: `sfsync pull` takes that over.",
    "INVALID_CROSS_REFERENCE_KEY": "The record it points to is gone or hidden: `sfsync pull`, then `sfsync retry`.",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "Automation in the org failed: show an admin the message.",
    "STORAGE_LIMIT_EXCEEDED": "The org is full: free some storage there, then `sfsync retry`.",
    "NUMBER_OUTSIDE_VALID_RANGE": "Correct the number in the mirror.",
    "OPERATION_WITH_INACTIVE_USER_EXCEPTION": "The record's owner is inactive: ask an admin to reassign it.",
    "INACTIVE_OWNER_OR_USER": "The record's owner is inactive: ask an admin to reassign it.",
}
DEFAULT_HINT = "Correct the row in the mirror, or the org, then `sfsync retry`."


def hint_for(code: str) -> str:
    """What to do about an error code of the org."""
    return HINTS.get(code, DEFAULT_HINT)


_AGAIN = {
    RECORD: "",  # an edited row without an open entry is pushed
    EVENT: "UPDATE events SET state = 'new', note = '' WHERE id = ? AND state = 'quarantined'",
    # as a Task whose reply was lost: an attempt before the refused one may have arrived, so it is
    # looked up first
    ACTIVITY: "UPDATE activities SET state = CASE sent_at WHEN '' THEN 'queued' ELSE 'sending' END,"
    " settled_at = '' WHERE key = ? AND state = 'quarantined'",
}
"""What an entry of each kind needs to be tried again, beside being settled itself; a line of a file is handed in again."""


_OF_FILE = {False: "", True: f" AND kind = '{INPUT}' AND source = ?"}
"""More of a condition: only lines of one file."""


class Quarantine:
    """Entries, as people see and decide them. Each call is a transaction of its own."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def put(
        self,
        *,
        kind: str,
        code: str,
        message: str,
        hint: str = "",
        object_name: str = "",
        local_id: LocalId | None = None,
        event_id: str = "",
        payload: str = "",
    ) -> None:
        """Put something into quarantine, with the reason in the org's own words, and a hint."""
        entry = QuarantineEntry(kind, code, message, hint, object_name, local_id, event_id, payload)
        with self._database.transaction():
            if kind == RECORD and local_id is not None:
                base = self._context.table(object_name).base
                entry = with_edit_number(self._database, base, entry)
            add(self._database, entry, self._context.run_id)

    def count_by_code(self) -> dict[str, int]:
        """How much is in open quarantine, by the code of the refusal."""
        asked = (
            "SELECT code, count(*) FROM quarantine WHERE state = 'open' GROUP BY code ORDER BY code"
        )
        return {str(code): int(count) for code, count in self._database.rows(asked)}

    def count_open(self, *, source: str | None = None) -> int:
        """How much is in open quarantine; with a source, how many lines of this file."""
        return int(
            self._database.value(
                f"SELECT count(*) FROM quarantine WHERE state = 'open'{_OF_FILE[source is not None]}",
                [source] if source is not None else [],
            )
        )

    def listed(
        self, *, limit: int = 50, source: str | None = None, ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """What is in open quarantine, the latest first; with a source, the lines of this file.

        Args:
            ids: only these.
        """
        of_ids = "" if ids is None else " AND k.id IN (SELECT value FROM json_each(?))"
        found = self._database.rows(
            "SELECT k.id, k.kind, k.object, k.person_id, k.event_id, k.code, k.message, k.hint,"
            f" k.payload, k.run_id, k.quarantined_at, {self._context.name_sql()}, {self._context.address_sql()},"
            f" {self._context.record_sql()}"
            f" FROM quarantine AS k WHERE k.state = 'open'{_OF_FILE[source is not None]}{of_ids}"
            " ORDER BY k.quarantined_at DESC, k.id DESC LIMIT ?",
            [
                *([] if source is None else [source]),
                *([] if ids is None else [json.dumps(list(ids))]),
                limit,
            ],
        )
        return [_listed(row) for row in found]

    def retry(self, ids: Sequence[int] = ()) -> int:
        """Let entries go, so that the next push, or the next look at the events, tries again.

        All where none is named. A line of a file stays: only the file can be tried again.

        Returns:
            How many.
        """
        database = self._database
        with database.transaction(edits=True):
            entries = database.rows(
                "SELECT id, kind, event_id FROM quarantine WHERE state = 'open' ORDER BY id"
            )
            chosen = [entry for entry in entries if not ids or entry[0] in ids]
            again = [entry for entry in chosen if entry[1] in _AGAIN]
            for number, kind, event_id in again:
                if statement := _AGAIN[kind]:
                    database.run(statement, [event_id])
                database.run(
                    "UPDATE quarantine SET state = 'settled', settled_at = ? WHERE id = ?",
                    [database.now(), number],
                )
        return len(again)

    def ignore_lines(self, source: str) -> int:
        """Leave all lines of a file for good; how many there were."""
        with self._database.transaction(edits=True):
            return self._database.run(
                "UPDATE quarantine SET state = 'ignored', settled_at = ?"
                f" WHERE state = 'open'{_OF_FILE[True]}",
                [self._database.now(), source],
            )

    def ignore(self, ids: Sequence[int]) -> int:
        """Leave these for good: not listed again, and tried only where the row is edited.

        Returns:
            How many there were.
        """
        with self._database.transaction(edits=True):
            return self._database.run_many(
                "UPDATE quarantine SET state = 'ignored', settled_at = ?"
                " WHERE id = ? AND state = 'open'",
                [(self._database.now(), number) for number in ids],
            )


def _listed(row: Sequence[Any]) -> dict[str, Any]:
    (
        number,
        kind,
        object_name,
        person,
        event_id,
        code,
        message,
        hint,
        payload,
        run_id,
        at,
        name,
        address,
        record,
    ) = row
    return {
        "id": number,
        "kind": kind,
        "object": object_name,
        "record": address or ("" if person is None else f"{person}"),
        "person": name,
        "local_id": person,
        "salesforce_id": record,
        "event_id": event_id,
        "code": code,
        "message": message,
        "hint": hint,
        "payload": payload,
        "run_id": run_id,
        "quarantined_at": at,
    }


# -- inside a transaction of the caller's ----------------------------------------------------------
def add(database: Database, entry: QuarantineEntry, run_id: str) -> None:
    """Keep an entry; an open one for the same thing is brought up to date."""
    facts = [
        entry.code,
        entry.message,
        entry.hint or hint_for(entry.code),
        entry.payload,
        run_id,
        database.now(),
        entry.edit,
    ]
    there = _same_thing(database, entry)
    if there is not None:
        database.run(
            "UPDATE quarantine SET code = ?, message = ?, hint = ?, payload = ?, run_id = ?,"
            " quarantined_at = ?, _edit = ?, state = 'open' WHERE id = ?",
            [*facts, there],
        )
        return
    database.run(
        "INSERT INTO quarantine (code, message, hint, payload, run_id, quarantined_at, _edit,"
        " kind, object, person_id, event_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*facts, entry.kind, entry.object, entry.local_id, entry.event_id],
    )


def _same_thing(database: Database, entry: QuarantineEntry) -> int | None:
    """The entry, open or ignored, for the same event, Task, row or line."""
    if entry.event_id:
        which: dict[str, Value] = {"event_id": entry.event_id}
    elif entry.local_id is not None:
        which = {"object": entry.object, "person_id": entry.local_id}
    else:
        # a line of a file has no name but what it says
        which = {"object": entry.object, "message": entry.message, "payload": entry.payload}
    conditions = " AND ".join(f"{column} = ?" for column in which)
    found = database.value(
        f"SELECT id FROM quarantine WHERE {conditions} AND kind = ? AND state <> 'settled'",
        [*which.values(), entry.kind],
    )
    return None if found is None else int(found)


def is_quarantined(table: MappedTable) -> str:
    """SQL over ``r`` and ``b``: the row is in quarantine and nobody has edited it since."""
    return (
        "EXISTS (SELECT 1 FROM quarantine AS q"
        " WHERE q.kind = 'record' AND q.state <> 'settled'"
        f" AND q.object = '{literal(table.object)}' AND q.person_id = r.id"
        " AND q._edit >= coalesce(b._edit, 0))"
    )


def is_out_of_sight(table: MappedTable) -> str:
    """SQL over ``r``: the row is in quarantine because the org did not return its record."""
    return (
        "EXISTS (SELECT 1 FROM quarantine AS q"
        f" WHERE q.kind = 'record' AND q.state <> 'settled' AND q.code = '{NOT_FOUND}'"
        f" AND q.object = '{literal(table.object)}' AND q.person_id = r.id)"
    )


def waits_for_a_correction(table: MappedTable) -> str:
    """SQL over a row: no plan is made for it, because a value of its own means nothing, or was refused as it stands."""
    edit = f"(SELECT b._edit FROM {table.base} AS b WHERE b.id = {table.name}.id)"
    return (
        "EXISTS (SELECT 1 FROM quarantine AS q WHERE q.kind = 'record' AND q.state <> 'settled'"
        f" AND (q.code IN ('{UNREADABLE_VALUE}', '{MALFORMED_ID}') OR q._edit >= coalesce({edit}, 0))"
        f" AND q.object = '{literal(table.object)}' AND q.person_id = {table.name}.id)"
    )


def settle_row(database: Database, object_name: str, local_id: LocalId) -> None:
    """The row was taken, or agrees again: its entry is over."""
    database.run(
        "UPDATE quarantine SET state = 'settled', settled_at = ?"
        " WHERE object = ? AND person_id = ? AND kind = 'record' AND state <> 'settled'",
        [database.now(), object_name, local_id],
    )


def settle_event(database: Database, kind: str, event_id: str) -> None:
    """The event was handled, or the Task taken: its entry is over."""
    database.run(
        "UPDATE quarantine SET state = 'settled', settled_at = ?"
        " WHERE event_id = ? AND kind = ? AND state <> 'settled'",
        [database.now(), event_id, kind],
    )


def with_edit_number(database: Database, base: str, entry: QuarantineEntry) -> QuarantineEntry:
    """The entry with the row's edit number: only a later edit brings the row back."""
    edit = database.value(f"SELECT _edit FROM {base} WHERE id = ?", [entry.local_id])
    return replace(entry, edit=int(edit or 0))
