"""What a record as a whole is refused for: missing, linked, unique and converted.

One field's value is ``values``'s business. Rules that an admin makes (validation and duplicate
rules, picklists of countries) have files of their own; ``check_record`` calls them all, in the
order in which Salesforce complains.

Source: docs/salesforce.md §2.4, §2.6, §7.
"""

from local_org.api_error import ApiError
from local_org.records import addresses, duplicates, permissions, validation_rules, values
from local_org.records.writer import Writer
from local_org.schema.sobject import SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row, Table

STORED_OBJECTS = ("Account", "Contact", "Lead", "Task")


def check_record(
    state: OrgState, kind: SObjectType, row: Row, given: Row, writer: Writer, *, before: Row | None
) -> None:
    """Refuse a record that Salesforce refuses.

    Args:
        state: the org.
        kind: the object, with the fields that the user does not see.
        row: the record as it is to be; addresses and names of grants in it are put in the org's
            own spelling.
        given: the fields being written.
        writer: who, and how.
        before: the record as it is; None for a new one.

    Raises:
        ApiError: with the first complaint.
    """
    if state.settings.state_country_picklists:
        addresses.normalise(kind, row, given)
    _check_required(kind, row)
    permissions.check(state, kind, row, before)
    _check_references(state, kind, given)
    _check_related_to(kind, row)
    _check_lead_status(kind, given, before)
    _check_unique(state, kind, given, before)
    validation_rules.check(state, kind, row)
    # An alert of a duplicate rule does not stop a person: they press Save again.
    if not writer.human or state.settings.duplicate_rules_block:
        duplicates.check(state, kind, row, given, before=before, allow_save=writer.allow_save)


def check_storage(state: OrgState) -> None:
    """Refuse a new record where the org is full."""
    limit = state.settings.storage_records
    if limit is None:
        return
    used = sum(len(state.table(name).rows) for name in STORED_OBJECTS)
    if used >= limit:
        raise ApiError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", [])


def check_not_converted(state: OrgState, table: Table, row: Row) -> None:
    """Refuse to touch, or point to, a converted Lead, unless an admin allows it."""
    if table.kind.name != "Lead" or not row.get("IsConverted"):
        return
    if not state.settings.view_converted_leads:
        raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])


def _check_required(kind: SObjectType, row: Row) -> None:
    missing = [
        item.name
        for item in kind.fields
        if item.createable
        and not item.nillable
        and item.type != "boolean"  # no value is false
        and row.get(item.name) is None
    ]
    if missing:
        raise ApiError(
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            missing,
        )


def _check_references(state: OrgState, kind: SObjectType, given: Row) -> None:
    for name, value in given.items():
        field = kind.field(name)
        if field is None or field.type != "reference" or value is None:
            continue
        table = state.table_of_id(value)
        if table is None or table.kind.name not in field.reference_to:
            raise values.wrong_id(field.label, value, name)
        target = table.rows.get(value)
        if target is None:
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        if target.get("IsDeleted"):
            raise ApiError("ENTITY_IS_DELETED", "entity is deleted", [])
        check_not_converted(state, table, target)


def _check_related_to(kind: SObjectType, row: Row) -> None:
    """A Task of a Lead is related to nothing else."""
    if kind.name != "Task" or row.get("WhatId") is None:
        return
    if str(row.get("WhoId") or "").startswith("00Q"):
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION", "When Name is a Lead, Related To must be blank", ["WhatId"]
        )


def _check_lead_status(kind: SObjectType, given: Row, before: Row | None) -> None:
    """An edit does not convert a Lead."""
    if kind.name != "Lead" or given.get("Status") != "Closed - Converted":
        return
    if before is not None and not before.get("IsConverted"):
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Status: a lead becomes converted by conversion only",
            ["Status"],
        )


def _check_unique(state: OrgState, kind: SObjectType, given: Row, before: Row | None) -> None:
    own_id = None if before is None else before["Id"]
    for field in kind.fields:
        if not field.unique or given.get(field.name) is None:
            continue
        found = state.table(kind.name).live_ids(field.name, str(given[field.name]))
        others = [record_id for record_id in found if record_id != own_id]
        if others:
            raise ApiError(
                "DUPLICATE_VALUE",
                f"duplicate value found: {field.name} duplicates value on record with id:"
                f" {others[0][:15]}",
                [],
            )
