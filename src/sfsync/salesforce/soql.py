"""Quoted query text. Pure: nothing here knows the network, or simple-salesforce.

Every value enters a query through ``quoted`` and every name through ``named``, so that no data can
become syntax. Long IN lists are cut so that a query's address stays under Salesforce's limit.

Source: SOQL and SOSL Reference, "Quoted String Escape Sequences", "Date Formats"; docs/salesforce.md
§3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from urllib.parse import quote

MAX_QUERY_BYTES = 12_288
"""How long a percent-encoded statement may be.

URI and headers together may hold 16,384 bytes; the rest is for the path, the Bearer (about 110
bytes, 2 KB for a JWT) and the other headers. Source: docs/salesforce.md §3 (414 and 431).
"""

MAX_LITERAL = 4_000
"""Characters in one string literal of a WHERE clause. Source: docs/salesforce.md §3."""

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*")


def quoted(value: object) -> str:
    r"""A value as SOQL writes it.

    Args:
        value: text, a finite number, a boolean, ``None``, a date, or an aware datetime (seconds are
            kept, fractions are dropped: Salesforce compares whole seconds).

    Raises:
        ValueError: for text that no query can carry (NUL, lone surrogates, more than 4,000
            characters), a number that is not finite, a time without zone, or any other type.

    >>> quoted("O'Hara\n")
    "'O\\'Hara\\n'"
    """
    if isinstance(value, str):
        return _quoted_text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("SOQL knows no NaN and no infinity")
        return repr(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(f"SOQL cannot hold a {type(value).__name__}")


def instant(at: datetime) -> str:
    """An aware time as a SOQL literal, in UTC and whole seconds.

    Raises:
        ValueError: for a time without zone.
    """
    if at.tzinfo is None:
        raise ValueError("a time in a query needs a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(text: str) -> str:
    """A SystemModstamp as the org or the mirror writes it, as a SOQL literal.

    >>> stamp("2026-01-20T10:00:00.000+0000")
    '2026-01-20T10:00:00Z'

    Raises:
        ValueError: for anything that is no aware ISO time.
    """
    return instant(datetime.fromisoformat(text))


def named(name: str) -> str:
    """An object's, field's or parent path's name, checked to be nothing else.

    Raises:
        ValueError: for text that could be more than a name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a Salesforce name: {name[:80]!r}")
    return name


def select(
    sobject: str, fields: Iterable[str], where: str = "", order_by: Sequence[str] = ()
) -> str:
    """A whole statement; ``where`` is taken as it is, so that its values must be ``quoted``.

    >>> select("Contact", ["Id", "Email"], "Email = 'a@b.c'", ["Id"])
    "SELECT Id,Email FROM Contact WHERE Email = 'a@b.c' ORDER BY Id"
    """
    names = ",".join(map(named, fields))
    text = f"SELECT {names} FROM {named(sobject)}"  # noqa: S608 - names are checked, no SQL
    if where:
        text += f" WHERE {where}"
    if order_by:
        text += f" ORDER BY {','.join(map(named, order_by))}"
    return text


def selects_in(
    sobject: str, fields: Sequence[str], by: str, values: Iterable[str], *, also: str = ""
) -> Iterator[str]:
    """Statements that together ask for every record whose ``by`` is one of ``values``.

    Each stays under ``MAX_QUERY_BYTES`` when percent-encoded. Values that no query can carry cannot
    be in the org either, and are left out.

    Args:
        also: a further condition, ``CreatedDate >= 2026-01-20T10:00:00Z``.
    """
    condition = f"{named(by)} IN ({{}})"
    if also:
        condition += f" AND {also}"
    bytes_left = MAX_QUERY_BYTES - encoded_length(select(sobject, fields, condition))
    for chunk in _chunks(values, bytes_left):
        yield select(sobject, fields, condition.replace("{}", ",".join(chunk), 1))


def after(modstamp: str, record_id: str) -> str:
    """The condition for what comes later in the order ``SystemModstamp, Id``: keyset paging."""
    at = stamp(modstamp)
    return f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {quoted(record_id)}))"


def encoded_length(text: str) -> int:
    """How many bytes a statement takes in an address."""
    return len(quote(text, safe=""))


def _quoted_text(text: str) -> str:
    if "\0" in text:
        raise ValueError("SOQL cannot hold a NUL character")
    if len(text) > MAX_LITERAL:
        raise ValueError(f"SOQL literals hold {MAX_LITERAL} characters, not {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("SOQL cannot hold half a surrogate pair") from error
    return f"'{text.translate(_ESCAPES)}'"


def _chunks(values: Iterable[str], max_bytes: int) -> Iterator[list[str]]:
    """The values as literals, so many together as fit percent-encoded with their commas."""
    chunk: list[str] = []
    used = 0
    for value in values:
        try:
            literal = quoted(value)
        except ValueError:
            continue  # no query can carry it, so that it cannot be in the org either
        size = encoded_length(literal) + len("%2C")
        if size > max_bytes:
            continue
        if used + size > max_bytes:
            yield chunk
            chunk, used = [], 0
        chunk.append(literal)
        used += size
    if chunk:
        yield chunk
