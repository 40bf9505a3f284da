"""When the fields of Task do not fit, or a Task that is logged does not count as done."""

from __future__ import annotations

from collections.abc import Iterator

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import Wanted
from sfsync.diagnosis.fields import key_findings, of_problem
from sfsync.diagnosis.finding import Area, Finding
from sfsync.mapping.check_activities import check_activities
from sfsync.mapping.template import literal
from sfsync.model.facts import OrgFacts, SObjectFacts
from sfsync.model.mapping import ActivityMap


def activity_findings(org: OrgFacts, wanted: Wanted) -> Iterator[Finding]:
    """What to say of how an event becomes a Task."""
    activities = wanted.mapping.activities
    facts = org.objects.get(activities.sobject)
    if facts is None:
        return
    for problem in check_activities(activities, facts):
        yield of_problem(problem, org, Area.ACTIVITY)
    yield from key_findings(activities.external_id, facts, Area.ACTIVITY)
    yield from _too_long(activities, facts)
    yield from _stays_open(activities, org)


def _too_long(activities: ActivityMap, facts: SObjectFacts) -> Iterator[Finding]:
    """Texts without ``{names}``, whose length is known before any event."""
    for name, template in activities.fields:
        found = facts.fields.get(name)
        text = literal(template)
        if found and text and found.length and len(text) > found.length:
            yield finding("task.too-long", f"{activities.sobject}.{name}", length=found.length)


def _stays_open(activities: ActivityMap, org: OrgFacts) -> Iterator[Finding]:
    status = literal(dict(activities.fields).get("Status", ""))
    statuses = org.statuses or {}
    # A status that the org lacks is a problem of the mapping, and reported there.
    if not status or statuses.get(status) is not False:
        return
    closed = ", ".join(name for name, closes in statuses.items() if closes)
    hint = f"Write one that closes: {closed}." if closed else "Choose one that closes."
    yield finding("task.stays-open", f"{activities.sobject}.Status", status=status, hint=hint)
