"""Queued Tasks whose campaign's name is waited for, or came after they were written.

``_campaigns`` has a row for each campaign that was told of; one whose name is empty is waited for
since ``learned_at``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sfsync.mirror import records
from sfsync.mirror.context import MirrorContext
from sfsync.model.activity import Person, TaskDraft, UnnamedTask
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.record import LocalId

NOT_HELD = (
    " AND NOT (state = 'queued' AND EXISTS (SELECT 1 FROM events AS e"
    " WHERE e.id = activities.event_id AND e.campaign_name = ''"
    " AND e.campaign_id IN (SELECT value FROM json_each(?))))"
)
"""Of ``activities``: those that wait for the name of none of some campaigns."""


class CampaignNames:
    """Which Tasks wait for a name, and those whose name came."""

    def __init__(self, context: MirrorContext) -> None:
        self._context = context
        self._database = context.database

    def waited_for(self, after: str, until: str) -> tuple[str, ...]:
        """Campaigns without a name that were first heard of between these times."""
        found = self._database.rows(
            "SELECT id FROM _campaigns WHERE name = '' AND learned_at > ? AND learned_at <= ?"
            " ORDER BY id",
            [after, until],
        )
        return tuple(campaign for (campaign,) in found)

    def held(self, campaigns: Sequence[str]) -> tuple[int, str]:
        """How many Tasks wait for the names of these, and since when the first campaign was heard of."""
        if not campaigns:
            return 0, ""
        [(count, since)] = self._database.rows(
            "SELECT count(*), min(c.learned_at) FROM activities AS a"
            " JOIN events AS e ON e.id = a.event_id JOIN _campaigns AS c ON c.id = e.campaign_id"
            " WHERE a.state = 'queued' AND e.campaign_name = ''"
            " AND c.id IN (SELECT value FROM json_each(?))",
            [json.dumps(campaigns)],
        )
        return int(count), since or ""

    def named_since(self, after: int, limit: int) -> list[UnnamedTask]:
        """Queued Tasks that were written before their campaign had its name, by ``activity_id``."""
        found = self._database.rows(
            "SELECT a.id, a.key, a.object, a.person_id, e.id, e.type, e.email, e.timestamp,"
            " e.campaign_id, c.name FROM activities AS a JOIN events AS e ON e.id = a.event_id"
            " JOIN _campaigns AS c ON c.id = e.campaign_id"
            " WHERE a.state = 'queued' AND a.id > ? AND e.campaign_name = '' AND c.name <> ''"
            " AND c.learned_at >= a.queued_at ORDER BY a.id LIMIT ?",
            [after, limit],
        )
        return [
            UnnamedTask(
                number,
                key,
                EmailEvent(event_id, EventType(kind), email, at, campaign, name),
                self._person(object_name, LocalId(person)),
            )
            for number, key, object_name, person, event_id, kind, email, at, campaign, name in found
        ]

    def _person(self, object_name: str, local_id: LocalId) -> Person | None:
        table = self._context.tables.get(object_name)
        if table is None:
            return None
        row = records.find(self._database, table, "r.id = ?", [local_id])
        if row is None:
            return None
        return Person(object_name, local_id, row.salesforce_id, row.local.values)

    def rewrite(self, drafts: Sequence[tuple[int, TaskDraft]]) -> None:
        """Write queued Tasks anew, by ``activity_id``; one that was sent meanwhile stays as it is."""
        database, now = self._database, self._database.now()
        with database.transaction(edits=True):
            database.run_many(
                "UPDATE activities SET subject = ?, fields = ?, queued_at = ?"
                " WHERE id = ? AND state = 'queued' AND fields <> ?2",
                [
                    (draft.subject, json.dumps(dict(draft.fields)), now, number)
                    for number, draft in drafts
                ],
            )
