"""The table of field types: everything that a type is stands in its row, and nowhere else.

A row that lacks an attribute, or a type without a row, is a ``TypeError`` when this module is
imported. To add a type: add its row; its converter goes to ``model.convert``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from sfsync.model import value_converters
from sfsync.model.merges import GENERAL_MERGES, Merge
from sfsync.model.record import Value
from sfsync.model.value_converters import Converter


@dataclass(frozen=True, slots=True)
class CustomField:
    """The custom field that a type is made as, in the words of Salesforce's Metadata API.

    Attributes:
        kind: ``Text``, ``Number``, ``Checkbox``, ``Date`` or ``DateTime``.
    """

    kind: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTraits:
    """One row of the table. No attribute has a default, so that a new type cannot forget one.

    Attributes:
        summary: what such a value is, for the documentation.
        converter: how values travel between the org, the mirror and people.
        sql: the type of its column in the mirror.
        made_for: the types of Salesforce's describe that this type is the right one for.
        also_holds: further types of describe that it can hold, but where equal values may look
            different.
        custom_field: what ``org setup`` makes; ``None`` where the mapping does not say enough to
            make one, so that such a field is only ever found.
        is_text: free text: it may recognise a record (``match_on``), have a placeholder, and be
            filled from a template.
        is_number: a rule may increment it.
        is_time: the word ``event_timestamp`` in a rule's ``value`` means the event's time.
        event_time: the time of an event (``2026-01-20T10:00:00Z``) as a value of this type; ``None``
            where it cannot hold one.
        choices: the picklist values that one value consists of; ``None`` where it is none of a
            picklist.
        merges: the merges for a kind of value that suit it, beside the general ones.
        implied_by: those of them that a field of this type need not state its type for.
    """

    summary: str
    converter: Converter
    sql: str
    made_for: frozenset[str]
    also_holds: frozenset[str]
    custom_field: CustomField | None
    is_text: bool
    is_number: bool
    is_time: bool
    event_time: Callable[[str], Value] | None
    choices: Callable[[str], tuple[str, ...]] | None
    merges: frozenset[Merge]
    implied_by: frozenset[Merge]

    @property
    def suits(self) -> frozenset[str]:
        """The types of Salesforce's describe that can be read and written as this one."""
        return self.made_for | self.also_holds


def _same(timestamp: str) -> Value:
    return timestamp


def _day(timestamp: str) -> Value:
    return timestamp[:10]


def _whole(value: str) -> tuple[str, ...]:
    return (value,)


_NONE: Final[frozenset[str]] = frozenset()
_NO_MERGES: Final[frozenset[Merge]] = frozenset()
NUMBERS: Final = frozenset({"int", "long", "double", "currency", "percent"})
"""The types of Salesforce's describe that are numbers."""


