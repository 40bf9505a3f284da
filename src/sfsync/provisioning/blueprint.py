"""What an org needs so that a mapping works there, and what of it is still to be made. Pure.

A ``Blueprint`` follows from the configuration alone: custom fields, and one permission set that
opens exactly what the mapping reads and writes. Compared with what an org has (``Found``) it
becomes steps: what is missing is created, what is there and fits is kept, and what is there and
does not fit is told and never changed.

Source: salesforce-facts §8 (types, permission sets); Object Reference, ObjectPermissions and
FieldPermissions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sfsync.document.problems import nearest
from sfsync.model.facts import SObjectFacts
from sfsync.model.field_types import CustomField
from sfsync.model.mapping import (
    ActivityMap,
    FieldMap,
    ObjectMap,
    OnLocalDelete,
    OnMissing,
    SyncMapping,
)
from sfsync.model.merges import Merge

SET_NAME: Final = "PenguinMails_Sync"
SET_LABEL: Final = "PenguinMails Sync"
SET_DESCRIPTION: Final = "What the user that sfsync logs in as needs: written by sfsync org setup."
OWN: Final = "PenguinMails_"
"""How the names of fields begin that belong to the email platform."""

ACTIVITY: Final = "Activity"
"""Where custom fields of Task live. Source: salesforce-facts §7.3."""

KEY_LENGTH: Final = 255
USER_PERMISSIONS: Final = ("ApiEnabled", "EditTask")
"""Task has no object permissions of its own: the right to edit Tasks is a permission of the user.

Source: Object Reference, PermissionSet (PermissionsEditTask); github jetstreamapp/jetstream#1982
(Task is among the objects of FieldPermissions and not of ObjectPermissions).
"""


# -- what is needed --------------------------------------------------------------------------------
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
    def type_told(self) -> str:
        """``Text(255), unique external id``."""
        size = {
            "Text": f"({self.length})",
            "Number": f"({self.precision - self.scale},{self.scale})",
        }
        return (
            f"{self.kind}{size.get(self.kind, '')}{', unique external id' if self.is_key else ''}"
        )

    def metadata(self) -> dict[str, Any]:
        """``{element: value}``, in alphabetical order, as the Tooling API and the files both want it.

        Source: Metadata API Developer Guide, CustomField; salesforce-facts §8.2, §8.3.
        """
        told: dict[str, Any] = {"label": self.label, "type": self.kind, "externalId": self.is_key}
        if self.description:
            told["description"] = self.description
        if self.default:
            told["defaultValue"] = self.default
        if self.kind != "Checkbox":
            told["required"] = False
        if self.kind in {"Text", "Number"}:
            told["unique"] = self.is_key
        if self.kind == "Text":
            told["length"] = self.length
        if self.kind == "Number":
            told |= {"precision": self.precision, "scale": self.scale}
        if self.is_key:
            told["caseSensitive"] = False
        return dict(sorted(told.items()))


@dataclass(frozen=True, slots=True)
class ObjectGrant:
    """What the permission set allows on an object; reading always."""

    sobject: str
    create: bool = False
    edit: bool = False
    delete: bool = False

    @property
    def rights(self) -> tuple[str, ...]:
        """``("Read", "Create", "Edit")``: what Salesforce calls ``PermissionsRead`` and so on."""
        wanted = (
            ("Read", True),
            ("Create", self.create),
            ("Edit", self.edit),
            ("Delete", self.delete),
        )
        return tuple(name for name, granted in wanted if granted)


@dataclass(frozen=True, slots=True)
class FieldGrant:
    """What the permission set allows on a field; reading always."""

    sobject: str
    field: str
    edit: bool

    @property
    def full_name(self) -> str:
        """``Contact.MailingAddress``."""
        return f"{self.sobject}.{self.field}"


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


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything that a mapping needs in an org.

    Attributes:
        fields: to be there, each once.
        objects: what the permission set allows, in an order in which none hangs on a later one.
        grants: likewise, field by field.
        strange: custom fields of the mapping that are not the email platform's and not in this org.
    """

    fields: tuple[NewField, ...]
    objects: tuple[ObjectGrant, ...]
    grants: tuple[FieldGrant, ...]
    user_permissions: tuple[str, ...] = USER_PERMISSIONS
    strange: tuple[str, ...] = ()


