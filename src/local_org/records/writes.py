"""Create, update, upsert, delete: one record a call.

Every way into the org ends here (REST, collections, Bulk, a person's edit), so that all of them are
refused for the same reasons. ``OrgState.transaction`` around several calls makes them all or
nothing.

Source: docs/salesforce.md §2.2, §2.4, §2.6, §6.1, §6.4, §7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_org.api_error import ApiError, not_found
from local_org.records import permissions, tasks
from local_org.records.body import read_body
from local_org.records.checks import check_not_converted, check_record, check_storage
from local_org.records.lookup import dependants, key_field, live_row, matching_ids
from local_org.records.writer import Writer
from local_org.schema.sobject import SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row, Table


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did."""

    record_id: str
    created: bool


class SeveralMatch(Exception):
    """An upsert key that several records share.

    Args:
        record_ids: the records.
    """

    def __init__(self, record_ids: list[str]) -> None:
        super().__init__(f"{len(record_ids)} records match")
        self.record_ids = record_ids


def create(state: OrgState, sobject: str, raw: Mapping[str, Any], writer: Writer) -> str:
    """Create one record.

    Args:
        state: the org.
        sobject: the object's name.
        raw: ``{field: JSON value}``; ``attributes`` is ignored.
        writer: who, and how.

    Returns:
        The new id.

    Raises:
        ApiError: with the code Salesforce gives for that mistake.
    """
    with state.transaction(writer.origin):
        kind, table = state.kind(sobject), state.table(sobject)
        if not kind.createable:
            raise _not_allowed(
                f"entity type {kind.name} does not support create",
                supported=table.kind.createable,
            )
        given = read_body(state, kind, raw, creating=True)
        if not permissions.is_setup(kind):
            check_storage(state)
        kind = table.kind  # from here on the org itself is at work, hidden fields included
        row = _defaults(kind, writer)
        row |= {name: value for name, value in given.items() if value is not None}
        _assign_owner(state, kind, row, writer)
        check_record(state, kind, row, dict(row), writer, before=None)
        record_id = table.next_id()
        now = state.stamp()
        created = {"CreatedDate": now, "CreatedById": writer.user_id}
        row = {"Id": record_id, **row, **created, **_stamps(now, writer)}
        tasks.fill_in(state, kind, row, None, now)
        _keep(state, table, row, None, writer)
        return record_id


def update(
    state: OrgState, sobject: str, record_id: str, raw: Mapping[str, Any], writer: Writer
) -> None:
    """Change one record; only the fields given are touched, null clears.

    Args:
        state: the org.
        sobject: the object's name.
        record_id: which record.
        raw: ``{field: JSON value}``.
        writer: who, and how.

    Raises:
        ApiError: NOT_FOUND, ENTITY_IS_DELETED, or what is wrong with a value.
    """
    with state.transaction(writer.origin):
        kind, table = state.kind(sobject), state.table(sobject)
        old = live_row(table, record_id)
        if not kind.updateable:
            raise _not_allowed(
                f"entity type {kind.name} does not support update",
                supported=table.kind.updateable,
            )
        given = read_body(state, kind, raw, creating=False)
        kind = table.kind  # from here on the org itself is at work, hidden fields included
        check_not_converted(state, table, old)
        row = {**old, **given}
        _assign_owner(state, kind, row, writer)
        check_record(state, kind, row, given, writer, before=old)
        now = state.stamp()
        row = {name: value for name, value in row.items() if value is not None}
        row |= _stamps(now, writer)
        tasks.fill_in(state, kind, row, old, now)
        _keep(state, table, row, old, writer)


def upsert(
    state: OrgState,
    sobject: str,
    key: str,
    value: Any,
    raw: Mapping[str, Any],
    writer: Writer,
    *,
    update_only: bool = False,
) -> Upserted:
    """Update the record with that key, or create it.

    Args:
        state: the org.
        sobject: the object's name.
        key: an external id field, an idLookup field such as Email, or Id.
        value: the key's value.
        raw: the other fields.
        writer: who, and how.
        update_only: whether a missing record is an error.

    Raises:
        SeveralMatch: when more than one record has that key.
        ApiError: for anything else.
    """
    with state.transaction(writer.origin):
        field = key_field(state.kind(sobject), key)
        found = matching_ids(state, sobject, field, value)
        if len(found) > 1:
            raise SeveralMatch(found)
        if found:
            update(state, sobject, found[0], raw, writer)
            return Upserted(found[0], created=False)
        if update_only:
            raise not_found()
        body = dict(raw)
        if field.name != "Id":  # the org gives ids itself
            body[field.name] = value
        return Upserted(create(state, sobject, body, writer), created=True)


def delete(state: OrgState, sobject: str, record_id: str, writer: Writer) -> None:
    """Put a record, with what depends on it, into the recycle bin.

    Raises:
        ApiError: where it is not there, or there already.
    """
    with state.transaction(writer.origin):
        table = state.table(sobject)
        if not state.kind(sobject).deletable:
            raise _not_allowed(
                f"entity type {table.kind.name} does not support delete",
                supported=table.kind.deletable,
            )
        row = live_row(table, record_id)
        # Grants have no recycle bin.
        if permissions.is_setup(table.kind):
            permissions.remove(state, table, row)
            return
        _move_to_bin(state, table, row, writer, parent_id=None)
        for child_table, child in dependants(state, row["Id"]):
            _move_to_bin(state, child_table, child, writer, parent_id=row["Id"])


def _not_allowed(not_supported: str, *, supported: bool) -> ApiError:
    """What a user hears who may not do it, or anybody where the object does not support it."""
    message = "insufficient access rights on object id" if supported else not_supported
    return ApiError("INSUFFICIENT_ACCESS_OR_READONLY", message, [])


def _keep(state: OrgState, table: Table, row: Row, old: Row | None, writer: Writer) -> None:
    """Keep a checked record, and change what changes with it."""
    state.put(table, row["Id"], row, commit_delay_seconds=writer.commit_delay_seconds)
    permissions.follow_profile(state, table.kind, row, old)
    tasks.move_last_activity(state, table.kind, row, writer)


def _move_to_bin(
    state: OrgState, table: Table, row: Row, writer: Writer, *, parent_id: str | None
) -> None:
    now = state.stamp()
    deleted: Row = {**row, "IsDeleted": True, **_stamps(now, writer)}
    if parent_id is not None:  # an undelete of the parent brings it back, too
        deleted["_deleted_with"] = parent_id
    state.put(table, row["Id"], deleted, commit_delay_seconds=writer.commit_delay_seconds)
    table.delete_log[row["Id"]] = now


def _stamps(now: int, writer: Writer) -> Row:
    return {"LastModifiedDate": now, "LastModifiedById": writer.user_id, "SystemModstamp": now}


def _defaults(kind: SObjectType, writer: Writer) -> Row:
    row: Row = {
        item.name: item.default
        for item in kind.fields
        if item.createable
        and item.default is not None
        and item.default is not False  # a row keeps no false
    }
    if kind.field("OwnerId"):
        row["OwnerId"] = writer.user_id
    return row


def _assign_owner(state: OrgState, kind: SObjectType, row: Row, writer: Writer) -> None:
    """Let an active assignment rule give a Lead to its owner; a person's edit asks for none."""
    owner = state.settings.lead_assignment_user_id
    if kind.name == "Lead" and owner and writer.auto_assign and not writer.human:
        row["OwnerId"] = owner
