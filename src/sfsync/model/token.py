"""The login as a value. It never shows itself: not in ``repr``, not in a traceback, not in a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def carriable(token: str) -> bool:
    r"""Whether a token fits into the header of a request: printable ASCII, without line ends.

    Source: RFC 6750, section 2.1 (the characters of a bearer token).

    >>> carriable("00D!AQ.x_y"), carriable("00D!AQ\r\nX-Y: z")
    (True, False)
    """
    return token.isascii() and token.isprintable()


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint answered, as kept between runs.

    Attributes:
        access_token: the bearer for API calls. Salesforce sends no ``expires_in``: only a 401 tells
        its end.
        refresh_token: empty for flows that have none (JWT bearer, client credentials).
        instance_url: the only origin API calls may go to; it can change with a refresh.
        id_url: ``https://HOST/id/ORGID/USERID``.
        scope: as granted, blank-separated.
        issued_at: epoch milliseconds, as Salesforce sends them.

    Source: docs/salesforce.md §1.4 (token reply), §1.5 (refresh and rotation).
    """

    access_token: str = field(repr=False)
    instance_url: str
    id_url: str
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    issued_at: int = 0

    @property
    def org_id(self) -> str:
        """The 18-character organization id: the last segment but one of the identity URL."""
        return self.id_url.rstrip("/").split("/")[-2] if self.id_url.count("/") > 1 else ""

    @property
    def user_id(self) -> str:
        """The 18-character user id: the last segment of the identity URL."""
        return self.id_url.rstrip("/").split("/")[-1]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the token store alone."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "instance_url": self.instance_url,
            "id_url": self.id_url,
            "scope": self.scope,
            "issued_at": self.issued_at,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Token:
        """The reverse of ``as_dict``; unknown keys are ignored so that an older sfsync reads a newer one's."""
        return cls(**{name: stored[name] for name in cls.__slots__ if name in stored})

    def secrets(self) -> tuple[str, ...]:
        """The parts that must never be printed, for redaction."""
        return tuple(part for part in (self.access_token, self.refresh_token) if part)
