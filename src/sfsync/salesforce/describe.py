"""What the org's description of an object says of its fields. Pure.

Source: REST API Developer Guide, "sObject Describe"; docs/salesforce.md §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.salesforce.shape import shape_of


def sobject_facts(sobject: str, description: Any) -> SObjectFacts:
    """The facts in a describe as the org answered it.

    Raises:
        ProtocolError: it has not the shape of one.
    """
    with shape_of(f"the org's description of {sobject}"):
        facts = [_field_facts(field) for field in description["fields"]]
        return SObjectFacts(
            str(description.get("name") or sobject),
            {field.name: field for field in facts},
            createable=description.get("createable") is not False,
            updateable=description.get("updateable") is not False,
            deletable=description.get("deletable") is not False,
        )


def _field_facts(description: Mapping[str, Any]) -> FieldFacts:
    """One field. What the org leaves out is taken for what most fields are."""

    def is_true(name: str) -> bool:
        return description.get(name) is True

    def is_not_false(name: str) -> bool:
        return description.get(name) is not False

    return FieldFacts(
        name=str(description["name"]),
        type=str(description.get("type", "string")),
        length=int(description.get("length") or 0),
        scale=_scale(description),
        createable=is_true("createable"),
        updateable=is_true("updateable"),
        nillable=is_not_false("nillable"),
        external_id=is_true("externalId"),
        id_lookup=is_true("idLookup"),
        unique=is_true("unique"),
        filterable=is_not_false("filterable"),
        required=_is_required(description),
        restricted=is_true("restrictedPicklist"),
        picklist=_active_values(description.get("picklistValues") or ()),
        relationship=str(description.get("relationshipName") or ""),
        calculated=is_true("calculated") or is_true("autoNumber"),
        permissionable=is_not_false("permissionable"),
    )


def _scale(description: Mapping[str, Any]) -> int | None:
    """How many digits a number keeps after its point; other fields say 0 there, too."""
    is_number = description.get("type") in {"double", "currency", "percent"}
    scale = description.get("scale")
    return scale if is_number and isinstance(scale, int) else None


def _is_required(description: Mapping[str, Any]) -> bool:
    """Whether a create without this field is refused."""
    if description.get("createable") is not True:
        return False
    if description.get("nillable") is not False:
        return False
    return description.get("defaultedOnCreate") is not True


def _active_values(values: Any) -> tuple[str, ...]:
    return tuple(str(value.get("value")) for value in values if value.get("active") is not False)
