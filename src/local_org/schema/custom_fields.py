"""Custom fields: an admin's definition, checked, and the field it makes.

A definition has the names of the Metadata API (``type``, ``length``, ``precision``…), as Tooling
and a deployment both bring it. Fields of Task are defined on ``Activity``.

Source: Metadata API, CustomField and FieldType; docs/salesforce.md §7.3, §8.1, §8.3. Of its texts
none is
confirmed: their codes and what they name count, not their words.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from local_org.api_error import ApiError
from local_org.schema.sobject import Field, FieldType

ACTIVITY = "Activity"
TABLES = ("Account", "Contact", "Lead", ACTIVITY)
MOST_ON_ACTIVITY = 100
_TYPES: dict[str, FieldType] = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "double",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
}
_KEYS = frozenset({"Text", "Number", "Email"})
_NUMBERS = frozenset({"Number", "Currency", "Percent"})
_LENGTHS = {"Text": (1, 255), "LongTextArea": (256, 131_072)}
_FIXED_LENGTHS = {
    "TextArea": 255,
    "Email": 80,
    "Phone": 40,
    "Url": 255,
    "Picklist": 255,
    "MultiselectPicklist": 4099,
}
_PICKLISTS = frozenset({"Picklist", "MultiselectPicklist"})
_TALL = frozenset({"LongTextArea", "MultiselectPicklist"})
"""Types whose definition says how many lines are shown."""
_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_LONGEST_NAME = 40
_MOST_DIGITS = 18
Metadata = Mapping[str, Any]


def sobject_of(table: str) -> str:
    """The object whose records have the fields of a table: Task has those of Activity."""
    return "Task" if table == ACTIVITY else table


def table_of(sobject: str) -> str:
    """The table an object's custom fields are defined on."""
    return ACTIVITY if sobject == "Task" else sobject


def split_full_name(full_name: Any) -> tuple[str, str]:
    """``Contact.Foo__c`` as table and developer name (``Foo``).

    Raises:
        ApiError: where it is no such name, or of an object that can have no custom fields here.
    """
    table, dot, name = str(full_name or "").partition(".")
    found = next((each for each in TABLES if each.lower() == table.lower()), None)
    if not dot or found is None:
        raise _wrong(
            f"Entity Enumeration Or ID: bad value for restricted picklist field: {table}",
            "TableEnumOrId",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        )
    plain = name.removesuffix("__c")
    if not name.endswith("__c") or not _NAME.fullmatch(plain) or len(plain) > _LONGEST_NAME:
        raise _wrong(
            "Custom Field Name: The Custom Field Name field can only contain underscores and"
            " alphanumeric characters. It must be unique, begin with a letter, not include spaces,"
            f" not end with an underscore, and not contain two consecutive underscores ({name})",
            "DeveloperName",
        )
    return found, plain


def check(table: str, metadata: Any) -> None:
    """Refuse a definition that Salesforce refuses.

    Raises:
        ApiError: with what is missing or too much.
    """
    if not isinstance(metadata, Mapping):
        raise _wrong(
            "Required fields are missing: [Metadata]", "Metadata", "REQUIRED_FIELD_MISSING"
        )
    for name, value in metadata.items():
        if isinstance(value, list | Mapping) and name != "valueSet":
            raise _wrong(
                f"{name} stands there several times, or holds others", name, "JSON_PARSER_ERROR"
            )
    kind = metadata.get("type")
    if kind not in _TYPES:
        raise _wrong(
            f"Field Type: bad value for restricted picklist field: {kind}",
            "type",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        )
    if not str(metadata.get("label") or "").strip():
        raise _wrong("Must specify a non-empty label for the CustomField", "label")
    if table == ACTIVITY and kind == "LongTextArea":
        raise _wrong("Cannot create Long Text Area fields on Activity", "type")
    _check_size(kind, metadata)
    _check_keys(kind, metadata)
    if kind == "Checkbox" and str(metadata.get("defaultValue")).lower() not in {"true", "false"}:
        raise _wrong(
            "Must specify 'defaultValue' for a CustomField of type Checkbox", "defaultValue"
        )
    if kind in _NUMBERS and not _is_number(metadata.get("defaultValue")):
        raise _wrong("The default value of a number must be a number", "defaultValue")
    if kind in _PICKLISTS and not _picklist(metadata):
        raise _wrong(f"Must specify 'valueSet' for a CustomField of type {kind}", "valueSet")


