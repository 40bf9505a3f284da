"""What an org needs so that a mapping works there. Pure.

A ``Blueprint`` follows from the configuration alone: custom fields, and one permission set that
opens exactly what the mapping reads and writes (``grants``). Compared with what an org has
(``existing``) it becomes ``steps``.

Source: docs/salesforce.md §8 (types).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sfsync.mapping.problem import OWN
from sfsync.model.facts import SObjectFacts
from sfsync.model.field_types import CustomField
from sfsync.model.mapping import (
    FieldMap,
    ObjectMap,
    SyncMapping,
)
from sfsync.model.merges import Merge
from sfsync.provisioning.event_channel import EventChannel
from sfsync.provisioning.grants import (
    FieldGrant,
    ObjectGrant,
    field_grants,
    makes_parents,
    object_grants,
)

SET_NAME: Final = "PenguinMails_Sync"
SET_LABEL: Final = "PenguinMails Sync"
SET_DESCRIPTION: Final = "What the user that sfsync logs in as needs: written by sfsync org setup."

ACTIVITY: Final = "Activity"
"""Where custom fields of Task live. Source: docs/salesforce.md §7.3."""

KEY_LENGTH: Final = 255
USER_PERMISSIONS: Final = ("ApiEnabled", "EditTask")
"""Task has no object permissions of its own: the right to edit Tasks is a permission of the user.

Source: Object Reference, PermissionSet (PermissionsEditTask); github jetstreamapp/jetstream#1982
(Task is among the objects of FieldPermissions and not of ObjectPermissions).
"""


@dataclass(frozen=True, slots=True)
class NewField:
    """One custom field, in the words of Salesforce's Metadata API.

    Attributes:
        table: ``Contact``, ``Lead`` or ``Activity``.
        kind: ``Text``, ``Number``, ``Checkbox``, ``Date`` or ``DateTime``; empty where the mapping
            does not say enough to make it, so that it is only ever found.
        suits: the types of a field that is there already, in describe's words, that would do as
        well.
        reason: why it is made, where the mapping alone does not say.
    """

    table: str
    name: str
    kind: str
    suits: frozenset[str]
    description: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    default: str = ""
    is_key: bool = False
    reason: str = ""

    @property
    def full_name(self) -> str:
        """``Contact.PenguinMails_Id__c``."""
        return f"{self.table}.{self.name}"

    @property
    def label(self) -> str:
        """What people read, 40 characters at most."""
        return self.name.removesuffix("__c").replace("_", " ")[:40].strip()

    @property
    def type_text(self) -> str:
        """``Text(255), unique external id``."""
        text = self.kind
        if self.kind == "Text":
            text += f"({self.length})"
        if self.kind == "Number":
            text += f"({self.precision - self.scale},{self.scale})"
        if self.is_key:
            text += ", unique external id"
        return text

    def metadata(self) -> dict[str, Any]:
        """``{element: value}`` in alphabetical order, as the Tooling API and the files want it.

        Source: Metadata API Developer Guide, CustomField; docs/salesforce.md §8.2, §8.3.
        """
        elements: dict[str, Any] = {
            "label": self.label,
            "type": self.kind,
            "externalId": self.is_key,
        }
        if self.description:
            elements["description"] = self.description
        if self.default:
            elements["defaultValue"] = self.default
        if self.kind != "Checkbox":
            elements["required"] = False
        if self.kind in {"Text", "Number"}:
            elements["unique"] = self.is_key
        if self.kind == "Text":
            elements["length"] = self.length
        if self.kind == "Number":
            elements |= {"precision": self.precision, "scale": self.scale}
        if self.is_key:
            elements["caseSensitive"] = False
        return dict(sorted(elements.items()))


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that a mapping needs in an org.

    Attributes:
        fields: to be there, without repeats.
        objects: what the permission set allows, in an order in which none hangs on a later one.
        grants: likewise, field by field.
        unknown_fields: custom fields of the mapping that are not the email platform's and not in
            this org.
        channel: on which the org tells changes; ``None`` where none is asked for.
    """

    fields: tuple[NewField, ...]
    objects: tuple[ObjectGrant, ...]
    grants: tuple[FieldGrant, ...]
    user_permissions: tuple[str, ...] = USER_PERMISSIONS
    unknown_fields: tuple[str, ...] = ()
    channel: EventChannel | None = None


