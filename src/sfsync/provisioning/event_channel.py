"""The channel on which an org tells changes to sfsync alone: what it is to be, and what is to be done for it. Pure.

Source: Metadata API Developer Guide, PlatformEventChannel, PlatformEventChannelMember; docs/salesforce.md §14.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sfsync.model.mapping import SyncMapping
from sfsync.model.objects import event_name

STANDARD_CHANNEL: Final = "ChangeEvents"
LABEL: Final = "PenguinMails Sync"
MOST_SELECTED: Final = 5
"""Objects that an org selects on all its channels together. Source: docs/salesforce.md §14.7."""


@dataclass(frozen=True, slots=True)
class EventChannel:
    """A channel with some objects.

    Attributes:
        name: ``PenguinMails_Sync__chn``, or that of the standard channel, which every org has.
        sobjects: whose changes are told on it.
    """

    name: str
    sobjects: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether it has to be made."""
        return self.name != STANDARD_CHANNEL

    @property
    def metadata(self) -> dict[str, Any]:
        """``{element: value}``, as the Tooling API and the files want it."""
        return {"channelType": "data", "label": LABEL}

    @property
    def members(self) -> dict[str, dict[str, str]]:
        """``{full name: {element: value}}`` of each object's membership."""
        prefix = self.name.replace("__", "_")
        return {
            f"{prefix}_{event_name(sobject)}": {
                "eventChannel": self.name,
                "selectedEntity": event_name(sobject),
            }
            for sobject in self.sobjects
        }


@dataclass(frozen=True, slots=True)
class ExistingChannel:
    """What of a channel an org has.

    Attributes:
        members: its objects' events, ``ContactChangeEvent``.
        selected: those on any channel.
    """

    is_there: bool = False
    members: frozenset[str] = frozenset()
    selected: frozenset[str] = frozenset()


def event_channel(mapping: SyncMapping, name: str) -> EventChannel | None:
    """What a mapping needs: people in real time whose records come down; ``None`` for nobody.

    Never Tasks: sfsync writes them, and each would count as a delivered event.
    """
    wanted = [
        object_map.sobject
        for key, object_map in mapping.objects.items()
        if key in mapping.rules and object_map.kind.is_people and _is_followed(mapping, key)
    ]
    return EventChannel(name, tuple(sorted(wanted))) if wanted else None


def _is_followed(mapping: SyncMapping, key: str) -> bool:
    rules = mapping.rules[key]
    return rules.frequency == "real_time" and rules.pulls


def missing_members(wanted: EventChannel, there: ExistingChannel) -> Mapping[str, dict[str, str]]:
    """Members that are to be made."""
    return {
        name: member
        for name, member in wanted.members.items()
        if member["selectedEntity"] not in there.members
    }
