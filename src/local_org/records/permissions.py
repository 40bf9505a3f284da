"""Writing profiles' and permission sets' grants: who may, and what Salesforce refuses.

``writes`` asks here for each record of such an object; what a grant then means is ``access``.

Source: Object Reference, PermissionSet, PermissionSetAssignment, FieldPermissions,
ObjectPermissions ("Special Access Rules", "Usage"); docs/salesforce.md §8.3. The texts are
unconfirmed but for "duplicate value found: <unknown>" (github
haripriyamurthy/Deprecated-CustomMetadataLoader#8).
"""

from local_org.api_error import ApiError
from local_org.schema.admin_objects import GRANTED_OBJECTS
from local_org.schema.sobject import SObjectType
from local_org.state.access import permissionable, runner
from local_org.state.org import OrgState
from local_org.state.tables import Row, Table
from local_org.state.users import assign_profile

_NEEDED = {
    "PermissionSet": "ManageProfilesPermissionsets",
    "FieldPermissions": "ManageProfilesPermissionsets",
    "ObjectPermissions": "ManageProfilesPermissionsets",
    "PermissionSetAssignment": "AssignPermissionSets",
    "User": "ManageUsers",
}
_WITH_FIELDS = (*GRANTED_OBJECTS, "Task")
_DEPENDS = {
    "Create": ("Read",),
    "Edit": ("Read",),
    "Delete": ("Read", "Edit"),
    "ViewAllRecords": ("Read",),
    "ModifyAllRecords": ("Read", "Edit", "Delete", "ViewAllRecords"),
}
_PARENTS = {"Contact": "Account"}


def is_setup(kind: SObjectType) -> bool:
    """Whether the object holds grants.

    Its records take no storage, and have no recycle bin.
    """
    return kind.name in _NEEDED and kind.name != "User"


def check(state: OrgState, kind: SObjectType, row: Row, before: Row | None) -> None:
    """Refuse a grant that Salesforce refuses; puts names in the org's own spelling.

    Args:
        state: the org.
        kind: the object.
        row: the record as it is to be; names in it are put right.
        before: as it was; None for a new one.

    Raises:
        ApiError: no right, a double, a name that is none, a grant that needs another.
    """
    needed = _NEEDED.get(kind.name)
    if needed is None:
        return
    user_id = runner().user_id
    if user_id is not None and not state.access(user_id).may(needed):
        raise _no_right()
    if kind.name == "PermissionSet":
        _check_set(state, row, before)
    elif kind.name == "FieldPermissions":
        _check_field(state, row, before)
    elif kind.name == "ObjectPermissions":
        _check_object(state, row, before)
    elif kind.name == "PermissionSetAssignment":
        _check_assignment(state, row)


def follow_profile(state: OrgState, kind: SObjectType, row: Row, before: Row | None) -> None:
    """Let a user's grants follow their profile."""
    if kind.name == "User" and (before is None or before.get("ProfileId") != row.get("ProfileId")):
        assign_profile(state, row["Id"], row["ProfileId"])


def remove(state: OrgState, table: Table, row: Row) -> None:
    """Delete a grant, or a permission set with all of its own.

    Raises:
        ApiError: no right, a set that a profile owns, or one that is still assigned.
    """
    if table.kind.name == "PermissionSet":
        _refuse_owned(row)
        if state.table("PermissionSetAssignment").indexes["PermissionSetId"].find(row["Id"]):
            message = "This permission set is assigned to users: remove the assignments first"
            raise ApiError("DELETE_FAILED", message, [])
        for name in ("FieldPermissions", "ObjectPermissions"):
            grants = state.table(name)
            for each in grants.indexes["ParentId"].find(row["Id"]):
                state.put(grants, each, None)
    else:
        _refuse_owned(_parent(state, row))
    user_id = runner().user_id
    if user_id is not None and not state.access(user_id).may(_NEEDED[table.kind.name]):
        raise _no_right()
    state.put(table, row["Id"], None)


def _no_right() -> ApiError:
    return ApiError(
        "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", []
    )


