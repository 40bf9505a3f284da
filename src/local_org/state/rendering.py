"""How a field's value is read from a row, and how REST writes it.

A row keeps only what is there, and some fields (names, addresses, ``IsClosed``) are worked out when
read.

Source: docs/salesforce.md §2.1 (formats) and §7.
"""

from collections.abc import Callable, Iterable
from typing import Any

from local_org import timestamps
from local_org.schema.computed import COMPUTED
from local_org.schema.sobject import Field, SObjectType
from local_org.state.tables import Row

Getter = Callable[[Row], Any]


def getter(kind: SObjectType, field: Field) -> Getter:
    """Give the function that reads the field's stored value from a row of that object."""
    computed = COMPUTED.get(kind.name, {}).get(field.name)
    if computed is not None:
        return computed
    name = field.name
    if field.type == "boolean":
        return lambda row: row.get(name, False)
    return lambda row: row.get(name)


def renderer(kind: SObjectType, field: Field) -> Getter:
    """Give the function that reads the field as REST writes it."""
    read = getter(kind, field)
    if field.type == "datetime":
        return lambda row: None if (value := read(row)) is None else timestamps.rest_text(value)
    if field.type in {"double", "currency"}:
        return lambda row: None if (value := read(row)) is None else float(value)
    return read


def is_plain(kind: SObjectType, field: Field) -> bool:
    """Whether the field is written exactly as the row keeps it."""
    converted = field.type in {"boolean", "datetime", "double", "currency"}
    return not converted and field.name not in COMPUTED.get(kind.name, {})


def record_url(version: str, sobject: str, record_id: str) -> str:
    """The address of a record, as its ``attributes`` have it."""
    return f"/services/data/v{version}/sobjects/{sobject}/{record_id}"


def attributes(version: str, sobject: str, record_id: str) -> dict[str, str]:
    """The ``attributes`` of a record."""
    return {"type": sobject, "url": record_url(version, sobject, record_id)}


def whole_record(
    kind: SObjectType, row: Row, version: str, fields: Iterable[Field] | None = None
) -> dict[str, Any]:
    """A record as a single retrieve answers it: ``attributes``, then all fields, or some."""
    body: dict[str, Any] = {"attributes": attributes(version, kind.name, row["Id"])}
    for field in kind.fields if fields is None else fields:
        body[field.name] = renderer(kind, field)(row)
    return body
