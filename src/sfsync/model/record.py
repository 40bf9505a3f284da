"""Records as values: what the mirror holds, what was last agreed, what the org says now.

A record's fields are always named by the mirror's *column*, on all three sides, and hold values as
SQLite keeps them: text, integer, real or null; a boolean is 0 or 1, a datetime
``2026-01-20T10:00:00Z``, a date ``2026-01-20``. ``model.convert`` turns the org's forms into these
and back, so the core never sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, Literal, NewType, Self, TypeAlias

LocalId = NewType("LocalId", int)
"""A row's ``id`` in the mirror; it never passes for a Salesforce Id."""

SalesforceId = NewType("SalesforceId", str)
"""A record's Id in the org, always in its 18-character form."""

Value: TypeAlias = str | int | float | None
Values: TypeAlias = Mapping[str, Value]


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing.MISSING
"""No value was ever agreed on, or the reply did not hold the field. Not the same as null."""

DELETED_AT = "deleted_at"
"""The column of every mapped table that says whether a row is soft-deleted."""

Missing: TypeAlias = Literal[_Missing.MISSING]


class RemoteState(StrEnum):
    """What became of a record in the org.

    Source: docs/salesforce.md §6.4 (recycle bin, merge, lead conversion).
    """

    PRESENT = "present"
    DELETED = "deleted"
    MERGED = "merged"
    CONVERTED = "converted"
    GONE = "gone"  # asked for by Id and not returned: purged, or no longer visible to this user


@dataclass(frozen=True, slots=True)
class Remote:
    """One record as the org tells it.

    Attributes:
        values: by column; a field that the reply did not hold is absent, never null.
        successor_id: the survivor of a merge, or the Contact a Lead was converted to.
        modified_at: its SystemModstamp, ``2026-01-20T10:00:00Z``.
    """

    salesforce_id: SalesforceId
    values: Values
    state: RemoteState = RemoteState.PRESENT
    successor_id: SalesforceId | None = None
    modified_at: str = ""


@dataclass(frozen=True, slots=True)
class Local:
    """One row as the mirror holds it.

    Attributes:
        deleted_at: set where the row is soft-deleted, by either side.
        edited_at: when the row was first edited since base; empty where nobody has edited it.
        consented: whether its person has explicitly consented to emails since the last opt-out.
    """

    local_id: LocalId
    values: Values
    deleted_at: str | None = None
    edited_at: str = ""
    consented: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    """What both sides last agreed on for one row."""

    values: Values
    deleted_at: str | None = None


@dataclass(frozen=True, slots=True)
class Triple:
    """The three copies of one record, as far as there are any.

    Attributes:
        object: the configuration's name of the object, ``contact`` or ``lead``.
        base: ``None`` where both sides never met: a row new here, or new there.
        local: ``None`` where the mirror has no row yet.
        remote: ``None`` where the org has no record yet.
    """

    object: str
    base: Base | None
    local: Local | None
    remote: Remote | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the mirror beside what was last agreed; ``base`` is ``None`` where the sides never met."""

    local: Local
    base: Base | None
    salesforce_id: SalesforceId | None


RawRecord: TypeAlias = Mapping[str, Any]
"""``{field: value}`` as the org sent it: JSON values from REST, text from Bulk; parents under dotted names."""


_CHECKSUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class NotUtf8(str):
    """Text of the mirror that is not UTF-8, its broken bytes shown as U+FFFD.

    It can be printed and compared, and is no value of any type: to send it, or to write it back,
    would make the damage the value.

    Attributes:
        raw: the bytes that are there.
    """

    __slots__ = ("raw",)

    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        """The text that these bytes look like."""
        text = super().__new__(cls, raw.decode(errors="replace"))
        text.raw = raw
        return text


def id_problem(text: str, prefix: str) -> str:
    """What is wrong with an Id that another program has written; empty for nothing.

    Args:
        prefix: how Ids of the object begin, ``003``.

    Source: docs/salesforce.md §7.5.

    >>> id_problem("0035500001H9cakAAB", "003"), id_problem("0035500001H9cak", "003")
    ('', 'is the short form of 0035500001H9cakAAB')
    """
    if len(text) not in (15, 18) or not (text.isascii() and text.isalnum()):
        return f"is no Salesforce Id: 18 letters and digits that begin with {prefix} are expected"
    if not text.startswith(prefix):
        return f"is the Id of another object: one that begins with {prefix} is expected"
    whole = salesforce_id(text[:15])
    if len(text) == 15:
        return f"is the short form of {whole}"
    return "" if text == whole else f"has a wrong checksum: {whole} is expected"


def salesforce_id(text: str) -> SalesforceId:
    """An Id in its 18-character form, which is safe where case is not kept.

    Source: docs/salesforce.md §7.5.

    >>> salesforce_id("0035500001H9cak")
    '0035500001H9cakAAB'
    """
    if len(text) != 15:
        return SalesforceId(text)
    groups = (text[start : start + 5] for start in (0, 5, 10))
    suffix = (
        sum(1 << bit for bit, char in enumerate(group) if "A" <= char <= "Z") for group in groups
    )
    return SalesforceId(text + "".join(_CHECKSUM[index] for index in suffix))