def blueprint(
    mapping: SyncMapping,
    described: Mapping[str, SObjectFacts] | None = None,
    existing: Iterable[str] | None = None,
) -> Blueprint:
    """What this mapping needs.

    Only the email platform's own fields, and keys, are ever to be made: a custom field of another
    name is the org's, or a slip of the pen.

    Args:
        described: what the org says of its objects, where it can be asked: fields there that no
            permission applies to are left out.
        existing: full names of all the org's custom fields, hidden ones too, where it can be asked.
    """
    known = described or {}
    there = None if existing is None else {name.lower() for name in existing}
    fields: dict[str, NewField] = {}
    strange: list[str] = []
    absent: set[str] = set()
    for new in _fields_of(mapping):
        is_platforms = new.is_key or new.name.startswith(OWN)
        if is_platforms and new.kind:
            fields.setdefault(new.full_name, new)
        elif there is not None and new.full_name.lower() not in there:
            absent.add(new.full_name)
            # one of the platform's that only a person can make is told by ``by_hand``
            if not is_platforms:
                strange.append(new.full_name)
    fields |= {
        twin.full_name: twin for twin in _twins(mapping, fields) if twin.full_name not in fields
    }
    grants = _field_grants(mapping, known)
    return Blueprint(
        fields=tuple(sorted(fields.values(), key=lambda new: (new.table, new.name))),
        objects=tuple(_object_grants(mapping)),
        grants=tuple(grant for grant in grants if grant.full_name not in absent),
        strange=tuple(dict.fromkeys(strange)),
    )


def makes_parents(mapping: SyncMapping) -> str:
    """The object whose records a push makes to link others to them, ``Account``; empty where it makes none."""
    for name, object_map in mapping.objects.items():
        linked = object_map.linked
        if linked and linked.on_missing is OnMissing.CREATE and mapping.rules_for(name).pushes:
            return linked.remote.partition(".")[0]
    return ""


def objects_of(mapping: SyncMapping) -> list[str]:
    """The org's objects that a mapping reads or writes records of."""
    names = {object_map.sobject for object_map in mapping.objects.values()}
    return sorted(
        name for name in names | {mapping.activities.sobject, makes_parents(mapping)} if name
    )


def custom_fields(mapping: SyncMapping) -> list[str]:
    """Full names of all custom fields of the org's own that the mapping names, and of those made beside them."""
    named = {new.full_name: new for new in _fields_of(mapping)}
    return sorted({*named, *(twin.full_name for twin in _twins(mapping, named))})


# -- fields
_CUSTOM = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*__c")
"""A custom field of the org's own; one of a package has a prefix and another ``__`` in its name."""


def _fields_of(mapping: SyncMapping) -> Iterator[NewField]:
    for object_map in mapping.objects.values():
        for field_map in object_map.fields:
            if _is_own(field_map.remote) and field_map.remote != object_map.external_id:
                yield _field(object_map, field_map)
        if _is_own(object_map.external_id):
            yield _key(
                object_map.sobject, object_map.external_id, "Ties this record to its row in sfsync."
            )
    if _is_own(mapping.activities.external_id):
        yield _key(
            ACTIVITY, mapping.activities.external_id, "The email event that this Task tells of."
        )


def _is_own(name: str) -> bool:
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
    """A Lead's fields on Contact too, where that is synced, so that a conversion has somewhere to carry them.

    Source: Salesforce Help, "Map Custom Lead Fields" (only fields of one type can be mapped).
    """
    if "Contact" not in {object_map.sobject for object_map in mapping.objects.values()}:
        return []
    reason = "so that converting a Lead can carry it over"
    return [
        NewField(
            "Contact", new.name, new.kind, new.suits, "Carried over from the Lead that this person was.",
            new.length, new.precision, new.scale, new.default, reason=reason,
        )
        for new in fields.values()
        if new.table == "Lead" and not new.is_key
    ]  # fmt: skip


# -- rights
_DEPENDS: Final[Mapping[str, tuple[str, ...]]] = {"Contact": ("Account",)}
"""Reading a Contact hangs on reading Accounts. Source: sfxd wiki, "Field Permissions, Important Notes"."""

