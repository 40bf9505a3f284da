"""The one HTTP session that everything to the org travels on, simple-salesforce's calls included.

It gives what a plain session lacks: time-outs and a deadline, one new access token where the old
one has ended, no redirects, no foreign host, a cap on bodies, the count of calls and bytes, the
org's clock and budget. Its failures are sfsync's errors. Repeating is left to ``retry``.

The Bearer is set by an auth object at the last moment, so that neither ``~/.netrc`` nor a header
that a library copied earlier can replace it.

Source: docs/salesforce.md §10.3 (traps of simple-salesforce and requests), §2.5, §2.6 (headers).
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from sfsync.errors import (
    ConfigError,
    GrantRevoked,
    NoSuchApiVersion,
    ProtocolError,
    SfsyncError,
    WrongOrg,
)
from sfsync.failpoints import reach
from sfsync.model.budget import Budget
from sfsync.model.token import Token
from sfsync.model.traffic import Usage
from sfsync.salesforce.budget import usage
from sfsync.salesforce.faults import CallFailed, error_entries, error_of, session_ended
from sfsync.salesforce.lost_calls import lost
from sfsync.salesforce.prefetch import RenewalNeededError, is_prefetching
from sfsync.salesforce.write_answers import write_answer

log = logging.getLogger(__name__)

Refresh = Callable[[Token], Token]
"""Given the token that the org no longer takes, a newer one; raises ``AuthError`` for none."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

HEADERS = {
    "Sforce-Call-Options": "client=sfsync",
    "Sforce-Auto-Assign": "FALSE",
    "X-PrettyPrint": "0",
    "Accept-Encoding": "gzip",
    "User-Agent": "sfsync",
}
"""Sent with every call: tag the traffic, never reassign a Lead, no padding.

Source: docs/salesforce.md §2.6.
"""

_VERSIONS = "/services/data/"
_VERSION = re.compile(r"/services/data/v(\d+\.0)/")

_PIECE = 256 * 1024


