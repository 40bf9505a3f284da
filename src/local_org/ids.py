"""Salesforce ids: how they are made, checked and written in full.

An id has 15 case-sensitive characters (3 of prefix, which tell the type) and a checksum of 3 that
makes it safe where case is lost. The API accepts either form and answers the long one.

Source: docs/salesforce.md §7.5 (checksum and vectors), REST API guide, ID field type.
"""

import re
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Za-z0-5]{3})?\Z")
_POD = "5f00000"


def checksum(short: str) -> str:
    """Give the three characters that turn a 15-character id into the 18-character one.

    >>> checksum("0035500001H9cak"), checksum("AbCdEfGhIjKlMnO")
    ('AAB', 'VKV')
    """
    return _block(short[:5]) + _block(short[5:10]) + _block(short[10:15])


@lru_cache(maxsize=4096)
def _block(five: str) -> str:
    return _CHECK[sum(1 << bit for bit, char in enumerate(five) if "A" <= char <= "Z")]


def make(prefix: str, number: int) -> str:
    """Make the 18-character id of the ``number``-th record with that key prefix.

    >>> make("003", 1)
    '0035f0000000001AAA'
    """
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _ALPHABET[rest] + digits
    short = f"{prefix}{_POD}{digits.rjust(5, '0')}"
    return short + checksum(short)


def looks_like_id(text: str) -> bool:
    """Whether the text has the shape of an id, long or short."""
    return bool(_SHAPE.match(text))


def canonical(text: str) -> str:
    """Write an id in full: 15 characters get their checksum, 18 get their letters' case back.

    Text that is no id comes back unchanged.

    >>> canonical("0035500001H9cak"), canonical("0035500001h9CAKaab")
    ('0035500001H9cakAAB', '0035500001H9cakAAB')
    """
    if not _SHAPE.match(text):
        return text
    if len(text) == 15:
        return text + checksum(text)
    if checksum(text[:15]) == text[15:]:
        return text
    return _recased(text)


def _recased(text: str) -> str:
    check = text[15:].upper()
    letters = [
        char.upper() if _CHECK.index(check[at // 5]) >> at % 5 & 1 else char.lower()
        for at, char in enumerate(text[:15])
    ]
    return "".join(letters) + check
