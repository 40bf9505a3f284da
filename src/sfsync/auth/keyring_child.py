"""One keyring call in a process of its own, because a keyring that hangs can only be ended so.

Reads one JSON request from stdin, writes one JSON answer to stdout; the secret travels in the pipes
alone, never in arguments or the environment. Only backends that encrypt are used: the library would
take a plain-text file, or nothing at all, without a word.

Source: keyring 25.7 (which backends it takes by itself, and that none has a time-out).
"""

from __future__ import annotations

import json
import sys
from typing import Any, Protocol

SERVICE = "sfsync"
SAFE_BACKENDS = frozenset(
    {
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
    }
)


class Backend(Protocol):
    """What is used of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None:
        """The kept text, or None."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a text."""

    def delete_password(self, service: str, username: str) -> None:
        """Forget it."""


def backend_name(backend: object) -> str:
    """The full name of a backend's class."""
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def find_backend() -> tuple[Backend | None, str]:
    """The backend to use, or None, and its name or what is wrong with it."""
    import keyring.core

    try:
        keyring.core.init_backend(limit=lambda candidate: backend_name(candidate) in SAFE_BACKENDS)
        backend = keyring.core.get_keyring()
    except Exception as error:  # noqa: BLE001  importing a bad backend raises whatever it raises
        named = "the keyring named in PYTHON_KEYRING_BACKEND or keyringrc.cfg"
        return None, f"{named} does not load ({type(error).__name__})"
    name = backend_name(backend)
    if name == "keyring.backends.fail.Keyring":
        return None, "there is no keyring on this computer"
    if name not in SAFE_BACKENDS:
        return None, f"the keyring {name} is not among those that keep secrets safely"
    return backend, name


def answer(request: dict[str, Any], backend: Backend) -> dict[str, Any]:
    """Do what the request asks.

    Args:
        request: ``{"do": "get" | "set" | "delete", "name": profile, "secret": text for set}``.
        backend: to do it with.

    Returns:
        ``{"secret": text or None}``, or ``{"problem": text}`` without any of the secret in it.
    """
    name = str(request["name"])
    try:
        if request["do"] == "set":
            backend.set_password(SERVICE, name, str(request["secret"]))
        elif request["do"] == "delete":
            if backend.get_password(SERVICE, name) is not None:
                backend.delete_password(SERVICE, name)
        else:
            return {"secret": backend.get_password(SERVICE, name)}
    except Exception as error:  # noqa: BLE001  backends raise what D-Bus and the system raise
        return {"problem": f"the keyring failed ({type(error).__name__}); it may be locked"}
    return {"secret": None}


def main() -> None:
    """Answer the one request on stdin."""
    request = json.loads(sys.stdin.read())
    backend, name = find_backend()
    reply = {"problem": name} if backend is None else answer(request, backend) | {"backend": name}
    sys.stdout.write(json.dumps(reply))


if __name__ == "__main__":
    main()