class OrgSession(requests.Session):
    """A session that goes to one org only.

    Args:
        token: the login to start with.
        refresh: gives a new token when the org no longer takes this one.
        reserve: the share of the org's daily calls that is left for everyone else; checked before
            each call.
        per_run: the share of them that this run may take.
        timeouts_seconds: to connect, and between two bytes of the answer.
        deadline_seconds: for a whole exchange. Salesforce ends any call after ten minutes itself.
        max_body_bytes: the largest answer that is read, unpacked.

    Raises:
        ConfigError: the token's instance is neither https nor on this computer.
    """

    def __init__(
        self,
        token: Token,
        refresh: Refresh,
        *,
        reserve: float = 0.20,
        per_run: float = 1.0,
        timeouts_seconds: tuple[float, float] = (10.0, 120.0),
        deadline_seconds: float = 660.0,
        max_body_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        super().__init__()
        self.token = token
        self.budget = Budget(reserve=reserve, per_run=per_run)
        self.api_calls = 0
        self.bytes_in = 0
        self.timeouts_seconds = timeouts_seconds
        self.deadline_seconds = deadline_seconds
        self.max_body_bytes = max_body_bytes
        self._refresh = refresh
        self._guarded = True
        self._renewing, self._counting = threading.Lock(), threading.Lock()
        self._last_date: tuple[datetime, float] | None = None
        self._version_is_there = False  # until a call under it has been answered
        self._origin = _origin_of(token)
        self._hosts = {_host(self._origin)}
        self.trust_env = self._origin.hostname not in LOOPBACK
        self.auth = _Bearer(self)
        self.headers.update(HEADERS)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Inside, what has begun is brought to its end: a few calls may touch the reserve."""
        before, self._guarded = self._guarded, False
        try:
            yield
        finally:
            self._guarded = before

    def usage(self) -> Usage:
        """What this session has cost so far."""
        return Usage(self.api_calls, self.bytes_in, self.budget.used, self.budget.limit)

    def org_now(self) -> datetime | None:
        """The org's clock, never ahead of it; ``None`` before the first answer.

        From the last ``Date`` header and the time since; a header is stamped before it arrives, so
        this is late by a moment at most, which is the safe side for a watermark.
        """
        if self._last_date is None:
            return None
        at, heard_at = self._last_date
        return at + timedelta(seconds=time.monotonic() - heard_at)

    def request(  # type: ignore[override]  # its two dozen optional arguments pass through
        self, method: str, url: str, **kwargs: Any
    ) -> requests.Response:
        """Make one call, with a new access token and one replay where the old one has ended.

        A 401 proves that nothing was done, so that a write may be replayed too. A web page with a
        403, which may mean the same, does not: only a read is replayed then.

        Returns:
            A reply with a status below 300, its body read.

        Raises:
            CallFailed: no usable answer.
            CallRefused: the org said no to the whole call.
            AuthError: there is no working login.
            BudgetSpent: the reserve would be touched, or the day's calls are spent.
            ProtocolError: a redirect, another host, or a body that is too large.
        """
        reach("call.begun")
        stale = self.token
        response = self._exchange(method, url, kwargs)
        if response.status_code >= 300 and _may_replay(method, response):
            self._renew(stale)
            response = self._exchange(method, url, kwargs)
            _raise_if_ended(response)
        if response.status_code in {404, 410} and not self._version_is_there:
            self._refuse_missing_version(url, response)
        if response.status_code >= 300:
            raise self._error(method, response)
        self._version_is_there |= _VERSION.search(urlsplit(url).path) is not None
        if "html" in response.headers.get("Content-Type", "").lower():
            raise CallFailed(
                f"{self._origin.hostname} answered with a web page instead of data: maintenance, "
                "or a proxy",
            )
        _check_encoding(response)
        reach("call.answered")
        return response

    def _exchange(self, method: str, url: str, kwargs: dict[str, Any]) -> requests.Response:
        if self._guarded:
            self.budget.check()
        target = self._target(url)
        headers = {**(kwargs.get("headers") or {}), "X-PrettyPrint": "0", "Authorization": None}
        wanted = {
            **kwargs,
            "headers": headers,
            "allow_redirects": False,
            "stream": True,
            "timeout": self.timeouts_seconds,
        }
        started = time.monotonic()
        with self._counting:
            self.api_calls += 1
            self.budget = replace(self.budget, spent=self.api_calls)
        try:
            response = super().request(method, target, **wanted)
            self._read_body(response, started)
        except (requests.RequestException, HTTPError) as error:
            _tell_exchange(method, target, started, type(error).__name__)
            raise lost(error, self._origin.hostname or "") from error
        self._learn(response)
        _tell_exchange(method, target, started, response.status_code)
        return response

    def _target(self, url: str) -> str:
        """The address on the org's present origin.

        simple-salesforce always says https, and keeps the host that it began with.
        """
        asked = urlsplit(url)
        if _host(asked) not in self._hosts:
            raise ProtocolError(
                f"a call to {asked.hostname} was refused: this login is for {self._origin.hostname}"
            )
        return asked._replace(scheme=self._origin.scheme, netloc=self._origin.netloc).geturl()

    def _read_body(self, response: requests.Response, started: float) -> None:
        """Read the body piece by piece, so that a huge or a slow one is given up."""
        pieces: list[bytes] = []
        size = 0
        while piece := response.raw.read1(_PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > self.max_body_bytes:
                response.close()
                raise ProtocolError(
                    f"the org sent more than {self.max_body_bytes} bytes in one answer"
                )
            if time.monotonic() - started > self.deadline_seconds:
                response.close()
                raise CallFailed(f"the answer took more than {self.deadline_seconds:.0f} seconds")
        with self._counting:
            self.bytes_in += response.raw.tell()
        response.raw.release_conn()
        # requests has no public way to hand over a body that was read under a cap
        response._content = b"".join(pieces)  # noqa: SLF001
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001

    def _learn(self, response: requests.Response) -> None:
        """Take the org's count of calls and its clock from the headers."""
        known = usage(response.headers.get("Sforce-Limit-Info", ""))
        if known:
            used, limit = known
            with self._counting:
                self.budget = replace(self.budget, used=used, limit=limit)
        at = _http_date(response.headers.get("Date", ""))
        if at is not None:
            self._last_date = (at, time.monotonic())

    def _renew(self, stale: Token) -> None:
        """Get a new token, once for all calls that were under way with the old one."""
        with self._renewing:
            if self.token is not stale:
                return  # another thread has renewed it meanwhile
            if is_prefetching():
                raise RenewalNeededError  # what keeps logins belongs to the run's own thread
            renewed = self._refresh(stale)
            if stale.org_id and renewed.org_id != stale.org_id:
                raise WrongOrg(
                    f"the renewed login is for org {renewed.org_id}, not for {stale.org_id}",
                    hint="sfsync login",
                )
            self._origin = _origin_of(renewed)
            self._hosts.add(_host(self._origin))
            self.token = renewed

    def _refuse_missing_version(self, url: str, response: requests.Response) -> None:
        """Tell a resource that is not there from an API version that is not.

        Raises:
            NoSuchApiVersion: the org's own list of versions does not have the one that was called.

        Source: docs/salesforce.md §2.1 (the list needs no token and is not counted).
        """
        called = _VERSION.search(urlsplit(url).path)
        if called is None or _parsed(response) is None:  # a proxy's page says nothing of the org
            return
        address = urlsplit(url)._replace(path=_VERSIONS, query="").geturl()
        try:
            answer = self._exchange("GET", address, {})
        except SfsyncError:
            return  # what the call itself was answered is told
        listed = _parsed(answer)
        if answer.status_code != 200 or not isinstance(listed, list):
            return
        self._version_is_there = True  # asked once, whatever the list says
        versions = [str(each.get("version")) for each in listed if isinstance(each, dict)]
        if versions and called[1] not in versions:
            raise NoSuchApiVersion(
                f"this org has no API version {called[1]}; it has {versions[0]} to {versions[-1]}",
                code="NOT_FOUND",
                hint=f'Set org.api_version to "{versions[-1]}" or to an earlier one of these.',
            )

    def _error(self, method: str, response: requests.Response) -> SfsyncError:
        if response.is_redirect or response.status_code in {301, 302, 303, 307, 308}:
            elsewhere = urlsplit(response.headers.get("Location", "")).hostname or "elsewhere"
            return ProtocolError(
                f"{self._origin.hostname} redirected a call to {elsewhere}; refused, the login "
                "was not sent there",
                hint="the org's address may have changed: sfsync login",
            )
        return error_of(
            response.status_code,
            _parsed(response),
            what="a read" if _is_read(method) else "a request",
            writing=not _is_read(method),
            delay_seconds=_retry_after(response),
        )


def _tell_exchange(method: str, url: str, started: float, outcome: int | str) -> None:
    """Log a call: neither its query, which may hold addresses, nor its body.

    Args:
        outcome: the HTTP status, or what kind of error came instead of an answer.
    """
    address = urlsplit(url)
    took = round((time.monotonic() - started) * 1000)
    facts = {
        "method": method,
        "host": address.hostname,
        "path": address.path,
        "status" if isinstance(outcome, int) else "error": outcome,
        "milliseconds": took,
    }
    log.info("%s %s -> %s, %d ms", method, address.path, outcome, took, extra=facts)


class _Bearer(AuthBase):
    """Sets the Bearer of the moment; as an auth object it goes before ``~/.netrc``."""

    def __init__(self, session: OrgSession) -> None:
        self._session = session

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._session.token.access_token}"
        return request


