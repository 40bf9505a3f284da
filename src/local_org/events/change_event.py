"""What a change event says: header and body of one change, as plain values and as Avro.

Source: docs/salesforce.md §14.2-14.4.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fastavro import schemaless_reader, schemaless_writer

from local_org.events.bitmaps import bitmaps, fields_of
from local_org.events.layout import HEADER, Layout, Place
from local_org.events.text_diff import diff_of
from local_org.schema.sobject import SObjectType
from local_org.state.commits import Change
from local_org.state.rendering import getter
from local_org.state.tables import Row

Path = tuple[str, str | None]
NO_RECORD = "000000000000000AAA"
_DAY_MILLISECONDS = 86_400_000
_EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_LONG_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says, apart from which fields changed."""

    entity: str
    record_ids: tuple[str, ...]
    change_type: str
    origin: str
    transaction_key: str
    sequence_number: int
    commit_timestamp: int
    commit_number: int
    commit_user: str


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One change event.

    Args:
        header: what the header says.
        values: the body: what is not null, by field, or by compound field and part.
        changed, nulled, diffed: the fields (or parts) that the header names.
    """

    header: Header
    values: Mapping[str, Any] = field(default_factory=dict)
    changed: frozenset[Path] = frozenset()
    nulled: frozenset[Path] = frozenset()
    diffed: frozenset[Path] = frozenset()

    def without(self, hidden: frozenset[str]) -> "ChangeEvent":
        """The same for a user who may not see these fields."""
        if not hidden:
            return self
        return replace(
            self,
            values={name: value for name, value in self.values.items() if name not in hidden},
            changed=_seen(self.changed, hidden),
            nulled=_seen(self.nulled, hidden),
            diffed=_seen(self.diffed, hidden),
        )

    def as_gap(
        self, change_type: str | None = None, record_ids: Iterable[str] = ()
    ) -> "ChangeEvent":
        """The same without its values: only that something changed."""
        header = replace(
            self.header,
            change_type=change_type or f"GAP_{self.header.change_type.removeprefix('GAP_')}",
            record_ids=tuple(record_ids) or self.header.record_ids,
        )
        return ChangeEvent(header)


def _seen(paths: frozenset[Path], hidden: frozenset[str]) -> frozenset[Path]:
    return frozenset(path for path in paths if path[0] not in hidden)


# -- from a change


def values_of(kind: SObjectType, layout: Layout, row: Row) -> dict[Path, Any]:
    """Everything a row has, by field, or by compound field and part; what is null is left out."""
    found: dict[Path, Any] = {}
    for place in layout.places:
        for own, part in _own_fields(place):
            value = _avro_value(kind, own, row)
            if value is not None:
                found[place.name, part] = value
    return found


def _own_fields(place: Place) -> list[tuple[str, str | None]]:
    return list(place.parts.items()) if place.parts else [(place.name, None)]


def _avro_value(kind: SObjectType, name: str, row: Row) -> Any:
    item = kind.field(name)
    value = None if item is None else getter(kind, item)(row)
    if value is None or item is None:
        return None
    if item.type == "datetime":
        return int(value) * 1000
    if item.type == "date":
        days = datetime.fromisoformat(str(value)).toordinal() - _EPOCH_DAY
        return days * _DAY_MILLISECONDS
    if item.type in {"double", "currency"}:
        return float(value)
    if item.type == "int":
        return int(value)
    return value if item.type == "boolean" else str(value)


def event_of(
    change: Change, kind: SObjectType, layout: Layout, header: Header
) -> ChangeEvent | None:
    """The event that tells of a change; None where it changed nothing that events tell.

    Args:
        change: what happened to the record.
        kind: the record's object.
        layout: its schema.
        header: the event's header.
    """
    if change.told == "gap":
        return ChangeEvent(header).as_gap()
    if change.kind == "DELETE":
        return ChangeEvent(header)
    after = values_of(kind, layout, change.after or {})
    if change.kind != "UPDATE":
        return ChangeEvent(header, _nested(after))
    return _update(values_of(kind, layout, change.before or {}), after, header)


def _update(before: dict[Path, Any], after: dict[Path, Any], header: Header) -> ChangeEvent | None:
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    if not changed:
        return None
    changed.add(("LastModifiedDate", None))
    values = {path: after[path] for path in changed if path in after}
    diffs = {
        path: diff
        for path in changed
        if (diff := _long_text_diff(before.get(path), after.get(path))) is not None
    }
    return ChangeEvent(
        header,
        _nested({**values, **diffs}),
        frozenset(changed),
        frozenset(changed - values.keys()),
        frozenset(diffs),
    )


def _long_text_diff(before: Any, after: Any) -> str | None:
    if not isinstance(before, str) or not isinstance(after, str) or len(after) < _LONG_TEXT:
        return None
    return diff_of(before, after)


def _nested(values: Mapping[Path, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (name, part), value in values.items():
        if part is None:
            found[name] = value
        else:
            found.setdefault(name, {})[part] = value
    return found


# -- as Avro


def encoded(event: ChangeEvent, layout: Layout) -> bytes:
    """The event in Avro's binary form, without a container: every field, what is not told null."""
    header = event.header
    record: dict[str, Any] = {
        HEADER: {
            "entityName": header.entity,
            "recordIds": list(header.record_ids),
            "changeType": header.change_type,
            "changeOrigin": header.origin,
            "transactionKey": header.transaction_key,
            "sequenceNumber": header.sequence_number,
            "commitTimestamp": header.commit_timestamp,
            "commitNumber": header.commit_number,
            "commitUser": header.commit_user,
            "nulledFields": bitmaps(layout, event.nulled),
            "diffFields": bitmaps(layout, event.diffed),
            "changedFields": bitmaps(layout, event.changed),
        },
        **event.values,
    }
    out = io.BytesIO()
    schemaless_writer(out, layout.parsed, record)
    return out.getvalue()


def decoded(payload: bytes, layout: Layout) -> ChangeEvent:
    """An event of one's own, read back."""
    record: Any = schemaless_reader(io.BytesIO(payload), layout.parsed, None)
    told = record.pop(HEADER)
    header = Header(
        told["entityName"],
        tuple(told["recordIds"]),
        told["changeType"],
        told["changeOrigin"],
        told["transactionKey"],
        told["sequenceNumber"],
        told["commitTimestamp"],
        told["commitNumber"],
        told["commitUser"],
    )
    values = {name: value for name, value in record.items() if value is not None}
    named = ("changedFields", "nulledFields", "diffFields")
    changed, nulled, diffed = (frozenset(fields_of(layout, told[name])) for name in named)
    return ChangeEvent(header, values, changed, nulled, diffed)
