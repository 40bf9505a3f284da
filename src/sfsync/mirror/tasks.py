"""The Tasks that events become: queued, sent, and settled.

An activity is a Task on its way; once its state is ``done``, its row says which Task it became.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sfsync.mirror import quarantine
from sfsync.mirror.address_lookup import AddressLookup
from sfsync.mirror.campaign_names import NOT_HELD
from sfsync.mirror.context import MirrorContext
from sfsync.model.journal import QueuedTask
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import LocalId, SalesforceId, Value, id_problem


class Tasks:
    """Activities, from the queue to their outcome."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database
        self._lookup = AddressLookup(context)

    # -- waiting -----------------------------------------------------------------------------------
    def queued(self, after: int, limit: int, unnamed: Sequence[str] = ()) -> list[QueuedTask]:
        """Activities waiting to be sent, by ``activity_id`` after the given one.

        Args:
            unnamed: campaigns whose name is waited for: what names them is not sent yet.
        """
        held, campaigns = _not_held(unnamed)
        found = self._database.rows(
            "SELECT id, key, object, person_id, fields, state, sent_at, event_id FROM activities"
            f" WHERE state IN ('queued', 'sending') AND id > ?{held} ORDER BY id LIMIT ?",
            [after, *campaigns, limit],
        )
        return [
            QueuedTask(
                number,
                key,
                name,
                LocalId(person),
                # a Task that may have arrived is looked for with the person it was sent to, never
                # with another who has the address now: so it gets no event to find one by
                self._who(name, person, event if state == "queued" else ""),
                self._database.parsed(fields),
                state == "sending",
                sent,
            )
            for number, key, name, person, fields, state, sent, event in found
        ]

    def _who(self, object_name: str, person_id: int, event_id: str) -> SalesforceId | None:
        """The person's Salesforce Id now: a merged or converted record is followed to its survivor.

        Nobody where the row has none, or one that another program wrote and that is no record of its object's: the
        Task waits, as the row does, until the Id is corrected. Where the row was hard-deleted, it is the one person
        who has the event's address now; nobody where no event is named.
        """
        table = self._context.tables.get(object_name)
        if table is None:
            return None
        row = self._database.row(
            f"SELECT salesforce_id FROM {table.name} WHERE id = ?", [person_id]
        )
        if row is None:
            return self._who_has_its_address(object_name, event_id)
        if row[0] is None or id_problem(str(row[0]), table.object_map.kind.prefix):
            return None
        return self._lookup.last_successor(object_name, row[0])[1]

    def _who_has_its_address(self, object_name: str, event_id: str) -> SalesforceId | None:
        key = str(
            self._database.value("SELECT match_key FROM events WHERE id = ?", [event_id]) or ""
        )
        people = [
            person
            for person in self._lookup.live([key]).get(key, [])
            if person.object == object_name
        ]
        if len(people) != 1:
            return None
        who, kind = people[0].salesforce_id, self._context.tables[object_name].object_map.kind
        return None if who is None or id_problem(who, kind.prefix) else who

    def count_waiting(self, unnamed: Sequence[str] = ()) -> int:
        """How many activities are still to become Tasks, those aside that wait for the name of one of these campaigns."""
        held, campaigns = _not_held(unnamed)
        return int(
            self._database.value(
                f"SELECT count(*) FROM activities WHERE state IN ('queued', 'sending'){held}",
                campaigns,
            )
        )

    # -- sent --------------------------------------------------------------------------------------
    def mark_sending(self, activity_ids: Sequence[int]) -> None:
        """Keep durably that these are about to be sent; a later look-up goes by the first time."""
        now = self._database.now()
        with self._database.transaction(edits=True):
            self._database.run_many(
                "UPDATE activities"
                " SET state = 'sending', sent_at = CASE sent_at WHEN '' THEN ? ELSE sent_at END"
                " WHERE id = ? AND state IN ('queued', 'sending')",
                [(now, number) for number in activity_ids],
            )

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Settle Tasks in one transaction; an outcome's ``ref`` is the ``activity_id``.

        Accepted: done. Rejected: quarantine. Deferred: queued again. Unknown: still being sent, to
        be looked up before any repeat.
        """
        if not outcomes:
            return
        with self._database.transaction(edits=True):
            for outcome in outcomes:
                self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
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
                    "UPDATE activities"
                    " SET state = 'done', task_id = ?, settled_at = ?, run_id = ?, error = ''"
                    " WHERE id = ?",
                    [outcome.salesforce_id, database.now(), self._context.run_id, outcome.ref],
                )
                quarantine.settle_event(database, quarantine.ACTIVITY, kept[0])
            case Rejected():
                database.run(
                    "UPDATE activities SET state = 'quarantined', settled_at = ?, error = ?"
                    " WHERE id = ?",
                    [database.now(), f"{outcome.code}: {outcome.message}", outcome.ref],
                )
                self._quarantine(kept, outcome)
            case Deferred():
                database.run(
                    "UPDATE activities SET state = 'queued', sent_at = '', error = ? WHERE id = ?",
                    [outcome.message, outcome.ref],
                )
            case Unknown():
                database.run(
                    "UPDATE activities SET error = ? WHERE id = ?", [outcome.message, outcome.ref]
                )

    def _quarantine(self, kept: Sequence[Value], outcome: Rejected) -> None:
        entry = quarantine.QuarantineEntry(
            quarantine.ACTIVITY,
            outcome.code,
            outcome.message,
            object=str(kept[1]),
            local_id=LocalId(int(kept[2] or 0)),
            event_id=str(kept[0]),
            payload=str(kept[3]),
        )
        quarantine.add(self._database, entry, self._context.run_id)

    def logged_by(self, run_id: str) -> list[SalesforceId]:
        """Tasks that a run logged."""
        found = self._database.rows(
            "SELECT task_id FROM activities WHERE run_id = ? AND task_id IS NOT NULL ORDER BY id",
            [run_id],
        )
        return [SalesforceId(task) for (task,) in found]


def _not_held(unnamed: Sequence[str]) -> tuple[str, list[str]]:
    """A condition, and its parameters; nothing where there is nothing to wait for."""
    return (NOT_HELD, [json.dumps(unnamed)]) if unnamed else ("", [])