def _origin_of(token: Token) -> SplitResult:
    origin = urlsplit(token.instance_url)
    if origin.scheme == "https":
        return origin
    if origin.scheme == "http" and origin.hostname in LOOPBACK:
        return origin
    raise ConfigError(
        f"the login's instance is {origin.scheme}://{origin.hostname}: only https is used, or "
        "http on this computer"
    )


def _host(url: SplitResult) -> tuple[str, int]:
    return (url.hostname or "", url.port or 443)


def _is_read(method: str) -> bool:
    return method.upper() == "GET"


def _may_replay(method: str, response: requests.Response) -> bool:
    """Whether the access token has ended, and the call may be made again with a new one."""
    status, body = response.status_code, _parsed(response)
    if not session_ended(status, body):
        return False
    entries = error_entries(body)
    code = entries[0].code if entries else ""
    return _is_read(method) or write_answer(status, code).nothing_done


def _raise_if_ended(response: requests.Response) -> None:
    """A login that is refused with a new access token, too, is not renewed again and again."""
    if response.status_code in {400, 401} and session_ended(
        response.status_code, _parsed(response)
    ):
        raise GrantRevoked(
            "Salesforce refuses this login, and a new access token too", hint="sfsync login"
        )


def _check_encoding(response: requests.Response) -> None:
    """Anything but UTF-8, which Salesforce sends, would be read with replacement characters."""
    response.encoding = "utf-8"
    try:
        response.content.decode()
    except UnicodeDecodeError as error:
        raise CallFailed("the org's answer is not UTF-8: cut short or garbled") from error


def _parsed(response: requests.Response) -> object:
    """The JSON body of an error, or ``None``: an HTML page is never looked at."""
    if "html" in response.headers.get("Content-Type", "").lower():
        return None
    try:
        body: object = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return body


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds to wait, from a number or a date; ``None`` for none, or one that makes no sense."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    until, now = _http_date(text), _http_date(response.headers.get("Date", ""))
    if until is None or now is None or until < now:
        return None
    return (until - now).total_seconds()