def _check_size(kind: str, metadata: Metadata) -> None:
    if kind in _NUMBERS:
        precision, scale = (_whole(kind, metadata, name) for name in ("precision", "scale"))
        if not 1 <= precision <= _MOST_DIGITS or not 0 <= scale <= precision:
            raise _wrong(
                f"Precision must be from 1 to {_MOST_DIGITS}, and scale no more than it",
                "precision",
            )
    elif kind in _LENGTHS:
        least, most = _LENGTHS[kind]
        length = _whole(kind, metadata, "length")
        if not least <= length <= most:
            raise _wrong(f"Length: value must be from {least} to {most}: {length}", "length")
    if kind in _TALL:
        _whole(kind, metadata, "visibleLines")
    if metadata.get("length") is not None and kind not in _LENGTHS:
        raise _wrong(f"Can not specify 'length' for a CustomField of type {kind}", "length")


def _whole(kind: str, metadata: Metadata, name: str) -> int:
    value = metadata.get(name)
    if value is None:
        raise _wrong(f"Must specify '{name}' for a CustomField of type {kind}", name)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _wrong(
            f"{name}: {value!r} is not a whole number", name, "JSON_PARSER_ERROR"
        ) from None


def _check_keys(kind: str, metadata: Metadata) -> None:
    for name in ("externalId", "unique"):
        if is_true(metadata, name) and kind not in _KEYS:
            raise _wrong(f"Can not specify '{name}' for a CustomField of type {kind}", name)
    if is_true(metadata, "required") and kind in {"Checkbox", "LongTextArea"}:
        raise _wrong(f"Can not specify 'required' for a CustomField of type {kind}", "required")


def _wrong(message: str, field: str, code: str = "FIELD_INTEGRITY_EXCEPTION") -> ApiError:
    return ApiError(code, message, [field])


def is_true(metadata: Metadata, name: str) -> bool:
    """Whether a switch of a definition is on; XML brings it as text."""
    return str(metadata.get(name)).lower() == "true"


def _is_number(value: Any) -> bool:
    """Whether it is one, or nothing."""
    try:
        return value is None or value == "" or isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _within(found: Any, name: str) -> Metadata:
    """An element that has elements of its own; an empty one where it is no such thing."""
    inner = found.get(name) if isinstance(found, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _picklist(metadata: Metadata) -> tuple[str, ...]:
    values = _within(_within(metadata, "valueSet"), "valueSetDefinition").get("value") or []
    each = values if isinstance(values, list) else [values]
    return tuple(
        str(one.get("valueName") or one.get("fullName")) for one in each if isinstance(one, Mapping)
    )


def field_of(developer_name: str, metadata: Metadata) -> Field:
    """The field that a (checked) definition makes."""
    kind = str(metadata["type"])
    number = kind in _NUMBERS
    key = is_true(metadata, "externalId")
    has_values = kind in _PICKLISTS
    restricted = has_values and is_true(_within(metadata, "valueSet"), "restricted")
    return Field(
        name=f"{developer_name}__c",
        type=_TYPES[kind],
        label=str(metadata["label"]),
        length=int(metadata["length"]) if kind in _LENGTHS else _FIXED_LENGTHS.get(kind, 0),
        precision=int(metadata["precision"]) if number else 0,
        scale=int(metadata["scale"]) if number else 0,
        nillable=kind != "Checkbox" and not is_true(metadata, "required"),
        filterable=kind != "LongTextArea",
        external_id=key,
        id_lookup=key,
        unique=is_true(metadata, "unique"),
        case_sensitive=is_true(metadata, "caseSensitive"),
        restricted=restricted,
        default=_default(kind, metadata.get("defaultValue")),
        picklist=_picklist(metadata) if has_values else (),
    )


def _default(kind: str, value: Any) -> str | float | bool | None:
    if value is None or value == "":
        return None
    if kind == "Checkbox":
        return str(value).lower() == "true"
    if kind in _NUMBERS:
        return float(value)
    return str(value).strip("'\"")


def metadata_of(item: Field) -> dict[str, Any]:
    """The definition of a field that the org began with."""
    kind = next(name for name, each in _TYPES.items() if each == item.type)
    found: dict[str, Any] = {
        "type": kind,
        "label": item.label,
        "required": not item.nillable and kind != "Checkbox",
        "externalId": item.external_id,
        "unique": item.unique,
    }
    if kind in _LENGTHS:
        found["length"] = item.length
    if kind in _NUMBERS:
        found |= {"precision": item.precision, "scale": item.scale}
    if item.default is not None:
        found["defaultValue"] = str(item.default).lower()
    return found
