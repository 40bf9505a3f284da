"""Where a login is kept between runs: the system's keyring, or encrypted in the mirror's database.

Never in plain text, and never where it was not proven to come back: a place is tried by writing,
reading and deleting before the browser opens, so that no login is made only to be lost.

Where the login goes: docs/configuration.md, "Environment".
"""

from __future__ import annotations

import os
from collections.abc import Callable

from sfsync.errors import TokenStoreError, UsageError
from sfsync.model.token import Token

from .token_store import DATABASE, HOW_TO_MAKE_A_KEY, KEYRING, TokenStore


def choose_store(
    wanted: str | None,
    *,
    keyring: TokenStore,
    database: Callable[[], TokenStore | None],
    probe: bool = True,
) -> TokenStore:
    """The place to keep the login.

    Args:
        wanted: ``--token-store``, else ``SFSYNC_TOKEN_STORE``, else what was remembered; None for
            the first of keyring and database that works.
        keyring: the keyring, working or not.
        database: makes the encrypted store; gives None where no key is set. Called only if needed,
            so that a bad key does not matter to those who use the keyring.
        probe: write, read back and delete; only for a place already proven may it be left out.

    Raises:
        UsageError: ``wanted`` is no such place.
        TokenStoreError: the wanted place, or every place, does not work; the hint says how to make
            one work.
    """
    if wanted not in {None, "", KEYRING, DATABASE}:
        raise UsageError(
            f"There is no token store {wanted!r}", hint="Use --token-store keyring or database."
        )
    if wanted == KEYRING:
        return _tried(keyring, probe=probe)
    if wanted == DATABASE:
        return _tried(_with_key(database()), probe=probe)
    try:
        return _tried(keyring, probe=True)
    except TokenStoreError as unusable:
        store = database()
        if store is None:
            raise TokenStoreError(
                f"There is no place to keep the login. {unusable.message}; and no key is set to "
                "keep it encrypted in the database",
                hint=HOW_TO_MAKE_A_KEY,
            ) from None
        return _tried(store, probe=probe)


def check_store(store: TokenStore) -> None:
    """Write, read back and delete a made-up login, so that a real one is not lost.

    Raises:
        TokenStoreError: what was written did not come back.
    """
    made_up = Token(access_token="probe " * 20, instance_url="https://probe.invalid", id_url="")
    # A name of its own: two that probe at once must not delete each other's.
    profile = f"sfsync-probe-{os.urandom(4).hex()}"
    try:
        store.save(profile, made_up)
        kept = store.load(profile)
    finally:
        store.delete(profile)
    if kept != made_up:
        raise TokenStoreError(
            f"The {store.name} does not give back what it was given to keep", hint=HOW_TO_MAKE_A_KEY
        )


def _tried(store: TokenStore, *, probe: bool) -> TokenStore:
    if probe:
        check_store(store)
    return store


def _with_key(store: TokenStore | None) -> TokenStore:
    if store is None:
        raise TokenStoreError(
            "To keep the login in the database it must be encrypted, and no key is set",
            hint=HOW_TO_MAKE_A_KEY,
        )
    return store
