"""What an org says of itself to this user: its objects and their fields, its rights and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field as the org describes it to this user.

    Attributes:
        type: Salesforce's own word: ``string``, ``double``, ``picklist``, ``reference``...
        length: in characters; 0 where it has none.
        scale: how many digits a number keeps after its point; ``None`` where it is no number.
        picklist: the active values; empty where it is no picklist.
        restricted: whether other values than these are refused.
        required: no default, not nillable, createable: a create must bring it.
        calculated: a formula, a roll-up or a number that Salesforce counts by itself: nobody writes
        it.
        permissionable: whether a permission on this field decides who sees it.

    Source: REST API Developer Guide, sObject Describe; docs/salesforce.md §7.
    """

    name: str
    type: str
    length: int = 0
    scale: int | None = None
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    external_id: bool = False
    id_lookup: bool = False
    unique: bool = False
    filterable: bool = True
    required: bool = False
    restricted: bool = False
    picklist: tuple[str, ...] = ()
    relationship: str = ""
    calculated: bool = False
    permissionable: bool = True

    def as_dict(self) -> dict[str, Any]:
        """For keeping it between runs."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SObjectFacts:
    """One object as the org describes it to this user. A field that is hidden is simply not there.

    Attributes:
        createable: whether this user may create its records; likewise the others.
    """

    name: str
    fields: Mapping[str, FieldFacts]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True

    def field_named(self, name: str) -> FieldFacts | None:
        """The field of this name; Salesforce does not tell capital letters apart."""
        exact = self.fields.get(name)
        if exact is not None:
            return exact
        folded = name.lower()
        return next((each for each in self.fields.values() if each.name.lower() == folded), None)

    def as_dict(self) -> dict[str, Any]:
        """For keeping it between runs."""
        fields = [facts.as_dict() for facts in self.fields.values()]
        return {"name": self.name, "fields": fields} | {
            name: getattr(self, name) for name in _RIGHTS
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SObjectFacts:
        """The reverse of ``as_dict``; what an older sfsync did not keep has its default."""
        facts = [
            FieldFacts(**{**entry, "picklist": tuple(entry["picklist"])})
            for entry in stored["fields"]
        ]
        rights = {name: bool(stored[name]) for name in _RIGHTS if name in stored}
        return cls(stored["name"], {entry.name: entry for entry in facts}, **rights)


_RIGHTS: Final = ("createable", "updateable", "deletable")


@dataclass(frozen=True, slots=True)
class UserFacts:
    """Who sfsync is in the org.

    Attributes:
        permissions: ``ModifyAllData`` and so on, as far as asked for; ``None`` where that is not
            told.
    """

    username: str = ""
    profile: str = ""
    permissions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What the org told of its change events.

    Attributes:
        channel: whether the channel that was asked for is there; ``None`` where it would not say.
        members: events on that channel, ``ContactChangeEvent``.
        selected: events on any channel.
        view_all: objects of which this user may view all records; ``None`` where it would not say.
        delivered_left: ``(left, of)`` of the day's deliveries; ``None`` where it did not say.
    """

    channel: bool | None = None
    members: frozenset[str] = frozenset()
    selected: frozenset[str] = frozenset()
    view_all: frozenset[str] | None = None
    delivered_left: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class OrgFacts:
    """What the org told; ``None`` for what it would not.

    Attributes:
        asked: whether it answered; without it nothing follows from what is missing here.
        trouble: why it could not be asked at all, and what to do.
        versions: of its API, ``66.0``.
        access: sharing defaults, ``{"Contact": "Private"}``, in Salesforce's words.
        objects: as described to this user; one that is missing here is hidden.
        existing: full names of those custom fields of the mapping that are there, hidden ones too.
        statuses: of Task, with whether it counts as closed.
        duplicate_rules: ``(object, name)`` of active ones.
        api_left: ``(left, of)`` of the day's calls; likewise ``storage_mb``.
        events: its change events; ``None`` where nobody follows them.
        skew: how far this machine's clock is ahead.
    """

    asked: bool = False
    trouble: tuple[str, str] | None = None
    versions: tuple[str, ...] = ()
    name: str = ""
    edition: str = ""
    is_sandbox: bool | None = None
    access: Mapping[str, str] = field(default_factory=dict)
    user: UserFacts | None = None
    objects: Mapping[str, SObjectFacts] = field(default_factory=dict)
    existing: frozenset[str] | None = None
    statuses: Mapping[str, bool] | None = None
    duplicate_rules: tuple[tuple[str, str], ...] | None = None
    lead_assignment: tuple[str, ...] | None = None
    api_left: tuple[int, int] | None = None
    storage_mb: tuple[int, int] | None = None
    events: EventFacts | None = None
    skew: timedelta | None = None
