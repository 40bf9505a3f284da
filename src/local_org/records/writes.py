"""What a write means: validation, rules, stamps and what else moves with it.

Every way into the org ends here (REST, collections, Bulk, a person's edit), so that all of them are
refused for the same reasons. One call is one record; ``OrgState.transaction`` around several makes
them one unit.

Source: salesforce-facts §2.2, §2.4, §2.6, §6.1, §6.4, §7.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_org import ids, timestamps
from local_org.api_error import ApiError, entity_is_deleted, not_found
from local_org.records import addresses, duplicates, permissions, validation_rules, values
from local_org.schema.sobject import Field, SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row, Table


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and how the org should behave for this call.

    Args:
        user_id: the running user.
        auto_assign: whether an active Lead assignment rule runs (REST's default).
        allow_save: whether an alerting duplicate rule lets the record pass.
        commit_delay_seconds: seconds until readers see what is written.
        human: whether a person in the user interface writes: alerts do not stop them.
    """

    user_id: str
    auto_assign: bool = True
    allow_save: bool = False
    commit_delay_seconds: float = 0.0
    human: bool = False


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
    with state.transaction():
        kind, table = state.kind(sobject), state.table(sobject)
        if not kind.createable:
            raise _no_right(
                table.kind.createable, f"entity type {kind.name} does not support create"
            )
        given = _read_all(state, kind, raw, creating=True)
        if not permissions.is_setup(kind):
            _check_storage(state)
        kind = table.kind  # from here on the org itself is at work, hidden fields included
        row = _defaults(kind, writer) | {
            name: value for name, value in given.items() if value is not None
        }
        _assign(state, kind, row, writer)
        _check(state, kind, row, dict(row), writer, before=None)
        record_id = table.next_id()
        now = state.stamp()
        row = {"Id": record_id, **row, **_created(now, writer)}
        _settle_task(state, kind, row, None, now)
        state.put(table, record_id, row, commit_delay_seconds=writer.commit_delay_seconds)
        permissions.settle(state, kind, row, None)
        _touch_people(state, kind, row, writer)
        return record_id