_NO_OBJECT: Final = frozenset({"Owner", "CreatedBy", "LastModifiedBy", "RecordType", "Who", "What"})
_PARENTS: Final[Mapping[str, str]] = {"ReportsTo": "Contact", "MasterRecord": ""}
_PARTS: Final = frozenset(
    {"Street", "City", "State", "StateCode", "PostalCode", "Country", "CountryCode", "Latitude", "Longitude", "GeocodeAccuracy"}
)  # fmt: skip
_ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "Contact": ("Mailing", "Other"),
    "Lead": ("",),
    "Account": ("Billing", "Shipping"),
}
_EVERYBODY: Final = frozenset(
    {"Id", "Name", "FirstName", "LastName", "MiddleName", "Suffix", "Salutation", "OwnerId", "IsDeleted", "IsConverted",
     "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "LastActivityDate"}
)  # fmt: skip
_REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    "Lead": frozenset({"Company", "Status"}),
    "Task": frozenset({"Subject", "Status", "Priority", "ActivityDate"}),
}


def permission_name(sobject: str, field_name: str) -> str:
    """What a permission calls a standard field; empty where everybody who sees the record sees the field.

    The parts of an address are opened together, under the address's name.

    >>> permission_name("Contact", "MailingCity"), permission_name("Lead", "City")
    ('MailingAddress', 'Address')
    >>> permission_name("Lead", "Company")
    ''

    Source: salesforce.stackexchange.com/questions/97912 (a part is refused, the address is taken);
    Metadata API Developer Guide, PermissionSet (a required field is refused: "You cannot deploy to
    a required field").
    """
    for prefix in _ADDRESSES.get(sobject, ()):
        if field_name.startswith(prefix) and field_name.removeprefix(prefix) in _PARTS:
            return f"{prefix}Address"
    hidden_from_nobody = field_name in _EVERYBODY or field_name in _REQUIRED.get(
        sobject, frozenset()
    )
    return "" if hidden_from_nobody else field_name


def _object_grants(mapping: SyncMapping) -> Iterator[ObjectGrant]:
    wanted: dict[str, ObjectGrant] = {}
    for object_map in mapping.objects.values():
        parents = [
            field.remote.partition(".")[0] for field in object_map.fields if "." in field.remote
        ]
        standard = [name for name in parents if name not in _NO_OBJECT and not name.endswith("__r")]
        for name in (
            *_DEPENDS.get(object_map.sobject, ()),
            *(_PARENTS.get(name, name) for name in standard),
        ):
            if name:
                wanted.setdefault(name, ObjectGrant(name, create=name == makes_parents(mapping)))
    for name, object_map in mapping.objects.items():
        pushes = mapping.rules_for(name).pushes
        creates = pushes or mapping.activities.missing_person.value == f"create_{name}"
        deletes = pushes and object_map.on_local_delete is OnLocalDelete.DELETE
        wanted[object_map.sobject] = ObjectGrant(object_map.sobject, creates, creates, deletes)
    yield from sorted(
        wanted.values(), key=lambda grant: (bool(_DEPENDS.get(grant.sobject)), grant.sobject)
    )


def _field_grants(
    mapping: SyncMapping, known: Mapping[str, SObjectFacts]
) -> tuple[FieldGrant, ...]:
    grants: dict[str, FieldGrant] = {}
    for wanted in (*_mapped_grants(mapping), *_task_grants(mapping.activities)):
        found = known[wanted.sobject].fields.get(wanted.field) if wanted.sobject in known else None
        name = permission_name(wanted.sobject, wanted.field)
        required = found is not None and not found.permissionable and name.endswith("__c")
        if (
            not name or required
        ):  # of standard fields the describe tells this wrongly; see permission_name
            continue
        edit = wanted.edit and not (found is not None and found.calculated)
        grant = FieldGrant(wanted.sobject, name, edit)
        before = grants.get(grant.full_name)
        if before is None or not before.edit:
            grants[grant.full_name] = grant
    return tuple(sorted(grants.values(), key=lambda grant: grant.full_name))


def _mapped_grants(mapping: SyncMapping) -> Iterator[FieldGrant]:
    for name, object_map in mapping.objects.items():
        pushes = mapping.rules_for(name).pushes
        for field_map in object_map.fields:
            parent, dot, _ = field_map.remote.partition(".")
            if dot:
                link = f"{parent.removesuffix('__r')}{'__c' if parent.endswith('__r') else 'Id'}"
                yield FieldGrant(
                    object_map.sobject, link, edit=pushes and field_map is object_map.linked
                )
            else:
                yield FieldGrant(
                    object_map.sobject, field_map.remote, edit=pushes and field_map.pushes
                )
        if object_map.external_id:
            yield FieldGrant(object_map.sobject, object_map.external_id, edit=True)


