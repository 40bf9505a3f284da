"""What the browser brings back from a login: the address it ends at, and the code in it. Pure.

Only a callback with this login's state counts.

Source: docs/salesforce.md §1.3 (literal ``localhost``, exact port); RFC 8252.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit

from sfsync.errors import InputError, StateMismatch

from .oauth_errors import LoginStep, oauth_error

CALLBACK_PATH = "/callback"
_LONGEST_CODE = 4096


def redirect_uri(port: int) -> str:
    """The callback as it has to be registered on the app.

    >>> redirect_uri(1717)
    'http://localhost:1717/callback'
    """
    return f"http://localhost:{port}{CALLBACK_PATH}"


def read_callback(query: str, state: str, host: str) -> str:
    """The code that a callback brings.

    Args:
        query: the part of the address behind the question mark.
        state: what this login handed out.
        host: the login host, for messages.

    Raises:
        StateMismatch: the state is missing, doubled or another one; the rest was not looked at.
        LoginRefused: Salesforce, or the person, said no.
        InputError: there is no code in it.
    """
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=20, errors="replace")
    except ValueError:
        fields = {}
    states = fields.get("state", [])
    if len(states) != 1 or not hmac.compare_digest(states[0].encode(), state.encode()):
        raise StateMismatch(
            "The browser came back from another login than this one",
            hint="Use the newest login page only, and close older ones; then run `sfsync login` "
            "again.",
        )
    if "error" in fields:
        code, description = fields["error"][0], fields.get("error_description", [""])[0]
        raise oauth_error(code, description, step=LoginStep.AUTHORIZE, host=host)
    codes = fields.get("code", [])
    if len(codes) != 1 or not 0 < len(codes[0]) <= _LONGEST_CODE:
        raise InputError(
            "The address of the callback holds no code", hint="Run `sfsync login` again."
        )
    return codes[0]


def read_pasted(pasted: str, state: str, host: str) -> str:
    """The code in an address that a person copied from the browser's address bar.

    Raises:
        InputError: it is not the address of a callback.
        StateMismatch, LoginRefused: as ``read_callback``.
    """
    try:
        parts = urlsplit(pasted.strip().strip("'\"<>"))
    except ValueError:
        parts = urlsplit("")
    if parts.path != CALLBACK_PATH or not parts.query:
        raise InputError(
            "That is not the address the browser ended at",
            hint="Copy the whole address; it starts with http://localhost: and goes on with "
            f"{CALLBACK_PATH}?code=",
        )
    return read_callback(parts.query, state, host)
