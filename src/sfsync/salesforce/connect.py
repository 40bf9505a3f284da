"""simple-salesforce's client on our session, and the few methods that every call goes through.

simple-salesforce makes the addresses, sends the calls and parses the answers; the session under it
does what it lacks. It is imported at the first call, because that takes a third of a second.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from sfsync.errors import ProtocolError
from sfsync.salesforce.budget import COMPOSITE_COLLECTIONS
from sfsync.salesforce.faults import CallFailed, CallRefused, error_of
from sfsync.salesforce.retry import Patience, repeat_read, repeat_write
from sfsync.salesforce.transport import OrgSession

if TYPE_CHECKING:
    from simple_salesforce.api import Salesforce


TOO_MANY = "LIMIT_EXCEEDED"
"""The code for too many requests inside one ``/composite``.

That five queries or collections may share one is known from two independent clients, not from a
page of Salesforce's, so an org that refuses it gets them one by one. Source: docs/salesforce.md §4.
"""


class GuardPlace(StrEnum):
    """Where the question that guards updates is asked (see ``guard``)."""

    UNTRIED = "untried"  # inside the call; whether this org follows references there is not known
    INSIDE = "inside"  # inside the call: in this run the org has followed a reference there
    APART = "apart"  # in a call of its own


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query.

    Attributes:
        records: as parsed, with ``attributes`` and nested parents.
        total: how many records the whole query has.
        next_url: where the next page is; empty on the last.
    """

    records: list[dict[str, Any]]
    total: int
    next_url: str


class Connection:
    """simple-salesforce on a guarded session, with patience.

    Args:
        api_version: ``67.0``.

    Attributes:
        subrequests_per_call: how many queries or collections one ``/composite`` call takes; 1 once
            an org has refused five.
        guard_place: where the question that guards updates is asked.
        on_guard_apart: called once where it turns out that this org has to be asked apart, with
            whether that is proven or only suspected.
    """

    def __init__(
        self, session: OrgSession, *, api_version: str = "67.0", patience: Patience | None = None
    ) -> None:
        self.session = session
        self.api_version = api_version.lstrip("v")
        self.patience = patience or Patience()
        self.subrequests_per_call = COMPOSITE_COLLECTIONS
        self.guard_place = GuardPlace.UNTRIED
        self.on_guard_apart: Callable[[bool], None] | None = None

    def guard_was_followed(self) -> None:
        """The org has followed a reference to the guard inside a call."""
        if self.guard_place is GuardPlace.UNTRIED:
            self.guard_place = GuardPlace.INSIDE

    def guard_belongs_apart(self, *, proven: bool) -> None:
        """From now on the guard is asked in a call of its own.

        Args:
            proven: the org refused writes with the guard inside, and took the same ones without;
                else it failed on them, and nobody knows why.
        """
        if self.guard_place is not GuardPlace.UNTRIED:
            return
        self.guard_place = GuardPlace.APART
        if self.on_guard_apart is not None:
            self.on_guard_apart(proven)

    @cached_property
    def client(self) -> Salesforce:
        """simple-salesforce's own client; time-outs, repeats and new tokens are its session's."""
        from simple_salesforce.api import Salesforce

        token = self.session.token
        return Salesforce(
            session_id=token.access_token,
            instance_url=token.instance_url,
            version=self.api_version,
            session=self.session,
            parse_float=finite,
            object_pairs_hook=None,
        )

    @property
    def root(self) -> str:
        """The path that all resources are under: ``/services/data/v67.0/``."""
        return f"/services/data/v{self.api_version}/"

    def read(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """The parsed answer to a call that changes nothing, whatever its verb; patiently."""
        return repeat_read(lambda: self._call(method, path, body), self.patience)

    def write(self, path: str, *, method: str, body: Any = None) -> Any:
        """The parsed answer to a call that writes; repeated only where that cannot do it twice."""
        return repeat_write(lambda: self._call(method, path, body), self.patience)

    def query(self, statement: str, *, everything: bool = False) -> Page:
        """The first page of a query.

        Args:
            everything: deleted and archived records too (queryAll).
        """
        return repeat_read(
            lambda: page(
                answer_of(lambda: self.client.query(statement, include_deleted=everything))
            ),
            self.patience,
        )

    def next_page(self, next_url: str) -> Page:
        """The page that an earlier one pointed to."""
        return repeat_read(
            lambda: page(
                answer_of(lambda: self.client.query_more(next_url, identifier_is_url=True))
            ),
            self.patience,
        )

    def pages(self, statements: Iterable[str], *, everything: bool = False) -> Iterator[Page]:
        """All pages of several queries, up to five queries a call.

        Source: REST API Developer Guide, Composite (up to 5 of 25 subrequests may be queries);
        docs/salesforce.md §4. Each subrequest's address keeps to the limit of a plain query, so
        nothing hangs on whether ``/composite`` lifts it.
        """
        waiting = iter(statements)
        while together := list(islice(waiting, self.subrequests_per_call)):
            for first in self.first_pages(together, everything=everything):
                yield first
                next_url = first.next_url
                while next_url:
                    following = self.next_page(next_url)
                    yield following
                    next_url = following.next_url

    def first_pages(self, statements: Sequence[str], *, everything: bool) -> list[Page]:
        """The first page of each query, in one call where the org lets them share one."""
        if len(statements) > 1:
            try:
                return self._queries(statements, everything=everything)
            except CallRefused as refused:
                if refused.code != TOO_MANY:
                    raise
                self.subrequests_per_call = 1
        return [self.query(statement, everything=everything) for statement in statements]

    def raw(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        body: Any = None,
    ) -> requests.Response:
        """One call without simple-salesforce, without repeats.

        For Bulk, which simple-salesforce cannot carry on our session.
        """
        url = f"{self.session.token.instance_url.rstrip('/')}{self.root}{path}"
        return self.session.request(method, url, headers=headers, data=data, json=body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        extra = {} if body is None else {"json": body}
        return answer_of(lambda: self.client.restful(path, method=method, **extra))

    def _queries(self, statements: Sequence[str], *, everything: bool) -> list[Page]:
        resource = "queryAll" if everything else "query"
        requests_inside = [
            {
                "method": "GET",
                "url": f"{self.root}{resource}/?q={quote(statement, safe='')}",
                "referenceId": f"q{number}",
            }
            for number, statement in enumerate(statements)
        ]
        body = {"allOrNone": False, "compositeRequest": requests_inside}

        def once() -> list[Page]:
            answer = self._call("POST", "composite", body)
            return [page(inner) for inner in inner_bodies(answer, len(requests_inside))]

        return repeat_read(once, self.patience)


def page(answer: Any) -> Page:
    """A query's answer, checked.

    Raises:
        ProtocolError: it has not the shape of one.
    """
    if not isinstance(answer, dict) or not _is_page(answer):
        raise ProtocolError(
            "the org's answer to a query has not the shape of one; nothing of it was used"
        )
    next_url = answer.get("nextRecordsUrl") or ""
    return Page(answer["records"], answer["totalSize"], str(next_url))


def _is_page(answer: Mapping[str, Any]) -> bool:
    records, done = answer.get("records"), answer.get("done")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return False
    if not isinstance(answer.get("totalSize"), int) or not isinstance(done, bool):
        return False
    # A last page that points on, or one that is not the last and does not, is cut short.
    return done == (not answer.get("nextRecordsUrl"))


def inner_answers(answer: Any, expected: int) -> list[tuple[int, Any]]:
    """``(HTTP status, body)`` of each request inside a ``/composite`` answer, in order.

    Raises:
        CallRefused: all of them together were refused; nothing was done.
        ProtocolError: it has not that shape, or not as many as were sent.

    Source: docs/salesforce.md §4 (a refusal of the whole is one answer without ``referenceId``,
    inside a 200).
    """
    inner = answer.get("compositeResponse") if isinstance(answer, dict) else None
    if not isinstance(inner, list):
        raise ProtocolError("the org's answer to a composite call has not the shape of one")
    if len(inner) == 1 < expected and isinstance(inner[0], dict):
        raise error_of(_status_of(inner[0], 400), inner[0].get("body"))
    if len(inner) != expected:
        raise ProtocolError("the org's answer to a composite call has not the shape of one")
    return [_status_and_body(each) for each in inner]


def _status_and_body(inner: Any) -> tuple[int, Any]:
    """One answer inside ``/composite``; status 0 where it has not the shape of one."""
    if not isinstance(inner, dict):
        return 0, None
    return _status_of(inner, 0), inner.get("body")


def _status_of(inner: Mapping[str, Any], default: int) -> int:
    """The HTTP status; the default where it is no number."""
    status = inner.get("httpStatusCode")
    return status if isinstance(status, int) else default


def inner_bodies(answer: Any, expected: int) -> list[Any]:
    """The bodies inside a ``/composite`` answer, where all went well.

    Raises:
        SfsyncError: the first failure inside, as if it had been a call of its own.
    """
    bodies = []
    for status, body in inner_answers(answer, expected):
        if status != 200:
            raise error_of(status, body, what="a read")
        bodies.append(body)
    return bodies


def finite(text: str) -> float:
    """A JSON number with a fraction or an exponent.

    Raises:
        ProtocolError: it is beyond what a float holds.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ProtocolError(f"the org sent a number beyond all bounds: {text[:40]}")
    return number


def answer_of(call: Callable[[], Any]) -> Any:
    """What a client's call answers, its own failures translated."""
    try:
        return call()
    except json.JSONDecodeError as error:
        raise CallFailed(
            "the org's answer is no JSON: cut short or garbled at character"
            f" {error.pos + 1} ({error.msg})"
        ) from error
    except RecursionError as error:
        raise CallFailed("the org's answer is no JSON of use: nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise CallFailed("the org's answer holds a number beyond all bounds") from error
    except (TypeError, AttributeError, LookupError) as error:
        # simple-salesforce looks into what it parsed: `null` or a number ends it. What the call has
        # done is not known, so that a write is looked up.
        raise CallFailed("the org's answer has not the shape of one") from error
