"""What an object of the org is made of: fields, their types and rights, and their describes.

Only the shape is here; the objects themselves are in ``standard_objects`` and ``admin_objects``.

Source: docs/salesforce.md §7 and the describes recorded by SFDO-Tooling/CumulusCI (shared_cassettes).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from dataclasses import field as held
from typing import Any, Literal

FieldType = Literal[
    "id",
    "string",
    "textarea",
    "email",
    "phone",
    "url",
    "picklist",
    "multipicklist",
    "combobox",
    "boolean",
    "int",
    "double",
    "currency",
    "date",
    "datetime",
    "reference",
    "address",
    "complexvalue",
]
TEXT_TYPES = frozenset(
    {"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox"}
)
NUMBER_TYPES = frozenset({"int", "double", "currency"})
_MASTER_RECORD_TYPE = "012000000000000AAA"
_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object, with what describe says of it."""

    name: str
    type: FieldType
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    id_lookup: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    restricted: bool = False
    calculated: bool = False
    default: str | float | bool | None = None
    picklist: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    compound: str | None = None

    @property
    def custom(self) -> bool:
        """Whether an admin made it."""
        return self.name.endswith("__c")

    @property
    def polymorphic(self) -> bool:
        """Whether it may point to several kinds of object."""
        return len(self.reference_to) > 1

    @property
    def is_key(self) -> bool:
        """Whether records can be addressed or upserted by it."""
        return self.external_id or self.id_lookup

    @property
    def defaulted(self) -> bool:
        """Whether the org fills it in on create where the caller does not."""
        return self.default is not None or self.type in {"boolean", "id"} or self.name == "OwnerId"

    @property
    def permissionable(self) -> bool:
        """Whether a permission may decide who sees it.

        Describe says so of the parts of an address, too, though these are granted together.
        """
        return self.createable and (self.nillable or (self.custom and self.type == "boolean"))

    @property
    def sortable(self) -> bool:
        """Whether ORDER BY takes it."""
        return self.filterable and self.type != "address"

    def describe(self) -> dict[str, Any]:
        """The field's entry in ``/describe``."""
        text = self.type in TEXT_TYPES or self.type in {"id", "reference"}
        return {
            "aggregatable": self.filterable,
            "aiPredictionField": False,
            "autoNumber": False,
            "byteLength": self.length * 3 if text else 0,
            "calculated": self.calculated,
            "calculatedFormula": None,
            "cascadeDelete": False,
            "caseSensitive": self.case_sensitive,
            "compoundFieldName": self.compound,
            "controllerName": None,
            "createable": self.createable,
            "custom": self.custom,
            "defaultValue": self.default
            if self.type in {"boolean", "picklist", "combobox"}
            else None,
            "defaultValueFormula": str(self.default)
            if self.custom and self.default is not None
            else None,
            "defaultedOnCreate": self.defaulted,
            "dependentPicklist": False,
            "deprecatedAndHidden": False,
            "digits": self.precision if self.type == "int" else 0,
            "displayLocationInDecimal": False,
            "encrypted": False,
            "externalId": self.external_id,
            "extraTypeInfo": self._extra_type_info(),
            "filterable": self.filterable and self.type != "address",
            "filteredLookupInfo": None,
            "formulaTreatNullNumberAsZero": False,
            "groupable": self.sortable and self.type not in {"datetime", "double", "currency"},
            "highScaleNumber": False,
            "htmlFormatted": False,
            "idLookup": self.id_lookup or self.external_id,
            "inlineHelpText": None,
            "label": self.label,
            "length": self.length,
            "mask": None,
            "maskType": None,
            "name": self.name,
            "nameField": self.name == "Name",
            "namePointing": self.polymorphic,
            "nillable": self.nillable,
            "permissionable": self.permissionable,
            "picklistValues": self._picklist_values(),
            "polymorphicForeignKey": self.polymorphic,
            "precision": self.precision,
            "queryByDistance": False,
            "referenceTargetField": None,
            "referenceTo": list(self.reference_to),
            "relationshipName": self.relationship_name,
            "relationshipOrder": None,
            "restrictedDelete": False,
            "restrictedPicklist": self.restricted,
            "scale": self.scale,
            "searchPrefilterable": self.type == "reference",
            "soapType": _SOAP_TYPES.get(self.type, "xsd:string"),
            "sortable": self.sortable,
            "type": self.type,
            "unique": self.unique,
            "updateable": self.updateable,
            "writeRequiresMasterRead": False,
        }

    def _extra_type_info(self) -> str | None:
        if self.type == "textarea":
            return "plaintextarea"
        return None

    def _picklist_values(self) -> list[dict[str, Any]]:
        return [
            {
                "active": True,
                "defaultValue": value == self.default,
                "label": value,
                "validFor": None,
                "value": value,
            }
            for value in self.picklist
        ]


