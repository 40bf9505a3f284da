"""Which events of machines do nothing: a privacy proxy that opens everything, a bot that follows each link. Pure.

The rules say (``machine_events``). What says something of consent is never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sfsync.model.event import EventType
from sfsync.model.mapping import EventRule, MachineEvents, SyncRules


def left_out(rules: Iterable[SyncRules], otherwise: MachineEvents) -> frozenset[EventType]:
    """Types of event that do nothing by these rules where a machine caused them.

    Args:
        otherwise: what is done with a type that no rule is about.

    >>> from sfsync.model.mapping import Action
    >>> opens = EventRule(EventType.OPENED, Action.CREATE_TASK, machine_events=MachineEvents.IGNORE)
    >>> sorted(left_out([SyncRules("contact", events=(opens,))], MachineEvents.COUNT))
    [<EventType.OPENED: 'email_opened'>]
    """
    known = [rule for each in rules if each.pushes for rule in each.events]
    return frozenset(
        event_type
        for event_type in EventType
        if not event_type.is_about_consent
        and _ignored([rule for rule in known if rule.on is event_type], otherwise)
    )


def _ignored(rules: Sequence[EventRule], otherwise: MachineEvents) -> bool:
    if not rules:
        return otherwise is MachineEvents.IGNORE
    return all(rule.machine_events is MachineEvents.IGNORE for rule in rules)
