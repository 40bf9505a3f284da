"""A login in the system's keyring, which a child process talks to (``keyring_child``)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sfsync.errors import TokenStoreError
from sfsync.model.token import Token

from .token_store import HOW_TO_MAKE_A_KEY, KEYRING, packed, unpacked

KEYRING_SECONDS = 3.0
_CHILD = (sys.executable, "-P", "-m", "sfsync.auth.keyring_child")


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
        return None if secret is None else unpacked(str(secret), "the keyring")

    def save(self, profile: str, token: Token) -> None:
        """Put a login into the keyring."""
        self._ask({"do": "set", "name": profile, "secret": packed(token)})

    def delete(self, profile: str) -> None:
        """Take it out."""
        self._ask({"do": "delete", "name": profile})

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        reply = self._reply_of_child(request)
        if "problem" not in reply:
            return reply
        raise TokenStoreError(
            f"The keyring cannot be used: {reply['problem']}",
            hint="Unlock it, or keep the login encrypted in the database instead (--token-store "
            "database). " + HOW_TO_MAKE_A_KEY,
        )

    def _reply_of_child(self, request: dict[str, str]) -> dict[str, Any]:
        """The child's answer; ``{"problem": text}`` where it gave none."""
        no_answer = {"problem": "it ended without an answer"}
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
            waited = f"it did not answer within {self._seconds:g} seconds"
            return {"problem": f"{waited}; it may be locked, or wait for somebody"}
        except (OSError, ValueError):
            return no_answer
        return reply if isinstance(reply, dict) else no_answer
