"""Answers of the org that are none: the truth is told, as an error of the org's, never as a bug."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sfsync.errors import ProtocolError, SfsyncError
from sfsync.model.outcome import Outcome
from sfsync.model.token import Token
from sfsync.salesforce.bulk_jobs import BulkJobs
from sfsync.salesforce.bulk_read import BulkReader
from sfsync.salesforce.bulk_write import BulkWriter
from sfsync.salesforce.composite import CollectionWriter
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.describe import sobject_facts
from sfsync.salesforce.org_facts import _versions, read_org_facts
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from tests.unit.salesforce.bulk_script import FAST, JOB, as_csv, ingest_job, query_job
from tests.unit.salesforce.test_org_facts import NOW, Org
from tests.unit.salesforce.web import Answer, Asked, Web
from tests.unit.salesforce.writes import ADA, BOB, failed, update

GARBLED = {
    "empty": b"",
    "cut short": b'[{"version": "67.0"',
    "a page without its type": b"<html><body>Down for maintenance</body></html>",
    "not UTF-8": b'{"a": "\xff"}',
    "brackets": b"[" * 100_000,
    "a number of 9,999 digits": b'{"size": ' + b"9" * 9_999 + b"}",
}
WRONG_TYPES = [b"null", b"7", b'"text"', b"[]", b"{}", b"[7]", b'{"compositeResponse": 7}']
WRONG_INSIDE = [
    b'{"compositeResponse": [7, null]}',
    b'{"compositeResponse": [{"httpStatusCode": "x", "body": 1}, {"httpStatusCode": null}]}',
    b'{"compositeResponse": [{"httpStatusCode": [], "body": {}}]}',
]


def asked(web: Web) -> list[SfsyncError]:
    """Every kind of question; what was raised."""
    session = OrgSession(web.token(), lambda token: token)
    connection = Connection(session, patience=Patience(tries=1))
    raised = []
    for ask in (
        lambda: _versions(connection),
        lambda: connection.query("SELECT Id FROM Contact"),
        lambda: list(connection.pages(["SELECT Id FROM Contact", "SELECT Id FROM Lead"])),
    ):
        try:
            ask()
        except SfsyncError as error:
            raised.append(error)
    return raised


@pytest.mark.parametrize("body", GARBLED.values(), ids=GARBLED)
def test_what_is_no_json_is_told_as_such(body: bytes) -> None:
    status = 200
    with Web(lambda _: Answer(status, body)).serving() as web:
        raised = asked(web)
    assert len(raised) == 3
    assert all("answer" in error.message for error in raised)


@pytest.mark.parametrize("body", [*WRONG_TYPES, *WRONG_INSIDE])
def test_json_of_another_shape_is_told_as_such(body: bytes) -> None:
    status = 200
    with Web(lambda _: Answer(status, body)).serving() as web:
        assert len(asked(web)) >= 2


@pytest.mark.parametrize("body", [*GARBLED.values(), *WRONG_TYPES, *WRONG_INSIDE])
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_refusal_in_any_words_is_a_refusal(body: bytes, status: int) -> None:
    with Web(lambda _: Answer(status, body)).serving() as web:
        assert len(asked(web)) == 3


# -- one value of a whole answer -------------------------------------------------------------------
ODD = [None, 7, "x", [], {}, [7]]


def spoilt(answer: Any) -> Iterator[Any]:
    """The answer with one of its values replaced by an odd one, at every place."""
    yield from ODD
    places = answer.items() if isinstance(answer, dict) else enumerate(answer)
    for key, value in list(places) if isinstance(answer, dict | list) else []:
        inside = spoilt(value) if isinstance(value, dict | list) else ODD
        for odd in inside:
            copied = answer.copy()
            copied[key] = odd
            yield copied
        if isinstance(answer, dict):
            yield {name: kept for name, kept in answer.items() if name != key}


Ask = Callable[[Connection], object]
HERE = "http://127.0.0.1:1"
TOKEN = Token("secret-1", HERE, f"{HERE}/id/00D000000000001AAA/005000000000001AAA")


class Scripted(OrgSession):
    """Answers without a network; the call with the number ``at`` is answered with ``odd``."""

    def __init__(self, web: Callable[[Asked], Answer], at: int = -1, odd: Any = None) -> None:
        super().__init__(TOKEN, lambda token: token)
        self.web, self.at, self.odd = web, at, odd
        self.told: list[bytes] = []

    def request(self, method: str, url: str, **given: Any) -> requests.Response:  # type: ignore[override]
        body = b"" if given.get("json") is None else json.dumps(given["json"]).encode()
        asked = Asked(method, "/" + url.split("/", 3)[3], {}, given.get("data") or body)
        answer = self.web(asked)
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        is_odd = len(self.told) == self.at
        response._content = json.dumps(self.odd).encode() if is_odd else answer.body
        self.told.append(answer.body)
        return response


def spoilt_in_turn(web: Callable[[], Callable[[Asked], Answer]], ask: Ask) -> list[SfsyncError]:
    """Ask again and again, each time with another value of one answer spoilt; what was raised.

    Args:
        web: makes a server, which may change with each request.
        ask: whatever it raises that is no error for people fails the test.
    """
    raised: list[SfsyncError] = []
    whole = Scripted(web())
    ask(Connection(whole, patience=Patience(tries=1)))
    for at, told in enumerate(whole.told):
        for odd in spoilt(json.loads(told)) if told[:1] in (b"{", b"[") else ():
            try:
                ask(Connection(Scripted(web(), at, odd), patience=Patience(tries=1)))
            except SfsyncError as error:
                raised.append(error)
    return raised


def test_no_value_of_what_an_org_tells_of_itself_ends_a_look_at_it() -> None:
    def ask(connection: Connection) -> None:
        fields = ["Contact.X__c"]
        repr(read_org_facts(connection, ["Contact"], fields, user_id="005", now=lambda: NOW))

    raised = spoilt_in_turn(Org, ask)
    assert raised
    assert {error.exit_code for error in raised} == {1}
    assert all("the org" in error.message for error in raised)


def test_no_value_of_a_description_ends_a_run() -> None:
    description = {
        "name": "Contact",
        "createable": True,
        "fields": [
            {
                "name": "Rating",
                "type": "picklist",
                "length": 5,
                "scale": 0,
                "nillable": True,
                "picklistValues": [{"value": "Hot", "active": True}],
                "relationshipName": None,
            }
        ],
    }
    raised = []
    for odd in spoilt(description):
        try:
            hash(sobject_facts("Contact", odd).fields["Rating"])
        except (ProtocolError, KeyError) as error:
            raised.append(error)
    assert any(isinstance(error, ProtocolError) for error in raised)


BULK = {"id": JOB, "state": "JobComplete", "numberRecordsProcessed": 2, "numberRecordsFailed": 1}
RESULTS = {
    "failedResults": '"sf__Id","sf__Error","Id","Title"\n"","NO:no","003000000000001AAA","T1"\n'
}


def read_by_bulk(connection: Connection) -> None:
    jobs = BulkJobs(connection, "jobs/query", polling=FAST, sleep=lambda _: None)
    list(BulkReader(jobs).query("SELECT Id FROM Contact", everything=True))


def write_by_bulk(connection: Connection) -> None:
    """Each write has one outcome, whatever the answers."""
    jobs = BulkJobs(connection, "jobs/ingest", polling=FAST, sleep=lambda _: None)
    outcomes = BulkWriter(connection, jobs).ingest([update(0), update(1)], lambda *_: None)
    assert sorted(each.ref for each in outcomes) == [0, 1]
    BulkWriter(connection, jobs).finish(JOB)


def test_no_value_about_a_bulk_job_ends_a_run() -> None:
    page = as_csv('"Id"\n"1"\n"2"\n', Sforce_Locator="null")
    for web, ask in (
        (lambda: query_job(page, processed=2), read_by_bulk),
        (lambda: ingest_job(RESULTS, **BULK), write_by_bulk),
    ):
        raised = spoilt_in_turn(web, ask)
        assert all("org" in error.message or "Bulk" in error.message for error in raised)


GARBLED_CSV = [
    b"",
    b"null",
    b"\xff\xfe",
    b"\x00\x00",
    b"<html>down</html>",
    b'"Id"\n"\xff"\n"2"\n',
    b'"Id"\n"1","2"\n"3"\n',
    b'"Id"\n"1"\n"2',
    b'"sf__Id","sf__Error","Id","Title"\n"\xff","NO:no","003000000000001AAA","T1"\n',
]


@pytest.mark.parametrize("content", GARBLED_CSV)
def test_results_of_a_bulk_job_that_are_garbled_are_told_as_such(content: bytes) -> None:
    page = Answer(200, content, {"Content-Type": "text/csv", "Sforce-Locator": "null"})

    def ingest(asked: Asked) -> Answer:
        if asked.path.rpartition("/")[2].lower().endswith(("results", "records")):
            return page
        return Answer(201 if asked.method == "PUT" else 200, json.dumps(BULK).encode())

    read = Scripted(query_job(page, processed=2))
    with pytest.raises(SfsyncError, match=r"garbled|gave"):
        read_by_bulk(Connection(read, patience=Patience(tries=1)))
    write_by_bulk(Connection(Scripted(ingest), patience=Patience(tries=1)))


def test_no_value_of_an_answer_to_writes_ends_a_run() -> None:
    done = [{"id": ADA, "success": True, "errors": []}, failed("NO")]

    def web() -> Callable[[Asked], Answer]:
        def answer(asked: Asked) -> Answer:
            if not asked.path.endswith("/composite"):
                return Answer(200, json.dumps(done).encode())
            inside = [
                {"httpStatusCode": 200, "body": done, "referenceId": each["referenceId"]}
                for each in json.loads(asked.body)["compositeRequest"]
            ]
            return Answer(200, json.dumps({"compositeResponse": inside}).encode())

        return answer

    def ask(connection: Connection) -> None:
        outcomes: list[Outcome] = []
        CollectionWriter(connection, outcomes).apply([update(0, ADA), update(1, BOB)])
        assert sorted(each.ref for each in outcomes) == [0, 1]

    spoilt_in_turn(web, ask)
