"""What is left to an admin: what only a person can do, in Salesforce's own pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sfsync.document.problems import nearest
from sfsync.mapping.problem import OWN
from sfsync.model.facts import SObjectFacts
from sfsync.model.mapping import ActivityMap, SyncMapping
from sfsync.provisioning.blueprint import conversion_targets, fields_of, is_custom_field


@dataclass(frozen=True, slots=True)
class ByHand:
    """What only a person can do, in Salesforce's own pages.

    Attributes:
        what: to be done.
        where: the way there, ``Setup > Object Manager > …``.
        why: what for.
    """

    what: str
    where: str
    why: str

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


def by_hand(
    mapping: SyncMapping, described: Mapping[str, SObjectFacts] | None = None, *, app: bool = False
) -> list[ByHand]:
    """What is left to an admin.

    Args:
        described: what the org says of its objects, where it can be asked.
        app: whether the app to log in with is among it.
    """
    known = described or {}
    left = [_the_app()] if app else []
    for sobject in conversion_targets(mapping):
        lead = next(each for each in mapping.objects.values() if each.sobject == sobject)
        names = [field.remote for field in lead.fields if is_custom_field(field.remote)]
        names += [lead.external_id] if is_custom_field(lead.external_id) else []
        if names:
            left.append(_lead_mapping(names))
    left += _unmakeable(mapping, known)
    left += _picklist_values(mapping.activities, known.get(mapping.activities.sobject))
    left += _layouts(mapping)
    return left


def _the_app() -> ByHand:
    return ByHand(
        "Make the app that sfsync logs in with",
        "Setup > External Client App Manager > New External Client App",
        "docs/setup.md has every setting; its consumer key becomes org.client_id",
    )


def _lead_mapping(names: Sequence[str]) -> ByHand:
    labels = [name.removeprefix(OWN).removesuffix("__c").replace("_", " ") for name in names]
    return ByHand(
        "Map these PenguinMails fields of Lead to the Contact fields of the same names:"
        f" {', '.join(labels)}",
        f"{object_manager('Lead')} > Fields & Relationships > Map Lead Fields > Contact",
        "a converted Lead loses what is not mapped there; Salesforce has no API for it",
    )


def _unmakeable(mapping: SyncMapping, known: Mapping[str, SObjectFacts]) -> list[ByHand]:
    """The platform's fields that the mapping does not say enough of to make them."""
    return [
        ByHand(
            f"Make the field {new.full_name}, of the type {' or '.join(sorted(new.suits))},"
            " with its values",
            f"{object_manager(new.table)} > Fields & Relationships > New",
            "the mapping does not say which values it has; then run this again",
        )
        for new in fields_of(mapping)
        if new.name.startswith(OWN) and not new.kind
        if new.table not in known or new.name not in known[new.table].fields
    ]


def _picklist_values(activities: ActivityMap, facts: SObjectFacts | None) -> list[ByHand]:
    """Values of standard picklists: deployed as a set they would replace an admin's own."""
    value = dict(activities.fields).get("Type", "")
    found = facts.fields.get("Type") if facts else None
    if found is None or not found.picklist or value in found.picklist:
        return []
    if not value or "{" in value:
        return []  # which values it will be is known event by event
    what = f"Add the value {value!r} to Task's Type"
    near = nearest(value, found.picklist)
    if near:
        what += f", or write {near!r} in sfsync.yaml"
    where = "Fields & Relationships > Type > Task Type Picklist Values > New"
    why = f"reports count Tasks by Type; this org has {', '.join(found.picklist[:6])}"
    return [ByHand(what, f"{object_manager('Task')} > {where}", why)]


def _layouts(mapping: SyncMapping) -> list[ByHand]:
    tables = [
        object_map.sobject
        for object_map in mapping.objects.values()
        if any(field.remote == "HasOptedOutOfEmail" for field in object_map.fields)
    ]
    if not tables:
        return []
    return [
        ByHand(
            f"Put Email Opt Out on the page layouts of {' and '.join(tables)}",
            f"{object_manager(tables[0])} > Page Layouts",
            "so that sales people see who must not be mailed",
        )
    ]


def object_manager(table: str) -> str:
    """The way to an object's settings, in Salesforce's own pages."""
    return f"Setup > Object Manager > {table}"
