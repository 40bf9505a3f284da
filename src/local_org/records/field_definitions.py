"""Defining, changing and removing custom fields, for the Tooling API and for deployments.

A new field is granted to nobody, not even to its maker. Removing one takes its values and its
grants along.

Source: Tooling API, CustomField; docs/salesforce.md §8.3; Object Reference, FieldPermissions.
"""

from typing import Any

from local_org.api_error import ApiError
from local_org.schema.custom_fields import (
    ACTIVITY,
    MOST_ON_ACTIVITY,
    check,
    field_of,
    sobject_of,
    split_full_name,
)
from local_org.state.org import OrgState
from local_org.state.tables import Row


def full_name(row: Row) -> str:
    """What the Metadata API calls a defined field, for example ``Contact.Foo__c``."""
    return f"{row['TableEnumOrId']}.{row['DeveloperName']}__c"


def defined(state: OrgState, name: str) -> Row | None:
    """The definition of that full name, whatever its case."""
    rows = state.table("CustomField").rows.values()
    return next((row for row in rows if full_name(row).lower() == name.lower()), None)


def define(state: OrgState, name: Any, metadata: Any, user_id: str) -> str:
    """Make a custom field; gives the definition's id.

    Raises:
        ApiError: DUPLICATE_DEVELOPER_NAME, or what is wrong with the definition.
    """
    with state.transaction():
        table, developer_name = split_full_name(name)
        check(table, metadata)
        wanted = f"{table}.{developer_name}__c"
        if defined(state, wanted) is not None:
            raise ApiError(
                "DUPLICATE_DEVELOPER_NAME",
                f"There is already a field named {developer_name} on {table}.",
                ["DeveloperName"],
            )
        rows = state.table("CustomField").rows.values()
        on_activity = sum(row["TableEnumOrId"] == ACTIVITY for row in rows)
        if table == ACTIVITY and on_activity >= MOST_ON_ACTIVITY:
            raise ApiError(
                "LIMIT_EXCEEDED",
                "You have reached the maximum number of custom fields on Activity",
                [],
            )
        return state.insert_system(
            "CustomField",
            {
                "DeveloperName": developer_name,
                "TableEnumOrId": table,
                "ManageableState": "unmanaged",
                "Metadata": dict(metadata),
                "CreatedById": user_id,
                "LastModifiedById": user_id,
            },
        )


def redefine(state: OrgState, row: Row, metadata: Any, user_id: str) -> bool:
    """Change a definition; gives whether anything changed.

    A field's type stays: Salesforce converts some, this org converts none. It becomes unique only
    if its values are.

    Raises:
        ApiError: for another type, values that are not unique, or a wrong definition.
    """
    with state.transaction():
        check(row["TableEnumOrId"], metadata)
        old = field_of(row["DeveloperName"], row["Metadata"])
        new = field_of(row["DeveloperName"], metadata)
        if old == new and dict(metadata) == row["Metadata"]:
            return False
        if old.type != new.type:
            raise ApiError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"Cannot change the type of the field {full_name(row)}",
                ["type"],
            )
        records = state.table(sobject_of(row["TableEnumOrId"])).rows.values()
        values = [str(each[new.name]).lower() for each in records if each.get(new.name) is not None]
        if new.unique and not old.unique and len(set(values)) < len(values):
            raise ApiError(
                "FIELD_INTEGRITY_EXCEPTION",
                f"The field {full_name(row)} has values that are not unique",
                ["unique"],
            )
        now = state.stamp()
        stamps = {"LastModifiedDate": now, "LastModifiedById": user_id, "SystemModstamp": now}
        state.put(
            state.table("CustomField"), row["Id"], {**row, **stamps, "Metadata": dict(metadata)}
        )
        return True


def remove(state: OrgState, row: Row) -> None:
    """Take a field away, with its values and grants."""
    with state.transaction():
        grants = state.table("FieldPermissions")
        granted = f"{sobject_of(row['TableEnumOrId'])}.{row['DeveloperName']}__c"
        for each in [grant["Id"] for grant in grants.rows.values() if grant["Field"] == granted]:
            state.put(grants, each, None)
        state.put(state.table("CustomField"), row["Id"], None)
