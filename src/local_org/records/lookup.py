"""Which record a caller means: by id or by a key field; and which records depend on it.

Source: docs/salesforce.md §2.2, §2.3.
"""

from typing import Any

from local_org import ids
from local_org.api_error import entity_is_deleted, not_found
from local_org.records import values
from local_org.schema.sobject import Field, SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row, Table


def key_field(kind: SObjectType, key: str) -> Field:
    """The field records may be addressed by.

    Raises:
        ApiError: 404 where it is none.
    """
    field = kind.field(key)
    if field is None or not field.is_key:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {key}")
    return field


def matching_ids(state: OrgState, sobject: str, field: Field, value: Any) -> list[str]:
    """The records not deleted whose key field has that value."""
    if field.name == "Id":
        if value is None:
            return []
        return [live_row(state.table(sobject), str(value))["Id"]]
    text = values.read(field, value)
    return [] if text is None else state.table(sobject).live_ids(field.name, str(text))


def live_row(table: Table, record_id: str) -> Row:
    """The record, where it is there and not deleted.

    Raises:
        ApiError: ENTITY_IS_DELETED where it was deleted, NOT_FOUND where it never was.
    """
    full = ids.canonical(record_id)
    row = table.rows.get(full)
    if row is not None and not row.get("IsDeleted"):
        return row
    # In the recycle bin, or purged from it: the delete log outlives the record.
    if row is not None or full in table.delete_log:
        raise entity_is_deleted()
    # Text that is no id of this object is taken for the value of a key field that is not there.
    if not ids.looks_like_id(record_id) or not full.startswith(table.kind.key_prefix):
        raise not_found(
            f"Provided external ID field does not exist or is not accessible: {record_id}"
        )
    raise not_found()


def dependants(state: OrgState, record_id: str) -> list[tuple[Table, Row]]:
    """What is deleted along with a record: an Account's Contacts, a person's Tasks.

    A person's Task that is also related to something else (WhatId) stays.

    Source: Object Reference and docs/salesforce.md §2.2 (a child goes with its parent).
    """
    found: list[tuple[Table, Row]] = []
    if record_id.startswith("001"):
        contacts = state.table("Contact")
        for child_id in contacts.live_ids("AccountId", record_id):
            found += [(contacts, contacts.rows[child_id]), *dependants(state, child_id)]
    if record_id.startswith(("003", "00Q")):
        tasks = state.table("Task")
        rows = (tasks.rows[task_id] for task_id in tasks.live_ids("WhoId", record_id))
        found += [(tasks, row) for row in rows if row.get("WhatId") is None]
    return found