def _parent(state: OrgState, row: Row) -> Row:
    return state.table("PermissionSet").rows.get(
        row.get("ParentId") or row.get("PermissionSetId") or "", {}
    )


def _refuse_owned(permission_set: Row) -> None:
    if permission_set.get("IsOwnedByProfile"):
        raise ApiError(
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "The permission set of a profile is changed in the profile",
            [],
        )


def _check_set(state: OrgState, row: Row, before: Row | None) -> None:
    _refuse_owned(before or {})
    name = str(row.get("Name", ""))
    for other in state.table("PermissionSet").rows.values():
        if other["Name"].lower() == name.lower() and (
            before is None or other["Id"] != before["Id"]
        ):
            raise ApiError(
                "DUPLICATE_DEVELOPER_NAME",
                f"There is already a permission set named {name}",
                ["Name"],
            )


def _check_field(state: OrgState, row: Row, before: Row | None) -> None:
    _refuse_owned(_parent(state, row))
    sobject = _known(row.get("SobjectType"), _WITH_FIELDS, "Sobject Type Name", "SobjectType")
    names = [f"{sobject}.{name}" for name in permissionable(state.table(sobject).kind)]
    row["SobjectType"] = sobject
    row["Field"] = _known(row.get("Field"), names, "Field Name", "Field")
    if row.get("PermissionsEdit") and not row.get("PermissionsRead"):
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION",
            "A field that may be edited must be readable",
            ["PermissionsRead"],
        )
    if before is None:
        _refuse_double(state.table("FieldPermissions"), row, "Field")


def _check_object(state: OrgState, row: Row, before: Row | None) -> None:
    _refuse_owned(_parent(state, row))
    sobject = _known(row.get("SobjectType"), GRANTED_OBJECTS, "Sobject Type Name", "SobjectType")
    row["SobjectType"] = sobject
    for right, needed in _DEPENDS.items():
        missing = [each for each in needed if not row.get(f"Permissions{each}")]
        if row.get(f"Permissions{right}") and missing:
            raise _depends(right, sobject, [f"{each} {sobject}" for each in missing])
    parent = _PARENTS.get(sobject)
    table = state.table("ObjectPermissions")
    siblings = [table.rows[each] for each in table.indexes["ParentId"].find(row["ParentId"])]
    parents = [
        each for each in siblings if each["SobjectType"] == parent and each.get("PermissionsRead")
    ]
    if parent is not None and row.get("PermissionsRead") and not parents:
        raise _depends("Read", sobject, [f"Read {parent}"])
    if before is None:
        _refuse_double(table, row, "SobjectType")


def _depends(right: str, sobject: str, missing: list[str]) -> ApiError:
    return ApiError(
        "FIELD_INTEGRITY_EXCEPTION",
        f"Permission {right} {sobject} depends on permission(s): {', '.join(missing)}",
        [],
    )


def _known(value: object, among: tuple[str, ...] | list[str], label: str, field: str) -> str:
    found = next((each for each in among if each.lower() == str(value).lower()), None)
    if found is None:
        raise ApiError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{label}: bad value for restricted picklist field: {value}",
            [field],
        )
    return found


def _refuse_double(table: Table, row: Row, name: str) -> None:
    siblings = (table.rows[each] for each in table.indexes["ParentId"].find(row["ParentId"]))
    if any(each[name] == row[name] for each in siblings):
        message = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
        raise ApiError("DUPLICATE_VALUE", message, [])


def _check_assignment(state: OrgState, row: Row) -> None:
    _refuse_owned(_parent(state, row))
    table = state.table("PermissionSetAssignment")
    for each in table.indexes["AssigneeId"].find(row["AssigneeId"]):
        if table.rows[each]["PermissionSetId"] == row["PermissionSetId"]:
            message = (
                f"Duplicate PermissionSetAssignment. Assignee: {row['AssigneeId']};"
                f" Permission Set: {row['PermissionSetId']}"
            )
            raise ApiError("DUPLICATE_VALUE", message, [])
