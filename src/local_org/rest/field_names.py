"""The fields that a caller names."""

from collections.abc import Iterable

from local_org.api_error import ApiError
from local_org.schema.sobject import Field, SObjectType


def named_fields(kind: SObjectType, names: Iterable[str]) -> list[Field]:
    """The fields of those names, each once.

    Raises:
        ApiError: INVALID_FIELD for one that is missing or hidden.
    """
    fields: dict[str, Field] = {}
    for name in names:
        field = kind.field(name.strip())
        if field is None:
            raise ApiError(
                "INVALID_FIELD", f"No such column '{name.strip()}' on sobject of type {kind.name}"
            )
        fields[field.name] = field
    return list(fields.values())
