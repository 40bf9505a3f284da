"""Tasks that name a campaign whose name is not known yet: they wait a while for it. Pure.

Some services state a campaign's id in their events, and tell its name once, in an event of its own
that may come later. What waits is only the Task: consent, counters and fields never do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sfsync.mapping.template import segments
from sfsync.model.cursor import iso
from sfsync.model.mapping import ActivityMap

PATIENCE: Final = timedelta(minutes=10)
"""How long a campaign's name is waited for, from its first event on; then its id stands for it."""


def names_campaigns(activities: ActivityMap) -> bool:
    """Whether a Task says what its campaign is called.

    >>> names_campaigns(ActivityMap(fields=(("Subject", "Email: {campaign_name}"),)))
    True
    """
    return any((True, "campaign_name") in segments(template) for _, template in activities.fields)


def waited_for(now: str) -> tuple[str, str]:
    """Between which times a campaign was first heard of whose name is still waited for, the first one excluded.

    The second lies ahead, for clocks are put back; but not far, for one may have been wrong by years.

    >>> waited_for("2026-01-20T10:00:00Z")
    ('2026-01-20T09:50:00Z', '2026-01-20T10:10:00Z')
    """
    at = datetime.fromisoformat(now)
    return iso(at - PATIENCE), iso(at + PATIENCE)


def due_at(heard_of_at: str) -> str:
    """When a campaign's id stands for its name; empty for nothing."""
    return iso(datetime.fromisoformat(heard_of_at) + PATIENCE) if heard_of_at else ""