def update(
    state: OrgState,
    sobject: str,
    record_id: str,
    raw: Mapping[str, Any],
    writer: Writer,
    *,
    if_unmodified_since: int | None = None,
) -> None:
    """Change one record; only the fields given are touched, null clears.

    Args:
        state: the org.
        sobject: the object's name.
        record_id: which record.
        raw: ``{field: JSON value}``.
        writer: who, and how.
        if_unmodified_since: refuse (412) if the record has changed after that second.

    Raises:
        ApiError: NOT_FOUND, ENTITY_IS_DELETED, or what is wrong with a value.
    """
    with state.transaction():
        kind, table = state.kind(sobject), state.table(sobject)
        old = live_row(table, record_id)
        if if_unmodified_since is not None and old["LastModifiedDate"] > if_unmodified_since:
            raise ApiError(
                "PRECONDITION_FAILED",
                "The record has been modified since the date given",
                status=412,
            )
        if not kind.updateable:
            raise _no_right(
                table.kind.updateable, f"entity type {kind.name} does not support update"
            )
        given = _read_all(state, kind, raw, creating=False)
        kind = table.kind  # from here on the org itself is at work, hidden fields included
        _refuse_converted(state, kind, old)
        row = {**old, **given}
        _assign(state, kind, row, writer)
        _check(state, kind, row, given, writer, before=old)
        now = state.stamp()
        row = {name: value for name, value in row.items() if value is not None}
        row |= {"LastModifiedDate": now, "LastModifiedById": writer.user_id, "SystemModstamp": now}
        _settle_task(state, kind, row, old, now)
        state.put(table, old["Id"], row, commit_delay_seconds=writer.commit_delay_seconds)
        permissions.settle(state, kind, row, old)
        _touch_people(state, kind, row, writer)


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
        SeveralMatch: when more than one live record has that key.
        ApiError: for anything else.
    """
    with state.transaction():
        field = key_field(state.kind(sobject), key)
        found = matching_ids(state, sobject, field, value)
        if len(found) > 1:
            raise SeveralMatch(found)
        if found:
            update(state, sobject, found[0], raw, writer)
            return Upserted(found[0], created=False)
        if update_only:
            raise not_found()
        body = dict(raw) if field.name == "Id" else {**raw, field.name: value}
        return Upserted(create(state, sobject, body, writer), created=True)


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
    """The live records whose key field has that value."""
    if field.name == "Id":
        if value is None:
            return []
        return [live_row(state.table(sobject), str(value))["Id"]]
    text = values.read(field, value)
    return [] if text is None else state.table(sobject).live_ids(field.name, str(text))


def delete(state: OrgState, sobject: str, record_id: str, writer: Writer) -> None:
    """Put a record, with what hangs on it, into the recycle bin.

    Raises:
        ApiError: where it is not there, or there already.
    """
    with state.transaction():
        table = state.table(sobject)
        if not state.kind(sobject).deletable:
            message = f"entity type {table.kind.name} does not support delete"
            raise _no_right(table.kind.deletable, message)
        row = live_row(table, record_id)
        if permissions.is_setup(table.kind):
            permissions.remove(state, table, row)
            return
        _bin(state, table, row, writer, cause=None)
        for child_table, child in dependants(state, row["Id"]):
            _bin(state, child_table, child, writer, cause=row["Id"])


def _no_right(supported: bool, otherwise: str) -> ApiError:
    """The refusal of somebody who may not do what the object supports, or of what it does not support."""
    message = "insufficient access rights on object id" if supported else otherwise
    return ApiError("INSUFFICIENT_ACCESS_OR_READONLY", message, [])


def dependants(state: OrgState, record_id: str) -> list[tuple[Table, Row]]:
    """What is deleted along with a record: an Account's Contacts, a person's Tasks.

    Source: Object Reference and salesforce-facts §2.2 (a child goes with its parent).
    """
    found: list[tuple[Table, Row]] = []
    if record_id.startswith("001"):
        contacts = state.table("Contact")
        for child_id in state.table("Contact").live_ids("AccountId", record_id):
            found += [(contacts, contacts.rows[child_id]), *dependants(state, child_id)]
    if record_id.startswith(("003", "00Q")):
        tasks = state.table("Task")
        rows = (tasks.rows[task_id] for task_id in state.table("Task").live_ids("WhoId", record_id))
        found += [(tasks, row) for row in rows if row.get("WhatId") is None]
    return found


def live_row(table: Table, record_id: str) -> Row:
    """The record, where it is there and not deleted.

    Raises:
        ApiError: ENTITY_IS_DELETED where it was deleted, NOT_FOUND where it never was.
    """
    full = ids.canonical(record_id)
    row = table.rows.get(full)
    if row is not None and not row.get("IsDeleted"):
        return row
    if row is not None or full in table.delete_log:
        raise entity_is_deleted()
    if not ids.looks_like_id(record_id) or not full.startswith(table.kind.key_prefix):
        raise not_found(
            f"Provided external ID field does not exist or is not accessible: {record_id}"
        )
    raise not_found()


def _bin(state: OrgState, table: Table, row: Row, writer: Writer, *, cause: str | None) -> None:
    now = state.stamp()
    gone: Row = {
        **row,
        "IsDeleted": True,
        "LastModifiedDate": now,
        "LastModifiedById": writer.user_id,
        "SystemModstamp": now,
    }
    if cause is not None:
        gone["_deleted_with"] = cause
    state.put(table, row["Id"], gone, commit_delay_seconds=writer.commit_delay_seconds)
    table.delete_log[row["Id"]] = now


def _read_all(state: OrgState, kind: SObjectType, raw: Mapping[str, Any], *, creating: bool) -> Row:
    given: Row = {}
    barred: list[str] = []
    for name, value in raw.items():
        if name == "attributes":
            continue
        field = kind.field(name)
        if field is None:
            field, value = _by_relationship(state, kind, name, value)  # noqa: PLW2901 - the same thing, told otherwise
        if field.name == "Id" and not creating:
            raise ApiError(
                "INVALID_FIELD", "The Id field should not be specified in the sobject data."
            )
        if not (field.createable if creating else field.updateable):
            barred.append(field.name)
            continue
        given[field.name] = values.read(field, value)
    if barred:
        raise ApiError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(barred)}. Please check the security settings of this field and"
            " verify that it is read/write for your profile or permission set.",
            barred,
        )
    return given


def _by_relationship(
    state: OrgState, kind: SObjectType, name: str, value: Any
) -> tuple[Field, str | None]:
    field = kind.relationship(name)
    if field is None or not isinstance(value, Mapping):
        raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
    target = _target(field, value)
    keys = {key: item for key, item in value.items() if key not in {"attributes", "type"}}
    if target is None or not state.has_object(target) or len(keys) != 1:
        raise ApiError(
            "INVALID_FIELD",
            f"Cannot resolve the relationship {name} on sobject of type {kind.name}",
        )
    ((key, wanted),) = keys.items()
    link = key_field(state.kind(target), key)
    found = matching_ids(state, target, link, wanted)
    if len(found) != 1:
        raise ApiError(
            "INVALID_FIELD",
            f"Foreign key external ID: {wanted} not found for field {link.name} in entity {state.kind(target).name}",
            [],
        )
    return field, found[0]


def _target(field: Field, value: Mapping[str, Any]) -> str | None:
    told = value.get("type") or (value.get("attributes") or {}).get("type")
    if told:
        return str(told)
    return field.reference_to[0] if len(field.reference_to) == 1 else None


def _defaults(kind: SObjectType, writer: Writer) -> Row:
    row: Row = {
        item.name: item.default
        for item in kind.fields
        if item.createable and item.default is not None and item.default is not False
    }
    if kind.field("OwnerId"):
        row["OwnerId"] = writer.user_id
    return row


def _created(now: int, writer: Writer) -> Row:
    return {
        "CreatedDate": now,
        "CreatedById": writer.user_id,
        "LastModifiedDate": now,
        "LastModifiedById": writer.user_id,
        "SystemModstamp": now,
    }


def _check_storage(state: OrgState) -> None:
    limit = state.settings.storage_records
    if limit is None:
        return
    used = sum(len(state.table(name).rows) for name in ("Account", "Contact", "Lead", "Task"))
    if used >= limit:
        raise ApiError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", [])


def _assign(state: OrgState, kind: SObjectType, row: Row, writer: Writer) -> None:
    owner = state.settings.lead_assignment_user_id
    if kind.name == "Lead" and writer.auto_assign and not writer.human and owner:
        row["OwnerId"] = owner


def _refuse_converted(state: OrgState, kind: SObjectType, old: Row) -> None:
    if kind.name == "Lead" and old.get("IsConverted") and not state.settings.view_converted_leads:
        raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])


def _check(
    state: OrgState, kind: SObjectType, row: Row, given: Row, writer: Writer, *, before: Row | None
) -> None:
    if state.settings.state_country_picklists:
        addresses.settle(kind, row, given)
    _check_required(kind, row)
    permissions.check(state, kind, row, before)
    _check_links(state, kind, row, given)
    _check_lead_status(kind, given, before)
    _check_unique(state, kind, given, before)
    validation_rules.check(state, kind, row)
    if not (writer.human and not state.settings.duplicate_rules_block):
        duplicates.check(state, kind, row, given, before=before, allow_save=writer.allow_save)


def _check_required(kind: SObjectType, row: Row) -> None:
    missing = [
        item.name
        for item in kind.fields
        if not item.nillable
        and item.createable
        and item.type != "boolean"
        and row.get(item.name) is None
    ]
    if missing:
        raise ApiError(
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            missing,
        )


def _check_links(state: OrgState, kind: SObjectType, row: Row, given: Row) -> None:
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
        if (
            table.kind.name == "Lead"
            and target.get("IsConverted")
            and not state.settings.view_converted_leads
        ):
            raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
    if (
        kind.name == "Task"
        and str(row.get("WhoId") or "").startswith("00Q")
        and row.get("WhatId") is not None
    ):
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION", "When Name is a Lead, Related To must be blank", ["WhatId"]
        )


def _check_lead_status(kind: SObjectType, given: Row, before: Row | None) -> None:
    if (
        kind.name == "Lead"
        and before is not None
        and given.get("Status") == "Closed - Converted"
        and not before.get("IsConverted")
    ):
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION",
            "Status: a lead becomes converted by conversion only",
            ["Status"],
        )


def _check_unique(state: OrgState, kind: SObjectType, given: Row, before: Row | None) -> None:
    own = None if before is None else before["Id"]
    for field in kind.fields:
        value = given.get(field.name) if field.unique else None
        if value is None:
            continue
        others = [
            record_id
            for record_id in state.table(kind.name).live_ids(field.name, str(value))
            if record_id != own
        ]
        if others:
            raise ApiError(
                "DUPLICATE_VALUE",
                f"duplicate value found: {field.name} duplicates value on record with id: {others[0][:15]}",
                [],
            )


def _settle_task(state: OrgState, kind: SObjectType, row: Row, old: Row | None, now: int) -> None:
    if kind.name != "Task":
        return
    if row.get("Status") != "Completed":
        row.pop("CompletedDateTime", None)
    elif old is None or old.get("Status") != "Completed":
        row["CompletedDateTime"] = now
    account_id = _account_of(state, row)
    row.pop("AccountId", None)
    if account_id:
        row["AccountId"] = account_id


def _account_of(state: OrgState, task: Row) -> str | None:
    what = task.get("WhatId")
    if isinstance(what, str) and what.startswith("001"):
        return what
    who = state.table("Contact").rows.get(task.get("WhoId") or "")
    return None if who is None else who.get("AccountId")


def _touch_people(state: OrgState, kind: SObjectType, row: Row, writer: Writer) -> None:
    """A closed Task moves its people's LastActivityDate, and with it SystemModstamp alone."""
    if kind.name != "Task" or row.get("Status") != "Completed":
        return
    day = row.get("ActivityDate")
    if day is not None:
        note_activity(
            state,
            [row.get("WhoId"), row.get("AccountId")],
            str(day),
            commit_delay_seconds=writer.commit_delay_seconds,
        )


def note_activity(
    state: OrgState,
    record_ids: Iterable[str | None],
    day: str,
    *,
    commit_delay_seconds: float = 0.0,
) -> None:
    """Move LastActivityDate of those records to that day, if it is later and not in the future.

    Source: salesforce-facts §0 (SystemModstamp moves, LastModifiedDate does not).
    """
    if day > timestamps.day_of(state.stamp()):
        return
    for record_id in record_ids:
        table = state.table_of_id(record_id) if record_id else None
        row = table.rows.get(record_id) if table and record_id else None
        if table is None or row is None or row.get("LastActivityDate", "") >= day:
            continue
        moved = {
            **row,
            "LastActivityDate": day,
            "SystemModstamp": max(state.stamp(), row["SystemModstamp"]),
        }
        state.put(table, row["Id"], moved, commit_delay_seconds=commit_delay_seconds)
