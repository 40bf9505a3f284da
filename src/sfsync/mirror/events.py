"""Email events: what came in, whose they are, and what they did.

An event is durable before anything else happens, and idempotent by its id. What events change in
rows (``event_effects``) counts as edited here, for the org has yet to get it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sfsync.mirror import quarantine
from sfsync.mirror.address_lookup import AddressLookup, chunks, marks
from sfsync.mirror.context import MirrorContext
from sfsync.mirror.event_effects import EventEffects
from sfsync.mirror.purged_people import PURGED, PurgedPeople
from sfsync.model.activity import LEFT_OUT, Effect, Person
from sfsync.model.address import match_key, spellings
from sfsync.model.arrival import Taken
from sfsync.model.event import EmailEvent, EventType, derived_id, is_derived
from sfsync.model.record import Value

SHORT_IDS_UNTIL = "short_ids_until"
"""Note: until when ids were derived without campaign name, link and milliseconds."""

PAGE = 1_000
"""Addresses read at once."""


class Events:
    """Takes events in, hands them out with their people, and applies what they do."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database
        self._lookup = AddressLookup(context)
        self._effects = EventEffects(context)

    # -- in ----------------------------------------------------------------------------------------
    def count_known(self, ids: Sequence[str]) -> int:
        """How many of these ids are stored already, or stand among them twice."""
        stored = self._database.value(
            "SELECT count(*) FROM events WHERE id IN (SELECT value FROM json_each(?))",
            [json.dumps(ids)],
        )
        return int(stored) + len(ids) - len(set(ids))

    def keep(self, events: Sequence[EmailEvent], *, source: str) -> Taken:
        """Store events durably, once per id."""
        with self._database.transaction(edits=True):
            return self.add(events, source=source)

    def add(self, events: Sequence[EmailEvent], *, source: str) -> Taken:
        """Store events inside a transaction of the caller's, once per id."""
        database, now = self._database, self._database.now()
        purged = PurgedPeople(database)
        if purged:
            events = [purged.without_person(event) for event in events]
        events = self._with_short_ids(events)
        new = database.run_many(
            "INSERT OR IGNORE INTO events (id, type, email, match_key, campaign_id, campaign_name,"
            " timestamp, received_at, source, link, machine, bounce)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_written(event, now, source) for event in events),
        )
        if purged:
            database.run(
                "UPDATE events SET state = 'handled', note = ?"
                " WHERE state = 'new' AND match_key = '' AND note = '' AND email = ''",
                [PURGED],
            )
        known = len(events) - new
        contradictions = self._contradictions(events) if known else ()
        return Taken(new, known - len(contradictions), contradictions, len(contradictions))

    def _with_short_ids(self, events: Sequence[EmailEvent]) -> Sequence[EmailEvent]:
        """The same events; one that was taken in when derived ids told less apart has the id of then."""
        until = self._database.value("SELECT value FROM _notes WHERE name = ?", [SHORT_IDS_UNTIL])
        if until is None:
            return events
        short = {
            event.id: derived_id(event.type, event.email, event.campaign_id, event.timestamp)
            for event in events
            if is_derived(event.id)
        }
        names = dict(
            self._database.rows(
                "SELECT id, campaign_name FROM events"
                " WHERE id IN (SELECT value FROM json_each(?)) AND received_at <= ?",
                [json.dumps(list(short.values())), until],
            )
        )
        return [
            replace(event, id=short[event.id])
            if names.get(short.get(event.id, "")) == event.campaign_name
            else event
            for event in events
        ]

    def _contradictions(self, events: Sequence[EmailEvent]) -> tuple[EmailEvent, ...]:
        """Those whose id is stored with another type, address or time; of a purged person nobody knows."""
        stored = {
            event_id: facts
            for event_id, *facts in self._database.rows(
                "SELECT id, type, match_key, timestamp FROM events"
                " WHERE id IN (SELECT value FROM json_each(?)) AND match_key <> ''",
                [json.dumps([event.id for event in events])],
            )
        }
        return tuple(
            event
            for event in events
            if event.id in stored
            and stored[event.id] != [event.type.value, match_key(event.email), event.timestamp]
        )

    # -- whose -------------------------------------------------------------------------------------
    def unresolved_addresses(self) -> Iterator[str]:
        """Match keys of events not handled yet that no live row has, nor a survivor."""
        no_row = "".join(
            f" AND NOT EXISTS (SELECT 1 FROM {table.name} AS r"
            f" WHERE {table.match('r')} = +e.match_key AND r.deleted_at IS NULL)"
            for table in self._context.people_tables
        )
        after = ""
        while page := self._database.rows(
            "SELECT DISTINCT e.match_key FROM events AS e"
            f" WHERE e.state = 'new' AND e._waits = 0 AND e.match_key > ?{no_row}"
            " ORDER BY e.match_key LIMIT ?",
            [after, PAGE],
        ):
            keys = [found[0] for found in page]
            # a row may spell the domain in another way than its key
            spelled_otherwise = self._lookup.live([key for key in keys if len(spellings(key)) > 1])
            known = self._lookup.survivors(keys).keys() | spelled_otherwise.keys()
            yield from (key for key in keys if key not in known)
            after = page[-1][0]

    def pending(self, limit: int) -> list[tuple[EmailEvent, tuple[Person, ...]]]:
        """The next events to handle, oldest first, each with the live rows of its address.

        An address that only a merged or converted record had is that of its survivor.
        """
        found = self._database.rows(
            "SELECT e.match_key, e.id, e.type, e.email, e.timestamp, e.campaign_id,"
            " CASE e.campaign_name WHEN '' THEN coalesce(c.name, '') ELSE e.campaign_name END,"
            " e.link, e.machine, e.bounce"
            " FROM events AS e LEFT JOIN _campaigns AS c ON c.id = e.campaign_id"
            " WHERE e.state = 'new' AND e._waits = 0 ORDER BY e.timestamp, e.id LIMIT ?",
            [limit],
        )
        people = self._people(sorted({row[0] for row in found} - {""}))
        return [(_event(*facts), tuple(people.get(key, ()))) for key, *facts in found]

    def _people(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        """Whose these addresses are: who has them, else the survivor of who had them, else who had them before.

        Else who is deleted: they are known, too.
        """
        people = self._live_people(keys)
        return people | self._lookup.deleted([key for key in keys if key not in people])

    def _live_people(self, keys: Sequence[str]) -> dict[str, list[Person]]:
        people: dict[str, list[Person]] = {}
        for look in (self._lookup.live, self._lookup.survivors, self._lookup.former):
            people |= look([key for key in keys if key not in people])
        return people

    def wake(self) -> int:
        """Let events go on that waited for a deleted person who is back. Returns how many.

        Under whatever address they are back, or as whoever their record was merged into.
        """
        woken, after = 0, ""
        while page := self._database.rows(
            "SELECT DISTINCT match_key FROM events"
            " WHERE state = 'new' AND _waits = 1 AND match_key > ? ORDER BY match_key LIMIT ?",
            [after, PAGE],
        ):
            back = self._live_people([found[0] for found in page])
            with self._database.transaction(edits=True):
                woken += self._database.run(
                    "UPDATE events SET _waits = 0, note = '' WHERE state = 'new' AND _waits = 1"
                    " AND match_key IN (SELECT value FROM json_each(?))",
                    [json.dumps(list(back))],
                )
            after = page[-1][0]
        return woken

    def first_in_campaign(self, keys: Sequence[str]) -> set[str]:
        """Which of these keys are no activity yet."""
        taken: set[str] = set()
        for some in chunks(keys):
            found = self._database.rows(
                f"SELECT key FROM activities WHERE key IN ({marks(some)})", some
            )
            taken |= {key for (key,) in found}
        return set(keys) - taken

    # -- handled -----------------------------------------------------------------------------------
    def apply(self, effects: Sequence[Effect]) -> None:
        """In one transaction: change people's rows, queue Tasks, mark the events as handled."""
        self._effects.apply(effects)

    def leave_out(self, types: Collection[EventType]) -> int:
        """Handle machines' events of these types: they are kept, and do nothing. Returns how many."""
        which = "state = 'new' AND machine = 1 AND type IN (SELECT value FROM json_each(?))"
        named = json.dumps(sorted(types))
        with self._database.transaction(edits=True):
            self._database.run(
                "UPDATE quarantine SET state = 'settled', settled_at = ? WHERE kind = ?"
                f" AND state <> 'settled' AND event_id IN (SELECT id FROM events WHERE {which})",
                [self._database.now(), quarantine.EVENT, named],
            )
            return self._database.run(
                f"UPDATE events SET state = 'handled', _waits = 0, note = ? WHERE {which}",
                [LEFT_OUT, named],
            )


def _event(
    event_id: str,
    event_type: str,
    email: str,
    timestamp: str,
    campaign_id: str,
    campaign_name: str,
    link: str,
    machine: int,
    bounce: str,
) -> EmailEvent:
    return EmailEvent(
        event_id,
        EventType(event_type),
        email,
        timestamp,
        campaign_id,
        campaign_name,
        link,
        bool(machine),
        bounce,
    )


def _written(event: EmailEvent, received_at: str, source: str) -> tuple[Value, ...]:
    return (
        event.id,
        event.type.value,
        event.email,
        match_key(event.email),
        event.campaign_id,
        event.campaign_name,
        event.timestamp,
        received_at,
        source,
        event.link,
        event.is_machine,
        event.bounce,
    )
