"""What one user may see and do: the sum of their profile and their permission sets.

Nothing is granted but by a row of FieldPermissions, ObjectPermissions or PermissionSet in a set
that is assigned to the user; a profile holds its grants in a permission set of its own, which
Salesforce assigns with the profile. A field that nobody may grant (required, or the org's own) is
seen by everybody who sees the object.

Source: Object Reference, FieldPermissions ("Special Access Rules"), ObjectPermissions,
PermissionSet (IsOwnedByProfile), "Organization-Wide" rights such as View Setup and Configuration;
docs/salesforce.md §0, §8.3.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.admin_objects import GRANTED_OBJECTS, TOOLING_OBJECTS
from local_org.schema.sobject import Field, SObjectType

Row = Mapping[str, Any]
_NAME_PARTS = frozenset({"firstname", "salutation", "lastname", "name"})
_ALWAYS_SEEN = {
    "Lead": frozenset({"isconverted", "isunreadbyowner"}),
    "Task": frozenset(
        {
            "subject",
            "activitydate",
            "tasksubtype",
            "isreminderset",
            "reminderdatetime",
            "callobject",
        }
    ),
}
_SETUP_OBJECTS = frozenset(
    {
        "permissionset",
        "permissionsetassignment",
        "fieldpermissions",
        "objectpermissions",
        "duplicaterule",
    }
)
_PERMISSIONED = frozenset({"Account", "Contact", "Lead", "Task"})


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs what is going on.

    Args:
        user_id: the user; None for the org itself, which sees everything.
        tooling: whether the Tooling API is spoken, which has objects of its own.
    """

    user_id: str | None = None
    tooling: bool = False


_SYSTEM = Runner()
_running: ContextVar[Runner] = ContextVar("running", default=_SYSTEM)


def runner() -> Runner:
    """Who runs what is going on here."""
    return _running.get()


@contextmanager
def running(user_id: str | None, *, tooling: bool = False) -> Iterator[None]:
    """Let a user (with None: the org itself) run what is inside."""
    before = _running.set(Runner(user_id, tooling))
    try:
        yield
    finally:
        _running.reset(before)


def is_tooling(sobject: str) -> bool:
    """Whether the object is one of the Tooling API."""
    return sobject.lower() in TOOLING_OBJECTS


def granted_by(kind: SObjectType, item: Field) -> str | None:
    """The name a field is granted under; None where everybody who sees the object sees it.

    The parts of an address are granted together.

    Source: salesforce.stackexchange.com/questions/97912; Metadata API, PermissionSet (required
    fields have no permission).
    """
    if kind.name not in _PERMISSIONED:
        return None
    if item.compound is not None and item.compound != "Name":
        return item.compound
    if item.type == "address":
        return item.name
    name = item.name.lower()
    if name in _NAME_PARTS or name in _ALWAYS_SEEN.get(kind.name, ()) or name == "ownerid":
        return None
    writable = item.createable or item.updateable
    return item.name if writable and (item.nillable or item.type == "boolean") else None


def permissionable(kind: SObjectType) -> list[str]:
    """Every name of an object's that may stand in FieldPermissions."""
    names = (granted_by(kind, item) for item in kind.fields)
    return list(dict.fromkeys(name for name in names if name is not None))


@dataclass(frozen=True, slots=True)
class Access:
    """A user's rights.

    Attributes:
        permissions: what they may do anywhere, for example ``ViewSetup``.
        objects: rights by lower-cased object, for example ``{"contact": {"Read", "Edit"}}``.
        fields: by lower-cased full name: whether the field may be edited; a field that is missing
            is hidden.
    """

    permissions: frozenset[str] = frozenset()
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fields: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, sets: Iterable[Row], objects: Iterable[Row], fields: Iterable[Row]) -> "Access":
        """Sum up what the user's sets say."""
        permissions = {
            name.removeprefix("Permissions")
            for row in sets
            for name, value in row.items()
            if name.startswith("Permissions") and value is True
        }
        rights: dict[str, frozenset[str]] = {}
        for row in objects:
            given = {
                name.removeprefix("Permissions") for name, value in row.items() if value is True
            }
            name = str(row["SobjectType"]).lower()
            rights[name] = rights.get(name, frozenset()) | given
        editable: dict[str, bool] = {}
        for row in fields:
            if row.get("PermissionsRead"):
                name = str(row["Field"]).lower()
                editable[name] = editable.get(name, False) or bool(row.get("PermissionsEdit"))
        return cls(frozenset(permissions), rights, editable)

    def may(self, *permissions: str) -> bool:
        """Whether the user has one of these permissions."""
        return not self.permissions.isdisjoint(permissions)

    def rights(self, sobject: str) -> frozenset[str]:
        """What may be done with an object's records: Read, Create, Edit, Delete."""
        every = frozenset({"Read", "Create", "Edit", "Delete"})
        name = sobject.lower()
        if name == "task":
            return every if self.may("EditTask", "ModifyAllData") else frozenset({"Read"})
        if name in {each.lower() for each in GRANTED_OBJECTS}:
            return self._granted(name, every)
        if name in _SETUP_OBJECTS and not self.may(
            "ViewSetup", "AssignPermissionSets", "ManageUsers"
        ):
            return frozenset()
        return every

    def _granted(self, name: str, every: frozenset[str]) -> frozenset[str]:
        if self.may("ModifyAllData"):
            return every
        given = self.objects.get(name, frozenset())
        return given | {"Read"} if self.may("ViewAllData") else given

    def view(self, kind: SObjectType) -> SObjectType | None:
        """The object as the user sees it; None where it is not there for them."""
        rights = self.rights(kind.name)
        if "Read" not in rights:
            return None
        fields = tuple(seen for item in kind.fields if (seen := self._seen(kind, item)) is not None)
        allowed = {
            "createable": kind.createable and "Create" in rights,
            "updateable": kind.updateable and "Edit" in rights,
            "deletable": kind.deletable and "Delete" in rights,
        }
        same = all(getattr(kind, name) == value for name, value in allowed.items())
        return kind if fields == kind.fields and same else kind.limited(fields, **allowed)

    def _seen(self, kind: SObjectType, item: Field) -> Field | None:
        name = granted_by(kind, item)
        if name is None:
            return item
        editable = self.fields.get(f"{kind.name}.{name}".lower())
        if editable is None:
            return None
        locked = not editable and (item.createable or item.updateable)
        return replace(item, createable=False, updateable=False) if locked else item


def require(access: Access, *permissions: str) -> None:
    """Refuse a user who has none of these permissions.

    Raises:
        ApiError: INSUFFICIENT_ACCESS.
    """
    if not access.may(*permissions):
        raise ApiError(
            "INSUFFICIENT_ACCESS", "insufficient access rights on entity", [], status=403
        )
