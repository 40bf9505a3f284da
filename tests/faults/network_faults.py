"""What a network does to a call: it never gets there, or its answer never comes back.

The exceptions are those that requests and urllib3 raise; nothing waits for a real time-out.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError

_POOL = HTTPConnectionPool("127.0.0.1")
_CONNECTION = HTTPConnection("127.0.0.1")


def _unreached(cause: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(_POOL, "/", cause))


NEVER_SENT: Mapping[str, Callable[[], Exception]] = {
    "connection refused": lambda: _unreached(NewConnectionError(_CONNECTION, "Connection refused")),
    "no such host": lambda: _unreached(
        NameResolutionError(
            "org.example", _CONNECTION, socket.gaierror(-2, "Name or service not known")
        )
    ),
    "connect time-out": lambda: requests.ConnectTimeout("timed out"),
}
NOT_DONE: Mapping[str, Callable[[], Exception]] = {
    "server idle": lambda: requests.ReadTimeout("timed out"),
    "reset before the status": lambda: requests.ConnectionError(
        ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
    ),
}
DONE: Mapping[str, Callable[[], Exception]] = {
    "read time-out after the commit": lambda: requests.ReadTimeout("timed out"),
    "reset in the body": lambda: requests.exceptions.ChunkedEncodingError("Connection broken"),
}
NO_TLS: Mapping[str, Callable[[], Exception]] = {
    "a certificate nobody trusts": lambda: requests.exceptions.SSLError("certificate verify failed")
}
NETWORK_FAULTS = {**NEVER_SENT, **NOT_DONE, **DONE, **NO_TLS}


@dataclass
class NetworkFault:
    """One thing that goes wrong.

    Attributes:
        what: a name of ``NETWORK_FAULTS``.
        path: a regular expression searched in the method and path.
        nth: which of the calls that match; 0 for all.
    """

    what: str
    path: str = ""
    nth: int = 1
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def applies(self, call: str) -> bool:
        """Whether this call suffers; counts it."""
        if not re.search(self.path, call):
            return False
        self.seen += 1
        hit = self.nth in {0, self.seen}
        self.struck += hit
        return hit


class FaultyAdapter(HTTPAdapter):
    """Carries calls, but for those that meet a fault."""

    def __init__(self, *faults: NetworkFault) -> None:
        super().__init__()
        self.faults = faults
        self.calls: list[str] = []

    @property
    def struck(self) -> int:
        return sum(each.struck for each in self.faults)

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        call = f"{request.method} {request.path_url}"
        self.calls.append(call)
        for each in self.faults:
            if each.applies(call):
                if each.what in DONE:
                    super().send(request, *args, **more).close()
                broken = NETWORK_FAULTS[each.what]()
                raise broken
        return super().send(request, *args, **more)
