"""Is this JSON value right for that field? One value at a time, with Salesforce's errors.

Source: docs/salesforce.md §2.2 and §2.4; message texts as seen in public repositories (ampersand
connectors, Salesforce object references).
"""

import json
import math
import re
from typing import Any

from local_org import ids, timestamps
from local_org.api_error import ApiError
from local_org.schema.countries import CODE_FIELDS
from local_org.schema.sobject import NUMBER_TYPES, TEXT_TYPES, Field

_EMAIL = re.compile(
    r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+\Z"
)


def read(field: Field, raw: Any) -> Any:
    """Turn a JSON value into what a row keeps (seconds for a datetime, a float for a number).

    Raises:
        ApiError: where the JSON is of another type than the field, or the value is not allowed.
    """
    if raw is None:
        if field.type == "boolean":
            raise ApiError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: ",
                [field.name],
            )
        return None
    if field.type in TEXT_TYPES:
        return _text(field, raw)
    if field.type == "boolean":
        return _boolean(field, raw)
    if field.type in NUMBER_TYPES:
        return _number(field, raw)
    if field.type == "date":
        return _parsed(field, raw, timestamps.read_day)
    if field.type == "datetime":
        return _parsed(field, raw, timestamps.read_moment)
    return _id(field, raw)


def _cannot_parse(field: Field, raw: Any) -> ApiError:
    token = {
        bool: f"VALUE_{str(raw).upper()}",
        int: "VALUE_NUMBER_INT",
        float: "VALUE_NUMBER_FLOAT",
        str: "VALUE_STRING",
        list: "START_ARRAY",
        dict: "START_OBJECT",
    }[type(raw)]
    return ApiError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token} value {_shown(raw)}"
        " or request may be missing a required field at [line:1, column:2]",
    )


def _shown(raw: Any) -> str:
    """A value as the message shows it: of a list or an object, the bracket that opens it."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list | dict):
        return json.dumps(raw)[:1]
    return json.dumps(raw)


def _text(field: Field, raw: Any) -> str | None:
    if not isinstance(raw, str):
        raise _cannot_parse(field, raw)
    text = raw.strip()
    if not text:
        return None
    if len(text) > field.length:
        raise ApiError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text} (max length={field.length})",
            [field.name],
        )
    if field.type == "email" and not _EMAIL.match(text):
        raise ApiError(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name]
        )
    judged_here = (
        field.restricted and field.name not in CODE_FIELDS
    )  # of those, addresses has more to say
    chosen = _chosen(field, text) if field.type == "multipicklist" else [text]
    for value in chosen if judged_here else ():
        if value not in field.picklist:
            raise ApiError(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{field.label}: bad value for restricted picklist field: {value}",
                [field.name],
            )
    return ";".join(chosen) or None


def _chosen(field: Field, text: str) -> list[str]:
    """The values of a multi-select picklist, in the order of its definition.

    A value given twice counts once; values that are not listed come last.

    Source: Salesforce Help, "Multi-Select Picklist Value Ordering Behavior (UI vs SOQL)".
    """
    given = dict.fromkeys(value.strip() for value in text.split(";") if value.strip())
    listed = [value for value in field.picklist if value in given]
    return listed + [value for value in given if value not in listed]


def _boolean(field: Field, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in {"true", "false", "1", "0"}:
        return raw.strip().lower() in {"true", "1"}
    raise _cannot_parse(field, raw)


def _number(field: Field, raw: Any) -> float | int | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise _cannot_parse(field, raw)
    if raw == "":
        return None
    try:
        number = float(raw)
    except ValueError:
        raise _cannot_parse(field, raw) from None
    except OverflowError:
        raise _out_of_range(field, raw) from None
    if not math.isfinite(number) or (field.type == "int" and number != int(number)):
        raise _cannot_parse(field, raw)
    whole = max(1, field.precision - field.scale)
    if abs(number) >= 10.0**whole:
        raise _out_of_range(field, raw)
    if field.type == "int":
        return int(number)
    return round(number, field.scale)


def _out_of_range(field: Field, raw: Any) -> ApiError:
    return ApiError(
        "NUMBER_OUTSIDE_VALID_RANGE",
        f"{field.label}: value outside of valid range on numeric field: {raw}",
        [field.name],
    )


def _parsed(field: Field, raw: Any, parse: Any) -> Any:
    if not isinstance(raw, str):
        raise _cannot_parse(field, raw)
    if not raw.strip():
        return None
    value = parse(raw.strip())
    if value is None:
        raise _cannot_parse(field, raw)
    return value


def _id(field: Field, raw: Any) -> str | None:
    if not isinstance(raw, str):
        raise _cannot_parse(field, raw)
    if not raw:
        return None
    if not ids.looks_like_id(raw):
        raise wrong_id(field.label, raw, field.name)
    return ids.canonical(raw)


def wrong_id(label: str, raw: Any, field: str) -> ApiError:
    """MALFORMED_ID, for text that is no id or one of another object."""
    return ApiError("MALFORMED_ID", f"{label}: id value of incorrect type: {raw}", [field])
