"""Fault injection: a plan of what goes wrong, when, and how.

A plan is a list of ``{"match": {"method": "POST", "path": "regex"}, "nth": [1, 3], "fault": NAME,
"args": {...}}``. ``match`` may be left out (every request matches); ``nth`` counts the matching
requests from 1, ``"every": n`` means each n-th, ``"times": n`` stops after n. With neither, each
matching request is hit. The path regex is searched in the decoded path and query.

Faults, with their args and what they default to:

- ``status``: that ``status`` (500) with a JSON error of ``code`` and ``message``, instead of
  handling the request.
- ``html``: that ``status`` (503) with an HTML page.
- ``rate_limited``: 429 with ``retry_after`` seconds, as a proxy in between would send.
- ``request_limit``: 403 REQUEST_LIMIT_EXCEEDED.
- ``expired_session``: 401 INVALID_SESSION_ID.
- ``expired_cursor``: 400 INVALID_QUERY_LOCATOR.
- ``unavailable``: 503 SERVER_UNAVAILABLE as JSON.
  With ``done``, each of these answers comes after all was done, as from a proxy that lost the org.
- ``drop``: the connection breaks before anything is done.
- ``lose_reply``: everything is done, then the connection breaks.
- ``truncate``: everything is done, the reply breaks off after the ``share`` (0.5) of its bytes;
  with ``clean`` it ends there in good form, as from a proxy that has lost the rest, and nothing
  says that it was longer.
- ``silent``: no answer ever comes, and the connection stays open; nothing is done, or with ``done``
  everything.
- ``slow``: the answer waits ``seconds`` (1.0).
- ``lock_rows``: the records at the positions ``rows`` (all, where left out) are refused with
  UNABLE_TO_LOCK_ROW.
- ``refuse_rows``: the same with any ``code`` and ``message``.
- ``fail_job``: the Bulk job that the request closes ends as ``state`` (Failed, or Aborted) once
  ``after`` (0) of its rows are done; the others stay unprocessed.

Faults of the Pub/Sub API's calls; the method is the call's name (``Subscribe``), the path
``/eventbus.v1.PubSub/Subscribe /data/ContactChangeEvent``:

- ``auth_error``, ``limit``, ``unavailable``: refused with that error; ``stream_error``: with any
  ``code`` (without its prefix), ``status`` and ``message``.
- ``expire_positions``: the position it names counts as too old.
- ``reset_stream``: the stream begins anew first, so that no position is known any more.

Faults of events, counted one by one as a subscriber is about to get them:

- ``stream_drop``: the stream breaks before it, or is ended with a ``code``.
- ``stream_silent``: nothing comes any more, for ``seconds`` or for ever, and the stream stays open.
- ``late``: it and all behind it wait ``seconds`` (1.0).
- ``duplicate``: it is published again, under the same id at a later position.
- ``reorder``: the event behind it comes first, if one comes within ``seconds`` (1.0).
- ``gap``: it says that its records changed, not what; ``overflow``: not even which.
- ``wildcard``: it names all records of its object.
- ``undecodable``: its payload is broken; with ``schema``, its schema is unknown.
- ``schema_change``: from it on its object has a field more, ``field`` at ``position`` (2).

Source: docs/salesforce.md §2.4 (texts), §5.1 (states, unprocessed rows), §6.2, §14.4-14.6.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local_org.api.call import JobFault, Reply, RowFault, error_reply, no_row_fault
from local_org.api_error import ApiError

_HTML = (
    "<!DOCTYPE html>\n<html><head><title>Down for maintenance</title></head>\n"
    "<body><h1>We are down for maintenance.</h1><p>Sorry for the inconvenience."
    " We'll be back shortly.</p></body></html>\n"
)
_ROWS = frozenset({"lock_rows", "refuse_rows"})
_CONNECTION = frozenset({"drop", "lose_reply", "truncate", "silent", "slow"})
_JOBS = frozenset({"fail_job"})
_ANSWERS: dict[str, tuple[int, str, str]] = {
    "status": (
        500,
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support",
    ),
    "request_limit": (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "expired_session": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "expired_cursor": (400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    "unavailable": (503, "SERVER_UNAVAILABLE", "We are down for maintenance"),
}
_HTTP = frozenset({*_ANSWERS, *_ROWS, *_CONNECTION, *_JOBS, "html", "rate_limited"})
_SUBSCRIBE = frozenset({"expire_positions", "reset_stream"})
CALLS = _SUBSCRIBE | {"auth_error", "limit", "unavailable", "stream_error"}
EVENTS = frozenset(
    {
        "stream_drop",
        "stream_silent",
        "late",
        "duplicate",
        "reorder",
        "gap",
        "overflow",
        "wildcard",
        "undecodable",
        "schema_change",
    }
)
NAMES = _HTTP | CALLS | EVENTS


@dataclass(slots=True)
class Fault:
    """One line of the plan.

    Args:
        fault: its name, see the module.
        method: which HTTP method it hits; None for all.
        path: a regular expression searched in path and query.
        nth: which of the matching requests, counted from 1; empty for all.
        every: each n-th of them.
        times: how often at most.
        args: what the fault takes.
    """

    fault: str
    method: str | None = None
    path: str = ""
    nth: tuple[int, ...] = ()
    every: int = 1
    times: int | None = None
    args: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0

    def hits(self, method: str, target: str) -> bool:
        """Whether this request is hit; counts it."""
        if not self._matches(method, target):
            return False
        due = self._is_due()
        self.seen += 1
        self.fired += due
        return due

    def would_hit(self, method: str, target: str) -> bool:
        """Whether this request would be hit, if it came next; counts nothing."""
        return self._matches(method, target) and self._is_due()

    def _matches(self, method: str, target: str) -> bool:
        if self.method is not None and self.method.upper() != method:
            return False
        return re.search(self.path, target) is not None

    def _is_due(self) -> bool:
        number = self.seen + 1
        due = number in self.nth if self.nth else number % max(1, self.every) == 0
        return due and (self.times is None or self.fired < self.times)

    def as_dict(self) -> dict[str, Any]:
        """The line as JSON, with how often it matched and fired."""
        match = {"method": self.method, "path": self.path}
        plan = {"match": match, "nth": list(self.nth), "every": self.every, "times": self.times}
        return {
            **plan,
            "fault": self.fault,
            "args": self.args,
            "seen": self.seen,
            "fired": self.fired,
        }


def read_fault(line: dict[str, Any]) -> Fault:
    """Read one line of a plan.

    Raises:
        ValueError: for an unknown fault or a bad regular expression.
    """
    name = line.get("fault")
    if name not in NAMES:
        raise ValueError(f"no such fault: {name}; known: {', '.join(sorted(NAMES))}")
    match = line.get("match") or {}
    path = match.get("path") or match.get("path_regex") or ""
    try:
        re.compile(path)
    except re.error as error:
        raise ValueError(f"bad path in match: {error}") from None
    nth = line.get("nth") or ()
    return Fault(
        fault=str(name),
        method=match.get("method"),
        path=path,
        nth=(nth,) if isinstance(nth, int) else tuple(nth),
        every=int(line.get("every") or 1),
        times=line.get("times"),
        args=dict(line.get("args") or {}),
    )


@dataclass(slots=True)
class Effects:
    """What happens to one request.

    Args:
        delay_seconds: how long it waits first.
        answer: what it gets instead of being handled.
        answer_after_work: whether it is handled nevertheless, and only its own answer is lost.
        drop: the connection breaks before it is handled.
        lose_reply: it is handled, then the connection breaks.
        truncate_share: how much of the reply arrives; None for all.
        clean_end: whether a reply that is cut short ends as if it were whole.
        silent: it is never answered.
        silent_after_work: whether it is handled nevertheless.
        row_fault: which of its records are refused.
        job_fault: how the Bulk job that it closes fails.
    """

    delay_seconds: float = 0.0
    answer: Reply | None = None
    answer_after_work: bool = False
    drop: bool = False
    lose_reply: bool = False
    truncate_share: float | None = None
    clean_end: bool = False
    silent: bool = False
    silent_after_work: bool = False
    row_fault: RowFault = no_row_fault
    job_fault: JobFault | None = None


class FaultPlan:
    """The plan in force; changed at run time, empty to begin with."""

    def __init__(self, lines: Iterable[dict[str, Any]] = (), latency_seconds: float = 0.0) -> None:
        self.latency_seconds = latency_seconds
        self.faults: list[Fault] = [read_fault(line) for line in lines]

    def set(self, lines: Iterable[dict[str, Any]]) -> None:
        """Replace the plan."""
        self.faults = [read_fault(line) for line in lines]

    def add(self, *lines: dict[str, Any]) -> None:
        """Add to the plan."""
        self.faults += [read_fault(line) for line in lines]

    def clear(self) -> None:
        """Let everything go well again."""
        self.faults = []

    def effects(self, method: str, target: str) -> Effects:
        """What happens to a request.

        Args:
            method: its HTTP method.
            target: its decoded path and query.
        """
        effects = Effects(delay_seconds=self.latency_seconds)
        for fault in self._hitting(_HTTP, method, target):
            _apply(fault, effects)
        return effects

    def of_call(self, name: str, about: str) -> list[Fault]:
        """What happens to a call of the Pub/Sub API.

        Args:
            name: the call, for example ``Subscribe``.
            about: its topic or schema.
        """
        names = CALLS if name == "Subscribe" else CALLS - _SUBSCRIBE
        return self._hitting(names, name.upper(), _rpc_target(name, about))

    def of_event(self, topic: str) -> list[Fault]:
        """What happens to the next event that a subscriber of that topic would get."""
        return self._hitting(EVENTS, "SUBSCRIBE", _rpc_target("Subscribe", topic))

    def _hitting(self, names: frozenset[str], method: str, target: str) -> list[Fault]:
        among = [each for each in list(self.faults) if each.fault in names]
        return [each for each in among if each.hits(method, target)]


def _rpc_target(name: str, about: str) -> str:
    return f"/eventbus.v1.PubSub/{name} {about}"


def _apply(fault: Fault, effects: Effects) -> None:
    args = fault.args
    if fault.fault == "slow":
        effects.delay_seconds += float(args.get("seconds", 1.0))
    elif fault.fault == "drop":
        effects.drop = True
    elif fault.fault == "lose_reply":
        effects.lose_reply = True
    elif fault.fault == "truncate":
        effects.truncate_share = float(args.get("share", 0.5))
        effects.clean_end = bool(args.get("clean"))
    elif fault.fault == "silent":
        effects.silent, effects.silent_after_work = True, bool(args.get("done"))
    elif fault.fault in _JOBS:
        effects.job_fault = JobFault(int(args.get("after", 0)), str(args.get("state", "Failed")))
    elif fault.fault in _ROWS:
        effects.row_fault = _row_fault(fault)
    elif effects.answer is None:
        effects.answer, effects.answer_after_work = _answer(fault), bool(args.get("done"))


def _answer(fault: Fault) -> Reply:
    args = fault.args
    if fault.fault == "html":
        status = int(args.get("status", 503))
        return Reply(
            status, str(args.get("body", _HTML)).encode(), content_type="text/html;charset=UTF-8"
        )
    if fault.fault == "rate_limited":
        body = [{"message": "Too many requests", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
        return Reply(429, body, {"Retry-After": str(args.get("retry_after", 1))})
    status, code, message = _ANSWERS[fault.fault]
    error = ApiError(
        str(args.get("code", code)),
        str(args.get("message", message)),
        status=int(args.get("status", status)),
    )
    return error_reply(error)


def _row_fault(fault: Fault) -> RowFault:
    rows = fault.args.get("rows")
    code = str(fault.args.get("code", "UNABLE_TO_LOCK_ROW"))
    message = str(fault.args.get("message", "unable to obtain exclusive access to this record"))

    def check(index: int) -> None:
        if rows is None or index in rows:
            raise ApiError(code, message, [])

    return check