def blueprint(
    mapping: SyncMapping,
    described: Mapping[str, SObjectFacts] | None = None,
    existing: Iterable[str] | None = None,
    channel: EventChannel | None = None,
) -> Blueprint:
    """What this mapping needs.

    Only the email platform's own fields, and keys, are ever to be made: a custom field of another
    name is the org's, or a slip of the pen.

    Args:
        described: what the org says of its objects, where it can be asked: fields there that no
            permission applies to are left out.
        existing: full names of all the org's custom fields, hidden ones too, where it can be asked.
        channel: on which the org is to tell changes: they are told to those who may view all records.
    """
    there = None if existing is None else {name.lower() for name in existing}
    fields: dict[str, NewField] = {}
    unknown: list[str] = []
    absent: set[str] = set()
    for new in fields_of(mapping):
        is_platforms = new.is_key or new.name.startswith(OWN)
        if is_platforms and new.kind:
            fields.setdefault(new.full_name, new)
        elif there is not None and new.full_name.lower() not in there:
            absent.add(new.full_name)
            # One of the platform's that only a person can make is reported by ``by_hand``.
            if not is_platforms:
                unknown.append(new.full_name)
    for twin in _twins(mapping, fields):
        fields.setdefault(twin.full_name, twin)
    grants = field_grants(mapping, described or {})
    return Blueprint(
        fields=tuple(sorted(fields.values(), key=lambda new: (new.table, new.name))),
        objects=tuple(_with_view_all(object_grants(mapping), channel)),
        grants=tuple(grant for grant in grants if grant.full_name not in absent),
        unknown_fields=tuple(dict.fromkeys(unknown)),
        channel=channel,
    )


def _with_view_all(
    grants: Iterable[ObjectGrant], channel: EventChannel | None
) -> Iterator[ObjectGrant]:
    told = channel.sobjects if channel else ()
    return (replace(grant, view_all=grant.sobject in told) for grant in grants)


def objects_of(mapping: SyncMapping) -> list[str]:
    """The org's objects that a mapping reads or writes records of."""
    names = {object_map.sobject for object_map in mapping.objects.values()}
    names |= {mapping.activities.sobject, makes_parents(mapping)}
    return sorted(name for name in names if name)


def custom_fields(mapping: SyncMapping) -> list[str]:
    """Full names of all custom fields that the mapping names, and of those made beside them."""
    named = {new.full_name: new for new in fields_of(mapping)}
    return sorted({*named, *(twin.full_name for twin in _twins(mapping, named))})


# -- fields
_CUSTOM = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*__c")
"""A custom field of the org's own; one of a package has a prefix and another ``__`` in its name."""


def fields_of(mapping: SyncMapping) -> Iterator[NewField]:
    """Every custom field of the org's own that the mapping names; a key may come twice."""
    for object_map in mapping.objects.values():
        for field_map in object_map.fields:
            if is_custom_field(field_map.remote) and field_map.remote != object_map.external_id:
                yield _field(object_map, field_map)
        if is_custom_field(object_map.external_id):
            yield _key(
                object_map.sobject, object_map.external_id, "Ties this record to its row in sfsync."
            )
    if is_custom_field(mapping.activities.external_id):
        yield _key(
            ACTIVITY, mapping.activities.external_id, "The email event that this Task tells of."
        )


def is_custom_field(name: str) -> bool:
    """Whether it is one of the org's own, neither standard nor of a package."""
    return _CUSTOM.fullmatch(name) is not None


def _field(object_map: ObjectMap, field_map: FieldMap) -> NewField:
    traits = field_map.type.traits
    made_as = traits.custom_field or CustomField("")
    default = "0" if field_map.merge is Merge.COUNTER else made_as.default
    return NewField(
        object_map.sobject,
        field_map.remote,
        made_as.kind,
        traits.suits,
        f"Kept by sfsync: {field_map.column}.",
        made_as.length,
        made_as.precision,
        made_as.scale,
        default,
    )


def _key(table: str, name: str, description: str) -> NewField:
    return NewField(
        table,
        name,
        "Text",
        frozenset({"string"}),
        description=f"{description} Leave it alone.",
        length=KEY_LENGTH,
        is_key=True,
    )


def _twins(mapping: SyncMapping, fields: Mapping[str, NewField]) -> list[NewField]:
    """A Lead's fields on Contact too, where that is synced: a conversion carries them over.

    Source: Salesforce Help, "Map Custom Lead Fields" (only fields of one type can be mapped).
    """
    targets = conversion_targets(mapping)
    return [
        replace(
            new,
            table=targets[new.table],
            description="Carried over from the Lead that this person was.",
            reason="so that converting a Lead can carry it over",
        )
        for new in fields.values()
        if new.table in targets and not new.is_key
    ]


def conversion_targets(mapping: SyncMapping) -> dict[str, str]:
    """``{"Lead": "Contact"}``: whose records become whose, where both are kept in step."""
    targets: dict[str, str] = {}
    for object_map in mapping.objects.values():
        conversion = object_map.kind.conversion
        if conversion is not None and conversion.object in mapping.objects:
            targets[object_map.sobject] = mapping.objects[conversion.object].sobject
    return targets
