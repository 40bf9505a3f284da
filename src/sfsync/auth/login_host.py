"""One request to a login host, and what its failures mean. Nothing is ever sent twice from here.

Redirects are not followed, netrc is not asked, answers are small or refused, and no exception
raised here carries a request, a token or a cause that does.

Source: docs/salesforce.md §1.2-1.8; §10.3 (netrc replaces the bearer).
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3.exceptions
from requests.auth import AuthBase

from sfsync.errors import (
    LoginRefused,
    OrgUnavailable,
    OutcomeUnknown,
    ProtocolError,
    SfsyncError,
)
from sfsync.model.network_settings import bundle, proxy_trouble

from .hosts import host_of, is_loopback
from .oauth_errors import LoginStep, oauth_error, plain

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
_MAX_BODY_BYTES = 1 << 20
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.ProxyError,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status.

    Attributes:
        location: where a redirect, which was not followed, leads.
    """

    status: int
    body: bytes = field(repr=False)
    location: str = ""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body's JSON; ``None`` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Bearer(AuthBase):
    """Sets the bearer, or nothing.

    With an auth of its own a request is never given one out of netrc.
    """

    def __init__(self, token: str = "") -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set it on one request."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class LoginHost:
    """A login host's origin, and how long to wait for it.

    Args:
        origin: ``https://login.salesforce.com``.
        connect_seconds: how long to wait for a connection.
        read_seconds: how long an answer may take in all.
    """

    def __init__(
        self,
        origin: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.origin = origin
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds

    def post(self, path: str, form: Mapping[str, str], step: LoginStep) -> Reply:
        """Send a form, without any bearer.

        Raises:
            OutcomeUnknown: a refresh was sent, and no usable answer came.
            OrgUnavailable, ProtocolError: no answer.
        """
        url = f"{self.origin}{path}"
        request = requests.Request("POST", url, data=dict(form), auth=Bearer())
        return self._send(step, request)

    def get(self, url: str, access_token: str, step: LoginStep) -> Reply:
        """Ask with a bearer.

        Raises:
            OrgUnavailable, ProtocolError: no answer.
        """
        return self._send(step, requests.Request("GET", url, auth=Bearer(access_token)))

    def _send(self, step: LoginStep, request: requests.Request) -> Reply:
        began = time.monotonic()
        try:
            reply = self._sent(step, request)
        except SfsyncError as failure:
            _tell_exchange(request, began, failure.slug)
            raise
        _tell_exchange(request, began, reply.status)
        return reply

    def _sent(self, step: LoginStep, request: requests.Request) -> Reply:
        with requests.Session() as session:
            # Proxies and an own certificate bundle come from the environment, but not for this
            # computer.
            session.trust_env = not is_loopback(request.url)
            session.headers.update({"Accept": "application/json", "Accept-Encoding": "identity"})
            try:
                prepared = session.prepare_request(request)
                options = session.merge_environment_settings(
                    prepared.url, {}, stream=True, verify=None, cert=None
                )
                with session.send(
                    prepared,
                    timeout=(self._connect_seconds, self._read_seconds),
                    allow_redirects=False,
                    **options,
                ) as response:
                    location = response.headers.get("Location", "")
                    return Reply(response.status_code, self._body(response), location)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as cause:
                failure = _unreachable(cause, step, host_of(request.url))
        # Outside of the except: the cause holds the request, and with it the secrets.
        raise failure

    def _body(self, response: requests.Response) -> bytes:
        deadline = time.monotonic() + self._read_seconds
        body = bytearray()
        while chunk := response.raw.read1(1 << 16):
            body += chunk
            if len(body) > _MAX_BODY_BYTES or time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout("the answer is too long, or takes too long")
        return bytes(body)


def _tell_exchange(request: requests.Request, began: float, outcome: int | str) -> None:
    """Log a request: neither its form nor its answer, which hold secrets."""
    address = urlsplit(request.url)
    took = round((time.monotonic() - began) * 1000)
    facts = {
        "method": request.method,
        "host": address.hostname,
        "path": address.path,
        "status" if isinstance(outcome, int) else "error": outcome,
        "milliseconds": took,
    }
    log.info("%s %s -> %s, %d ms", request.method, address.path, outcome, took, extra=facts)


def text_of(fields: Mapping[str, Any], name: str, default: str = "") -> str:
    """A field of an answer as text; the default where it is missing, empty or no text."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else default


def error_in(reply: Reply) -> tuple[str, str]:
    """OAuth's error and description, from JSON, a form or REST's list; empty texts for a page."""
    content = reply.json()
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return text_of(content[0], "errorCode"), text_of(content[0], "message")
    if isinstance(content, dict):
        return text_of(content, "error"), text_of(content, "error_description")
    if b"error=" in reply.body and b"<" not in reply.body:
        fields = dict(parse_qsl(reply.text.strip()))
        return fields.get("error", ""), fields.get("error_description", "")
    return "", ""


def refused(reply: Reply, step: LoginStep, host: str, secrets: tuple[str, ...]) -> SfsyncError:
    """The error for an answer that is not the one hoped for.

    Args:
        secrets: what was sent and must not come back in a message.
    """
    if reply.status >= 500 or reply.status in {408, 425, 429}:
        message = f"{step} failed: {host} answered {reply.status}"
        hint = "Try again in a few minutes."
        # A 429 or 503 turns a request away at the door. After any other the refresh token may have
        # been spent.
        if step is LoginStep.REFRESH and reply.status not in {429, 503}:
            return OutcomeUnknown(message, hint=hint)
        return OrgUnavailable(message, hint=hint)
    if 300 <= reply.status < 400:
        target = urlsplit(reply.location).hostname or "another address"
        return LoginRefused(
            f"{step} failed: {host} points to {plain(target)} instead of answering",
            hint="Set org.login_url to the address that answers for this org, such as its My "
            "Domain.",
        )
    code, description = (plain(part, hide=secrets) for part in error_in(reply))
    if code:
        return oauth_error(code, description, step=step, host=host)
    return LoginRefused(
        f"{step} failed: {host} answered {reply.status} with a page instead of a reply",
        hint="Check org.login_url; if a proxy is between, it may have answered instead.",
    )


def _unreachable(cause: Exception, step: LoginStep, host: str) -> SfsyncError:
    """What a failed request means, said without its cause: that one holds the request."""
    if isinstance(cause, requests.exceptions.SSLError):
        return ProtocolError(
            f"{step} failed: the certificate of {host} cannot be trusted",
            hint=f"{_about_certificates()}; else do not log in there.",
        )
    if isinstance(cause, requests.exceptions.ProxyError):
        trouble = proxy_trouble(cause, host, os.environ)  # noqa: TID251  as requests reads it
        return OrgUnavailable(f"{step} failed: {trouble.message}", hint=f"{trouble.hint}.")
    if _was_never_sent(cause):
        return OrgUnavailable(
            f"{step} failed: {host} could not be reached",
            hint="Check the network and org.login_url.",
        )
    message = f"{step} failed: {host} took the request and no answer came"
    if step is LoginStep.REFRESH:
        return OutcomeUnknown(
            message,
            hint="The next run tries again; if Salesforce had renewed it already, `sfsync login` "
            "is needed.",
        )
    return OrgUnavailable(message, hint="Run the command again.")


def _about_certificates() -> str:
    """How to have a company's own certificate trusted; where a variable does so, that it is looked at."""
    named = bundle(os.environ)  # noqa: TID251  as requests reads it
    if named is None:
        return "Behind a company proxy, set REQUESTS_CA_BUNDLE to its certificate file"
    return (
        f"Look whether ${named.variable} ({named.value}) holds the certificate that is used there"
    )


def _was_never_sent(cause: Exception) -> bool:
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(cause.args[0], "reason", None) if cause.args else None
    return isinstance(reason, _NEVER_SENT)
