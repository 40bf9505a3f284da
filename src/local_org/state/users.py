"""The org's users and their profiles.

A profile holds what it grants in a permission set of its own, which is assigned to a user together
with the profile.

Source: Object Reference, User, Profile, PermissionSet (IsOwnedByProfile).
"""

from local_org.schema.admin_objects import SYSTEM_PERMISSIONS
from local_org.state.org import OrgState

ADMIN_PROFILE = "System Administrator"
API_ONLY_PROFILE = "Minimum Access - API Only Integrations"


def add_user(
    state: OrgState,
    *,
    first_name: str,
    last_name: str,
    username: str,
    email: str | None = None,
    profile: str = ADMIN_PROFILE,
) -> str:
    """Add a user who may log in; gives the user's id.

    Args:
        state: the org.
        first_name: theirs.
        last_name: theirs.
        username: what they log in as.
        email: their address; the username where left out.
        profile: the name of their profile, which says what they may do.
    """
    profile_id = profile_named(state, profile)
    user_id = state.insert_system(
        "User",
        {
            "ProfileId": profile_id,
            "FirstName": first_name,
            "LastName": last_name,
            "Username": username,
            "Email": email or username,
            "Alias": (first_name[:1] + last_name)[:8].lower(),
            "IsActive": True,
            "TimeZoneSidKey": "America/Los_Angeles",
            "LocaleSidKey": "en_US",
            "LanguageLocaleKey": "en_US",
            "EmailEncodingKey": "UTF-8",
            "UserType": "Standard",
        },
    )
    assign_profile(state, user_id, profile_id)
    return user_id


def profile_named(state: OrgState, name: str) -> str:
    """The id of a profile; made, with its own permission set, where it is not there yet."""
    with state.lock:
        rows = state.table("Profile").rows.values()
        found = next((row["Id"] for row in rows if row["Name"] == name), None)
        return str(found) if found else _new_profile(state, name)


def _new_profile(state: OrgState, name: str) -> str:
    allowed = SYSTEM_PERMISSIONS if name == ADMIN_PROFILE else ("ApiEnabled",)
    permissions = {f"Permissions{each}": True for each in allowed}
    made = state.insert_system("Profile", {"Name": name, "UserType": "Standard", **permissions})
    own = {"Name": f"X{made[:15]}", "Label": made, "IsOwnedByProfile": True, "ProfileId": made}
    state.insert_system("PermissionSet", {**own, **permissions})
    return made


def set_of_profile(state: OrgState, profile_id: str) -> str:
    """The permission set that holds a profile's grants."""
    rows = state.table("PermissionSet").rows.values()
    return str(next(row["Id"] for row in rows if row.get("ProfileId") == profile_id))


def assign_profile(state: OrgState, user_id: str, profile_id: str) -> None:
    """Give a user the permission set of their profile, in place of that of another."""
    with state.lock:
        sets, assigned = state.table("PermissionSet"), state.table("PermissionSetAssignment")
        for each in assigned.indexes["AssigneeId"].find(user_id):
            if sets.rows[assigned.rows[each]["PermissionSetId"]].get("IsOwnedByProfile"):
                state.put(assigned, each, None)
        own = set_of_profile(state, profile_id)
        state.insert_system(
            "PermissionSetAssignment", {"AssigneeId": user_id, "PermissionSetId": own}
        )
