"""Answers of the org that are none: the truth is told, as an error of the org's, never as a bug."""

from __future__ import annotations

import pytest

from sfsync.errors import SfsyncError
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org_facts import _versions
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from tests.unit.salesforce.web import Answer, Web

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
