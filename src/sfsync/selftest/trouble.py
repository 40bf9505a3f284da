"""What goes wrong between here and the org: by the local org's fault plan, or on the wire.

No time is spent on waiting: repeats follow at once, and a call that will never be answered is given
up early.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter

from local_org.faults import Fault, read_fault
from local_org.server import LocalOrg

GIVEN_UP_SECONDS = 0.1
"""How long to wait for an answer that will never come."""

WORKED_SECONDS = 10.0
"""How long the org may take for what it does of such a call, on a machine that has much else to do."""

RULED_OUT = "typed%3"
"""What the validation rule refuses as a Title, as SOQL's LIKE writes it."""

REFUSED, RULE = "refused connection", "validation rule"

_CALLS: Mapping[str, tuple[str | None, str]] = {
    "any": (None, ""),
    "read": ("GET", "/query"),
    "write": (None, "/composite"),
    "job": (None, "/jobs/"),
}
_PLAN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "reset before the answer": ("drop", {}),
    "no answer, nothing done": ("silent", {}),
    "no answer, all done": ("silent", {"done": True}),
    "answer lost": ("lose_reply", {}),
    "answer broken off": ("truncate", {}),
    "answer cut short, clean end": ("truncate", {"clean": True, "share": 0.6}),
    "HTML page": ("html", {}),
    "HTML page with status 200": ("html", {"status": 200}),
    "HTTP 500": ("status", {"status": 500}),
    "HTTP 502": ("html", {"status": 502}),
    "HTTP 503": ("unavailable", {}),
    "HTTP 502 after acting": ("html", {"status": 502, "done": True}),
    "HTTP 503 after acting": ("unavailable", {"done": True}),
    "HTTP 429": ("rate_limited", {"retry_after": 2}),
    "HTTP 429 for a day": ("rate_limited", {"retry_after": 86_400}),
    "REQUEST_LIMIT_EXCEEDED": ("request_limit", {}),
    "expired token": ("expired_session", {}),
    "expired cursor": ("expired_cursor", {}),
    "locked rows": ("lock_rows", {}),
    "refused rows": (
        "refuse_rows",
        {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not on a Friday"},
    ),
    "failed job": ("fail_job", {"state": "Failed"}),
    "aborted job": ("fail_job", {"state": "Aborted"}),
}
_FIXED_CALLS: Mapping[str, tuple[str | None, str]] = {
    "expired cursor": ("GET", "/query(All)?/0"),
    "locked rows": (None, "/composite|/jobs/ingest/"),
    "refused rows": (None, "/composite|/jobs/ingest/"),
    "failed job": ("PATCH", "/jobs/ingest/"),
    "aborted job": ("PATCH", "/jobs/ingest/"),
}


@dataclass
class Troubles:
    """The trouble that one org is in.

    Attributes:
        occurred: how often each kind has occurred since the beginning.
    """

    org: LocalOrg
    occurred: Counter[str] = field(default_factory=Counter)
    _faults: list[tuple[str, Fault]] = field(default_factory=list)
    _refusing: list[Fault] = field(default_factory=list)

    def begin(self, kind: str, calls: str, nth: int, times: int, rows: int) -> None:
        """Something goes wrong from the ``nth`` call of these on, so many times."""
        if kind == RULE:
            rule = {
                "sobject": "Contact",
                "when": f"Title LIKE '{RULED_OUT}'",
                "message": "No threes here",
            }
            self.org.state.settings.change({"validation_rules": [rule]})
            self.occurred[kind] += 1
            return
        method, path = _FIXED_CALLS.get(kind, _CALLS[calls])
        name, given = _PLAN.get(kind, ("drop", {}))
        args = dict(given)
        if name in {"lock_rows", "refuse_rows"} and rows:
            args["rows"] = list(range(rows))
        if name == "fail_job":
            args["after"] = rows
        hit = list(range(nth, nth + times))
        line = {"match": {"method": method, "path": path}, "nth": hit, "fault": name, "args": args}
        fault = read_fault(line)
        if kind == REFUSED:
            self._refusing.append(fault)
        else:
            self.org.faults.faults.append(fault)
        self._faults.append((kind, fault))

    def end(self) -> None:
        """All is well again."""
        self.count()
        self._faults.clear()
        self._refusing.clear()
        self.org.faults.clear()
        self.org.state.settings.change({"validation_rules": []})

    def count(self) -> None:
        """Add what has occurred so far to ``occurred``."""
        for kind, fault in self._faults:
            self.occurred[kind] += fault.fired
            fault.fired = 0

    def refuses(self, method: str, target: str) -> bool:
        """Whether the connection for this call is refused; counts it."""
        # Each counts the call, whichever of them refuses it.
        refused = [fault.hits(method, target) for fault in self._refusing]
        return any(refused)

    def silences(self, method: str, target: str) -> bool:
        """Whether this call will never be answered."""
        return any(
            fault.fault == "silent" and fault.would_hit(method, target)
            for fault in self.org.faults.faults
        )


class TroubledAdapter(HTTPAdapter):
    """Carries the calls, but for those whose connection is refused.

    Args:
        closed: a socket that is bound and does not listen: a connection to it is refused.
    """

    def __init__(self, troubles: Troubles, closed: socket.socket) -> None:
        super().__init__()
        self._troubles = troubles
        self._port = int(closed.getsockname()[1])

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **given: Any
    ) -> requests.Response:
        """Carry one call."""
        url = urlsplit(str(request.url))
        method = str(request.method)
        target = unquote(f"{url.path}?{url.query}" if url.query else url.path)
        if self._troubles.refuses(method, target):
            request.url = url._replace(netloc=f"127.0.0.1:{self._port}").geturl()
        elif self._troubles.silences(method, target):
            return self._send_in_vain(request, **given)
        return super().send(request, **given)

    def _send_in_vain(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:
        """Carry a call that is never answered, and give up; the org has done by then what it does of it."""
        given["timeout"] = (given["timeout"][0], GIVEN_UP_SECONDS)
        before = self._troubles.org.app.silenced
        try:
            return super().send(request, **given)
        finally:
            deadline = time.monotonic() + WORKED_SECONDS
            while self._troubles.org.app.silenced == before and time.monotonic() < deadline:
                time.sleep(0.001)


def refusing_socket() -> socket.socket:
    """A port of this computer where every connection is refused, as long as the socket exists."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound
