"""What an answer to a write proves: that nothing was done, or nothing at all. One table. Pure.

A write may be sent again, and its row called unsent, only where the answer proves that the org did
nothing with it. Every other answer is doubt: the write is looked up before anything is repeated.
What stands in front of the org (proxies, gateways, load balancers) answers for itself, often by a
web page, when the org has long acted; so it proves nothing by most of what it says.

Source: docs/salesforce.md §2.4 (codes, HTTP statuses); RFC 9110 §15.5.2 (401: the request has not
been applied); RFC 9110 §15.5.8 (407); RFC 9110 §15.6 (5xx); RFC 6585 §4 (429).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """One kind of answer to a write.

    Attributes:
        what: the answer, for people.
        nothing_done: whether it proves that the org did nothing.
        why: what makes it a proof, or why it is none.
        is_it: whether an HTTP status and an error code (empty for none) are this kind.
    """

    what: str
    nothing_done: bool
    why: str
    is_it: Callable[[int, str], bool] = lambda _status, _code: False


NO_CONNECTION = WriteAnswer(
    "refused, no route, no such host, no secure connection, a proxy that cannot connect",
    True,
    "not a byte of the request has left",
)
BROKEN_OFF = WriteAnswer(
    "reset, broken off, cut short, garbled or too long; none in time",
    False,
    "the request has left, and the org may have done it all",
)

WRITE_ANSWERS = (
    NO_CONNECTION,
    BROKEN_OFF,
    WriteAnswer(
        "2xx with a web page or another shape",
        False,
        "only the answer to each record tells what became of it",
        lambda status, _: status < 300,
    ),
    WriteAnswer(
        "3xx",
        False,
        "a redirect may come after the work is done",
        lambda status, _: 300 <= status < 400,
    ),
    WriteAnswer(
        "401, 407, whatever the body",
        True,
        "who asks is looked at first: by the HTTP standard, the request was not applied",
        lambda status, _: status in {401, 407},
    ),
    WriteAnswer(
        "429, whatever the body",
        True,
        "requests are counted when they come, and one too many is not passed on",
        lambda status, _: status == 429,
    ),
    WriteAnswer(
        "408, 420, 499",
        False,
        "it was waited for, or given up: the org may be at work on it",
        lambda status, _: status in {408, 420, 499},
    ),
    WriteAnswer(
        "403 `REQUEST_LIMIT_EXCEEDED`",
        True,
        "Salesforce counts a request before it executes it: the day's calls, or too many at once",
        lambda status, code: status == 403 and code == "REQUEST_LIMIT_EXCEEDED",
    ),
    WriteAnswer(
        "any other 4xx with a code of Salesforce's in JSON",
        True,
        "Salesforce itself refused the request as a whole, and what it refuses it takes back",
        lambda status, code: 400 <= status < 500 and bool(code),
    ),
    WriteAnswer(
        "any other 4xx: a web page, no body, JSON without a code",
        False,
        "not Salesforce's words: a gateway may have looked at the org's answer and withheld it",
        lambda status, _: 400 <= status < 500,
    ),
    WriteAnswer(
        "500, whatever the code",
        False,
        "something failed, before, in the midst of or after the work",
        lambda status, _: status == 500,
    ),
    WriteAnswer(
        "502, 504",
        False,
        "a gateway has lost the org after it had passed the request on",
        lambda status, _: status in {502, 504},
    ),
    WriteAnswer(
        "503, also `SERVER_UNAVAILABLE`",
        False,
        "overload and maintenance answer so, and proxies whose org breaks off after it has acted",
        lambda status, _: status == 503,
    ),
    WriteAnswer(
        "any other 5xx",
        False,
        "nobody says what it means",
        lambda status, _: status >= 500,
    ),
)
"""In order: the first that fits is meant."""


def write_answer(status: int, code: str) -> WriteAnswer:
    """What this answer proves about a write.

    Args:
        status: the HTTP status, of the call or of one request inside ``/composite``.
        code: Salesforce's own error code; empty where the body has none.

    >>> write_answer(400, "INVALID_FIELD").nothing_done, write_answer(400, "").nothing_done
    (True, False)
    >>> write_answer(503, "SERVER_UNAVAILABLE").nothing_done
    False
    """
    return next(each for each in WRITE_ANSWERS if each.is_it(status, code))
