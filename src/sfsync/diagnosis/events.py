"""When changes of the org are not here within seconds, though the configuration asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import MachineFacts, Wanted
from sfsync.diagnosis.finding import Finding
from sfsync.model.facts import EventFacts, OrgFacts
from sfsync.model.objects import event_name
from sfsync.provisioning.event_channel import MOST_SELECTED, EventChannel

_WITHOUT_EVENTS: Final = ("Professional", "Group", "Essentials", "Team", "Starter")
"""Words in the names of editions that publish no change events. Source: docs/salesforce.md §14.7."""

_NEARLY: Final = 0.2
"""Share of the day's deliveries that is left where `listen` polls instead."""


def event_findings(org: OrgFacts, wanted: Wanted, machine: MachineFacts) -> Iterator[Finding]:
    """What is missing, one thing after the other: what hangs on an earlier one is not told."""
    channel, events = wanted.channel, org.events
    if channel is None or events is None:
        return
    if any(word in org.edition for word in _WITHOUT_EVENTS):
        yield finding("events.edition", edition=org.edition)
        return
    if not machine.has_extra:
        yield finding("events.extra")
    yield from _channel_findings(channel, events)
    yield from _right_findings(channel, org, events)
    left = events.delivered_left
    if left and left[1] and left[0] < left[1] * _NEARLY:
        yield finding("events.spent", left=left[0], most=left[1])


def _channel_findings(channel: EventChannel, events: EventFacts) -> Iterator[Finding]:
    if events.channel is None:  # it is not told to this user
        return
    wanted = [event_name(sobject) for sobject in channel.sobjects]
    if not events.channel:
        yield finding("events.channel", channel=channel.name)
    elif missing := [name for name in wanted if name not in events.members]:
        yield finding("events.member", channel=channel.name, events=" and ".join(missing))
    taken = len(events.selected.union(wanted))
    if taken > MOST_SELECTED:
        others = ", ".join(sorted(events.selected.difference(wanted)))
        yield finding("events.limit", others=others)


def _right_findings(channel: EventChannel, org: OrgFacts, events: EventFacts) -> Iterator[Finding]:
    """Whose records others own, as far as the org says what this user may view."""
    may_all = org.user is not None and "ViewAllData" in (org.user.permissions or ())
    if events.view_all is None or may_all or not events.channel:
        return
    hidden = [sobject for sobject in channel.sobjects if sobject not in events.view_all]
    if hidden:
        yield finding("events.view-all", objects=" and ".join(hidden))
