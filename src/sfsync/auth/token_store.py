"""A place that keeps a login between runs, and a login as the text that is kept there."""

from __future__ import annotations

import json
from typing import Protocol

from sfsync.errors import TokenStoreError
from sfsync.model.token import Token, carriable

KEYRING = "keyring"
DATABASE = "database"
KEY_FILE = "token.key"
HOW_TO_MAKE_A_KEY = (
    "Make a key file, which is found there by itself; this line keeps one that is there:\n"
    "  sh -c 'umask 077; set -C; mkdir -p ~/.config/sfsync; openssl rand -base64 32 > "
    "~/.config/sfsync/token.key'\n"
    "A key that is somewhere else is named by SFSYNC_TOKEN_KEY_FILE."
)
"""``set -C``: a hint that is followed a second time must not replace the key of a login."""


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


def packed(token: Token) -> str:
    """A login as the text to keep."""
    return json.dumps(token.as_dict())


def unpacked(text: str, where: str) -> Token:
    """The login in a text that was kept.

    Args:
        where: the place it was kept in, for messages.

    Raises:
        TokenStoreError: it is none.
    """
    try:
        token = Token.from_dict(json.loads(text))
        needed = (token.access_token, token.instance_url, token.id_url)
        if all(isinstance(part, str) for part in needed) and all(map(carriable, token.secrets())):
            return token
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise TokenStoreError(
        f"What {where} holds is not a login of sfsync", hint="Run `sfsync login`."
    )
