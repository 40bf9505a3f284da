"""A record seen from the other side: the org's raw record -> columns, columns -> the org's fields. Pure.

Both ways are compiled once per object: a pull runs ``to_remote_record`` for every record there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sfsync.model.field_types import FieldType, canonical, to_org
from sfsync.model.mapping import FieldMap, ObjectMap
from sfsync.model.objects import SYSTEM_FIELDS
from sfsync.model.record import RawRecord, Remote, RemoteState, SalesforceId, Value, salesforce_id
from sfsync.model.value_converters import Convert, rounded

_ABSENT = object()
_STAMP = FieldType.DATETIME.traits.converter.from_org


class Projection:
    """Reads the org's records of one object into columns.

    Args:
        object_map: the mapping.
        columns: which mapped columns to read; all by default.

    Attributes:
        remote_fields: what to SELECT: Id, state and stamp first, then the mapped fields, each once.
        unreadable: column -> sentence, for values met so far that were none of the column's type.
            Such a field counts as absent from its record, so that nothing is overwritten by a
            misunderstanding.

    Source: docs/salesforce.md §6.4 (MasterRecordId of a merge's losers; a converted Lead stays,
    read-only).
    """

    def __init__(self, object_map: ObjectMap, columns: Sequence[str] | None = None) -> None:
        fields = [
            object_map.by_column[column]
            for column in (object_map.columns if columns is None else columns)
        ]
        self.object_map = object_map
        self.columns = tuple(field.column for field in fields)
        self._conversion = object_map.kind.conversion
        system: tuple[str, ...] = SYSTEM_FIELDS
        if self._conversion is not None:
            system = (*SYSTEM_FIELDS, self._conversion.flag, self._conversion.successor)
        self.remote_fields = tuple(dict.fromkeys((*system, *(field.remote for field in fields))))
        self.unreadable: dict[str, str] = {}
        self._steps = tuple((field.remote, field.column, reader(field)) for field in fields)

    def to_remote_record(self, raw: RawRecord) -> Remote:
        """One record by column, with what became of it.

        A field that the raw record does not hold is absent from ``values``; nothing is ever read as
        blank only because it was not sent.
        """
        state, successor = self._state(raw)
        return Remote(
            salesforce_id(raw["Id"]), self.values(raw), state, successor, self._stamp(raw)
        )

    def _stamp(self, raw: RawRecord) -> str:
        """When the record was last saved; empty where that makes no sense: it only informs."""
        try:
            return str(_STAMP(raw.get("SystemModstamp")) or "")
        except ValueError as error:
            self.unreadable.setdefault("SystemModstamp", f"of {raw.get('Id')}: {error}")
            return ""

    def values(self, raw: RawRecord) -> dict[str, Value]:
        """The mapped values alone, by column."""
        get, absent = raw.get, _ABSENT
        try:
            return {
                column: convert(value)
                for name, column, convert in self._steps
                if (value := get(name, absent)) is not absent
            }
        except ValueError:
            return self._readable_values(raw)

    def _readable_values(self, raw: RawRecord) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, column, convert in self._steps:
            if name in raw:
                try:
                    values[column] = convert(raw[name])
                except ValueError as error:
                    self.unreadable.setdefault(column, f"{name} of {raw.get('Id')}: {error}")
        return values

    def _state(self, raw: RawRecord) -> tuple[RemoteState, SalesforceId | None]:
        if _is_true(raw.get("IsDeleted")):
            master = _id_in(raw, "MasterRecordId")
            return (RemoteState.MERGED, master) if master else (RemoteState.DELETED, None)
        conversion = self._conversion
        if conversion is not None and _is_true(raw.get(conversion.flag)):
            return RemoteState.CONVERTED, _id_in(raw, conversion.successor)
        return RemoteState.PRESENT, None


def reader(field: FieldMap) -> Convert:
    """The function that reads this field's raw value; a placeholder is read as blank."""
    convert = field.type.traits.converter.from_org
    if field.placeholder is None:
        return convert
    placeholder = convert(field.placeholder)

    def read(raw: Any) -> Value:
        value = convert(raw)
        return None if value == placeholder else value

    return read


def to_org_fields(
    object_map: ObjectMap, values: Mapping[str, Value], *, creating: bool
) -> dict[str, Any]:
    """Columns as the org's fields, ready to send.

    Args:
        object_map: the mapping; columns it does not push (parents, ``direction: pull``) are left
        out.
        values: column -> canonical value.
        creating: leave blanks out, so that the org's own defaults apply, and give every
            placeholder.

    Returns:
        ``{sf_field: JSON value}``; ``None`` clears. A checkbox is never null, and a field with a
        placeholder never either.

    Raises:
        ValueError: a value is none of its column's type; the sentence names the column.
    """
    pushed = _pushed(object_map)
    fields: dict[str, Any] = {}
    for column, value in values.items():
        field = pushed.get(column)
        if field is not None:
            sent = _sent(field, value)
            if sent is not None and not (creating and value is None and field.placeholder is None):
                fields[field.remote] = sent
            elif not creating:
                fields[field.remote] = None
    if creating:
        for field in pushed.values():
            if field.placeholder is not None:
                fields.setdefault(field.remote, field.placeholder)
    return fields


def _sent(field: FieldMap, value: Value) -> Any:
    try:
        sent = to_org(field.type, value)
    except ValueError as error:
        raise ValueError(f"{field.column}: {error}") from error
    return field.placeholder if sent is None else sent


@lru_cache(maxsize=32)
def _pushed_fields(fields: tuple[FieldMap, ...]) -> dict[str, FieldMap]:
    return {field.column: field for field in fields if field.pushes and "." not in field.remote}


def _pushed(object_map: ObjectMap) -> dict[str, FieldMap]:
    return _pushed_fields(object_map.fields)


def canonical_values(
    object_map: ObjectMap, values: Mapping[str, Any]
) -> tuple[dict[str, Value], dict[str, str]]:
    """A row as people and other tools left it, in canonical form.

    Returns:
        The values by column (unmapped columns left out), and column -> sentence for those that are
        none of their type; these are not among the values.
    """
    good: dict[str, Value] = {}
    bad: dict[str, str] = {}
    for column, value in values.items():
        field = object_map.by_column.get(column)
        if field is not None:
            try:
                good[column] = _canonical(field, value)
            except ValueError as error:
                bad[column] = str(error)
    return good, bad


def _canonical(field: FieldMap, value: Any) -> Value:
    """A value as the org would hand it back: rounded as it rounds, a placeholder as blank."""
    found = canonical(field.type, value)
    if field.placeholder is not None and found == canonical(field.type, field.placeholder):
        return None
    if field.scale is not None and isinstance(found, float):
        return rounded(found, field.scale)
    return found


def _id_in(raw: RawRecord, name: str) -> SalesforceId | None:
    """The record that a field refers to; none where what was sent is no text."""
    found = raw.get(name)
    return salesforce_id(found) if found and isinstance(found, str) else None


def _is_true(raw: Any) -> bool:
    return raw is True or raw == "true"
