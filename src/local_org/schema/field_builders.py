"""Short ways to write down a field, and the groups of fields that several objects have.

Each takes the attributes of ``Field`` that differ from what is usual for its type.

Source: recorded describes (docs/salesforce.md §7).
"""

import re
from dataclasses import replace
from typing import Any

from local_org.schema.countries import COUNTRIES, STATES
from local_org.schema.sobject import Field, FieldType

_STATE_CODES = tuple(dict.fromkeys(code for states in STATES.values() for code in states))


def _label(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("__c").replace("_", " "))
    return spaced.removesuffix(" Id") + " ID" if spaced.endswith(" Id") else spaced


def plain(name: str, kind: FieldType, **more: Any) -> Field:
    """A field of any type; the label comes from the name."""
    return Field(name=name, type=kind, **{"label": _label(name), **more})


def text(name: str, length: int, kind: FieldType = "string", **more: Any) -> Field:
    """A text field, or one of a type that is text."""
    return plain(name, kind, length=length, **more)


def picklist(name: str, values: tuple[str, ...], **more: Any) -> Field:
    """A picklist; unrestricted, unless said otherwise."""
    return plain(name, "picklist", **{"length": 255, "picklist": values, **more})


def checkbox(name: str, **more: Any) -> Field:
    """A checkbox; never null, off to begin with."""
    return plain(name, "boolean", **{"nillable": False, "default": False, **more})


def number(
    name: str, precision: int, scale: int = 0, kind: FieldType = "double", **more: Any
) -> Field:
    """A number of so many digits, ``scale`` of them after the point."""
    return plain(name, kind, precision=precision, scale=scale, **more)


def reference(name: str, *to: str, **more: Any) -> Field:
    """A reference to records of the objects named; its relationship is its name without Id."""
    relationship = name.removesuffix("Id")
    return plain(
        name,
        "reference",
        **{"length": 18, "reference_to": to, "relationship_name": relationship, **more},
    )


def read_only(item: Field) -> Field:
    """The same field, which nobody may write."""
    return replace(item, createable=False, updateable=False)


def address(prefix: str, name: str) -> tuple[Field, ...]:
    """The parts of an address, and the compound field that shows them together."""
    return (
        text(f"{prefix}Street", 255, "textarea", compound=name),
        text(f"{prefix}City", 40, compound=name),
        text(f"{prefix}State", 80, compound=name),
        picklist(f"{prefix}StateCode", _STATE_CODES, length=10, restricted=True, compound=name),
        text(f"{prefix}PostalCode", 20, compound=name),
        text(f"{prefix}Country", 80, compound=name),
        picklist(
            f"{prefix}CountryCode", tuple(COUNTRIES), length=10, restricted=True, compound=name
        ),
        number(f"{prefix}Latitude", 18, 15, compound=name),
        number(f"{prefix}Longitude", 18, 15, compound=name),
        picklist(
            f"{prefix}GeocodeAccuracy",
            ("Address", "NearAddress", "Block", "Street", "City", "Zip"),
            length=40,
            restricted=True,
            compound=name,
        ),
        read_only(plain(name, "address")),
    )


def phones(*names: str) -> tuple[Field, ...]:
    """Phone numbers."""
    return tuple(text(name, 40, "phone") for name in names)


def record_id() -> Field:
    """The Id."""
    return read_only(text("Id", 18, "id", nillable=False, id_lookup=True, label="Record ID"))


def deleted_flag() -> Field:
    """Whether the record is in the recycle bin."""
    return read_only(checkbox("IsDeleted", label="Deleted"))


def stamps() -> tuple[Field, ...]:
    """Who made the record and changed it last, and when."""
    return (
        read_only(plain("CreatedDate", "datetime", nillable=False)),
        read_only(reference("CreatedById", "User", nillable=False)),
        read_only(plain("LastModifiedDate", "datetime", nillable=False)),
        read_only(reference("LastModifiedById", "User", nillable=False)),
        read_only(plain("SystemModstamp", "datetime", nillable=False)),
    )


def last_viewed() -> tuple[Field, ...]:
    """When the running user saw the record last."""
    return (
        read_only(plain("LastViewedDate", "datetime")),
        read_only(plain("LastReferencedDate", "datetime")),
    )


def person_name() -> tuple[Field, ...]:
    """The parts of a person's name, and the whole."""
    return (
        text("LastName", 80, nillable=False, compound="Name"),
        text("FirstName", 40, compound="Name"),
        picklist("Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof."), length=40, compound="Name"),
        read_only(text("Name", 121, nillable=False, label="Full Name", calculated=False)),
    )


def opt_outs() -> tuple[Field, ...]:
    """What a person does not want."""
    return (
        checkbox("HasOptedOutOfEmail", label="Email Opt Out"),
        checkbox("HasOptedOutOfFax", label="Fax Opt Out"),
        checkbox("DoNotCall"),
    )


def owner(*to: str) -> Field:
    """The owner, who may be a record of the objects named."""
    return reference("OwnerId", *to, nillable=False, default=None)
