"""Email events and the Tasks they become.

An event is durable before anything else happens, once per id for ever. Its effects (the person's
row, the queued Task, the mark that it is handled) are one transaction, so it counts once whatever
is repeated. What events change in rows counts as edited here, for the org still has to learn it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sfsync.mirror import purge, quarantine, records
from sfsync.mirror.database import Database, quoted
from sfsync.mirror.tables import MappedTable
from sfsync.model.activity import Effect, Person
from sfsync.model.event import EmailEvent, EventType, match_key
from sfsync.model.journal import QueuedTask
from sfsync.model.mapping import Merge
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import LocalId, SalesforceId, Value

PAGE = 1_000
MARKS = 500
"""Parameters a query: SQLite takes 999 at least."""


class Events:
    """Takes events in, hands them out, and keeps their Tasks.

    Args:
        tables: all mapped tables, by object, in the mapping's order: a Contact goes before a Lead.
        run_id: the run that refusals are noted under.
    """

    def __init__(self, database: Database, tables: Mapping[str, MappedTable], run_id: str) -> None:
        self._database = database
        self._tables = tables
        self._run_id = run_id

    # -- in ----------------------------------------------------------------------------------------
    def known(self, ids: Sequence[str]) -> int:
        """How many of these ids are stored already, or stand among them twice."""
        stored = self._database.value(
            "SELECT count(*) FROM events WHERE id IN (SELECT value FROM json_each(?))",
            [json.dumps(ids)],
        )
        return int(stored) + len(ids) - len(set(ids))

    def keep(self, events: Sequence[EmailEvent], *, source: str) -> tuple[int, int]:
        """Store events durably, once per id. Returns ``(new, duplicates)``."""
        now = self._database.now()
        forgotten = purge.Forgotten(self._database)
        if forgotten:
            events = [forgotten.without_person(event) for event in events]
        with self._database.transaction(edits=True):
            new = self._database.run_many(
                "INSERT OR IGNORE INTO events (id, type, email, match_key, campaign_id, campaign_name, timestamp,"
                " received_at, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        event.id,
                        event.type.value,
                        event.email,
                        match_key(event.email),
                        event.campaign_id,
                        event.campaign_name,
                        event.timestamp,
                        now,
                        source,
                    )
                    for event in events
                ),
            )
            if forgotten:
                self._database.run(
                    "UPDATE events SET state = 'handled', note = ? WHERE state = 'new' AND match_key = ''"
                    " AND note = '' AND email = ''",
                    [purge.PURGED],
                )
        return new, len(events) - new

    # -- whose -------------------------------------------------------------------------------------
    def unresolved_addresses(self) -> Iterator[str]:
        """Match keys of events not handled yet that no live row has, nor a row that lives on in another."""
        nobody = "".join(
            f" AND NOT EXISTS (SELECT 1 FROM {table.name} AS r WHERE {table.match('r')} = e.match_key"
            " AND r.deleted_at IS NULL)"
            for table in self._tables.values()
        )
        after = ""
        while page := self._database.rows(
            f"SELECT DISTINCT e.match_key FROM events AS e WHERE e.state = 'new' AND e.match_key > ?{nobody}"
            " ORDER BY e.match_key LIMIT ?",
            [after, PAGE],
        ):
            known = self._lived_on([found[0] for found in page])
            yield from (found[0] for found in page if found[0] not in known)
            after = page[-1][0]

    def pending(self, limit: int) -> list[tuple[EmailEvent, tuple[Person, ...]]]:
        """The next events to handle, oldest first, each with the live rows of its address.

        An address that only a merged or converted record had is that of the row it lives on in.
        """
        found = self._database.rows(
            "SELECT id, type, email, timestamp, campaign_id, campaign_name, match_key FROM events"
            " WHERE state = 'new' ORDER BY timestamp, id LIMIT ?",
            [limit],
        )
        keys = sorted({row[6] for row in found} - {""})
        people = self.people(keys)
        people |= self._lived_on([key for key in keys if key not in people])
        return [
            (EmailEvent(row[0], EventType(row[1]), *row[2:6]), tuple(people.get(row[6], ())))
            for row in found
        ]

    def people(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """The live rows that have these addresses, in the mapping's order of objects, oldest row first."""
        found: dict[str, list[Person]] = {}
        for table in self._tables.values():
            for chunk in chunks(keys):
                rows = self._database.rows(
                    f"SELECT {table.match()} AS key, id, salesforce_id, {table.listed()} FROM {table.name}"
                    f" WHERE {table.match()} IN ({', '.join('?' * len(chunk))}) AND deleted_at IS NULL ORDER BY id",
                    chunk,
                )
                for key, *person in rows:
                    found.setdefault(key, []).append(_person(table, person))
        return found

    def _lived_on(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """The live rows in which merged or converted records that had these addresses live on."""
        found: dict[str, list[Person]] = {}
        for table in self._tables.values():
            for chunk in chunks(keys):
                rows = self._database.rows(
                    f"SELECT {table.match()}, salesforce_id FROM {table.name} AS r"
                    f" WHERE {table.match()} IN ({', '.join('?' * len(chunk))}) AND deleted_at IS NOT NULL"
                    " AND EXISTS (SELECT 1 FROM _links WHERE object = ? AND salesforce_id = r.salesforce_id)",
                    [*chunk, table.object],
                )
                for key, salesforce_id in rows:
                    person = self._survivor(table.object, salesforce_id)
                    if person is not None and person not in found.setdefault(key, []):
                        found[key].append(person)
        return {key: people for key, people in found.items() if people}

    def _survivor(self, object_name: str, salesforce_id: str) -> Person | None:
        last = self._database.row(_FOLLOWED, [object_name, salesforce_id])
        table = self._tables.get(last[1]) if last else None
        if last is None or table is None:
            return None
        row = self._database.row(
            f"SELECT id, salesforce_id, {table.listed()} FROM {table.name}"
            " WHERE salesforce_id = ? AND deleted_at IS NULL",
            [last[0]],
        )
        return _person(table, row) if row else None

    def first_in_campaign(self, keys: Sequence[str]) -> set[str]:
        """Which of these keys are no activity yet."""
        taken: set[str] = set()
        for chunk in chunks(keys):
            marks = ", ".join("?" * len(chunk))
            taken |= {
                row[0]
                for row in self._database.rows(
                    f"SELECT key FROM activities WHERE key IN ({marks})", chunk
                )
            }
        return set(keys) - taken

    # -- handled -----------------------------------------------------------------------------------
    def apply(self, effects: Iterable[Effect]) -> None:
        """In one transaction: change the people's rows, queue the Tasks, mark the events as handled."""
        with self._database.transaction(edits=True):
            for effect in effects:
                self._apply(effect)

    def _apply(self, effect: Effect) -> None:
        database, event = self._database, effect.event
        if database.value("SELECT state FROM events WHERE id = ?", [event.id]) != "new":
            return
        if effect.problem is not None:
            self._refuse(effect, *effect.problem)
            return
        place = self._whom(effect)
        if place is None:
            self._mark(event, "handled", None, None, "nothing to do")
            return
        table, local_id = place
        self._change(table, local_id, effect)
        touched = {
            **effect.set_values,
            **effect.add_values,
            **(effect.new_person[1] if effect.new_person else {}),
        }
        if touched:
            records.note_brought(
                database, table, local_id, "event", touched, event.id, self._run_id
            )
        if effect.task is not None:
            database.run(
                "INSERT OR IGNORE INTO activities (event_id, key, object, person_id, type, subject, fields, queued_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    event.id,
                    effect.task.key,
                    table.object,
                    local_id,
                    event.type.value,
                    effect.task.subject,
                    json.dumps(dict(effect.task.fields)),
                    database.now(),
                ],
            )
        self._mark(event, "handled", table.object, local_id, "")
        quarantine.over_for(database, quarantine.EVENT, event.id)

    def _refuse(self, effect: Effect, code: str, message: str, hint: str) -> None:
        event = effect.event
        person = effect.person
        self._mark(
            event,
            "quarantined",
            person.object if person else None,
            person.local_id if person else None,
            message,
        )
        refusal = quarantine.Refusal(
            quarantine.EVENT, code, message, hint, event_id=event.id, payload=event.email
        )
        quarantine.put_aside(self._database, refusal, self._run_id)

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

    def _whom(self, effect: Effect) -> tuple[MappedTable, LocalId] | None:
        """The person's row; somebody new gets one, and one alone, however many of their events come at once."""
        if effect.person is not None:
            return self._tables[effect.person.object], effect.person.local_id
        if effect.new_person is None:
            return None
        table, values = self._tables[effect.new_person[0]], effect.new_person[1]
        found = self._database.value(
            f"SELECT id FROM {table.name} WHERE {table.match()} = ? AND deleted_at IS NULL ORDER BY id LIMIT 1",
            [match_key(effect.event.email)],
        )
        if found is not None:
            return table, LocalId(found)
        return table, records.insert(self._database, table, values)

    def _change(self, table: MappedTable, local_id: LocalId, effect: Effect) -> None:
        """Set and add. A later time and an opt-out are never taken back by an event that comes late."""
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

    # -- Tasks -------------------------------------------------------------------------------------
    def queued(self, after: int, limit: int) -> list[QueuedTask]:
        """Activities waiting to be sent, by ``activity_id`` after the given one."""
        found = self._database.rows(
            "SELECT id, key, object, person_id, fields, state, sent_at, event_id FROM activities"
            " WHERE state IN ('queued', 'sending') AND id > ? ORDER BY id LIMIT ?",
            [after, limit],
        )
        return [
            QueuedTask(
                number,
                key,
                name,
                LocalId(person),
                self._who(name, person, event if state == "queued" else ""),
                self._database.parsed(fields),
                state == "sending",
                sent,
            )
            for number, key, name, person, fields, state, sent, event in found
        ]

    def _who(self, object_name: str, person_id: int, event_id: str) -> SalesforceId | None:
        """The person's Salesforce Id now: a merged or converted record is followed to where it lives on.

        Where somebody deleted the row for good, it is the one person who has the event's address
        now; nobody where no event is named, for a Task in doubt: it may be there already, and with
        another person is not looked for.
        """
        table = self._tables.get(object_name)
        if table is None:
            return None
        row = self._database.row(
            f"SELECT salesforce_id FROM {table.name} WHERE id = ?", [person_id]
        )
        if row is None:
            return self._who_has_its_address(object_name, event_id)
        linked = row[0]
        if linked is None:
            return None
        found = self._database.value(_FOLLOWED, [object_name, linked])
        return SalesforceId(found or linked)

    def _who_has_its_address(self, object_name: str, event_id: str) -> SalesforceId | None:
        key = str(
            self._database.value("SELECT match_key FROM events WHERE id = ?", [event_id]) or ""
        )
        people = [
            person for person in self.people([key]).get(key, []) if person.object == object_name
        ]
        return people[0].salesforce_id if len(people) == 1 else None

    def waiting(self) -> int:
        """How many activities are still to become Tasks."""
        return int(
            self._database.value(
                "SELECT count(*) FROM activities WHERE state IN ('queued', 'sending')"
            )
        )

    def mark_sending(self, activity_ids: Sequence[int]) -> None:
        """Keep durably that these are about to be sent; the first time counts, for a look-up later."""
        now = self._database.now()
        with self._database.transaction(edits=True):
            self._database.run_many(
                "UPDATE activities SET state = 'sending', sent_at = CASE sent_at WHEN '' THEN ? ELSE sent_at END"
                " WHERE id = ? AND state IN ('queued', 'sending')",
                [(now, number) for number in activity_ids],
            )

    def settle_tasks(self, outcomes: Iterable[Outcome]) -> None:
        """Accepted: done. Rejected: quarantine. Deferred: queued again. Unknown: in doubt."""
        with self._database.transaction(edits=True):
            for outcome in outcomes:
                self._settle_task(outcome)

    def _settle_task(self, outcome: Outcome) -> None:
        database = self._database
        kept = database.row(
            "SELECT key, object, person_id, fields, state FROM activities WHERE id = ?",
            [outcome.ref],
        )
        if kept is None or kept[4] == "done":
            return
        match outcome:
            case Accepted():
                database.run(
                    "UPDATE activities SET state = 'done', task_id = ?, settled_at = ?, run_id = ?, error = ''"
                    " WHERE id = ?",
                    [outcome.salesforce_id, database.now(), self._run_id, outcome.ref],
                )
                quarantine.over_for(database, quarantine.ACTIVITY, kept[0])
            case Rejected():
                database.run(
                    "UPDATE activities SET state = 'quarantined', settled_at = ?, error = ? WHERE id = ?",
                    [database.now(), f"{outcome.code}: {outcome.message}", outcome.ref],
                )
                self._refuse_task(kept, outcome)
            case Deferred():
                database.run(
                    "UPDATE activities SET state = 'queued', sent_at = '', error = ? WHERE id = ?",
                    [outcome.message, outcome.ref],
                )
            case Unknown():
                database.run(
                    "UPDATE activities SET error = ? WHERE id = ?", [outcome.message, outcome.ref]
                )

    def _refuse_task(self, kept: Sequence[Value], outcome: Rejected) -> None:
        refusal = quarantine.Refusal(
            quarantine.ACTIVITY,
            outcome.code,
            outcome.message,
            object=str(kept[1]),
            local_id=LocalId(int(kept[2] or 0)),
            event_id=str(kept[0]),
            payload=str(kept[3]),
        )
        quarantine.put_aside(self._database, refusal, self._run_id)


_FOLLOWED = """
WITH RECURSIVE trail (object, salesforce_id, steps) AS (
    SELECT ?, ?, 0
    UNION
    SELECT l.successor_object, l.successor_id, t.steps + 1
    FROM _links AS l JOIN trail AS t ON l.object = t.object AND l.salesforce_id = t.salesforce_id
    WHERE t.steps < 20
)
SELECT salesforce_id, object FROM trail ORDER BY steps DESC LIMIT 1
"""


def _person(table: MappedTable, row: Sequence[Any]) -> Person:
    """A row as id, Salesforce Id and mapped values, as a person."""
    local_id, salesforce_id, *values = row
    return Person(
        table.object, local_id, salesforce_id, dict(zip(table.columns, values, strict=True))
    )


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Lists short enough for one query's parameters."""
    for start in range(0, len(keys), MARKS):
        yield keys[start : start + MARKS]
