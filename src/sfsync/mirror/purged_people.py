"""People who were purged, known again only by a keyed hash of each address and Salesforce Id."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import replace

from sfsync.mirror.database import Database
from sfsync.model.address import match_key
from sfsync.model.event import EmailEvent

PURGED = "purged"
"""The note of a purged person's event, and the beginning of an id that held the address."""

_KEY = "forget_key"


class PurgedPeople:
    """All of them, by hash, as they were when this was made."""

    def __init__(self, database: Database) -> None:
        found = database.rows("SELECT hash, person FROM _purged_people")
        self._persons: dict[str, str] = dict(found)
        self._key = bytes.fromhex(_key(database)) if found else b""

    def __bool__(self) -> bool:
        return bool(self._persons)

    def __contains__(self, name: str) -> bool:
        if not name or not self._persons:
            return False
        return _hash(self._key, name) in self._persons

    def person(self, name: str) -> str | None:
        """What all hashes of one person share, by one address or Salesforce Id of theirs."""
        return self._persons.get(_hash(self._key, name))

    def without_person(self, event: EmailEvent) -> EmailEvent:
        """The event without the address of a purged person; its id still counts as known."""
        key = match_key(event.email)
        if key not in self:
            return event
        return replace(
            event,
            id=anonymous_id(self._key, event.id, key),
            email="",
            campaign_id="",
            campaign_name="",
            link="",
        )


def keep_hashes(database: Database, key: str, names: Iterable[str]) -> bytes:
    """Keep a person's hashes, inside a transaction.

    Args:
        key: the match key that names them all.
        names: their addresses and Salesforce Ids.

    Returns:
        The secret that the hashes are made with.
    """
    secret = _key(database) or secrets.token_hex(32)
    database.run("INSERT OR REPLACE INTO _notes (name, value) VALUES (?, ?)", [_KEY, secret])
    hashes = {name: _hash(bytes.fromhex(secret), name) for name in {key, *names} if name}
    database.run_many(
        "INSERT OR REPLACE INTO _purged_people (hash, person, at) VALUES (?, ?, ?)",
        [(each, hashes.get(key, ""), database.now()) for each in hashes.values()],
    )
    return bytes.fromhex(secret)


def purge_consent(database: Database, addresses: Iterable[str]) -> int:
    """Remove what was said for these addresses, inside a transaction; of an opt-out a hash stays.

    Returns:
        How many statements were removed.
    """
    secret, removed = bytes.fromhex(_key(database)), 0
    for key in {match_key(address) for address in addresses}:
        since = database.value("SELECT min(since) FROM _opted_out WHERE address_key = ?", [key])
        if since:
            database.run(
                "INSERT OR REPLACE INTO _purged_consent (hash, since) VALUES (?, ?)",
                [_hash(secret, key), since],
            )
        removed += database.run("DELETE FROM consent WHERE address_key = ?", [key])
        for name in ("_opted_out", "_consented"):
            database.run(f"DELETE FROM {name} WHERE address_key = ?", [key])
    return removed


def purged_opt_outs(database: Database, keys: Iterable[str]) -> dict[str, str]:
    """Since when these addresses are opted out, of those whose people were purged."""
    hashes: dict[str, str] = dict(database.rows("SELECT hash, since FROM _purged_consent"))
    if not hashes:
        return {}
    secret = bytes.fromhex(_key(database))
    found = {key: hashes.get(_hash(secret, key), "") for key in keys}
    return {key: since for key, since in found.items() if since}


def anonymous_id(secret: bytes, name: str, key: str) -> str:
    """An event's id; where it holds the address, a hash of it, the same each time."""
    if key not in name.lower():
        return name
    return f"{PURGED}-{_hash(secret, name)[:32]}"


def _key(database: Database) -> str:
    return str(database.value("SELECT value FROM _notes WHERE name = ?", [_KEY]) or "")


def _hash(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
