"""A login encrypted in the mirror's database, with a key that is kept elsewhere.

Which tables hold the encrypted bytes is the mirror's matter, behind ``BlobVault``.

Where the login goes: docs/configuration.md, "Environment".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sfsync.errors import TokenStoreError
from sfsync.model.token import Token

from .own_file import UnusableFileError, credential, read_own
from .token_store import DATABASE, HOW_TO_MAKE_A_KEY, packed, unpacked

CREDENTIAL_NAME = "sfsync-token-key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_SHORTEST_PASSPHRASE = 12
_BY_KEY, _BY_PASSPHRASE = b"\x01", b"\x02"
_PURPOSE = b"sfsync login\x00"
_FINGERPRINT = b"sfsync fingerprint of a key\x00"


class BlobVault(Protocol):
    """Where the mirror keeps encrypted bytes, one for each profile; each call is a transaction."""

    def read(self, profile: str) -> bytes | None:
        """The bytes, or None."""

    def write(self, profile: str, sealed: bytes) -> None:
        """Keep the bytes durably, instead of those before."""

    def delete(self, profile: str) -> None:
        """Forget them; no error where there are none."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """What the login is encrypted with: 32 bytes as they are, or a passphrase that is stretched."""

    secret: bytes = field(repr=False)
    is_passphrase: bool
    where: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """Which key it is, for people: its fingerprint and its place; nothing that helps to guess it.

        A passphrase has no fingerprint: it could be tried against one.
        """
        if self.is_passphrase:
            return f"the passphrase in {self.where}"
        digest = hashlib.sha256(_FINGERPRINT + self.secret).hexdigest()
        return f"key {digest[:8]} in {self.where}"

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
            return cls(raw, is_passphrase=False, where=where)
        if len(text) < _SHORTEST_PASSPHRASE:
            flaw = "too short to protect a login" if text else "empty"
            raise TokenStoreError(f"The key in {where} is {flaw}", hint=HOW_TO_MAKE_A_KEY)
        return cls(text.encode(), is_passphrase=True, where=where)


def find_key(
    *,
    key: str | None = None,
    key_file: Path | None = None,
    credentials_directory: Path | None = None,
    usual_file: Path | None = None,
) -> SealingKey | None:
    """The key to keep the login with, from the first of its four places where there is one.

    None where there is none.

    Args:
        key: the value of ``SFSYNC_TOKEN_KEY``.
        key_file: that of ``SFSYNC_TOKEN_KEY_FILE``; must be the user's own and closed to everybody
            else.
        credentials_directory: that of ``CREDENTIALS_DIRECTORY``, which systemd sets and protects.
        usual_file: where a key is looked for that nothing names; it need not be there.

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
    if usual_file and usual_file.exists():
        return SealingKey.parse(_read_key_file(usual_file), str(usual_file))
    return None


class EncryptedStore:
    """Logins in a ``BlobVault``, sealed with AES-256-GCM.

    Profile and purpose are bound into the seal, so a sealed login moved to another profile does not
    open. Layout: one byte for the kind of key, 16 bytes of salt for a passphrase, a 12-byte nonce,
    the rest.

    Args:
        kept_with: the ``key_name`` that the login was kept with, as remembered; for messages.
    """

    name = DATABASE

    def __init__(self, vault: BlobVault, key: SealingKey, *, kept_with: str = "") -> None:
        self._vault = vault
        self._key = key
        self._kept_with = kept_with
        self._stretched: tuple[bytes, bytes] = (b"", b"")

    def __repr__(self) -> str:
        return "EncryptedStore()"

    @property
    def key_name(self) -> str:
        """Which key it is, for people."""
        return self._key.name

    def load(self, profile: str) -> Token | None:
        """The login, opened.

        Raises:
            TokenStoreError: it was sealed with another key, or a single bit of it has changed.
        """
        sealed = self._vault.read(profile)
        if sealed is None:
            return None
        return unpacked(self._opened(profile, sealed), "the database")

    def save(self, profile: str, token: Token) -> None:
        """Seal a login and keep it."""
        head = self._new_head()
        nonce = os.urandom(_NONCE_BYTES)
        text = packed(token).encode()
        sealed = AESGCM(self._key_for(head)).encrypt(nonce, text, _bound_to(profile, head))
        self._vault.write(profile, head + nonce + sealed)

    def delete(self, profile: str) -> None:
        """Forget it."""
        self._vault.delete(profile)

    def _new_head(self) -> bytes:
        if self._key.is_passphrase:
            return _BY_PASSPHRASE + os.urandom(_SALT_BYTES)
        return _BY_KEY

    def _opened(self, profile: str, sealed: bytes) -> str:
        kind, salt_bytes = _BY_KEY, 0
        if self._key.is_passphrase:
            kind, salt_bytes = _BY_PASSPHRASE, _SALT_BYTES
        head, rest = sealed[: 1 + salt_bytes], sealed[1 + salt_bytes :]
        nonce, encrypted = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            if sealed[:1] == kind and len(nonce) == _NONCE_BYTES:
                cipher = AESGCM(self._key_for(head))
                return cipher.decrypt(nonce, encrypted, _bound_to(profile, head)).decode()
        except (InvalidTag, ValueError):
            pass
        kept_with = self._kept_with or "another key"
        raise TokenStoreError(
            f"The login of profile {profile.partition(':')[0]!r} in the database does not open "
            f"with this key, {self._key.name}; it was kept with {kept_with}",
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
    """In either alphabet, padded or not."""
    standard = text.replace("-", "+").replace("_", "/")
    return base64.b64decode(standard + "=" * (-len(text) % 4), validate=True)


def _read_key_file(path: Path, *, closed: bool = True) -> str:
    try:
        return read_own(path, closed=closed)
    except UnusableFileError as unusable:
        hint = unusable.hint
        if not hint.startswith("Close"):
            hint = f"{hint} {HOW_TO_MAKE_A_KEY}".strip()
        failure = TokenStoreError(f"The key file {path} {unusable.reason}", hint=hint)
    raise failure
