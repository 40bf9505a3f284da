"""What was handed in, taken into the mirror: events, names of campaigns, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sfsync.mirror.context import MirrorContext
from sfsync.mirror.events import Events
from sfsync.mirror.input_lines import add_contradictions, add_lines, end_by_id, end_corrected
from sfsync.model.arrival import Arrival, Taken
from sfsync.model.event import EmailEvent


class Arrivals:
    """Takes arrivals in. One that is taken twice does nothing the second time."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database
        self._events = Events(context)

    def take(self, arrival: Arrival) -> Taken:
        """Store all of it durably, in one transaction."""
        database, run_id = self._database, self._context.run_id
        with database.transaction(edits=True):
            self._learn(arrival.campaigns)
            if arrival.names_later:
                self._wait_for_names(arrival.events)
            taken = self._events.add(arrival.events, source=arrival.origin)
            add_contradictions(database, arrival.origin, taken.contradictions, run_id)
            add_lines(database, arrival.origin, arrival.unreadable, run_id)
            self._end_corrected(arrival)
        quarantined = len(taken.contradictions) + len(arrival.unreadable)
        return Taken(taken.new, taken.duplicates, taken.contradictions, quarantined)

    def _learn(self, campaigns: Mapping[str, str]) -> None:
        now = self._database.now()
        self._database.run_many(
            "INSERT INTO _campaigns (id, name, learned_at) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, learned_at = excluded.learned_at",
            [(campaign, name, now) for campaign, name in campaigns.items()],
        )

    def _wait_for_names(self, events: Sequence[EmailEvent]) -> None:
        """Note of which campaigns the name is not known yet, and since when they are heard of."""
        unnamed = {event.campaign_id for event in events if not event.campaign_name} - {""}
        self._database.run_many(
            "INSERT OR IGNORE INTO _campaigns (id, name, learned_at) VALUES (?, '', ?)",
            [(campaign, self._database.now()) for campaign in sorted(unnamed)],
        )

    def _end_corrected(self, arrival: Arrival) -> None:
        end_by_id(self._database, [event.id for event in arrival.events])
        facts = {
            number: (event.email, event.timestamp)
            for number, event in zip(arrival.lines, arrival.events, strict=False)
        }
        end_corrected(self._database, arrival.origin, facts)
