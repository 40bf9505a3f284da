"""What an admin works with, as objects: profiles, permission sets, grants, rules, custom fields.

Only their shape is here; what a grant means is ``access``, and which of them may be written is
``permissions``. ``CustomField`` is an object of the Tooling API alone.

Source: Object Reference, PermissionSet, PermissionSetAssignment, FieldPermissions,
ObjectPermissions, Profile, DuplicateRule, AssignmentRule; Tooling API, CustomField
(docs/salesforce.md §8.3).
"""

from typing import Any

from local_org.schema.sobject import Field, FieldType, SObjectType

SYSTEM_PERMISSIONS = (
    "ApiEnabled",
    "AssignPermissionSets",
    "AuthorApex",
    "ConvertLeads",
    "CustomizeApplication",
    "EditTask",
    "ManageProfilesPermissionsets",
    "ManageUsers",
    "ModifyAllData",
    "ModifyMetadata",
    "ViewAllData",
    "ViewSetup",
)
OBJECT_RIGHTS = ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
GRANTED_OBJECTS = ("Account", "Contact", "Lead")
TOOLING_OBJECTS = frozenset({"customfield", "platformeventchannel", "platformeventchannelmember"})


def _field(name: str, kind: FieldType = "string", length: int = 0, **more: Any) -> Field:
    label = more.pop("label", name.removesuffix("Id") + " ID" if kind == "reference" else name)
    return Field(name=name, type=kind, label=label, length=length, **more)


def _flag(name: str, **more: Any) -> Field:
    return _field(name, "boolean", **{"nillable": False, "default": False, **more})


def _link(name: str, to: str, **more: Any) -> Field:
    more = {"nillable": False, "updateable": False, **more}
    return _field(
        name, "reference", 18, reference_to=(to,), relationship_name=name.removesuffix("Id"), **more
    )


def _object(
    name: str, plural: str, prefix: str, fields: tuple[Field, ...], **more: Any
) -> SObjectType:
    fixed: dict[str, Any] = {"createable": False, "updateable": False}
    own = (
        Field(name="Id", type="id", label="ID", length=18, nillable=False, id_lookup=True, **fixed),
        *fields,
        _field("CreatedDate", "datetime", nillable=False, **fixed),
        _link("CreatedById", "User", createable=False),
        _field("LastModifiedDate", "datetime", nillable=False, **fixed),
        _link("LastModifiedById", "User", createable=False),
        _field("SystemModstamp", "datetime", nillable=False, **fixed),
    )
    return SObjectType(name, name, plural, prefix, own, **{"replicateable": False, **more})


_READ_ONLY = {"createable": False, "updateable": False, "deletable": False}
_PERMISSIONS = tuple(_flag(f"Permissions{name}") for name in SYSTEM_PERMISSIONS)

_PROFILE = _object(
    "Profile",
    "Profiles",
    "00e",
    (
        _field("Name", "string", 255, nillable=False),
        _field("UserType", "picklist", 40),
        *_PERMISSIONS,
    ),
    **_READ_ONLY,
)
_PERMISSION_SET = _object(
    "PermissionSet",
    "Permission Sets",
    "0PS",
    (
        _field("Name", "string", 80, nillable=False),
        _field("Label", "string", 80, nillable=False),
        _field("Description", "string", 255),
        _field("NamespacePrefix", "string", 15, createable=False, updateable=False),
        _flag("IsOwnedByProfile", createable=False, updateable=False),
        _flag("IsCustom", default=True, createable=False, updateable=False),
        _flag("HasActivationRequired"),
        _link("ProfileId", "Profile", nillable=True, createable=False),
        *_PERMISSIONS,
    ),
)
_ASSIGNMENT = _object(
    "PermissionSetAssignment",
    "Permission Set Assignments",
    "0Pa",
    (_link("AssigneeId", "User"), _link("PermissionSetId", "PermissionSet")),
    updateable=False,
)
_FIELD_PERMISSIONS = _object(
    "FieldPermissions",
    "Field Permissions",
    "01k",
    (
        _link("ParentId", "PermissionSet"),
        _field("SobjectType", "picklist", 40, nillable=False, updateable=False),
        _field("Field", "picklist", 255, nillable=False, updateable=False),
        _flag("PermissionsRead"),
        _flag("PermissionsEdit"),
    ),
)
_OBJECT_PERMISSIONS = _object(
    "ObjectPermissions",
    "Object Permissions",
    "110",
    (
        _link("ParentId", "PermissionSet"),
        _field("SobjectType", "picklist", 40, nillable=False, updateable=False),
        *(_flag(f"Permissions{right}") for right in OBJECT_RIGHTS),
    ),
)
_DUPLICATE_RULE = _object(
    "DuplicateRule",
    "Duplicate Rules",
    "0Bm",
    (
        _field("SobjectType", "picklist", 40),
        _field("DeveloperName", "string", 80),
        _field("MasterLabel", "string", 80),
        _flag("IsActive"),
    ),
    **_READ_ONLY,
)
_ASSIGNMENT_RULE = _object(
    "AssignmentRule",
    "Assignment Rules",
    "01Q",
    (_field("Name", "string", 120), _field("SobjectType", "picklist", 40), _flag("Active")),
    **_READ_ONLY,
)
_CUSTOM_FIELD = _object(
    "CustomField",
    "Custom Fields",
    "00N",
    (
        _field("DeveloperName", "string", 80),
        _field("NamespacePrefix", "string", 15),
        _field("TableEnumOrId", "picklist", 40),
        _field("FullName", "string", 255, filterable=False),
        _field("Metadata", "complexvalue", filterable=False),
        _field("Description", "textarea", 1000, filterable=False),
        _field("InlineHelpText", "string", 510),
        _field("ManageableState", "picklist", 40),
    ),
)
_CHANNEL = _object(
    "PlatformEventChannel",
    "Platform Event Channels",
    "0YL",
    (
        _field("DeveloperName", "string", 80),
        _field("MasterLabel", "string", 80),
        _field("NamespacePrefix", "string", 15),
        _field("ChannelType", "picklist", 40),
        _field("ManageableState", "picklist", 40),
        _field("FullName", "string", 255, filterable=False),
        _field("Metadata", "complexvalue", filterable=False),
    ),
)
_CHANNEL_MEMBER = _object(
    "PlatformEventChannelMember",
    "Platform Event Channel Members",
    "0v8",
    (
        _field("DeveloperName", "string", 80),
        _field("EventChannel", "string", 80),
        _field("SelectedEntity", "string", 80),
        _field("NamespacePrefix", "string", 15),
        _field("ManageableState", "picklist", 40),
        _field("FilterExpression", "textarea", 1000, filterable=False),
        _field("FullName", "string", 255, filterable=False),
        _field("Metadata", "complexvalue", filterable=False),
    ),
)


def admin_objects() -> tuple[SObjectType, ...]:
    """All of them."""
    return (
        _PROFILE,
        _PERMISSION_SET,
        _ASSIGNMENT,
        _FIELD_PERMISSIONS,
        _OBJECT_PERMISSIONS,
        _DUPLICATE_RULE,
        _ASSIGNMENT_RULE,
        _CUSTOM_FIELD,
        _CHANNEL,
        _CHANNEL_MEMBER,
    )
