"""The Avro schema of an object's change events: which field stands where, and of which type.

A field's position decides its bit in the header's bitmaps, so the order is the recorded one: that
of the describe, without what change events leave out, and with names and addresses as records in
the place of their first part.

Source: docs/salesforce.md §14.2.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as held
from functools import cached_property
from typing import Any

from fastavro import parse_schema

from local_org.schema.change_events import event_name
from local_org.schema.sobject import Field, SObjectType

NAMESPACE = "com.sforce.eventbus"
HEADER = "ChangeEventHeader"
CHANGE_TYPES = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
)
_LEFT_OUT = frozenset(
    {
        "Id",
        "IsDeleted",
        "IsEmailBounced",
        "LastActivityDate",
        "LastReferencedDate",
        "LastViewedDate",
        "MasterRecordId",
        "PhotoUrl",
        "SystemModstamp",
    }
)
_NAME_PARTS = ("Salutation", "FirstName", "LastName")
_ADDRESS_PARTS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "StateCode",
    "CountryCode",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)
_TAGS = {
    "boolean": "Data:Boolean",
    "combobox": "Data:ComboBox",
    "currency": "Data:Currency",
    "date": "Data:DateOnly",
    "datetime": "Data:DateTime",
    "double": "Data:Double",
    "email": "Data:Email",
    "int": "Data:Integer",
    "multipicklist": "Data:MultiEnum",
    "phone": "Data:Phone",
    "reference": "ForeignKey:EntityId",
    "string": "Data:Text",
    "textarea": "Data:MultiLineText",
    "url": "Data:Url",
}
_AVRO_TYPES = {
    "boolean": "boolean",
    "currency": "double",
    "date": "long",
    "datetime": "long",
    "double": "double",
    "int": "int",
}
_LONG_TEXT = 256


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one position of a schema.

    Args:
        name: the field, or the compound field.
        parts: of a compound field, the name in the record by the org's own field.
        field: what the org calls it; None for a person's name, which is only its parts.
        doc: the tag of its type.
        record: the name of its Avro record, where it is compound.
    """

    name: str
    doc: str
    field: Field | None = None
    parts: Mapping[str, str] = held(default_factory=dict)
    record: str | None = None

    @property
    def own_fields(self) -> tuple[str, ...]:
        """The org's fields that are told here."""
        return tuple(self.parts) or (self.name,)


@dataclass(frozen=True)
class Layout:
    """The schema of an object's change events.

    Args:
        sobject: the object.
        places: what stands at the positions from 1 on; 0 is the header.
    """

    sobject: str
    places: tuple[Place, ...]

    @cached_property
    def schema_json(self) -> str:
        """The schema as ``GetSchema`` answers it."""
        seen: set[str] = set()
        fields = [_header(), *(_avro_field(place, seen) for place in self.places)]
        name = event_name(self.sobject)
        schema = {"type": "record", "name": name, "namespace": NAMESPACE, "fields": fields}
        return json.dumps(schema, separators=(",", ":"))

    @cached_property
    def schema_id(self) -> str:
        """The schema's id: another one as soon as anything in it is another."""
        return schema_id(self.schema_json)

    @cached_property
    def parsed(self) -> Any:
        """The schema as fastavro takes it."""
        return parse_schema(json.loads(self.schema_json))

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each field and compound field."""
        return {place.name: at for at, place in enumerate(self.places, 1)}

    def with_field(self, name: str, position: int) -> "Layout":
        """The same with a text field more, as a release of Salesforce brings one."""
        places = list(self.places)
        places.insert(position - 1, Place(name, "Data:Text"))
        return Layout(self.sobject, tuple(places))


def schema_id(schema_json: str) -> str:
    """The id of a schema: 22 characters, as Salesforce's are."""
    digest = hashlib.sha256(schema_json.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def layout_of(kind: SObjectType, field_ids: Mapping[str, str]) -> Layout:
    """The layout of an object as it is now.

    Args:
        kind: the object, with every field it has.
        field_ids: the 15-character id of each custom field's definition, by the field's name.
    """
    return Layout(kind.name, tuple(_places(kind, field_ids)))


def _places(kind: SObjectType, field_ids: Mapping[str, str]) -> Iterator[Place]:
    """In order: a compound field where its first part is, IsPersonAccount before the name."""
    told: set[str] = set()
    person = kind.field("IsPersonAccount")
    for item in kind.fields:
        name = item.compound or item.name
        if name in _LEFT_OUT or name in told or (kind.name, name) == ("Account", "IsPersonAccount"):
            continue
        if name == "Name" and person is not None and item.compound:
            told.add(person.name)
            yield Place(person.name, _TAGS["boolean"], person)
        told.add(name)
        yield _place(kind, item, field_ids)


def _place(kind: SObjectType, item: Field, field_ids: Mapping[str, str]) -> Place:
    if item.compound == "Name":
        parts = {name: name for name in _NAME_PARTS}
        return Place("Name", "Data:PersonName", None, parts, "PersonName")
    if item.compound is not None:
        prefix = item.compound.removesuffix("Address")
        parts = {f"{prefix}{part}": part for part in _ADDRESS_PARTS}
        return Place(item.compound, "Data:Address", kind.field(item.compound), parts, "Address")
    tag = _tag(kind, item)
    own = f":{field_ids[item.name]}" if item.name in field_ids else ""
    return Place(item.name, tag + own, item)


def _tag(kind: SObjectType, item: Field) -> str:
    if item.name == "Name" and kind.name == "Account":
        return "Data:Switchable_PersonName"
    if item.name == "CreatedDate":
        return "CreatedDate:DateTime"
    if item.type == "picklist":
        return "Data:StaticEnum" if item.restricted and not item.custom else "Data:DynamicEnum"
    if item.type == "textarea" and item.length > _LONG_TEXT:
        return "Data:StringPlusClob"
    return _TAGS[item.type]


def _avro_field(place: Place, seen: set[str]) -> dict[str, Any]:
    return {
        "name": place.name,
        "type": _union(place, seen),
        "doc": place.doc,
        "default": None,
    }


def _union(place: Place, seen: set[str]) -> list[Any]:
    if place.doc == "Data:Switchable_PersonName":
        return ["null", "string", _record("Switchable_PersonName", _NAME_PARTS)]
    if place.record is not None:
        # A record type stands in full once; after that its name is enough.
        if place.record in seen:
            return ["null", place.record]
        seen.add(place.record)
        return ["null", _record(place.record, place.parts.values())]
    kind = "string" if place.field is None else _AVRO_TYPES.get(place.field.type, "string")
    return ["null", kind]


def _record(name: str, parts: Any) -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "fields": [
            {
                "name": part,
                "type": ["null", "double" if part in {"Latitude", "Longitude"} else "string"],
                "default": None,
            }
            for part in parts
        ],
    }


def _header() -> dict[str, Any]:
    texts = {"type": "array", "items": "string"}
    types: dict[str, Any] = {
        "entityName": "string",
        "recordIds": texts,
        "changeType": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)},
        "changeOrigin": "string",
        "transactionKey": "string",
        "sequenceNumber": "int",
        "commitTimestamp": "long",
        "commitNumber": "long",
        "commitUser": "string",
        "nulledFields": texts,
        "diffFields": texts,
        "changedFields": texts,
    }
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    record = {"type": "record", "name": HEADER, "fields": fields}
    return {"name": HEADER, "type": record, "doc": "Data:ComplexValueType"}
