"""Reading what a caller sends for a record: JSON by field name, turned into what a row keeps.

Source: docs/salesforce.md §2.2, §2.4 (hidden and read-only fields, relationships by external id).
"""

from collections.abc import Mapping
from typing import Any

from local_org.api_error import ApiError
from local_org.records import values
from local_org.records.lookup import key_field, matching_ids
from local_org.schema.sobject import Field, SObjectType
from local_org.state.org import OrgState
from local_org.state.tables import Row


def read_body(state: OrgState, kind: SObjectType, raw: Mapping[str, Any], *, creating: bool) -> Row:
    """The fields given, each in the form a row keeps it; None where a field is to be empty.

    Args:
        state: the org.
        kind: the object as the running user sees it.
        raw: ``{field: JSON value}``; ``attributes`` is ignored.
        creating: whether the record is new.

    Raises:
        ApiError: for a field that is not there or not writable, or a value that does not fit it.
    """
    given: Row = {}
    not_writable: list[str] = []
    for name, value in raw.items():
        if name == "attributes":
            continue
        field, plain = _field_and_value(state, kind, name, value)
        if field.name == "Id" and not creating:
            raise ApiError(
                "INVALID_FIELD", "The Id field should not be specified in the sobject data."
            )
        if not (field.createable if creating else field.updateable):
            not_writable.append(field.name)
            continue
        given[field.name] = values.read(field, plain)
    if not_writable:
        raise ApiError(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(not_writable)}."
            " Please check the security settings of this field and"
            " verify that it is read/write for your profile or permission set.",
            not_writable,
        )
    return given


def _field_and_value(
    state: OrgState, kind: SObjectType, name: str, value: Any
) -> tuple[Field, Any]:
    field = kind.field(name)
    if field is not None:
        return field, value
    return _by_relationship(state, kind, name, value)


def _by_relationship(
    state: OrgState, kind: SObjectType, name: str, value: Any
) -> tuple[Field, str]:
    """``"Account": {"Key__c": "7"}`` as the reference field and the id of the record meant."""
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
    target_key = key_field(state.kind(target), key)
    found = matching_ids(state, target, target_key, wanted)
    if len(found) != 1:
        raise ApiError(
            "INVALID_FIELD",
            f"Foreign key external ID: {wanted} not found for field {target_key.name}"
            f" in entity {state.kind(target).name}",
            [],
        )
    return field, found[0]


def _target(field: Field, value: Mapping[str, Any]) -> str | None:
    """The object that a relationship leads to; None where a polymorphic one does not say."""
    named = value.get("type") or (value.get("attributes") or {}).get("type")
    if named:
        return str(named)
    if len(field.reference_to) == 1:
        return field.reference_to[0]
    return None
