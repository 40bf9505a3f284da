"""What the permission set allows: exactly what the mapping reads and writes.

Source: docs/salesforce.md §8 (permission sets); Object Reference, ObjectPermissions and
FieldPermissions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sfsync.model.facts import SObjectFacts
from sfsync.model.mapping import ActivityMap, ObjectMap, OnLocalDelete, OnMissing, SyncMapping
from sfsync.model.objects import BY_SOBJECT


@dataclass(frozen=True, slots=True)
class ObjectGrant:
    """What the permission set allows on an object; reading always.

    Attributes:
        view_all: whoever owns a record: change events ask for it.
    """

    sobject: str
    create: bool = False
    edit: bool = False
    delete: bool = False
    view_all: bool = False

    @property
    def rights(self) -> tuple[str, ...]:
        """``("Read", "Create", "Edit")``: what Salesforce calls ``PermissionsRead`` and so on."""
        granted = {
            "Read": True,
            "Create": self.create,
            "Edit": self.edit,
            "Delete": self.delete,
            "ViewAllRecords": self.view_all,
        }
        return tuple(name for name, is_granted in granted.items() if is_granted)


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


def makes_parents(mapping: SyncMapping) -> str:
    """The object whose records a push makes to link others to them; empty where it makes none."""
    for name, object_map in mapping.objects.items():
        linked = object_map.linked
        if linked and linked.on_missing is OnMissing.CREATE and mapping.rules_for(name).pushes:
            return linked.remote.partition(".")[0]
    return ""


_NO_OBJECT: Final = frozenset({"Owner", "CreatedBy", "LastModifiedBy", "RecordType", "Who", "What"})
_PARENTS: Final[Mapping[str, str]] = {"ReportsTo": "Contact", "MasterRecord": ""}
_PARTS: Final = frozenset(
    [
        "Street",
        "City",
        "State",
        "StateCode",
        "PostalCode",
        "Country",
        "CountryCode",
        "Latitude",
        "Longitude",
        "GeocodeAccuracy",
    ]
)
_EVERYBODY: Final = frozenset(
    [
        "Id",
        "Name",
        "FirstName",
        "LastName",
        "MiddleName",
        "Suffix",
        "Salutation",
        "OwnerId",
        "IsDeleted",
        "IsConverted",
        "CreatedDate",
        "CreatedById",
        "LastModifiedDate",
        "LastModifiedById",
        "SystemModstamp",
        "LastActivityDate",
    ]
)
_TASK_SEEN_BY_ALL: Final = frozenset({"Subject", "Status", "Priority", "ActivityDate"})


def permission_name(sobject: str, field_name: str) -> str:
    """What a permission calls a field; empty where all who see the record see the field.

    The parts of an address are opened together, under the address's name.

    >>> permission_name("Contact", "MailingCity"), permission_name("Lead", "City")
    ('MailingAddress', 'Address')
    >>> permission_name("Lead", "Company")
    ''

    Source: salesforce.stackexchange.com/questions/97912 (a part is refused, the address is taken);
    Metadata API Developer Guide, PermissionSet (a required field is refused: "You cannot deploy to
    a required field").
    """
    kind = BY_SOBJECT.get(sobject)
    for prefix in kind.addresses if kind else ():
        if field_name.startswith(prefix) and field_name.removeprefix(prefix) in _PARTS:
            return f"{prefix}Address"
    seen_by_all = kind.seen_by_all if kind else _TASK_SEEN_BY_ALL
    if field_name in _EVERYBODY or field_name in seen_by_all:
        return ""
    return field_name


def object_grants(mapping: SyncMapping) -> list[ObjectGrant]:
    """What is allowed on each object, in an order in which none hangs on a later one."""
    wanted: dict[str, ObjectGrant] = {}
    made = makes_parents(mapping)
    for object_map in mapping.objects.values():
        for name in _read_beside(object_map):
            wanted.setdefault(name, ObjectGrant(name, create=name == made))
    for name, object_map in mapping.objects.items():
        pushes = mapping.rules_for(name).pushes
        # An event of a person whom neither side knows makes one, whatever way the rules go.
        creates = pushes or mapping.activities.missing_person.creates == name
        deletes = pushes and object_map.on_local_delete is OnLocalDelete.DELETE
        is_made_as_parent = object_map.sobject == made
        wanted[object_map.sobject] = ObjectGrant(
            object_map.sobject, creates or is_made_as_parent, creates, deletes
        )
    return sorted(wanted.values(), key=lambda grant: (_has_parent(grant), grant.sobject))


def _has_parent(grant: ObjectGrant) -> bool:
    kind = BY_SOBJECT.get(grant.sobject)
    return kind is not None and bool(kind.parent)


def _read_beside(object_map: ObjectMap) -> list[str]:
    """Other objects that have to be read for this one's records: parents.

    Source: sfxd wiki, "Field Permissions, Important Notes" (reading a Contact hangs on reading
    Accounts).
    """
    names = [object_map.kind.parent]
    for field in object_map.fields:
        parent, dot, _ = field.remote.partition(".")
        # The relationship's name does not say which object a custom parent is.
        if dot and parent not in _NO_OBJECT and not parent.endswith("__r"):
            names.append(_PARENTS.get(parent, parent))
    return [name for name in names if name]


def field_grants(
    mapping: SyncMapping, described: Mapping[str, SObjectFacts]
) -> tuple[FieldGrant, ...]:
    """What is allowed on each field; the wider right where two lines of the mapping differ.

    Args:
        described: what the org says of its objects, where it can be asked.
    """
    grants: dict[str, FieldGrant] = {}
    for wanted in (*_mapped_grants(mapping), *_task_grants(mapping.activities)):
        grant = _grantable(wanted, described.get(wanted.sobject))
        if grant is None:
            continue
        before = grants.get(grant.full_name)
        if before is None or not before.edit:
            grants[grant.full_name] = grant
    return tuple(sorted(grants.values(), key=lambda grant: grant.full_name))


def _grantable(wanted: FieldGrant, facts: SObjectFacts | None) -> FieldGrant | None:
    """The grant under the name that permissions use; ``None`` where the field needs none."""
    name = permission_name(wanted.sobject, wanted.field)
    if not name:
        return None
    found = facts.fields.get(wanted.field) if facts else None
    if found is None:
        return FieldGrant(wanted.sobject, name, wanted.edit)
    # Of standard fields the describe says this wrongly: see ``permission_name``.
    if name.endswith("__c") and not found.permissionable:
        return None
    return FieldGrant(wanted.sobject, name, wanted.edit and not found.calculated)


def _mapped_grants(mapping: SyncMapping) -> Iterator[FieldGrant]:
    for name, object_map in mapping.objects.items():
        pushes = mapping.rules_for(name).pushes
        for field_map in object_map.fields:
            parent, dot, _ = field_map.remote.partition(".")
            if dot:
                # A parent's name goes up by way of the field that links the two.
                edits = pushes and field_map is object_map.linked
                yield FieldGrant(object_map.sobject, _link_to(parent), edits)
            else:
                edits = pushes and field_map.pushes
                yield FieldGrant(object_map.sobject, field_map.remote, edits)
        if object_map.external_id:
            yield FieldGrant(object_map.sobject, object_map.external_id, edit=True)


def _link_to(parent: str) -> str:
    """The field behind a relationship: ``Account`` -> ``AccountId``, ``Boss__r`` -> ``Boss__c``."""
    if parent.endswith("__r"):
        return f"{parent.removesuffix('__r')}__c"
    return f"{parent}Id"


def _task_grants(activities: ActivityMap) -> Iterator[FieldGrant]:
    """On Task: Salesforce itself gives Event the same rights on a field of Activity.

    Source: github forcedotcom/cli#2278, dxatscale/sfpowerkit#446 (such a field is ``Task.X__c`` in
    permissions).
    """
    for name, _template in activities.fields:
        yield FieldGrant(activities.sobject, name, edit=True)
    if activities.external_id:
        yield FieldGrant(activities.sobject, activities.external_id, edit=True)
