r"""The converters of the field types: the org's form of a value, the mirror's, and back. Pure.

The *canonical* form is what SQLite holds (see ``model.record``). Two values are the same when their
canonical forms are equal, so this module decides what counts as a difference. The law, for every
type and every value that can be kept: ``from_org(to_org(value)) == canonical(value)``.

Text is compared without blanks at its ends and with ``\n`` for every line end: Salesforce trims the
one on saving and may change the other, so keeping them would show a difference after each push.
Blank text is null. A checkbox is never null in the org, so null is 0 here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, TypeAlias

from sfsync.model.cursor import iso
from sfsync.model.record import NotUtf8, Value

Convert: TypeAlias = Callable[[Any], Value]

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE_LIMIT = 2**63
_BOOLEANS: Final = {"true": 1, "false": 0, "1": 1, "0": 0}


@dataclass(frozen=True, slots=True)
class Converter:
    """How values of one type travel.

    Attributes:
        from_org: the org's JSON value, or Bulk's text, -> canonical.
        to_org: canonical -> JSON value. Bulk writes the same in its own spelling.
        canonical: what a person or another tool typed into the mirror -> canonical.

    All three raise ValueError, with a sentence for people, for a value that is none of this type.
    """

    from_org: Convert
    to_org: Callable[[Value], Any]
    canonical: Convert


def shown(raw: object) -> str:
    """A value for a sentence, short."""
    text = str(raw)
    return repr(text if len(text) <= 40 else text[:40] + "…")


# -- text ------------------------------------------------------------------------------------------
def text(raw: Any) -> str | None:
    r"""Text without blanks at its ends, ``\n`` as line end; blank is null. Numbers and booleans become text.

    NUL is dropped and half a surrogate pair becomes U+FFFD: neither can be kept in SQLite as UTF-8.

    >>> text("  Ada\r\nLovelace "), text("   ")
    ('Ada\nLovelace', None)
    """
    if raw.__class__ is not str:
        if raw is None:
            return None
        raw = _as_text(raw)
    value: str = raw.strip()
    if not value:
        return None
    if value.isascii():
        return value if value.isprintable() else _cleaned(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _cleaned(value)


def _cleaned(value: str) -> str | None:
    value = value.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").strip()
    return value or None


def _as_text(raw: Any) -> str:
    if isinstance(raw, NotUtf8):
        raise ValueError(f"{shown(raw)} is not UTF-8: write the text anew as UTF-8")  # noqa: TRY004  # one kind of error for callers
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, int | float):
        return str(raw)
    raise ValueError(f"{_kind(raw)} is no text")


# -- several values of a picklist ------------------------------------------------------------------
def multipicklist(raw: Any) -> str | None:
    """The chosen values with ``;`` between them: trimmed, each once, in alphabetical order; none is null.

    The order is no part of such a value: Salesforce hands the values back in the order in which
    the picklist was defined, however they were written. Keeping the order of either side would
    show a difference, or a conflict, where both chose the same.

    Source: docs/salesforce.md §8.1; Salesforce Help 000231088, "Multi-Select Picklist Value
    Ordering Behavior (UI vs SOQL)".

    >>> multipicklist("News; Offers;;News"), multipicklist(" ; ")
    ('News;Offers', None)
    """
    whole = text(raw)
    if whole is None:
        return None
    # the usual case, one value: a pull reads millions
    if ";" not in whole:
        return whole
    values = (text(value) for value in whole.split(";"))
    return ";".join(sorted({value for value in values if value is not None})) or None


def chosen(value: str) -> tuple[str, ...]:
    """The values of a canonical ``multipicklist``.

    >>> chosen("News;Offers")
    ('News', 'Offers')
    """
    return tuple(value.split(";"))


# -- numbers ---------------------------------------------------------------------------------------
def integer(raw: Any) -> int | None:
    """A whole number; ``12.0`` is one, ``12.5`` is none.

    Source: docs/salesforce.md §2.1, §8.1 (custom Number fields come as ``12.0``).

    >>> integer("12.0"), integer(12.0), integer("")
    (12, 12, None)
    """
    if raw is None:
        return None
    if raw.__class__ is float and raw.is_integer():
        value = int(raw)
    elif raw.__class__ is int:
        value = raw
    elif (
        raw.__class__ is str
        and len(raw) < 18
        and raw.isascii()
        and raw.removesuffix(".0").isdigit()
    ):
        return int(raw.removesuffix(".0"))  # what Bulk sends, millions of times
    else:
        parsed = _parsed_number(raw, "a whole number")
        if parsed is None:
            return None
        if parsed.__class__ is float and not parsed.is_integer():
            raise ValueError(f"{shown(raw)} is no whole number")
        value = int(parsed)
    if not -_WHOLE_LIMIT <= value < _WHOLE_LIMIT:
        raise ValueError(f"{shown(raw)} is too large a number")
    return value


def number(raw: Any) -> float | None:
    """A number with decimals.

    >>> number("12.50"), number(3)
    (12.5, 3.0)
    """
    if raw is None:
        return None
    parsed = _parsed_number(raw, "a number")
    if parsed is None:
        return None
    try:
        return float(parsed) + 0.0  # no negative zero: it would differ from zero as text
    except OverflowError as error:
        raise ValueError(f"{shown(raw)} is too large a number") from error


def rounded(value: float, scale: int) -> float:
    """A number as the org keeps it: with so many digits after the point, a half away from zero.

    Source: docs/salesforce.md §2.2 (a number with more digits than the field's scale is rounded).

    >>> rounded(2.345, 2), rounded(-2.345, 2), rounded(1e300, 2)
    (2.35, -2.35, 1e+300)
    """
    exact = Decimal(repr(value))
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent <= scale:
        return value
    return float(exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)) + 0.0


def _parsed_number(raw: Any, expected: str) -> int | float | None:
    if isinstance(raw, str):
        stripped = raw.strip()
        if not stripped:
            return None
        if not _NUMBER.fullmatch(stripped) or len(stripped) > 400:
            raise ValueError(f"{shown(raw)} is not {expected}")
        raw = int(stripped) if stripped.lstrip("+-").isdigit() else float(stripped)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"{_kind(raw)} is not {expected}")  # noqa: TRY004  # one kind of error for callers
    if isinstance(raw, float) and not math.isfinite(raw):
        raise ValueError(f"{shown(raw)} is no number that can be kept")
    return raw


# -- boolean ---------------------------------------------------------------------------------------
def boolean(raw: Any) -> int:
    """0 or 1 from true, false, 1, 0 and their texts; null and blank are 0.

    >>> boolean("TRUE"), boolean(False), boolean(None)
    (1, 0, 0)
    """
    if raw is False or raw is None:
        return 0
    if raw is True:
        return 1
    if isinstance(raw, str):
        word = raw.strip().lower()
        if not word:
            return 0
        if word in _BOOLEANS:
            return _BOOLEANS[word]
    elif isinstance(raw, int | float) and raw in (0, 1):
        return int(raw)
    raise ValueError(f"{shown(raw)} is neither true nor false")


def _boolean_to_org(value: Value) -> bool:
    return bool(boolean(value))


# -- date and datetime -----------------------------------------------------------------------------
def calendar_date(raw: Any) -> str | None:
    """A calendar date, which is the same day everywhere: it is never moved by a time zone.

    >>> calendar_date(" 2026-01-20 ")
    '2026-01-20'
    """
    stripped = _stripped(raw, "a date like 2026-01-20")
    if stripped is None:
        return None
    if not _DATE.fullmatch(stripped):
        raise ValueError(f"{shown(raw)} is not a date like 2026-01-20")
    try:
        date.fromisoformat(stripped)
    except ValueError as error:
        raise ValueError(f"{shown(raw)} is no day of the calendar") from error
    return stripped


def moment(raw: Any) -> str | None:
    """An instant, in UTC and whole seconds: Salesforce keeps no smaller ones.

    A time without a zone is read as UTC, as SQLite's own ``datetime('now')`` writes it; a date as
    its midnight.

    Source: docs/salesforce.md §2.1 (REST: ``.000+0000``), §5.2 (Bulk: ``.000Z``), §6.1 (whole
    seconds).

    >>> moment("2026-01-20T10:00:00.000+0000"), moment("2026-01-20 10:00:00")
    ('2026-01-20T10:00:00Z', '2026-01-20T10:00:00Z')
    """
    stripped = _stripped(raw, "a time like 2026-01-20T10:00:00Z")
    if stripped is None:
        return None
    if not _DATE.match(stripped):
        raise ValueError(f"{shown(raw)} is not a time like 2026-01-20T10:00:00Z")
    try:
        at = datetime.fromisoformat(stripped)
        return iso(at if at.tzinfo else at.replace(tzinfo=UTC)).rjust(20, "0")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown(raw)} is not a time like 2026-01-20T10:00:00Z") from error


def _moment_from_org(raw: Any) -> str | None:
    """``moment``, with the two spellings the org uses taken by their shape: a pull reads millions."""
    if raw.__class__ is str and raw.endswith((".000+0000", ".000Z")) and raw[10:11] == "T":
        return f"{raw[:19]}Z"
    return moment(raw)


def _moment_to_org(value: Value) -> str | None:
    """With milliseconds and ``Z``: the one spelling that REST and Bulk both take."""
    at = moment(value)
    return f"{at[:19]}.000Z" if at else None


def _stripped(raw: Any, expected: str) -> str | None:
    if raw is None:
        return None
    if isinstance(raw, NotUtf8) or not isinstance(raw, str):
        raise ValueError(f"{_kind(raw)} is not {expected}")  # noqa: TRY004  # one kind of error for callers
    return raw.strip() or None


def _kind(raw: object) -> str:
    if isinstance(raw, bool | int | float):
        return str(raw).lower()
    names = {
        "NotUtf8": "text that is not UTF-8",
        "bytes": "binary data",
        "dict": "a compound value",
        "list": "a list",
    }
    return names.get(type(raw).__name__, type(raw).__name__)


TEXT: Final = Converter(text, text, text)
INTEGER: Final = Converter(integer, integer, integer)
NUMBER: Final = Converter(number, number, number)
BOOLEAN: Final = Converter(boolean, _boolean_to_org, boolean)
DATE: Final = Converter(calendar_date, calendar_date, calendar_date)
DATETIME: Final = Converter(_moment_from_org, _moment_to_org, moment)
MULTIPICKLIST: Final = Converter(multipicklist, multipicklist, multipicklist)
