"""Which fields a change event says were changed: bitmaps over the fields of its schema.

The first entry is of the schema's own fields, ``0x04006000``; then comes one of the parts of each compound field,
``3-0x04``, by its place among them. Bit i, from the least significant, is field i, the header being 0. The first entry
is left out where only parts changed.

Source: Pub/Sub API, "Event Deserialization Considerations"; Change Data Capture Developer Guide, "Change Event Body Fields".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

FieldPath: TypeAlias = tuple[str, ...]
"""``("Email",)``, or ``("MailingAddress", "City")`` for a part of a compound field."""

_ENTRY: Final = re.compile(r"(?:([0-9]{1,4})-)?0x([0-9A-Fa-f]{1,2048})", re.ASCII)
_ADDRESS: Final = "Address"


class BitmapError(ValueError):
    """A bitmap that does not fit the schema, or is none."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a schema in their order.

    Attributes:
        parts: by the place of a compound field, the names of its parts.
    """

    names: tuple[str, ...]
    parts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def layout_of(schema: Mapping[str, Any]) -> Layout:
    """The layout of a parsed Avro schema, whose records may be named by an earlier field.

    Raises:
        KeyError, TypeError: it is no schema of a record.
    """
    records: dict[str, tuple[str, ...]] = {}
    names, parts = [], {}
    for place, each in enumerate(schema["fields"]):
        names.append(str(each["name"]))
        inner = _record_of(each["type"], records)
        if inner is not None and place:  # the header is a record, and no field
            parts[place] = inner
    return Layout(tuple(names), parts)


def _record_of(kind: Any, records: dict[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The names of a record's fields; ``None`` where a type is no record."""
    if isinstance(kind, list):
        found = [inner for each in kind if (inner := _record_of(each, records)) is not None]
        return found[0] if found else None
    if isinstance(kind, Mapping):
        if kind.get("type") != "record":
            return None
        inner = tuple(str(each["name"]) for each in kind["fields"])
        records[_short(kind["name"])] = inner
        return inner
    return records.get(_short(kind))


def _short(name: Any) -> str:
    """A name without its namespace."""
    return str(name).rpartition(".")[2]


def marked_fields(bitmaps: Sequence[str], layout: Layout) -> list[FieldPath]:
    """The fields that these bitmaps mark, in the schema's order; a compound field as its marked parts.

    Raises:
        BitmapError: it is no bitmap, or marks what the schema does not have.

    >>> layout = Layout(("ChangeEventHeader", "Email", "Name"), {2: ("FirstName", "LastName")})
    >>> marked_fields(["0x02", "2-0x02"], layout)
    [('Email',), ('Name', 'LastName')]
    """
    marked: list[FieldPath] = []
    for entry in bitmaps:
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise BitmapError(f"no bitmap: {entry[:40]!r}")
        if match[1] is None:
            marked += ((name,) for name in _marked(match[2], layout.names))
            continue
        place = int(match[1])
        if place not in layout.parts:
            raise BitmapError(f"a bitmap for parts of field {place}, which has none")
        whole = layout.names[place]
        marked += ((whole, part) for part in _marked(match[2], layout.parts[place]))
    return marked


def _marked(digits: str, names: Sequence[str]) -> Iterator[str]:
    bits = int(digits, 16)
    if bits.bit_length() > len(names):
        raise BitmapError(
            f"a bitmap marks field {bits.bit_length() - 1}, and there are {len(names)}"
        )
    return (name for place, name in enumerate(names) if bits >> place & 1)


def field_name(path: FieldPath) -> str:
    """A field as the object itself has it.

    >>> field_name(("Name", "LastName")), field_name(("MailingAddress", "City")), field_name(("Address", "City"))
    ('LastName', 'MailingCity', 'City')
    """
    if len(path) == 1:
        return path[0]
    whole, part = path
    if whole.endswith(_ADDRESS):
        return whole.removesuffix(_ADDRESS) + part
    return part
