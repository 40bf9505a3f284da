"""Where a login is kept between runs: the system's keyring, or encrypted in the mirror's database.

Never in plain text, and never where it was not proven to come back: a place is tried by writing,
reading and deleting before the browser opens, so that no login is made only to be lost. Which
tables hold the encrypted bytes is the mirror's matter, behind ``BlobVault``.

Source: contract §2 (where the login goes) and §5.7.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sfsync.errors import TokenStoreError, UsageError
from sfsync.model.token import Token

from .own_file import UnusableFileError, credential, read_own

KEYRING = "keyring"
DATABASE = "database"
CREDENTIAL_NAME = "sfsync-token-key"
KEYRING_SECONDS = 3.0
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_SHORTEST_PASSPHRASE = 12
_BY_KEY, _BY_PASSPHRASE = b"\x01", b"\x02"
_PURPOSE = b"sfsync login\x00"
HOW_TO_MAKE_A_KEY = (
    "Make a key file and name it in the environment:\n"
    "  (umask 077; mkdir -p ~/.config/sfsync; openssl rand -base64 32 > ~/.config/sfsync/token.key)\n"
    "  export SFSYNC_TOKEN_KEY_FILE=~/.config/sfsync/token.key"
)
_CHILD = (sys.executable, "-P", "-m", "sfsync.auth.keyring_child")


class TokenStore(Protocol):
    """A place that keeps one login for each profile."""

    @property
    def name(self) -> str:
        """``keyring`` or ``database``; what ``--token-store`` calls it."""

    def load(self, profile: str) -> Token | None:
        """The login, or None where there is none."""

    def save(self, profile: str, token: Token) -> None:
        """Keep a login durably: when this returns, it survives a crash."""

    def delete(self, profile: str) -> None:
        """Forget a login; no error where there is none."""


class BlobVault(Protocol):
    """Where the mirror keeps encrypted bytes, one for each profile; each call is its own transaction."""

    def read(self, profile: str) -> bytes | None:
        """The bytes, or None."""

    def write(self, profile: str, sealed: bytes) -> None:
        """Keep the bytes durably, instead of those before."""

    def delete(self, profile: str) -> None:
        """Forget them; no error where there are none."""


# -- the keyring


class KeyringStore:
    """The system's keyring: Secret Service, KWallet, macOS or Windows.

    Args:
        environ: the process environment, for the child that talks to the keyring; what is sfsync's
            own in it is not handed on.
        seconds: how long a call may take.
        command: the child to run; another one in tests.
    """

    name = KEYRING

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        seconds: float = KEYRING_SECONDS,
        command: Sequence[str] = _CHILD,
    ) -> None:
        self._environ = {
            key: value for key, value in environ.items() if not key.startswith("SFSYNC_")
        }
        self._seconds = seconds
        self._command = tuple(command)

    def __repr__(self) -> str:
        return "KeyringStore()"

    def load(self, profile: str) -> Token | None:
        """The login out of the keyring.

        Raises:
            TokenStoreError: no safe keyring, no answer in time, or what it holds cannot be read.
        """
        secret = self._ask({"do": "get", "name": profile}).get("secret")
        return None if secret is None else _unpacked(str(secret), "the keyring")

    def save(self, profile: str, token: Token) -> None:
        """Put a login into the keyring."""
        self._ask({"do": "set", "name": profile, "secret": json.dumps(token.as_dict())})

    def delete(self, profile: str) -> None:
        """Take it out."""
        self._ask({"do": "delete", "name": profile})

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        problem = "it ended without an answer"
        try:
            done = subprocess.run(
                self._command,
                input=json.dumps(request).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                timeout=self._seconds,
                check=False,
            )
            reply = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            problem = f"it did not answer within {self._seconds:g} seconds; it may be locked, or wait for somebody"
        except (OSError, ValueError):
            pass
        else:
            if isinstance(reply, dict) and "problem" not in reply:
                return reply
            problem = str(reply.get("problem", problem)) if isinstance(reply, dict) else problem
        raise TokenStoreError(
            f"The keyring cannot be used: {problem}",
            hint="Unlock it, or keep the login encrypted in the database instead (--token-store database). "
            + HOW_TO_MAKE_A_KEY,
        )


# -- encrypted in the database


@dataclass(frozen=True, slots=True)
class SealingKey:
    """What the login is encrypted with: 32 bytes as they are, or a passphrase that is stretched."""

    secret: bytes = field(repr=False)
    is_passphrase: bool

    @classmethod
    def parse(cls, text: str, where: str) -> SealingKey:
        """From what a person wrote: 32 bytes in base64 or hex, else a passphrase.

        Args:
            text: the key; blanks around it do not count.
            where: its place, for messages.

        Raises:
            TokenStoreError: it is empty, or a passphrase so short that it could be guessed.
        """
        text = text.strip()
        raw = _raw_key(text)
        if raw is not None:
            return cls(raw, is_passphrase=False)
        if len(text) < _SHORTEST_PASSPHRASE:
            raise TokenStoreError(
                f"The key in {where} is {'empty' if not text else 'too short to protect a login'}",
                hint=HOW_TO_MAKE_A_KEY,
            )
        return cls(text.encode(), is_passphrase=True)


def find_key(
    *,
    key: str | None = None,
    key_file: Path | None = None,
    credentials_directory: Path | None = None,
) -> SealingKey | None:
    """The key to keep the login with, from the first of its three places that is set; None where none is.

    Args:
        key: the value of ``SFSYNC_TOKEN_KEY``.
        key_file: that of ``SFSYNC_TOKEN_KEY_FILE``; must be the user's own and closed to everybody
        else.
        credentials_directory: that of ``CREDENTIALS_DIRECTORY``, which systemd sets and protects.

    Raises:
        TokenStoreError: the place that is set holds no usable key.
    """
    if key:
        return SealingKey.parse(key, "SFSYNC_TOKEN_KEY")
    if key_file:
        return SealingKey.parse(_read_key_file(key_file.expanduser()), str(key_file))
    kept = credential(credentials_directory, CREDENTIAL_NAME)
    if kept:
        return SealingKey.parse(_read_key_file(kept, closed=False), str(kept))
    return None


class EncryptedStore:
    """Logins in a ``BlobVault``, sealed with AES-256-GCM.

    Profile and purpose are bound into the seal, so a sealed login moved to another profile does not
    open. Layout: one byte for the kind of key, 16 bytes of salt for a passphrase, a 12-byte nonce,
    the rest.
    """

    name = DATABASE

    def __init__(self, vault: BlobVault, key: SealingKey) -> None:
        self._vault = vault
        self._key = key
        self._stretched: tuple[bytes, bytes] = (b"", b"")

    def __repr__(self) -> str:
        return "EncryptedStore()"

    def load(self, profile: str) -> Token | None:
        """The login, opened.

        Raises:
            TokenStoreError: it was sealed with another key, or a single bit of it has changed.
        """
        sealed = self._vault.read(profile)
        return None if sealed is None else _unpacked(self._opened(profile, sealed), "the database")

    def save(self, profile: str, token: Token) -> None:
        """Seal a login and keep it."""
        head = self._new_head()
        nonce = os.urandom(_NONCE_BYTES)
        text = json.dumps(token.as_dict()).encode()
        sealed = AESGCM(self._key_for(head)).encrypt(nonce, text, _bound_to(profile, head))
        self._vault.write(profile, head + nonce + sealed)

    def delete(self, profile: str) -> None:
        """Forget it."""
        self._vault.delete(profile)

    def _new_head(self) -> bytes:
        return _BY_PASSPHRASE + os.urandom(_SALT_BYTES) if self._key.is_passphrase else _BY_KEY

    def _opened(self, profile: str, sealed: bytes) -> str:
        kind = _BY_PASSPHRASE if self._key.is_passphrase else _BY_KEY
        length = 1 + (_SALT_BYTES if self._key.is_passphrase else 0)
        head, nonce, rest = (
            sealed[:length],
            sealed[length : length + _NONCE_BYTES],
            sealed[length + _NONCE_BYTES :],
        )
        try:
            if sealed[:1] == kind and len(nonce) == _NONCE_BYTES:
                return (
                    AESGCM(self._key_for(head))
                    .decrypt(nonce, rest, _bound_to(profile, head))
                    .decode()
                )
        except (InvalidTag, ValueError):
            pass
        raise TokenStoreError(
            f"The login of profile {profile.partition(':')[0]!r} in the database does not open with this key",
            hint="Use the key it was kept with, or run `sfsync login` to make a new login.",
        )

    def _key_for(self, head: bytes) -> bytes:
        if not self._key.is_passphrase:
            return self._key.secret
        if self._stretched[0] != head:
            # OWASP's figures for 32 MiB of memory: slow for a guesser, a tenth of a second here.
            stretch = Scrypt(salt=head[1:], length=_KEY_BYTES, n=2**15, r=8, p=3)
            self._stretched = (head, stretch.derive(self._key.secret))
        return self._stretched[1]


# -- choosing


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
    except TokenStoreError as trouble:
        store = database()
        if store is None:
            raise TokenStoreError(
                f"There is no place to keep the login. {trouble.message}; and no key is set to keep it "
                "encrypted in the database",
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


def _unpacked(text: str, where: str) -> Token:
    try:
        token = Token.from_dict(json.loads(text))
        if all(
            isinstance(part, str) for part in (token.access_token, token.instance_url, token.id_url)
        ):
            return token
    except (ValueError, TypeError, AttributeError):
        pass
    raise TokenStoreError(
        f"What {where} holds is not a login of sfsync", hint="Run `sfsync login`."
    )


def _bound_to(profile: str, head: bytes) -> bytes:
    return _PURPOSE + head + profile.encode()


def _raw_key(text: str) -> bytes | None:
    for decode in (bytes.fromhex, _base64):
        try:
            raw = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(raw) == _KEY_BYTES:
            return raw
    return None


def _base64(text: str) -> bytes:
    return base64.b64decode(
        text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
    )


def _read_key_file(path: Path, *, closed: bool = True) -> str:
    try:
        return read_own(path, closed=closed)
    except UnusableFileError as trouble:
        hint = (
            trouble.hint
            if trouble.hint.startswith("Close")
            else f"{trouble.hint} {HOW_TO_MAKE_A_KEY}".strip()
        )
        failure = TokenStoreError(f"The key file {path} {trouble.reason}", hint=hint)
    raise failure
