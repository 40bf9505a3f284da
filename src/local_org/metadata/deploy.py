"""Deploying a package's components, by the very functions that the Tooling API and REST use.

Fields come before permission sets, which may open them, channels before their members. Every component is all or nothing by
itself; whether the whole is, the deployment's options say. A permission set says all that it
allows: what it leaves out is taken back.

Source: Metadata API Developer Guide, deploy() (checkOnly, rollbackOnError), PermissionSet ("You
cannot deploy to a required field"; since API version 40 a deployment replaces what the set held:
docs/salesforce.md §8.2). Texts as in
public issue trackers: github apex-enterprise-patterns/fflib-apex-common-samplecode#58 (no
CustomField named), SFDO-Community/declarative-lookup-rollup-summaries#58 (Unknown user permission),
tiaanswart/lightning-fieldset#17 (Could not resolve standard field's name.); all others are
unconfirmed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_org.api_error import ApiError
from local_org.metadata.package import (
    CHANNEL,
    FIELD,
    MEMBER,
    OBJECT,
    PERMISSION_SET,
    Component,
    Package,
    Problem,
    listed,
)
from local_org.records import event_channels, field_definitions, writes
from local_org.records.writer import Writer
from local_org.schema.admin_objects import SYSTEM_PERMISSIONS
from local_org.schema.custom_fields import ACTIVITY, TABLES
from local_org.state.access import permissionable
from local_org.state.org import OrgState
from local_org.state.tables import Row

_ORDER = (OBJECT, FIELD, PERMISSION_SET, CHANNEL, MEMBER)
_RIGHTS = {
    "allowRead": "PermissionsRead",
    "allowCreate": "PermissionsCreate",
    "allowEdit": "PermissionsEdit",
    "allowDelete": "PermissionsDelete",
    "viewAllRecords": "PermissionsViewAllRecords",
    "modifyAllRecords": "PermissionsModifyAllRecords",
}
_OF_A_SET = frozenset(
    {
        "description",
        "fieldPermissions",
        "fullName",
        "hasActivationRequired",
        "label",
        "license",
        "objectPermissions",
        "userPermissions",
    }
)
_OBJECT_GRANTS, _FIELD_GRANTS = "ObjectPermissions", "FieldPermissions"
_CHILDREN = ("Contact",)
Grants = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Deployed:
    """A component that went well.

    Attributes:
        record_id: what the org calls it; empty for a standard object.
    """

    component: Component
    record_id: str = ""
    created: bool = False
    changed: bool = False


def deploy(
    state: OrgState, package: Package, user_id: str, *, check_only: bool, rollback_on_error: bool
) -> tuple[list[Deployed], list[Problem]]:
    """Deploy what a package holds; gives what went well and what did not.

    With ``check_only``, and with ``rollback_on_error`` where anything failed, the org is left as it
    was.
    """
    done: list[Deployed] = []
    failed = list(package.problems)
    with state.transaction() as transaction:
        for component in sorted(package.components, key=lambda each: _ORDER.index(each.kind)):
            try:
                with state.transaction():
                    done.append(_one(state, component, user_id))
            except ApiError as error:
                failed.append(
                    Problem(component.kind, component.full_name, component.file_name, error.message)
                )
        if check_only or (rollback_on_error and failed):
            transaction.cancel()
    return done, failed


def _one(state: OrgState, component: Component, user_id: str) -> Deployed:
    if component.kind == OBJECT:
        if component.full_name not in TABLES:
            raise _wrong(
                f"This local org has no object {component.full_name} whose fields can be deployed"
            )
        return Deployed(component)
    if component.kind == FIELD:
        return _field(state, component, user_id)
    if component.kind in {CHANNEL, MEMBER}:
        return _event_channel(state, component, user_id)
    return _permission_set(state, component, user_id)


def _wrong(text: str) -> ApiError:
    return ApiError("FIELD_INTEGRITY_EXCEPTION", text)


def _check_may_customize(state: OrgState, user_id: str) -> None:
    if not state.access(user_id).may("CustomizeApplication"):
        raise ApiError("INSUFFICIENT_ACCESS", "insufficient access rights on entity")


# -- channels of change events


def _event_channel(state: OrgState, component: Component, user_id: str) -> Deployed:
    _check_may_customize(state, user_id)
    there = event_channels.defined(state, component.kind, component.full_name)
    if there is not None and dict(component.body) == there["Metadata"]:
        return Deployed(component, there["Id"])
    if there is not None and component.kind == MEMBER:
        raise _wrong("The channel and the entity of a channel member cannot be changed")
    if there is not None:
        event_channels.rename_channel(state, there, component.body, user_id)
        return Deployed(component, there["Id"], changed=True)
    define = event_channels.DEFINE[component.kind]
    made = define(state, component.full_name, component.body, user_id)
    return Deployed(component, made, created=True, changed=True)


# -- fields


def _field(state: OrgState, component: Component, user_id: str) -> Deployed:
    _check_may_customize(state, user_id)
    name = component.full_name
    if not name.endswith("__c"):
        raise _wrong("Could not resolve standard field's name.")
    row = field_definitions.defined(state, name)
    if row is None:
        made = field_definitions.define(state, name, component.body, user_id)
        return Deployed(component, made, created=True, changed=True)
    changed = field_definitions.redefine(state, row, component.body, user_id)
    return Deployed(component, row["Id"], changed=changed)


# -- permission sets


def _permission_set(state: OrgState, component: Component, user_id: str) -> Deployed:
    body, writer = component.body, Writer(user_id)
    unknown = sorted(set(body) - _OF_A_SET)
    if unknown:
        raise _wrong(f"This local org deploys no {unknown[0]} of a permission set")
    wanted = _own_fields(component)
    objects, fields = _object_grants(body), _field_grants(state, body)
    row = _named(state, component.full_name)
    if row is not None and row.get("IsOwnedByProfile"):
        raise _wrong("The permission set of a profile is changed in the profile")
    set_id = row["Id"] if row else writes.create(state, "PermissionSet", wanted, writer)
    before = row or {}
    changed = row is not None and any(before.get(name) != value for name, value in wanted.items())
    if changed:
        writes.update(state, "PermissionSet", set_id, wanted, writer)
    granted = _replace(state, set_id, _OBJECT_GRANTS, "SobjectType", objects, writer)
    granted |= _replace(state, set_id, _FIELD_GRANTS, "Field", fields, writer)
    return Deployed(
        component, set_id, created=row is None, changed=row is None or changed or granted
    )


def _named(state: OrgState, name: str) -> Row | None:
    rows = state.table("PermissionSet").rows.values()
    return next((row for row in rows if str(row["Name"]).lower() == name.lower()), None)


def _own_fields(component: Component) -> dict[str, Any]:
    """What the set itself says, as its record has it."""
    body = component.body
    if not str(body.get("label") or "").strip():
        raise _wrong("Required field is missing: label")
    rights = {f"Permissions{name}": False for name in SYSTEM_PERMISSIONS}
    for each in listed(body, "userPermissions"):
        name = each.get("name")
        if name not in SYSTEM_PERMISSIONS:
            raise _wrong(f"Unknown user permission: {name}")
        rights[f"Permissions{name}"] = each.get("enabled") is True
    return {
        "Name": component.full_name,
        "Label": body["label"],
        "Description": body.get("description") or None,
        "HasActivationRequired": body.get("hasActivationRequired") is True,
        **rights,
    }


def _object_grants(body: Mapping[str, Any]) -> Grants:
    found: Grants = {}
    for each in listed(body, "objectPermissions"):
        rights = {right: each.get(name) is True for name, right in _RIGHTS.items()}
        if any(rights.values()):
            found[str(each.get("object"))] = rights
    return dict(sorted(found.items(), key=lambda grant: grant[0] in _CHILDREN))


def _field_grants(state: OrgState, body: Mapping[str, Any]) -> Grants:
    found: Grants = {}
    for each in listed(body, "fieldPermissions"):
        name = str(each.get("field"))
        sobject, _, field_name = name.partition(".")
        if (
            sobject == "Event"
            and field_definitions.defined(state, f"{ACTIVITY}.{field_name}") is not None
        ):
            continue  # this org has no Events to open the field on
        _check_grantable(state, name)
        rights = {
            "PermissionsRead": each.get("readable") is True,
            "PermissionsEdit": each.get("editable") is True,
        }
        if any(rights.values()):
            found[name] = {"SobjectType": sobject, **rights}
    return found


def _check_grantable(state: OrgState, name: str) -> None:
    sobject, _, field_name = name.partition(".")
    kind = state.table(sobject).kind if sobject in {*TABLES, "Task"} - {ACTIVITY} else None
    names = permissionable(kind) if kind else []
    if field_name in names:
        return
    own = next((each for each in kind.fields if each.name == field_name), None) if kind else None
    if own is not None and own.compound in {None, "Name"}:
        raise _wrong(f"You cannot deploy to a required field: {name}")
    raise _wrong(f"In field: field - no CustomField named {name} found")


def _replace(
    state: OrgState, set_id: str, sobject: str, key: str, wanted: Grants, writer: Writer
) -> bool:
    """Let a set's grants of one kind be these and no others; gives whether any changed."""
    table = state.table(sobject)
    rows = {
        table.rows[each][key]: table.rows[each] for each in table.indexes["ParentId"].find(set_id)
    }
    there = {
        name: {right: row.get(right) for right in wanted.get(name, {})}
        for name, row in rows.items()
    }
    if there == wanted:
        return False
    for name, row in rows.items():
        if name not in wanted:
            writes.delete(state, sobject, row["Id"], writer)
    for name, grant in wanted.items():
        rights = {right: value for right, value in grant.items() if right != "SobjectType"}
        if name in rows:
            writes.update(state, sobject, rows[name]["Id"], rights, writer)
        else:
            writes.create(state, sobject, {"ParentId": set_id, key: name, **grant}, writer)
    return True
