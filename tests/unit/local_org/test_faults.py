"""Trouble on request, over real connections."""

import time

import pytest
import requests

from local_org.faults import NAMES, FaultPlan, read_fault
from local_org.server import LocalOrg, LocalOrgConfig


@pytest.fixture(scope="module")
def served():
    with LocalOrg(LocalOrgConfig(contacts=3, leads=1)) as org:
        yield org


@pytest.fixture
def client(served):
    served.faults.clear()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {served.token()}"
        session.base = f"{served.url}/services/data/v65.0"
        yield session
    served.faults.clear()


def plan(served, fault, path="", method=None, nth=None, **args):
    line = {"match": {"method": method, "path": path}, "fault": fault, "args": args, "nth": nth}
    answer = requests.post(f"{served.url}/_local/faults", json={"faults": [line]}, timeout=5)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("fault", "args", "status", "code"),
    [
        ("status", {}, 500, "UNKNOWN_EXCEPTION"),
        (
            "status",
            {"status": 400, "code": "QUERY_TIMEOUT", "message": "too long"},
            400,
            "QUERY_TIMEOUT",
        ),
        ("request_limit", {}, 403, "REQUEST_LIMIT_EXCEEDED"),
        ("expired_session", {}, 401, "INVALID_SESSION_ID"),
        ("expired_cursor", {}, 400, "INVALID_QUERY_LOCATOR"),
        ("unavailable", {}, 503, "SERVER_UNAVAILABLE"),
        ("rate_limited", {"retry_after": 7}, 429, "REQUEST_LIMIT_EXCEEDED"),
    ],
)
def test_an_answer_instead_of_the_work(served, client, fault, args, status, code):
    plan(served, fault, "Contact", "POST", **args)
    answer = client.post(f"{client.base}/sobjects/Contact", json={"LastName": "x"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
    assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert len(served.state.table("Contact").rows) == 3


@pytest.mark.parametrize("status", [502, 503, 200])
def test_a_page_instead_of_json(served, client, status):
    plan(served, "html", status=status)
    answer = client.get(f"{client.base}/limits")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "maintenance" in answer.text


def test_the_connection_breaks_before_the_work(served, client):
    plan(served, "drop", "sobjects/Contact", "POST")
    before = len(served.state.table("Contact").rows)
    with pytest.raises(requests.ConnectionError):
        client.post(f"{client.base}/sobjects/Contact", json={"LastName": "x"})
    assert len(served.state.table("Contact").rows) == before
    assert client.get(f"{client.base}/limits").status_code == 200


def test_the_reply_is_lost_after_the_work(served, client):
    plan(served, "lose_reply", "sobjects/Task", "POST", [1])
    before = len(served.state.table("Task").rows)
    with pytest.raises(requests.ConnectionError):
        client.post(f"{client.base}/sobjects/Task", json={"Subject": "x"})
    assert len(served.state.table("Task").rows) == before + 1
    assert client.post(f"{client.base}/sobjects/Task", json={"Subject": "y"}).status_code == 201


def test_the_reply_breaks_off(served, client):
    plan(served, "truncate", "describe", share=0.3)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(f"{client.base}/sobjects/Contact/describe")


def test_the_reply_is_cut_short_in_good_form(served, client):
    plan(served, "truncate", "describe", nth=[1], share=0.3, clean=True)
    answer = client.get(f"{client.base}/sobjects/Contact/describe")
    assert answer.status_code == 200
    assert answer.headers.get("Content-Length") is None
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|decode"):
        answer.json()
    assert client.get(f"{client.base}/sobjects/Contact/describe").json()["name"] == "Contact"


@pytest.mark.parametrize("done", [False, True])
def test_no_answer_ever_comes(served, client, done):
    plan(served, "silent", "sobjects/Task", "POST", [1], done=done)
    before = len(served.state.table("Task").rows)
    with pytest.raises(requests.ReadTimeout):
        client.post(f"{client.base}/sobjects/Task", json={"Subject": "x"}, timeout=0.2)
    assert len(served.state.table("Task").rows) == before + done
    assert client.get(f"{client.base}/limits").status_code == 200


def test_what_comes_next_can_be_foreseen_without_counting():
    fault = read_fault({"fault": "drop", "match": {"method": "GET"}, "nth": [2]})
    assert not fault.would_hit("GET", "/a")
    assert not fault.hits("GET", "/a")
    assert fault.would_hit("GET", "/a")
    assert not fault.would_hit("POST", "/a")
    assert fault.hits("GET", "/a")
    assert not fault.would_hit("GET", "/a")


def test_a_slow_answer(served, client):
    plan(served, "slow", "limits", seconds=0.15)
    begun = time.monotonic()
    assert client.get(f"{client.base}/limits").status_code == 200
    assert time.monotonic() - begun >= 0.15


def test_some_records_are_locked(served, client):
    plan(served, "lock_rows", "composite/sobjects", rows=[1])
    records = [{"attributes": {"type": "Task"}, "Subject": str(n)} for n in range(3)]
    results = client.post(f"{client.base}/composite/sobjects", json={"records": records}).json()
    assert [each["success"] for each in results] == [True, False, True]
    assert results[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    plan(
        served,
        "refuse_rows",
        "sobjects/Task",
        code="CANNOT_EXECUTE_FLOW_TRIGGER",
        message="a flow failed",
    )
    answer = client.post(f"{client.base}/sobjects/Task", json={})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (
        400,
        "CANNOT_EXECUTE_FLOW_TRIGGER",
    )


def test_the_login_side_fails_too(served, client):
    plan(served, "html", "/services/oauth2/token")
    answer = requests.post(
        f"{served.url}/services/oauth2/token", data={"grant_type": "x"}, timeout=5
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html;charset=UTF-8")


def test_the_plan_is_shown_and_cleared(served, client):
    plan(served, "status", "limits", nth=[2])
    answers = [client.get(f"{client.base}/limits").status_code for _ in range(3)]
    assert answers == [200, 500, 200]
    shown = requests.get(f"{served.url}/_local/faults", timeout=5).json()
    assert (shown["faults"][0]["seen"], shown["faults"][0]["fired"]) == (3, 1)
    assert requests.delete(f"{served.url}/_local/faults", timeout=5).json()["faults"] == []
    latency = requests.post(
        f"{served.url}/_local/faults", json={"latency_seconds": 0.05}, timeout=5
    ).json()
    assert latency == {"faults": [], "latency_seconds": 0.05}
    served.faults.latency_seconds = 0.0


def test_which_requests_a_fault_hits():
    def fired(**line):
        faults = FaultPlan([{"fault": "drop", **line}])
        return [faults.effects("GET", f"/x?{n}").drop for n in range(1, 7)]

    assert fired() == [True] * 6
    assert fired(nth=[1, 3]) == [True, False, True, False, False, False]
    assert fired(nth=2) == [False, True, False, False, False, False]
    assert fired(every=3) == [False, False, True, False, False, True]
    assert fired(times=2) == [True, True, False, False, False, False]
    assert fired(match={"method": "post"}) == [False] * 6
    assert fired(match={"path": r"\?[45]$"}) == [False, False, False, True, True, False]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"fault": "flood"}, "no such fault: flood"),
        ({"fault": "drop", "match": {"path": "("}}, "bad path"),
    ],
)
def test_a_plan_that_makes_no_sense(served, line, words):
    with pytest.raises(ValueError, match=words):
        read_fault(line)
    answer = requests.post(f"{served.url}/_local/faults", json={"faults": [line]}, timeout=5)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_ARGUMENT")


def test_every_fault_is_in_the_modules_text():
    from local_org import faults

    assert all(f"``{name}``" in (faults.__doc__ or "") for name in NAMES)