@dataclass(frozen=True, slots=True)
class SObjectType:
    """A kind of record: its name, its key prefix, its fields and what may be done with it."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: tuple[Field, ...]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    mergeable: bool = False
    replicateable: bool = True
    _by_name: dict[str, Field] = held(default_factory=dict, compare=False, repr=False)
    _by_relationship: dict[str, Field] = held(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._by_name.update({item.name.lower(): item for item in self.fields})
        self._by_relationship.update(
            {item.relationship_name.lower(): item for item in self.fields if item.relationship_name}
        )

    def field(self, name: str) -> Field | None:
        """The field of that name, whatever its case; None if there is none (or it is hidden)."""
        return self._by_name.get(name.lower())

    def relationship(self, name: str) -> Field | None:
        """The reference field behind a relationship name such as ``Account`` or ``Who``."""
        return self._by_relationship.get(name.lower())

    def without(self, names: Iterable[str]) -> "SObjectType":
        """The same object for a user who may not see those fields."""
        hidden = {name.lower() for name in names}
        seen = tuple(item for item in self.fields if item.name.lower() not in hidden)
        return self if len(seen) == len(self.fields) else self._with_fields(seen)

    def limited(
        self, fields: tuple[Field, ...], *, createable: bool, updateable: bool, deletable: bool
    ) -> "SObjectType":
        """The same object for a user who sees these fields and may do no more than that."""
        kind = self._with_fields(fields)
        return replace(
            kind,
            createable=createable,
            updateable=updateable,
            deletable=deletable,
            _by_name={},
            _by_relationship={},
        )

    def plus(self, fields: Iterable[Field]) -> "SObjectType":
        """The same object with further fields."""
        return self._with_fields((*self.fields, *fields))

    def _with_fields(self, fields: tuple[Field, ...]) -> "SObjectType":
        return replace(self, fields=fields, _by_name={}, _by_relationship={})

    def summary(self, version: str) -> dict[str, Any]:
        """The object's entry in the global describe."""
        base = f"/services/data/v{version}/sobjects/{self.name}"
        return {
            "activateable": False,
            "createable": self.createable,
            "custom": False,
            "customSetting": False,
            "deepCloneable": False,
            "deletable": self.deletable,
            "deprecatedAndHidden": False,
            "feedEnabled": self.deletable,
            "hasSubtypes": False,
            "isInterface": False,
            "isSubtype": False,
            "keyPrefix": self.key_prefix,
            "label": self.label,
            "labelPlural": self.label_plural,
            "layoutable": self.deletable,
            "mergeable": self.mergeable,
            "mruEnabled": self.deletable,
            "name": self.name,
            "queryable": True,
            "replicateable": self.replicateable,
            "retrieveable": True,
            "searchable": self.deletable,
            "triggerable": self.deletable,
            "undeletable": self.deletable,
            "updateable": self.updateable,
            "urls": {
                "rowTemplate": f"{base}/{{ID}}",
                "describe": f"{base}/describe",
                "sobject": base,
            },
        }

    def describe(self, version: str) -> dict[str, Any]:
        """The reply of ``/sobjects/NAME/describe``."""
        return {
            "actionOverrides": [],
            "childRelationships": [],
            "compactLayoutable": True,
            **self.summary(version),
            "fields": [item.describe() for item in self.fields],
            "listviewable": None,
            "lookupLayoutable": None,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": [
                {
                    "active": True,
                    "available": True,
                    "defaultRecordTypeMapping": True,
                    "developerName": "Master",
                    "master": True,
                    "name": "Master",
                    "recordTypeId": _MASTER_RECORD_TYPE,
                    "urls": {
                        "layout": f"/services/data/v{version}/sobjects/{self.name}"
                        f"/describe/layouts/{_MASTER_RECORD_TYPE}"
                    },
                }
            ],
            "searchLayoutable": True,
            "sobjectDescribeOption": "FULL",
            "supportedScopes": [{"label": "All records", "name": "everything"}],
        }
