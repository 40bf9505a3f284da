"""What a section looks like: its keys, their types and choices, as pydantic models.

Which sections there are is for ``mapping.shapes`` and ``config.sections``. Each section and each
entry is read on its own, so that a mistake in one never hides those of the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError
from pydantic_core import ErrorDetails

from sfsync.document.problems import Path, Problems, label_of, shown, suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LAX = Strict(False)
"""For a choice: strict models want an enum's member, and files hold its text."""


class Shape(BaseModel):
    """What every section has in common: no unknown keys, and no silent conversions."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


AShape = TypeVar("AShape", bound=BaseModel)


def shaped(shape: type[AShape], raw: object, path: Path, problems: Problems) -> AShape | None:
    """Read one section or entry.

    Each mistake goes to ``problems``; the keys it concerns are then left out, so that the rest can
    still be checked for what it means. ``None`` where nothing useful is left.
    """
    if not isinstance(raw, dict):
        problems.add(
            path, f"expected keys with values ({', '.join(shape.model_fields)}), found {shown(raw)}"
        )
        return None
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        _report(shape, detail, path, problems)
    wrong = {detail["loc"][0] for detail in details}
    try:
        return shape.model_validate({key: value for key, value in raw.items() if key not in wrong})
    except ValidationError:
        return None


def _report(shape: type[BaseModel], detail: ErrorDetails, path: Path, problems: Problems) -> None:
    where = (*path, *detail["loc"])
    match detail["type"]:
        case "missing":
            problems.add(where, f"missing in {label_of(path)}", at_key=True)
        case "extra_forbidden":
            known = suggestion(str(where[-1]), shape.model_fields)
            problems.add(where, f"no such key here{known}", at_key=True)
        case "enum":
            choices = re.findall(r"'([^']+)'", str(detail.get("ctx", {}).get("expected", "")))
            found = shown(detail["input"])
            problems.add(
                where, f"{found} is none of its values{suggestion(str(detail['input']), choices)}"
            )
        case kind:
            problems.add(
                where, f"expected {_EXPECTED.get(kind, kind)}, found {shown(detail['input'])}"
            )


_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
}


def section(document: Mapping[str, Any], key: str, problems: Problems) -> dict[str, Any]:
    """A top-level section; empty where it is missing, or of another kind, which is reported."""
    raw = document.get(key)
    if isinstance(raw, dict):
        return raw
    if key in document:
        problems.add((key,), f"expected keys with values, found {shown(raw)}")
    return {}


# -- defaults --------------------------------------------------------------------------------------
def default_of(kind: type[DataclassInstance], name: str) -> Any:
    """What a field of a value is where nothing is stated; written at the value, and only there."""
    return kind.__dataclass_fields__[name].default


def takes_default(kind: type[DataclassInstance], name: str) -> Any:
    """For a key of a section: its default is that of the value that is made of it."""
    return Field(default_factory=lambda: default_of(kind, name))
