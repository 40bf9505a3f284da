"""What a parsed query looks like.

The same text always gives the same tree; it knows no org.
"""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["string", "number", "datetime", "date", "relative", "boolean", "null"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value written in a query, and how it was written."""

    kind: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Column:
    """A field path, and where in the text it stands."""

    path: str
    at: int


@dataclass(frozen=True, slots=True)
class FieldSet:
    """``FIELDS(ALL | STANDARD | CUSTOM)``."""

    which: str
    at: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """``COUNT(Id) total`` and its kin."""

    function: str
    column: Column
    alias: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path op value``; for LIKE the value is the pattern as written."""

    column: Column
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """``path [NOT] IN (...)``, of values or of what another query selects."""

    column: Column
    members: "tuple[Value, ...] | Query"
    negated: bool


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions that must all hold, or of which one must."""

    every: bool
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    """A condition that must not hold."""

    part: "Condition"


Condition = Comparison | Membership | Junction | Negation


@dataclass(frozen=True, slots=True)
class Ordering:
    """One ORDER BY key."""

    key: Column | Aggregate
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; ``items`` is None for ``SELECT COUNT()``."""

    items: tuple[Column | FieldSet | Aggregate, ...] | None
    sobject: Column
    alias: str | None
    where: Condition | None
    group_by: tuple[Column, ...]
    order_by: tuple[Ordering, ...]
    limit: int | None
    offset: int
    text: str = ""
