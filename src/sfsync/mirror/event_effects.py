"""What events do, applied to the mirror: rows changed, Tasks queued, events marked as handled.

An event's effects and its mark are one transaction, so it counts once whatever is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from sfsync.mirror import provenance, quarantine, records
from sfsync.mirror.address_lookup import marks
from sfsync.mirror.consent import Consent
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.database import quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.activity import LEFT_OUT, Effect, TaskDraft
from sfsync.model.address import match_key, spellings
from sfsync.model.event import EmailEvent
from sfsync.model.merges import Merge
from sfsync.model.record import LocalId, Value


class EventEffects:
    """Applies what was decided about events."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database
        self._consent = Consent(context)

    def apply(self, effects: Sequence[Effect]) -> None:
        """In one transaction: change people's rows, queue Tasks, mark the events as handled."""
        with self._database.transaction(edits=True, origin="event"):
            for effect in effects:
                self._apply(effect)

    def _apply(self, effect: Effect) -> None:
        database, event = self._database, effect.event
        if database.value("SELECT state FROM events WHERE id = ?", [event.id]) != "new":
            return  # handled before: it counts once
        for statement in effect.statements:
            # said for the address: it holds also where nobody can tell which record is meant
            self._consent.add(statement)
        if effect.waits:
            database.run(
                "UPDATE events SET _waits = 1, note = 'waits: the person is deleted' WHERE id = ?",
                [event.id],
            )
            return
        if effect.problem is not None:
            self._quarantine(effect, *effect.problem)
            return
        place = self._row_of(effect)
        if place is None:
            self._mark(
                event, "handled", None, None, LEFT_OUT if effect.left_out else "nothing to do"
            )
            return
        table, local_id = place
        self._change(table, local_id, _without_opt_out(table, effect))
        self._note_provenance(table, local_id, effect)
        if effect.task is not None:
            self._queue(table, local_id, event, effect.task)
        self._mark(event, "handled", table.object, local_id, "")
        quarantine.settle_event(database, quarantine.EVENT, event.id)

    def _note_provenance(self, table: MappedTable, local_id: LocalId, effect: Effect) -> None:
        columns = {*effect.set_values, *effect.add_values}
        if effect.new_person is not None:
            columns |= effect.new_person[1].keys()
        if columns:
            run_id = self._context.run_id
            provenance.note(
                self._database, table, local_id, "event", columns, effect.event.id, run_id
            )

    def _queue(
        self, table: MappedTable, local_id: LocalId, event: EmailEvent, task: TaskDraft
    ) -> None:
        self._database.run(
            "INSERT OR IGNORE INTO activities"
            " (event_id, key, object, person_id, type, subject, fields, queued_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                event.id,
                task.key,
                table.object,
                local_id,
                event.type.value,
                task.subject,
                json.dumps(dict(task.fields)),
                self._database.now(),
            ],
        )

    def _quarantine(self, effect: Effect, code: str, message: str, hint: str) -> None:
        event, person = effect.event, effect.person
        if person is None:
            self._mark(event, "quarantined", None, None, message)
        else:
            self._mark(event, "quarantined", person.object, person.local_id, message)
        entry = quarantine.QuarantineEntry(
            quarantine.EVENT, code, message, hint, event_id=event.id, payload=event.email
        )
        quarantine.add(self._database, entry, self._context.run_id)

    def _mark(
        self,
        event: EmailEvent,
        state: str,
        object_name: str | None,
        local_id: LocalId | None,
        note: str,
    ) -> None:
        self._database.run(
            "UPDATE events SET state = ?, object = ?, person_id = ?, note = ? WHERE id = ?",
            [state, object_name, local_id, note, event.id],
        )

    def _row_of(self, effect: Effect) -> tuple[MappedTable, LocalId] | None:
        """The person's row; a new person gets one, however many of their events come at once."""
        if effect.person is not None:
            return self._context.tables[effect.person.object], effect.person.local_id
        if effect.new_person is None:
            return None
        table, values = self._context.tables[effect.new_person[0]], effect.new_person[1]
        keys = spellings(match_key(effect.event.email))
        found = self._database.value(
            f"SELECT min(id) FROM {table.name} WHERE {table.match()} IN ({marks(keys)})"
            " AND deleted_at IS NULL",
            keys,
        )
        if found is not None:
            return table, LocalId(found)
        return table, records.insert(self._database, table, values)

    def _change(self, table: MappedTable, local_id: LocalId, effect: Effect) -> None:
        """Set and add. An event that comes late takes back no later time and no opt-out."""
        parts: list[str] = []
        parameters: list[Value] = []
        for column, value in effect.set_values.items():
            name = quoted(column)
            merge = table.object_map.by_column[column].merge
            if merge is Merge.LATEST:
                parts.append(f"{name} = max(coalesce({name}, ?), ?)")
                parameters += [value, value]
            elif merge is Merge.STICKY_TRUE:
                parts.append(f"{name} = CASE WHEN {name} IS 1 THEN 1 ELSE ? END")
                parameters.append(value)
            else:
                parts.append(f"{name} = ?")
                parameters.append(value)
        for column, amount in effect.add_values.items():
            name = quoted(column)
            parts.append(f"{name} = coalesce({name}, 0) + ?")
            parameters.append(amount)
        if parts:
            self._database.run(
                f"UPDATE {table.name} SET {', '.join(parts)} WHERE id = ?", [*parameters, local_id]
            )


def _without_opt_out(table: MappedTable, effect: Effect) -> Effect:
    """An opt-out is kept as a statement, and what all statements add up to sets the boxes of rows.

    A box that the event itself had set would look like one that a person ticked just now, and
    outlive a consent that is dated after the event.
    """
    if not effect.statements:
        return effect
    opt_out = table.object_map.opt_out
    kept = {name: value for name, value in effect.set_values.items() if name not in opt_out}
    return replace(effect, set_values=kept)
