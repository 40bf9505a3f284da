"""The mapping against what the org says of its objects: what fits, what does not, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field as the org describes it to this user.

    Attributes:
        type: Salesforce's own word: ``string``, ``double``, ``picklist``, ``reference``...
        length: in characters; 0 where it has none.
        picklist: the active values; empty where it is no picklist.
        restricted: whether other values than these are refused.
        required: no default, not nillable, createable: a create must bring it.

    Source: REST API Developer Guide, sObject Describe; salesforce-facts §7.
    """

    name: str
    type: str
    length: int = 0
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

    def as_dict(self) -> dict[str, Any]:
        """For keeping it between runs."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class SObjectFacts:
    """One object as the org describes it to this user. A field that is hidden is simply not there."""

    name: str
    fields: Mapping[str, FieldFacts]

    def as_dict(self) -> dict[str, Any]:
        """For keeping it between runs."""
        return {"name": self.name, "fields": [facts.as_dict() for facts in self.fields.values()]}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SObjectFacts:
        """The reverse of ``as_dict``."""
        facts = [FieldFacts(**{**entry, "picklist": tuple(entry["picklist"])}) for entry in stored["fields"]]
        return cls(stored["name"], {entry.name: entry for entry in facts})
