"""A new org: its own record, its first admin, its value sets, custom fields and grants.

Sample people are ``sample_data``'s business. What an admin is taken to have done before the org
starts stands in ``Provisioned``.
"""

from local_org.schema.admin_objects import GRANTED_OBJECTS
from local_org.schema.custom_fields import metadata_of, table_of
from local_org.schema.penguinmails_fields import custom_fields
from local_org.schema.sobject import Field
from local_org.schema.standard_objects import LEAD_STATUSES, OPT_OUT_FIELDS, TASK_STATUSES
from local_org.state.access import permissionable
from local_org.state.org import OrgState
from local_org.state.tables import Row
from local_org.state.users import (
    ADMIN_PROFILE,
    add_user,
    assign_profile,
    profile_named,
    set_of_profile,
)

_ALL_RIGHTS = {
    f"Permissions{right}": True
    for right in ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
}


def found_org(state: OrgState, name: str = "Penguin Trading (local org)") -> None:
    """Set up a bare org."""
    with state.lock:
        state.admin_id = add_user(
            state, first_name="Ida", last_name="Admin", username="admin@penguin.example"
        )
        equip(state)
        state.org_id = state.insert_system("Organization", _organization(name))
        for order, label in enumerate(TASK_STATUSES, 1):
            closed = label == "Completed"
            state.insert_system("TaskStatus", _status_value(label, order, IsClosed=closed))
        for order, label in enumerate(LEAD_STATUSES, 1):
            converted = label == "Closed - Converted"
            state.insert_system("LeadStatus", _status_value(label, order, IsConverted=converted))


def equip(state: OrgState) -> None:
    """Define the custom fields, and give the admin's profile all grants.

    Users without a profile get the admin's: state files of a version that knew no profiles hold
    such users.
    """
    with state.lock:
        profile = profile_named(state, ADMIN_PROFILE)
        for user in state.users():
            if "ProfileId" not in user:
                state.put(state.table("User"), user["Id"], {**user, "ProfileId": profile})
                assign_profile(state, user["Id"], profile)
        _define_fields(state)
        _grant_all(state, set_of_profile(state, profile))
        state.refresh_setting_records()


def _define_fields(state: OrgState) -> None:
    """The custom fields the org begins with, as an admin would find them defined."""
    with state.defining():
        for sobject, fields in custom_fields(state.provisioned).items():
            for item in fields:
                state.insert_system("CustomField", _definition(sobject, item))


def _definition(sobject: str, item: Field) -> Row:
    return {
        "DeveloperName": item.name.removesuffix("__c"),
        "TableEnumOrId": table_of(sobject),
        "ManageableState": "unmanaged",
        "Metadata": metadata_of(item),
    }


def _grant_all(state: OrgState, set_id: str) -> None:
    """Grant everything, the opt-out fields only where the org says so."""
    hidden = () if state.provisioned.opt_outs_granted else OPT_OUT_FIELDS
    for sobject in (*GRANTED_OBJECTS, "Task"):
        # Rights on Task come with a system permission (EditTask), not with ObjectPermissions.
        if sobject != "Task":
            grant = {"ParentId": set_id, "SobjectType": sobject, **_ALL_RIGHTS}
            state.insert_system("ObjectPermissions", grant)
        for name in permissionable(state.table(sobject).kind):
            if name not in hidden:
                state.insert_system("FieldPermissions", _field_grant(set_id, sobject, name))


def _field_grant(set_id: str, sobject: str, name: str) -> Row:
    return {
        "ParentId": set_id,
        "SobjectType": sobject,
        "Field": f"{sobject}.{name}",
        "PermissionsRead": True,
        "PermissionsEdit": True,
    }


def _organization(name: str) -> Row:
    return {
        "Name": name,
        "OrganizationType": "Developer Edition",
        "IsSandbox": False,
        "InstanceName": "LOCAL",
        "PrimaryContact": "Ida Admin",
        "Country": "US",
        "DefaultLocaleSidKey": "en_US",
        "TimeZoneSidKey": "America/Los_Angeles",
        "LanguageLocaleKey": "en_US",
        "DefaultContactAccess": "ControlledByParent",
        "DefaultLeadAccess": "ReadEditTransfer",
        "DefaultAccountAccess": "Edit",
    }


def _status_value(label: str, order: int, **closing: bool) -> Row:
    return {
        "MasterLabel": label,
        "ApiName": label,
        "SortOrder": order,
        "IsDefault": order == 1,
        **closing,
    }
