"""Every fault at every kind of call: it applies once, the verbs are run again, and the org's own dump is judged.

What a fault does for good, and faults of several calls at once, are in ``test_network`` and
``test_refusals``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.garbling_proxy import Change, garbling_proxy
from tests.faults.local_sides import LocalSides, OpenSides
from tests.faults.network_faults import NETWORK_FAULTS, NO_TLS, FaultyAdapter, NetworkFault
from tests.faults.workload import run_tolerating_errors, start_workload
from tests.unit.salesforce.web import Answer


@dataclass(frozen=True)
class Place:
    """One kind of call.

    Attributes:
        path: a regular expression searched in path and query.
        many: there are several pages of people, and all of them are read.
        edited: all of them are edited here, too.
        bulk: everything goes by Bulk jobs.
    """

    method: str
    path: str
    many: bool = False
    edited: bool = False
    bulk: bool = False


JOB = r"jobs/ingest/750\w+"
PLACES = {
    "a describe": Place("GET", r"/describe$"),
    "the first page": Place("GET", r"/query(All)?/\?q="),
    "a further page": Place("GET", r"/query/01g", many=True),
    "several requests in one": Place("POST", r"/composite$", many=True, edited=True),
    "updates": Place("POST", r"/composite$"),
    "new people": Place("PATCH", r"/composite/sobjects/(Contact|Lead)/"),
    "Tasks": Place("PATCH", r"/composite/sobjects/Task/"),
    "the job of a Bulk reading": Place("POST", r"/jobs/query$", many=True, bulk=True),
    "asking after a Bulk reading": Place("GET", r"/jobs/query/750\w+$", many=True, bulk=True),
    "the results of a Bulk reading": Place(
        "GET", r"/jobs/query/750\w+/results", many=True, bulk=True
    ),
    "the job of Bulk writes": Place("POST", r"/jobs/ingest$", bulk=True),
    "the upload of Bulk writes": Place("PUT", JOB + "/batches", bulk=True),
    "the close of Bulk writes": Place("PATCH", JOB + "$", bulk=True),
    "asking after Bulk writes": Place("GET", JOB + "$", bulk=True),
    "the results of Bulk writes": Place("GET", JOB + "/(success|failed)", bulk=True),
}

Struck = Callable[[], int]
Fault = Callable[[LocalSides, Place], Any]


def broken(what: str) -> Fault:
    """The network does this."""

    @contextmanager
    def fault(sides: LocalSides, place: Place) -> Iterator[Struck]:
        sides.adapter = adapter = FaultyAdapter(
            NetworkFault(what, f"^{place.method} .*{place.path}")
        )
        yield lambda: adapter.struck

    return fault


def told(name: str, **args: Any) -> Fault:
    """The org says this instead of answering."""

    @contextmanager
    def fault(sides: LocalSides, place: Place) -> Iterator[Struck]:
        sides.add_fault(name, place.path, method=place.method, **args)
        yield lambda: sides.faults_fired

    return fault


def garbled(change: Change) -> Fault:
    """The org does what it was asked, and this becomes of its answer."""

    @contextmanager
    def fault(sides: LocalSides, place: Place) -> Iterator[Struck]:
        with garbling_proxy(sides.local.url, f"^{place.method} .*{place.path}", change) as proxy:
            sides.url = proxy.url
            yield lambda: proxy.struck
            sides.url = ""

    return fault


def half(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers, announced=-1)


FAULTS: dict[str, Fault] = {
    **{what: broken(what) for what in NETWORK_FAULTS if what not in NO_TLS},
    "the reply is lost": told("lose_reply"),
    "the reply breaks off": told("truncate"),
    "a 500": told("status", status=500),
    "a 503 page": told("html", status=503),
    "a 504 page": told("html", status=504),
    "a 502 after acting": told("html", status=502, done=True),
    "a 503 after acting": told("unavailable", done=True),
    "a 403 page after acting": told("html", status=403, done=True),
    "a page with 200": told("html", status=200),
    "a 429 with seconds": told("rate_limited", retry_after=2),
    "the day's calls are spent": told("request_limit"),
    "too many at once": told(
        "status",
        status=403,
        code="REQUEST_LIMIT_EXCEEDED",
        message="ConcurrentPerOrgLongTxn Limit exceeded",
    ),
    "the session has ended": told("expired_session"),
    "the session has ended, as Bulk says it": told(
        "status", status=400, code="InvalidSessionId", message="Unable to find session"
    ),
    "the session has ended, as a page": told("html", status=401),
    "half a body and a clean end": garbled(half),
    "noise": garbled(lambda answer: Answer(answer.status, bytes(range(256)), answer.headers)),
    "a clean end before the status": garbled(lambda _: None),
    "packed, it says, and is not": garbled(
        lambda answer: Answer(
            answer.status, answer.body, {**answer.headers, "Content-Encoding": "gzip"}
        )
    ),
    "a redirect to another host": garbled(
        lambda _: Answer(302, b"", {"Location": "https://elsewhere.example/stolen"})
    ),
}
ALWAYS = {
    ("read time-out after the commit", "new people"),
    ("the reply is lost", "Tasks"),
    ("a 503 after acting", "updates"),
    ("the day's calls are spent", "updates"),
    ("the session has ended", "several requests in one"),
    ("half a body and a clean end", "the first page"),
    ("reset before the status", "the close of Bulk writes"),
}
"""Cells for every day: each fault that can do double work, at the call where it would."""

TELLING = {
    ("read time-out after the commit", "new people"),
    ("the reply is lost", "Tasks"),
    ("a 503 after acting", "updates"),
}
"""Those of them that the quick suite runs."""


def cells() -> Iterator[Any]:
    for fault in FAULTS:
        for place in PLACES:
            marks = [pytest.mark.always] if (fault, place) in ALWAYS else [pytest.mark.faults]
            if (fault, place) not in TELLING:
                marks.append(pytest.mark.slow)
            yield pytest.param(fault, place, marks=marks, id=f"{fault}, at {place}")


@pytest.mark.parametrize(("fault", "place"), list(cells()))
def test_whatever_goes_wrong_at_whatever_call_nothing_is_lost_or_there_twice(
    open_sides: OpenSides, fault: str, place: str
) -> None:
    at = PLACES[place]
    sides = open_sides(contacts=450 if at.edited else 260 if at.many else 12)
    workload = start_workload(sides)
    sides.bulk = at.bulk
    if at.many:
        sides.sql("DELETE FROM _watermarks")
    if at.edited:
        workload.left_alone.clear()
        sides.sql("UPDATE contacts SET city = 'Moved'")
    if place == "a describe":
        sides.sql("DELETE FROM _facts")
    with FAULTS[fault](sides, at) as struck:
        run_tolerating_errors(sides)
        run_tolerating_errors(sides)
        assert struck() == 1
    sides.bulk = False
    workload.check_outcome(sides)
    if at.edited:
        moved = [row["MailingCity"] == "Moved" for row in sides.live("Contact").values()]
        assert moved.count(False) == 2, (
            "but for those that somebody made there or that an event brought"
        )


def test_every_cell_for_every_day_is_one_of_the_table() -> None:
    assert all(fault in FAULTS and place in PLACES for fault, place in ALWAYS)
