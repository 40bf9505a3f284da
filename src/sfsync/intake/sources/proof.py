"""Who sent a delivery: secrets are compared in constant time, and every failure is one error.

Several secrets may hold at once, so that one can be replaced while the service still uses the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

Headers: TypeAlias = Mapping[str, str]

WINDOW_SECONDS: Final = 300
"""How far a delivery's own time may lie from ours.

Source: Standard Webhooks 1.0.0, which leaves the figure open; its libraries take five minutes.
"""

_SECONDS = re.compile(r"[0-9]{1,12}")


class ForgedError(Exception):
    """Nothing proves that the service sent this.

    Attributes:
        reason: a few words, without any secret and without anything of the body.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reception:
    """What the receiver knows of a delivery besides its headers and body.

    Attributes:
        now: ``2026-01-20T10:00:00Z``.
        public_url: the address exactly as the service was told it.
        topics: the Amazon SNS topics that may send.
        certificate: gives what lies at an https address of Amazon SNS, as PEM. What it raises
            because it cannot reach it goes through ``verify``: that is our trouble, not a forgery.
    """

    now: str
    public_url: str = ""
    topics: Collection[str] = ()
    certificate: Callable[[str], bytes] | None = None


def header(headers: Headers, name: str) -> str:
    """The trimmed value of a header, whatever its capitals.

    Raises:
        ForgedError: it is missing or empty.
    """
    value = optional_header(headers, name)
    if not value:
        raise ForgedError(f"the header {name} is missing")
    return value


def optional_header(headers: Headers, name: str) -> str:
    """The same, or empty."""
    folded = name.lower()
    return next((value.strip() for key, value in headers.items() if key.lower() == folded), "")


def is_same(one: str | bytes, other: str | bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def usable(secrets: Iterable[str]) -> list[str]:
    """The secrets that are one. An empty one would be known to everybody.

    Raises:
        ForgedError: there is none.
    """
    found = [secret for secret in secrets if secret.strip()]
    if not found:
        raise ForgedError("no secret is configured for this source")
    return found


def expect_any(secrets: Iterable[str], matches: Callable[[str], bool]) -> None:
    """Look at every secret, so that the time it takes does not say which one it was.

    Raises:
        ForgedError: none matches.
    """
    if not any([matches(secret) for secret in usable(secrets)]):  # noqa: C419  # all of them
        raise ForgedError("the signature is that of no secret known here")


def expect_hmac(secrets: Iterable[str], signed: bytes, given: str, form: str) -> None:
    """Hold ``given`` against the HMAC of what was signed.

    Args:
        form: ``sha256 hex``, ``sha256 base64`` or ``sha1 base64``.

    Raises:
        ForgedError: it is that of no secret.
    """
    digest, encoding = form.split()

    def matches(secret: str) -> bool:
        made = hmac.new(_bytes(secret), signed, getattr(hashlib, digest)).digest()
        expected = made.hex() if encoding == "hex" else base64.b64encode(made).decode()
        return is_same(expected, given.lower() if encoding == "hex" else given)

    expect_any(secrets, matches)


def expect_recent(seconds: str, now: str, *, past: int = WINDOW_SECONDS) -> int:
    """The time of a delivery, in seconds since 1970.

    Args:
        seconds: as stated in plain digits.
        past: how many seconds old it may be.

    Raises:
        ForgedError: it is no such time, or lies too far from ours.
    """
    if not _SECONDS.fullmatch(seconds):
        raise ForgedError("its time is not in seconds since 1970")
    stated = int(seconds)
    age = datetime.fromisoformat(now).timestamp() - stated
    if age > past:
        raise ForgedError("it is too old")
    if age < -WINDOW_SECONDS:
        raise ForgedError("its time lies in the future")
    return stated


TOKEN_HEADER: Final = "X-Webhook-Token"  # noqa: S105  # the name of a header


SECRET_HEADERS: Final = ("Authorization", TOKEN_HEADER)
"""Headers that hold a secret itself, where others hold a signature: never to be kept."""


def verify_password(
    headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception
) -> None:
    """Hold a secret itself against those that are known, for services that sign nothing.

    Either ``user:password`` as basic authentication, or a token: as a bearer, or in the header
    ``X-Webhook-Token``.

    Raises:
        ForgedError: none of these is there, or none is a secret.
    """
    del body, reception
    given = _password(optional_header(headers, "Authorization"))
    given = given or optional_header(headers, TOKEN_HEADER)
    if not given:
        raise ForgedError(f"neither Authorization nor {TOKEN_HEADER} holds anything")
    expect_any(secrets, lambda secret: is_same(secret, given))


def _password(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip(), validate=True).decode()
    except ValueError as error:
        raise ForgedError("the basic authentication cannot be decoded") from error


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
