"""Salesforce Ids: the 18-character form that sfsync keeps. Pure.

Source: salesforce-facts §7.5 (three checksum characters over 3 x 5, vectors).
"""

from __future__ import annotations

import re

from sfsync.model.record import SalesforceId

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def eighteen(text: str) -> SalesforceId:
    """The 18-character form of an Id of 15 or 18 characters.

    Raises:
        ValueError: for anything that cannot be an Id.

    >>> eighteen("0035500001H9cak")
    '0035500001H9cakAAB'
    """
    if not _ID.fullmatch(text):
        raise ValueError(f"not a Salesforce Id: {text[:40]!r}")
    if len(text) == 18:
        return SalesforceId(text)
    checks = (
        sum(1 << place for place, letter in enumerate(text[start : start + 5]) if "A" <= letter <= "Z")
        for start in (0, 5, 10)
    )
    return SalesforceId(text + "".join(_ALPHABET[check] for check in checks))
