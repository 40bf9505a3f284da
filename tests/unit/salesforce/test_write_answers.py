"""What an answer to a write proves, by the table and over the wire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.errors import BudgetSpent, GrantRevoked, OrgRefused, ProtocolError, SfsyncError
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Outcome, Unknown
from sfsync.model.record import SalesforceId
from sfsync.model.token import Token
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from sfsync.salesforce.write_answers import BROKEN_OFF, NO_CONNECTION, WRITE_ANSWERS, write_answer

from .web import Answer, Asked, Web

STATUSES = (
    200,
    204,
    302,
    303,
    400,
    401,
    403,
    404,
    407,
    408,
    409,
    412,
    413,
    415,
    420,
    429,
    431,
    499,
)
BROKEN = (500, 501, 502, 503, 504, 520, 598)
CODES = ("", "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "INVALID_FIELD")
PAGE = {"Content-Type": "text/html"}


def test_each_line_of_the_table_is_some_answer() -> None:
    found = {write_answer(status, code).what for status in (*STATUSES, *BROKEN) for code in CODES}
    assert found == {each.what for each in WRITE_ANSWERS} - {NO_CONNECTION.what, BROKEN_OFF.what}


@given(st.integers(0, 999), st.sampled_from(CODES))
def test_whatever_the_answer_is_it_has_a_line_and_no_server_error_proves_anything(
    status: int, code: str
) -> None:
    answer = write_answer(status, code)
    assert answer.why
    if status < 400 or status >= 500:
        assert not answer.nothing_done
    elif answer.nothing_done:
        assert code or status in {401, 407, 429}


def body_of(code: str) -> bytes:
    return json.dumps([{"errorCode": code, "message": "told"}]).encode()


CREATE = OrgWrite(1, OrgAction.CREATE, "Contact", {"LastName": "A"})
UPDATE = OrgWrite(
    2, OrgAction.UPDATE, "Contact", {"LastName": "A"}, salesforce_id=SalesforceId("003" + "0" * 12)
)


def sent(answer: Answer, write: OrgWrite) -> tuple[list[Asked], Sequence[Outcome] | SfsyncError]:
    """A write that is always answered so: what was asked, and what became of it."""

    def refresh(_stale: Token) -> Token:
        raise GrantRevoked("no more")

    with Web(lambda _: answer).serving() as web:
        session = OrgSession(web.token(), refresh)
        connection = Connection(session, patience=Patience(tries=2, first_wait_seconds=0.0))
        try:
            told: Any = SalesforceOrg(connection).apply([write])
        except SfsyncError as error:
            told = error
    return web.asked, told


@pytest.mark.parametrize("write", [CREATE, UPDATE], ids=["create", "update"])
@pytest.mark.parametrize("code", [*CODES[1:], ""], ids=[*CODES[1:], "a page"])
@pytest.mark.parametrize("status", [*STATUSES[2:], *BROKEN])
def test_a_write_is_sent_again_only_where_its_answer_proves_that_nothing_was_done(
    status: int, code: str, write: OrgWrite
) -> None:
    body, headers = (body_of(code), {}) if code else (b"<html>", PAGE)
    asked, told = sent(Answer(status, body, headers), write)
    if write_answer(status, code).nothing_done:
        # Not done: an error that says so, and the rows stay as they were, or a refusal.
        assert not (isinstance(told, CallFailed) and told.may_have_acted)
        assert not isinstance(told, ProtocolError)
        if not isinstance(told, SfsyncError):
            assert not any(isinstance(each, Unknown) for each in told)
        return
    assert len(asked) == 1
    if isinstance(told, SfsyncError):
        # A redirect ends the run, and the write stays in the journal.
        assert isinstance(told, ProtocolError)
    else:
        assert [type(each) for each in told] == [Unknown]


def test_the_days_limit_is_one_only_in_salesforces_own_words() -> None:
    limit = body_of("REQUEST_LIMIT_EXCEEDED")
    assert isinstance(sent(Answer(403, limit), CREATE)[1], BudgetSpent)
    [outcome] = list(sent(Answer(503, limit), CREATE)[1])  # type: ignore[arg-type]
    assert isinstance(outcome, Unknown)


def test_an_answer_of_another_kind_leaves_the_rest_of_the_writes_in_doubt() -> None:
    """The first call is answered well, the second redirects: nobody knows what it did."""
    done = Answer(200, b'[{"id": "003000000000001AAA", "success": true, "errors": []}]')
    away = Answer(303, b"", {"Location": "https://elsewhere.example/"})

    def answer(asked: Asked) -> Answer:
        return done if b"LastName" in asked.body else away

    other = OrgWrite(3, OrgAction.CREATE, "Lead", {"Company": "B"})
    with Web(answer).serving() as web:
        session = OrgSession(web.token(), lambda stale: stale)
        told = SalesforceOrg(Connection(session)).apply([CREATE, other])
    assert [type(each).__name__ for each in told] == ["Accepted", "Unknown"]


def test_a_refusal_is_an_error_of_the_org() -> None:
    assert isinstance(sent(Answer(403, body_of("API_DISABLED_FOR_ORG")), CREATE)[1], OrgRefused)
