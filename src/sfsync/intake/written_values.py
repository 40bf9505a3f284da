"""What people and spreadsheets write into cells -> the values of a row: yes and no, local times, addresses, phone numbers. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from sfsync.document.problems import nearest, shown
from sfsync.errors import UsageError
from sfsync.intake.event_values import MAX_TEXT, BadValueError, checked_address
from sfsync.model.field_types import FieldType, canonical
from sfsync.model.mapping import FieldMap, ObjectMap
from sfsync.model.record import Value

TRUE_WORDS: Final = frozenset({"true", "yes", "ja", "1", "x"})
FALSE_WORDS: Final = frozenset({"false", "no", "nein", "0"})

_PHONE: Final = re.compile(r"phone|fax|mobile", re.IGNORECASE)
_SHORTENED: Final = re.compile(r"[-+]?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_LONGEST_WORD: Final = 40

Read: TypeAlias = Callable[[Any], Value]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values are written in a file.

    Attributes:
        true_words: further words for true, casefolded.
        zone: of times that state none; without it they are in UTC.
    """

    true_words: frozenset[str] = frozenset()
    zone: tzinfo | None = None


AS_USUAL: Final = Spelling()


def true_words(words: Iterable[str]) -> frozenset[str]:
    """Words that somebody says mean true, casefolded.

    Raises:
        UsageError: one of them means false everywhere, or is none.
    """
    folded = frozenset(word.strip().casefold() for word in words)
    for word in folded & {*FALSE_WORDS, ""}:
        raise UsageError(f"--true {shown(word)}: that means false")
    return folded


def zone_named(name: str) -> tzinfo:
    """The time zone that a person names.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        near = nearest(name, available_timezones())
        hint = f"--timezone {near}" if near else "--timezone Europe/Berlin"
        raise UsageError(
            f"--timezone {shown(name)}: there is no such time zone", hint=f"Write it like {hint}"
        ) from error


class WrittenValues:
    """Reads what a file says of the columns of one object."""

    def __init__(self, object_map: ObjectMap, spelling: Spelling) -> None:
        self._object_map = object_map
        self._reads = {
            field.column: _read_of(object_map, field, spelling) for field in object_map.fields
        }

    def read(self, stated: Mapping[str, Any]) -> dict[str, Value]:
        """``{column: value as it stands}`` -> ``{column: canonical value}``.

        Raises:
            BadValueError: one cannot be read, or that by which rows are recognised is empty.
        """
        values = self.read_some(stated)
        match_on = self._object_map.match_on
        if values.get(match_on) is None:
            told = f"empty; {self._object_map.kind.many} are recognised by it"
            raise BadValueError(match_on, told)
        return values

    def read_some(self, stated: Mapping[str, Any]) -> dict[str, Value]:
        """The same of somebody who is known by something else.

        Raises:
            BadValueError: one cannot be read.
        """
        values: dict[str, Value] = {}
        for column, raw in stated.items():
            try:
                value = self._reads[column](raw)
            except ValueError as error:
                raise BadValueError(column, str(error)) from error
            if isinstance(value, str) and len(value) > MAX_TEXT:
                raise BadValueError(column, f"longer than {MAX_TEXT} characters")
            values[column] = value
        return values


def _read_of(object_map: ObjectMap, field: FieldMap, spelling: Spelling) -> Read:
    if field.type is FieldType.BOOLEAN:
        return partial(_boolean, more=spelling.true_words)
    if field.type is FieldType.DATETIME and spelling.zone is not None:
        return partial(_moment, zone=spelling.zone)
    if _is_address(object_map, field):
        return _address
    if _PHONE.search(field.remote):
        return partial(_phone, field_type=field.type)
    return field.type.traits.converter.canonical


def _is_address(object_map: ObjectMap, field: FieldMap) -> bool:
    """Whether a column holds people's addresses: Salesforce's own field, or what they are recognised by."""
    if not object_map.kind.is_people or field.type is not FieldType.TEXT:
        return False
    return field.remote == "Email" or field.column == object_map.match_on


def _address(raw: Any) -> Value:
    value = canonical(FieldType.TEXT, raw)
    return value if value is None else checked_address(str(value))


def _boolean(raw: Any, *, more: frozenset[str]) -> Value:
    if not isinstance(raw, str):
        return canonical(FieldType.BOOLEAN, raw)
    word = raw.strip()
    folded = word.casefold()
    if folded in TRUE_WORDS or folded in more:
        return 1
    if folded in FALSE_WORDS or not folded:
        return 0
    told = f"{shown(word)} is neither true nor false"
    if len(word) <= _LONGEST_WORD:
        told += f"; where it means true: --true {shlex.quote(word)}"
    raise ValueError(told)


def _moment(raw: Any, *, zone: tzinfo) -> Value:
    """A time that states no zone is one of ``zone``; whatever else it is, is judged as everywhere."""
    try:
        at = datetime.fromisoformat(raw.strip()) if isinstance(raw, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        return canonical(FieldType.DATETIME, raw)
    return canonical(FieldType.DATETIME, at.replace(tzinfo=zone).isoformat())


def _phone(raw: Any, *, field_type: FieldType) -> Value:
    if isinstance(raw, str) and _SHORTENED.fullmatch(raw.strip()):
        raise ValueError(
            f"{shown(raw.strip())} is a number whose digits a spreadsheet has cut off;"
            " format the column as text there, type the number anew and export it again"
        )
    return canonical(field_type, raw)
