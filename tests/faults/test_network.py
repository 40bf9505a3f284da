"""Trouble between sfsync and the org: whatever breaks, and wherever,
the verbs are run again and the org's own dump is judged. Nothing is there twice, nothing is lost,
counters are right, and nothing is left behind the watermark.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from sfsync.errors import (
    BudgetSpent,
    GrantRevoked,
    OrgUnavailable,
    ProtocolError,
    RetriableError,
    SfsyncError,
)
from tests.faults.garbling_proxy import Change, garbling_proxy
from tests.faults.local_sides import LocalSides, OpenSides, daily_cells
from tests.faults.network_faults import NETWORK_FAULTS, NO_TLS, FaultyAdapter, NetworkFault
from tests.faults.workload import run_tolerating_errors, start_workload
from tests.unit.salesforce.web import Answer

FAULTS = pytest.mark.faults
READS = "/queryAll/"
UPDATES = r"/composite(/sobjects)?$"
CREATES = r"/composite/sobjects/(Contact|Lead)"
TASKS = r"/composite/sobjects/Task"
PLACES = (r"/query/", r"/queryAll/", UPDATES, CREATES, TASKS)
WRITES = (UPDATES, CREATES, TASKS)
Args = dict[str, Any]


def at_each(sides: LocalSides, fault: str, places: tuple[str, ...] = PLACES, **args: Any) -> None:
    """The fault applies the first call at each kind of place."""
    for place in places:
        sides.add_fault(fault, place, **args)


# -- the connection --------------------------------------------------------------------------------
@pytest.mark.parametrize("what", [what for what in NETWORK_FAULTS if what not in NO_TLS])
def test_a_call_that_breaks_at_each_kind_of_place_is_made_good(
    sides: LocalSides, what: str
) -> None:
    workload = start_workload(sides)
    sides.adapter = adapter = FaultyAdapter(
        *(NetworkFault(what, f"[A-Z]+ .*{path}") for path in PLACES)
    )
    run_tolerating_errors(sides)
    run_tolerating_errors(sides)
    assert adapter.struck >= 4, adapter.calls
    workload.check_outcome(sides)


@pytest.mark.parametrize("what", daily_cells(NETWORK_FAULTS, *NO_TLS))
@pytest.mark.parametrize("path", [READS, UPDATES])
def test_a_connection_that_stays_broken_ends_the_run_and_costs_nothing(
    sides: LocalSides, what: str, path: str
) -> None:
    workload = start_workload(sides)
    before = sides.watermark()
    sides.adapter = adapter = FaultyAdapter(NetworkFault(what, path, nth=0))
    error = run_tolerating_errors(sides)
    if path == READS:
        assert isinstance(error, OrgUnavailable)
        assert error.exit_code == 1
        assert (
            "next run goes on" in error.hint or what in NO_TLS or "check the network" in error.hint
        )
        assert sides.watermark() == before
    if what in NO_TLS:
        assert adapter.struck == 1
        assert "127.0.0.1" in error.message
    workload.check_outcome(sides)


@pytest.mark.always
def test_nobody_listens_where_the_org_was(open_sides: OpenSides) -> None:
    """With a real socket."""
    sides = open_sides()
    workload = start_workload(sides)
    with garbling_proxy("", "never", lambda answer: answer) as proxy:
        sides.url = proxy.url
    error = run_tolerating_errors(sides)
    assert isinstance(error, OrgUnavailable)
    workload.check_outcome(sides)


def test_an_org_that_says_nothing_for_long_is_not_waited_for(sides: LocalSides) -> None:
    """With a real socket: the first answer, and that to a write, come when nobody waits any more."""
    workload = start_workload(sides)
    sides.patience_seconds = 0.15
    sides.add_fault("slow", "/query/", seconds=0.2)
    sides.add_fault("slow", UPDATES, seconds=0.2)
    run_tolerating_errors(sides)
    assert sides.faults_fired == 2
    sides.patience_seconds = 5.0
    workload.check_outcome(sides)


@pytest.mark.parametrize(
    ("fault", "args"),
    [
        pytest.param("drop", {}, id="reset before the status", marks=FAULTS),
        pytest.param("lose_reply", {}, id="reply lost after the commit"),
        pytest.param("truncate", {"share": 0.5}, id="reset in the middle of the body"),
        pytest.param("truncate", {"share": 0.0}, id="reset after the headers", marks=FAULTS),
        pytest.param("status", {"status": 500}, id="a 500"),
        pytest.param(
            "status",
            {"status": 502, "code": "X", "message": "Bad Gateway"},
            id="a 502",
            marks=FAULTS,
        ),
        pytest.param("html", {"status": 504}, id="a 504 page", marks=FAULTS),
        pytest.param("html", {"status": 503}, id="a 503 page", marks=FAULTS),
        pytest.param("html", {"status": 200}, id="a page with 200"),
        pytest.param("rate_limited", {"retry_after": 2}, id="a 429 with seconds", marks=FAULTS),
        pytest.param(
            "status",
            {
                "status": 403,
                "code": "REQUEST_LIMIT_EXCEEDED",
                "message": "ConcurrentPerOrgLongTxn Limit exceeded",
            },
            id="too many at once",
        ),
        pytest.param("expired_session", {}, id="a 401, once at each place"),
        pytest.param("html", {"status": 401}, id="a 401 page", marks=FAULTS),
        pytest.param(
            "status", {"status": 200, "code": "X", "message": "no"}, id="JSON of another shape"
        ),
    ],
)
def test_trouble_at_each_kind_of_place_is_made_good(
    sides: LocalSides, fault: str, args: Args
) -> None:
    workload = start_workload(sides)
    at_each(sides, fault, **args)
    for _ in range(4):
        run_tolerating_errors(sides)
    assert sides.faults_fired >= 4
    workload.check_outcome(sides)


MANY = 2_500
"""People whose edits are two calls that read, and four that ask and write up to 800 each."""


@pytest.mark.faults
@pytest.mark.parametrize("nth", [3, 4, 6], ids=["the first", "a middle one", "the last"])
@pytest.mark.parametrize(
    ("fault", "args"),
    [
        pytest.param("slow", {"seconds": 0.6}, id="an answer too late"),
        pytest.param("lose_reply", {}, id="the reply is lost"),
        pytest.param("drop", {}, id="reset before the status"),
        pytest.param("truncate", {}, id="reset in the body"),
        pytest.param("status", {"status": 500}, id="a 500"),
    ],
)
def test_trouble_at_any_call_of_many_writes_is_made_good(
    open_sides: OpenSides, fault: str, args: Args, nth: int
) -> None:
    sides = open_sides(contacts=MANY, leads=1, pulled=False)
    sides.do("pull")
    sides.sql(
        "UPDATE contacts SET job_title = 'Many', total_clicks = coalesce(total_clicks, 0) + 1"
    )
    clicks = {
        key: row["PenguinMails_Total_Clicks__c"] or 0 for key, row in sides.live("Contact").items()
    }
    sides.patience_seconds = 0.5 if fault == "slow" else 5.0
    sides.add_fault(fault, r"/composite$", nth, **args)
    run_tolerating_errors(sides, "push")
    assert sides.faults_fired == 1
    assert len(sides.unfinished()) == (100 if nth == 6 else 800), "it was a call that writes"
    sides.patience_seconds = 5.0
    sides.converge()
    after = sides.live("Contact")
    assert {row["Title"] for row in after.values()} == {"Many"}
    assert {key: row["PenguinMails_Total_Clicks__c"] - 1 for key, row in after.items()} == clicks


@pytest.mark.parametrize(
    ("fault", "args", "expected"),
    [
        pytest.param("request_limit", {}, BudgetSpent, id="the day's calls are spent"),
        pytest.param("expired_session", {}, GrantRevoked, id="a login that ends for good"),
        pytest.param("rate_limited", {"retry_after": 86_400}, OrgUnavailable, id="a day"),
        pytest.param("rate_limited", {"retry_after": -1}, OrgUnavailable, id="nonsense"),
        pytest.param("unavailable", {}, OrgUnavailable, id="as JSON"),
    ],
)
@pytest.mark.parametrize("path", daily_cells(["", UPDATES, CREATES, TASKS], ""))
def test_trouble_for_good_ends_the_run_with_its_code_and_loses_nothing(
    sides: LocalSides, fault: str, args: Args, expected: type[SfsyncError], path: str
) -> None:
    workload = start_workload(sides)
    sides.add_fault(fault, path, (), **args)
    error = run_tolerating_errors(sides)
    told = "".join(sides.last.warnings)
    if path == CREATES and expected is OrgUnavailable and fault != "unavailable":
        assert "not written now" in told  # and the rest of the run went on
        workload.check_outcome(sides)
        return
    if path and fault == "unavailable":
        # a 503 proves nothing, so the run goes on
        assert "no answer to a write" in told or "a Task is not confirmed" in told
        workload.check_outcome(sides)
        return
    assert isinstance(error, expected)
    assert error.exit_code == {BudgetSpent: 5, GrantRevoked: 4}.get(expected, 1)
    assert error.hint
    never_again = fault != "unavailable" and args.get("retry_after") != -1
    assert sides.faults_fired == (2 if expected is GrantRevoked else 1 if never_again else 5)
    workload.check_outcome(sides)


# -- answers that make no sense --------------------------------------------------------------------
def half(answer: Answer) -> Answer:
    """Half of the body, no length told, and a clean end."""
    return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers, announced=-1)


def dribble(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, answer.headers, drip_seconds=0.005)


def noise(answer: Answer) -> Answer:
    return Answer(answer.status, bytes(range(256)), answer.headers)


def bomb(answer: Answer) -> Answer:
    packed = gzip.compress(b" " * 5_000_000)
    return Answer(answer.status, packed, {**answer.headers, "Content-Encoding": "gzip"})


def elsewhere(answer: Answer) -> Answer:
    return Answer(302, b"", {"Location": "https://elsewhere.example/stolen"})


def to_http(answer: Answer) -> Answer:
    return Answer(307, b"", {"Location": "http://127.0.0.2/services/data"})


def nothing_at_all(_answer: Answer) -> None:
    """A clean end before the status."""


def reshaped(change: Any) -> Change:
    """The JSON, changed."""

    def changed(answer: Answer) -> Answer:
        return Answer(
            answer.status, json.dumps(change(json.loads(answer.body))).encode(), answer.headers
        )

    return changed


def of_the_first(told: Any, change: Any) -> Any:
    """Results inside a ``/composite``, or plain ones, changed."""
    return change(told)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(half, id="half a body and a clean end"),
        pytest.param(nothing_at_all, id="a clean end before the status"),
        pytest.param(noise, id="noise"),
        pytest.param(elsewhere, id="to another host"),
        pytest.param(to_http, id="to http"),
        pytest.param(bomb, id="a bomb"),
        pytest.param(dribble, id="a byte at a time"),
    ],
)
@pytest.mark.parametrize(
    "path",
    daily_cells(["GET .*" + READS, "POST .*" + UPDATES, "PATCH .*" + TASKS], "GET .*" + READS),
)
def test_an_answer_that_is_none_does_no_harm(
    sides: LocalSides, monkeypatch: pytest.MonkeyPatch, change: Change, path: str
) -> None:
    workload = start_workload(sides)
    before = sides.watermark()
    monkeypatch.setattr("sfsync.salesforce.transport.OrgSession.__init__.__kwdefaults__", SMALL)
    with garbling_proxy(sides.local.url, path, change) as proxy:
        sides.url = proxy.url
        error = run_tolerating_errors(sides)
        assert proxy.struck == 1
        assert all("stolen" not in asked.path for asked in proxy.asked)
    if isinstance(error, ProtocolError) and "query" in path:
        assert sides.watermark() == before
    workload.check_outcome(sides)


SMALL = {
    "reserve": 0.2,
    "timeouts_seconds": (10.0, 120.0),
    "deadline_seconds": 0.3,
    "max_body_bytes": 1_000_000,
}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda told: {**told, "records": None}, id="records null"),
        pytest.param(lambda told: {k: v for k, v in told.items() if k != "done"}, id="no done"),
        pytest.param(lambda told: {"result": told}, id="nested deeper"),
        pytest.param(lambda told: {**told, "totalSize": 10_000}, id="more announced than sent"),
        pytest.param(
            lambda told: {
                **told,
                "records": [
                    {k: v for k, v in each.items() if k != "Id"} for each in told["records"]
                ],
            },
            id="no Id",
        ),
        pytest.param(lambda told: [told], id="a list"),
    ],
)
def test_a_page_of_another_shape_stores_nothing(sides: LocalSides, change: Any) -> None:
    workload = start_workload(sides)
    before, rows = sides.watermark(), sides.rows()
    with garbling_proxy(sides.local.url, READS, reshaped(change), nth=0) as proxy:
        sides.url = proxy.url
        error = run_tolerating_errors(sides, "pull")
    assert proxy.struck
    assert isinstance(error, ProtocolError | RetriableError), error
    assert sides.watermark() == before
    assert sides.rows() == rows
    workload.check_outcome(sides)


def in_each_collection(change: Any) -> Change:
    """Change the list of results of each collections request in the answer."""

    def changed(told: Any) -> Any:
        if isinstance(told, list):
            return change(told)
        inner = [
            {
                **each,
                "body": change(each["body"]) if isinstance(each["body"], list) else each["body"],
            }
            for each in told["compositeResponse"]
        ]
        return {**told, "compositeResponse": inner}

    return reshaped(changed)


@pytest.mark.parametrize("place", WRITES)
def test_fewer_results_than_records_sent_are_looked_up(sides: LocalSides, place: str) -> None:
    workload = start_workload(sides)
    with garbling_proxy(
        sides.local.url, place, in_each_collection(lambda results: results[:-1])
    ) as proxy:
        sides.url = proxy.url
        run_tolerating_errors(sides)
        assert proxy.struck == 1
        assert "another number of records" in "".join(sides.last.warnings)
    workload.check_outcome(sides)


@pytest.mark.parametrize("place", WRITES)
def test_results_in_another_order_are_not_believed_blindly(sides: LocalSides, place: str) -> None:
    """An update's result names its record, so that a shuffled answer is noticed and looked up."""
    workload = start_workload(sides)
    with garbling_proxy(
        sides.local.url, place, in_each_collection(lambda results: results[::-1])
    ) as proxy:
        sides.url = proxy.url
        run_tolerating_errors(sides)
        assert proxy.struck == 1
    workload.check_outcome(sides)