def _task_grants(activities: ActivityMap) -> Iterator[FieldGrant]:
    """On Task: Salesforce itself gives Event the same rights on a field of Activity.

    Source: github forcedotcom/cli#2278, dxatscale/sfpowerkit#446 (such a field is ``Task.X__c`` in
    permissions).
    """
    for name, _template in activities.fields:
        yield FieldGrant(activities.sobject, name, edit=True)
    if activities.external_id:
        yield FieldGrant(activities.sobject, activities.external_id, edit=True)


# -- what is there ---------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FoundField:
    """A custom field as the org has it.

    Attributes:
        type: in describe's words; empty where the org did not tell.
    """

    type: str = ""
    external_id: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True)
class FoundSet:
    """The permission set as the org has it.

    Attributes:
        objects: ``{sobject: (Id of the ObjectPermissions, its rights)}``.
        fields: ``{full name: (Id of the FieldPermissions, whether it may be edited)}``.
    """

    id: str
    user_permissions: frozenset[str] = frozenset()
    objects: Mapping[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    fields: Mapping[str, tuple[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What of a blueprint the org has.

    Attributes:
        fields: by full name, without regard to case.
        user_id: who the permission set is for.
        assigned: whether that user has it.
    """

    fields: Mapping[str, FoundField]
    user_id: str
    username: str
    permission_set: FoundSet | None = None
    assigned: bool = False


# -- what is to be done ----------------------------------------------------------------------------
class Act(StrEnum):
    """What becomes of one part."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    DIFFERS = "differs"


class Part(StrEnum):
    """Kinds of parts, in the order they are made in."""

    FIELD = "field"
    SET = "permission set"
    OBJECT = "object permission"
    GRANT = "field permission"
    ASSIGNMENT = "assignment"


@dataclass(frozen=True, slots=True)
class Step:
    """One part, and what becomes of it.

    Attributes:
        name: of the part.
        told: what it is to be, for people.
        body: what is sent, ``{name: value}``.
        id: of what is changed.
        remedy: where it differs: what a person can do.
    """

    act: Act
    part: Part
    name: str
    told: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {
            "act": self.act.value,
            "part": self.part.value,
            "name": self.name,
            "detail": self.told,
        }


def steps(wanted: Blueprint, found: Found) -> tuple[Step, ...]:
    """What is to be done, in an order in which nothing hangs on a later step."""
    return (
        *(_field_step(new, found) for new in wanted.fields),
        _set_step(wanted, found.permission_set),
        *(_object_step(grant, found.permission_set) for grant in wanted.objects),
        *(_grant_step(grant, found.permission_set) for grant in wanted.grants),
        _assignment_step(found),
    )


def todo(planned: Iterable[Step]) -> list[Step]:
    """Those that change something."""
    return [step for step in planned if step.act in {Act.CREATE, Act.UPDATE}]


def _field_step(new: NewField, found: Found) -> Step:
    there = {name.lower(): each for name, each in found.fields.items()}.get(new.full_name.lower())
    told = f"{new.type_told}{f' ({new.reason})' if new.reason else ''}"
    if there is None:
        return Step(
            Act.CREATE,
            Part.FIELD,
            new.full_name,
            told,
            {"FullName": new.full_name, "Metadata": new.metadata()},
        )
    wrong = _wrong(new, there)
    if not wrong:
        return Step(Act.KEEP, Part.FIELD, new.full_name, told)
    return Step(
        Act.DIFFERS,
        Part.FIELD,
        new.full_name,
        f"{wrong}; left as it is",
        remedy=_way_to_change(new, there),
    )


def _wrong(new: NewField, there: FoundField) -> str:
    if there.type and there.type not in new.suits:
        return f"it is {there.type} in this org, and {new.type_told} is needed"
    if new.is_key and not there.external_id:
        return "it is not marked as an external id in this org"
    if new.is_key and not there.unique:
        return "it is an external id in this org, and not unique"
    return ""


def _way_to_change(new: NewField, there: FoundField) -> str:
    way = f"{object_manager(new.table)} > Fields & Relationships > {new.label}"
    if there.type and there.type not in new.suits:
        return f"Name another field in sfsync.yaml; or {way} > Change Field Type, where nothing needs it as it is."
    return f"{way} > Edit: tick External ID, and Unique without regard to case."


def object_manager(table: str) -> str:
    """The way to an object's settings, in Salesforce's own pages."""
    return f"Setup > Object Manager > {table}"


def _set_step(wanted: Blueprint, there: FoundSet | None) -> Step:
    rights = {f"Permissions{name}": True for name in wanted.user_permissions}
    told = "API access, edit Tasks"
    if there is None:
        body = {"Name": SET_NAME, "Label": SET_LABEL, "Description": SET_DESCRIPTION, **rights}
        return Step(Act.CREATE, Part.SET, SET_NAME, told, body)
    missing = {
        name: True
        for name in rights
        if name.removeprefix("Permissions") not in there.user_permissions
    }
    act = Act.UPDATE if missing else Act.KEEP
    return Step(act, Part.SET, SET_NAME, told, missing, there.id)


def _object_step(grant: ObjectGrant, there: FoundSet | None) -> Step:
    told = ", ".join(right.lower() for right in grant.rights)
    rights = {f"Permissions{right}": True for right in grant.rights}
    kept = there.objects.get(grant.sobject) if there else None
    if kept is None:
        body = {"SobjectType": grant.sobject, **rights}
        return Step(Act.CREATE, Part.OBJECT, grant.sobject, told, body)
    missing = {name: True for name in rights if name.removeprefix("Permissions") not in kept[1]}
    return Step(
        Act.UPDATE if missing else Act.KEEP, Part.OBJECT, grant.sobject, told, missing, kept[0]
    )


def _grant_step(grant: FieldGrant, there: FoundSet | None) -> Step:
    told = "read, edit" if grant.edit else "read"
    kept = there.fields.get(grant.full_name) if there else None
    rights = {"PermissionsRead": True, "PermissionsEdit": grant.edit}
    if kept is None:
        body = {"SobjectType": grant.sobject, "Field": grant.full_name, **rights}
        return Step(Act.CREATE, Part.GRANT, grant.full_name, told, body)
    if grant.edit and not kept[1]:
        return Step(
            Act.UPDATE, Part.GRANT, grant.full_name, told, {"PermissionsEdit": True}, kept[0]
        )
    return Step(Act.KEEP, Part.GRANT, grant.full_name, told)


def _assignment_step(found: Found) -> Step:
    act = Act.KEEP if found.assigned else Act.CREATE
    return Step(
        act, Part.ASSIGNMENT, SET_NAME, f"to {found.username}", {} if found.assigned else {"AssigneeId": found.user_id}
    )  # fmt: skip


# -- what only a person can do ---------------------------------------------------------------------
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
    if {"Contact", "Lead"} <= {object_map.sobject for object_map in mapping.objects.values()}:
        lead = next(each for each in mapping.objects.values() if each.sobject == "Lead")
        names = [field.remote for field in lead.fields if _is_own(field.remote)]
        names += [lead.external_id] if _is_own(lead.external_id) else []
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
        f"Map these PenguinMails fields of Lead to the Contact fields of the same names: {', '.join(labels)}",
        f"{object_manager('Lead')} > Fields & Relationships > Map Lead Fields > Contact",
        "a converted Lead loses what is not mapped there; Salesforce has no API for it",
    )


def _unmakeable(mapping: SyncMapping, known: Mapping[str, SObjectFacts]) -> list[ByHand]:
    """The platform's fields that the mapping does not say enough of, where the org does not show them."""
    return [
        ByHand(
            f"Make the field {new.full_name}, of the type {' or '.join(sorted(new.suits))}, with its values",
            f"{object_manager(new.table)} > Fields & Relationships > New",
            "the mapping does not say which values it has; then run this again",
        )
        for new in _fields_of(mapping)
        if new.name.startswith(OWN) and not new.kind
        if new.table not in known or new.name not in known[new.table].fields
    ]


def _picklist_values(activities: ActivityMap, facts: SObjectFacts | None) -> list[ByHand]:
    """Values of standard picklists: deployed as a set they would replace an admin's own."""
    wanted = dict(activities.fields)
    value = wanted.get("Type", "")
    found = facts.fields.get("Type") if facts else None
    if not value or "{" in value or found is None or not found.picklist or value in found.picklist:
        return []
    near = nearest(value, found.picklist)
    return [
        ByHand(
            f"Add the value {value!r} to Task's Type{f', or write {near!r} in sfsync.yaml' if near else ''}",
            f"{object_manager('Task')} > Fields & Relationships > Type > Task Type Picklist Values > New",
            "reports count Tasks by Type; this org has " + ", ".join(found.picklist[:6]),
        )
    ]


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
