"""A change event as a hint: Avro in, Ids out. Whatever cannot be understood widens the hint, and never stops the stream.

Source: Change Data Capture Developer Guide, "Change Event Fields" (header, change types, wildcard Ids), "Gap Events",
"Overflow Events".
"""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import fastavro

from sfsync.model.hint import OWN_CLIENT, Hint, HintKind, Origin, fingerprint
from sfsync.model.objects import BY_SOBJECT, ObjectKind
from sfsync.model.record import SalesforceId, id_problem, salesforce_id
from sfsync.salesforce.change_stream.bitmaps import (
    FieldPath,
    Layout,
    field_name,
    layout_of,
    marked_fields,
)

SCHEMAS_KEPT: Final = 64
"""A schema has some hundred kilobytes, and an object a new one at each change of its fields."""

IDS_NAMED: Final = 5_000
"""Ids that one event can name; one with more is damaged. An event has a megabyte at most."""

EVENT_SUFFIX: Final = "ChangeEvent"
SCHEMA, PAYLOAD, BITMAP, FOREIGN_ID, CHANGE_TYPE, OTHER_OBJECT = (
    "schema",
    "payload",
    "bitmap",
    "foreign_id",
    "change_type",
    "other_object",
)
"""Oddities, as they are counted."""

_KINDS: Final = {
    "CREATE": HintKind.CREATE,
    "UPDATE": HintKind.UPDATE,
    "DELETE": HintKind.DELETE,
    "UNDELETE": HintKind.UNDELETE,
    "GAP_CREATE": HintKind.GAP,
    "GAP_UPDATE": HintKind.GAP,
    "GAP_DELETE": HintKind.GAP,
    "GAP_UNDELETE": HintKind.GAP,
    "GAP_OVERFLOW": HintKind.OVERFLOW,
}
_CLIENT: Final = ";client="
_DATE, _DATE_TIME = "Data:DateOnly", "Data:DateTime"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one event says."""

    hints: tuple[Hint, ...]
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventSchema:
    """A schema, ready to read events by.

    Attributes:
        header: of an event's first field alone: it is read without the rest.
        whole: of all of it.
        sobject: whose changes they are, as the schema's name says.
        docs: what each field says of itself.
    """

    header: Any
    whole: Any
    layout: Layout
    sobject: str
    docs: Mapping[str, str]


class Decoder:
    """Reads events of the objects that are wanted.

    Args:
        wanted: the configuration's names of them.
        schema_json: fetches a schema by its id; what it raises ends the stream.
    """

    def __init__(self, wanted: Sequence[str], schema_json: Callable[[str], str]) -> None:
        self._wanted = frozenset(wanted)
        self._schema_json = schema_json
        self._schemas: OrderedDict[str, EventSchema | None] = OrderedDict()

    def decode(self, schema_id: str, payload: bytes) -> Decoded:
        """What this event says."""
        schema = self._schema(schema_id)
        if schema is None:
            return Decoded(self._everything(), (SCHEMA,))
        try:
            header = _read(payload, schema.header)["ChangeEventHeader"]
            entity, ids = str(header["entityName"]), [str(each) for each in header["recordIds"]]
            change = str(header["changeType"])
        except Exception:  # noqa: BLE001  whatever fastavro makes of damaged bytes
            return Decoded(self._whole(schema.sobject, HintKind.UNDECODABLE), (PAYLOAD,))
        kind = BY_SOBJECT.get(entity)
        if kind is None or kind.name not in self._wanted:
            return Decoded((), (OTHER_OBJECT,))
        return self._hint(kind, change, ids, header, schema, payload)

    def _hint(
        self,
        kind: ObjectKind,
        change: str,
        named: Sequence[str],
        header: Mapping[str, Any],
        schema: EventSchema,
        payload: bytes,
    ) -> Decoded:
        oddities = []
        meaning = _KINDS.get(change, HintKind.UNKNOWN)
        if meaning is HintKind.UNKNOWN:
            oddities.append(CHANGE_TYPE)
        if meaning is HintKind.OVERFLOW:
            return Decoded((Hint(kind.name, (), meaning),))
        if any(each.endswith("*") for each in named):
            return Decoded((Hint(kind.name, (), HintKind.WILDCARD),), tuple(oddities))
        ids = _ids(named, kind.prefix)
        if not ids:
            return Decoded((Hint(kind.name, (), meaning),), (*oddities, FOREIGN_ID))
        origin = _origin(header)
        changed = None
        if meaning is HintKind.UPDATE and origin.client == OWN_CLIENT:
            try:
                changed = _changed(header, schema, payload)
            except Exception:  # noqa: BLE001  as above; what changed is then not known, and the record is read
                oddities.append(BITMAP)
        return Decoded((Hint(kind.name, ids, meaning, origin, changed),), tuple(oddities))

    def _everything(self) -> tuple[Hint, ...]:
        """Nobody knows whose change it was."""
        return tuple(Hint(name, (), HintKind.UNDECODABLE) for name in sorted(self._wanted))

    def _whole(self, sobject: str, why: HintKind) -> tuple[Hint, ...]:
        kind = BY_SOBJECT.get(sobject)
        if kind is None:
            return self._everything()
        return (Hint(kind.name, (), why),) if kind.name in self._wanted else ()

    def _schema(self, schema_id: str) -> EventSchema | None:
        """By its id, fetched once; ``None`` for one that makes no sense."""
        if schema_id in self._schemas:
            self._schemas.move_to_end(schema_id)
            return self._schemas[schema_id]
        text = self._schema_json(schema_id)
        try:
            schema = _event_schema(json.loads(text))
        except Exception:  # noqa: BLE001  whatever is wrong with it, it stays so: schemas never change
            schema = None
        self._schemas[schema_id] = schema
        if len(self._schemas) > SCHEMAS_KEPT:
            self._schemas.popitem(last=False)
        return schema


def _event_schema(parsed: Any) -> EventSchema:
    head = {**parsed, "fields": parsed["fields"][:1]}
    name = str(parsed["name"])
    if parsed["fields"][0]["name"] != "ChangeEventHeader" or not name.endswith(EVENT_SUFFIX):
        raise ValueError(name)
    docs = {str(each["name"]): str(each.get("doc") or "") for each in parsed["fields"]}
    layout = layout_of(parsed)
    return EventSchema(
        fastavro.parse_schema(head),
        fastavro.parse_schema(parsed),
        layout,
        name.removesuffix(EVENT_SUFFIX),
        docs,
    )


def _read(payload: bytes, schema: Any) -> dict[str, Any]:
    record = fastavro.schemaless_reader(io.BytesIO(payload), schema, None)
    if not isinstance(record, dict):
        raise TypeError("no record")
    return record


def _ids(named: Sequence[str], prefix: str) -> tuple[SalesforceId, ...]:
    """The Ids in their long form; empty where one of them cannot be an Id of the object."""
    ids = tuple(dict.fromkeys(salesforce_id(each) for each in named))
    if len(ids) > IDS_NAMED or any(id_problem(each, prefix) for each in ids):
        return ()
    return ids


def _origin(header: Mapping[str, Any]) -> Origin:
    came_by = str(header.get("changeOrigin") or "")
    _, named, client = came_by.partition(_CLIENT)
    return Origin(client if named else "", str(header.get("commitUser") or ""))


def _changed(header: Mapping[str, Any], schema: EventSchema, payload: bytes) -> dict[str, str]:
    """Fingerprints of what was changed, and of nothing else: in the body, null is also what did not change.

    Raises:
        Exception: of many kinds; it cannot be known.
    """
    if header.get("diffFields"):
        raise ValueError("a long text comes as the difference to what it was")
    marked = marked_fields(header["changedFields"], schema.layout)
    nulled = set(marked_fields(header["nulledFields"], schema.layout))
    if not marked or not nulled <= set(marked):
        raise ValueError("changed fields that make no sense")
    body = _read(payload, schema.whole)
    changed = {}
    for path in marked:
        value = _value(body, path, schema.docs.get(path[0], ""))
        if (value is None) != (path in nulled):
            raise ValueError(f"{path} is marked, and its value says otherwise")
        changed[field_name(path)] = fingerprint(value)
    return changed


def _value(body: Mapping[str, Any], path: FieldPath, doc: str) -> Any:
    value: Any = body
    for name in path:
        value = None if value is None else value[name]
    if isinstance(value, int) and doc.startswith((_DATE, _DATE_TIME)):
        moment = datetime.fromtimestamp(value / 1000, UTC)
        return moment.date().isoformat() if doc.startswith(_DATE) else moment
    return value