class FieldType(StrEnum):
    """How a value is kept in the mirror, and how it is written to the org.

    Source: docs/salesforce.md §7, §8.1 (describe's types, and what custom fields are made as).
    """

    _value_: str
    traits: FieldTraits

    def __new__(cls, word: str, traits: FieldTraits) -> Self:
        """A member is its word in the configuration, with its row of the table beside it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.traits = traits
        return member

    TEXT = (
        "text",
        FieldTraits(
            summary="Text without blanks at its ends.",
            converter=value_converters.TEXT,
            sql="TEXT",
            made_for=frozenset(
                {"string", "textarea", "email", "phone", "url", "picklist", "combobox", "id"}
                | {"reference", "encryptedstring", "anyType"}
            ),
            also_holds=NUMBERS | {"date", "datetime", "time", "multipicklist"},
            custom_field=CustomField("Text", length=255),
            is_text=True,
            is_number=False,
            is_time=False,
            event_time=_same,
            choices=_whole,
            merges=_NO_MERGES,
            implied_by=_NO_MERGES,
        ),
    )
    INTEGER = (
        "integer",
        FieldTraits(
            summary="A whole number.",
            converter=value_converters.INTEGER,
            sql="INTEGER",
            made_for=NUMBERS,
            also_holds=_NONE,
            custom_field=CustomField("Number", precision=9),
            is_text=False,
            is_number=True,
            is_time=False,
            event_time=None,
            choices=None,
            merges=frozenset({Merge.COUNTER}),
            implied_by=frozenset({Merge.COUNTER}),
        ),
    )
    NUMBER = (
        "number",
        FieldTraits(
            summary="A number with decimals.",
            converter=value_converters.NUMBER,
            sql="REAL",
            made_for=NUMBERS,
            also_holds=_NONE,
            custom_field=CustomField("Number", precision=18, scale=4),
            is_text=False,
            is_number=True,
            is_time=False,
            event_time=None,
            choices=None,
            merges=_NO_MERGES,
            implied_by=_NO_MERGES,
        ),
    )
    BOOLEAN = (
        "boolean",
        FieldTraits(
            summary="0 or 1; a checkbox is never blank.",
            converter=value_converters.BOOLEAN,
            sql="INTEGER",
            made_for=frozenset({"boolean"}),
            also_holds=_NONE,
            custom_field=CustomField("Checkbox", default="false"),
            is_text=False,
            is_number=False,
            is_time=False,
            event_time=None,
            choices=None,
            merges=frozenset({Merge.STICKY_TRUE}),
            implied_by=frozenset({Merge.STICKY_TRUE}),
        ),
    )
    DATE = (
        "date",
        FieldTraits(
            summary="A calendar date, `2026-01-20`.",
            converter=value_converters.DATE,
            sql="TEXT",
            made_for=frozenset({"date"}),
            also_holds=_NONE,
            custom_field=CustomField("Date"),
            is_text=False,
            is_number=False,
            is_time=True,
            event_time=_day,
            choices=None,
            merges=frozenset({Merge.LATEST}),
            implied_by=_NO_MERGES,
        ),
    )
    DATETIME = (
        "datetime",
        FieldTraits(
            summary="An instant in UTC, `2026-01-20T10:00:00Z`.",
            converter=value_converters.DATETIME,
            sql="TEXT",
            made_for=frozenset({"datetime"}),
            also_holds=_NONE,
            custom_field=CustomField("DateTime"),
            is_text=False,
            is_number=False,
            is_time=True,
            event_time=_same,
            choices=None,
            merges=frozenset({Merge.LATEST}),
            implied_by=frozenset({Merge.LATEST}),
        ),
    )
    MULTIPICKLIST = (
        "multipicklist",
        FieldTraits(
            summary="Several values of a picklist, `News;Offers`: each once, in alphabetical order.",
            converter=value_converters.MULTIPICKLIST,
            sql="TEXT",
            made_for=frozenset({"multipicklist"}),
            also_holds=_NONE,
            custom_field=None,  # it takes a list of values, which no mapping has
            is_text=False,
            is_number=False,
            is_time=False,
            event_time=None,
            choices=value_converters.chosen,
            merges=_NO_MERGES,
            implied_by=_NO_MERGES,
        ),
    )


def types_for_merge(merge: Merge) -> tuple[FieldType, ...]:
    """The types a merge can work on, the one that it implies first; empty where it suits any.

    >>> types_for_merge(Merge.LATEST)
    (<FieldType.DATETIME: 'datetime'>, <FieldType.DATE: 'date'>)
    """
    if merge in GENERAL_MERGES:
        return ()
    suited = [kind for kind in FieldType if merge in kind.traits.merges]
    return tuple(sorted(suited, key=lambda kind: merge not in kind.traits.implied_by))


def types_for_describe(described: str) -> tuple[FieldType, ...]:
    """The types that are the right ones for a field of the org; else those that can hold it.

    >>> types_for_describe("time")
    (<FieldType.TEXT: 'text'>,)
    """
    right = tuple(kind for kind in FieldType if described in kind.traits.made_for)
    return right or tuple(kind for kind in FieldType if described in kind.traits.also_holds)


def from_org(field_type: FieldType, raw: Any) -> Value:
    """The org's value in canonical form.

    Raises:
        ValueError: it is none of this type; the sentence says so.
    """
    return field_type.traits.converter.from_org(raw)


def to_org(field_type: FieldType, value: Value) -> Any:
    """The mirror's value as JSON for the org.

    Raises:
        ValueError: it is none of this type; the sentence says so.
    """
    return field_type.traits.converter.to_org(value)


def canonical(field_type: FieldType, value: Any) -> Value:
    """What a person or another tool typed, in canonical form.

    Raises:
        ValueError: it is none of this type; the sentence says so.

    >>> canonical(FieldType.INTEGER, "5")
    5
    """
    return field_type.traits.converter.canonical(value)
