"""Their refusals in our words."""

from __future__ import annotations

import pytest

from sfsync.errors import BudgetSpent, GrantRevoked, OrgRefused, OrgUnavailable, RetriableError
from sfsync.salesforce.faults import (
    FAULTS,
    CallFailed,
    CallRefused,
    ErrorEntry,
    Repeat,
    error_entries,
    error_of,
    session_ended,
)


def told(code: str, message: str = "words") -> list[dict[str, object]]:
    return [{"errorCode": code, "message": message, "fields": ["Email"]}]


@pytest.mark.parametrize(
    ("status", "body", "kind", "acted"),
    [
        (400, told("INVALID_FIELD"), CallRefused, None),
        (404, told("NOT_FOUND"), CallRefused, None),
        (403, None, CallRefused, None),
        (403, told("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), BudgetSpent, None),
        (
            403,
            told("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded"),
            CallFailed,
            False,
        ),
        (429, told("REQUEST_LIMIT_EXCEEDED", "Too many requests"), CallFailed, False),
        (503, None, CallFailed, True),
        (503, told("SERVER_UNAVAILABLE"), CallFailed, True),
        (500, told("UNKNOWN_EXCEPTION"), CallFailed, True),
        (502, None, CallFailed, True),
        (504, None, CallFailed, True),
        (400, told("UNABLE_TO_LOCK_ROW"), CallFailed, False),
    ],
)
def test_a_reply_that_is_no_success(
    status: int, body: object, kind: type[Exception], acted: bool | None
) -> None:
    error = error_of(status, body)
    assert isinstance(error, kind)
    if isinstance(error, CallFailed):
        assert error.may_have_acted is acted


def test_our_errors_are_those_that_the_boundary_knows() -> None:
    assert issubclass(CallFailed, OrgUnavailable)
    assert issubclass(CallFailed, RetriableError)
    assert issubclass(CallRefused, OrgRefused)


def test_a_refused_call_keeps_the_orgs_code_and_words() -> None:
    error = error_of(400, told("INVALID_FIELD", "No such column 'X'"), what="a read")
    assert isinstance(error, CallRefused)
    assert (error.code, error.status) == ("INVALID_FIELD", 400)
    assert error.message == "Salesforce refused a read: INVALID_FIELD: No such column 'X'"
    assert "org check" in error.hint


def test_a_page_of_html_is_never_shown() -> None:
    assert "<html" not in error_of(403, None).message


@pytest.mark.parametrize(
    "body", [None, "text", 5, [], {}, [None], [["x"]], [{"fields": "Email"}], {"message": 5}]
)
def test_no_shape_of_a_body_makes_it_fail(body: object) -> None:
    assert isinstance(error_of(400, body), CallRefused)
    assert all(isinstance(each, ErrorEntry) for each in error_entries(body))


@pytest.mark.parametrize(
    ("status", "body", "ended"),
    [
        (401, told("INVALID_SESSION_ID", "Session expired or invalid"), True),
        (401, None, True),
        (403, None, True),
        (
            400,
            {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"},
            True,
        ),
        (400, told("InvalidSessionId"), True),
        (400, told("INVALID_FIELD"), False),
        (403, told("INSUFFICIENT_ACCESS"), False),
        (500, None, False),
    ],
)
def test_when_a_new_access_token_is_needed(status: int, body: object, ended: bool) -> None:
    assert session_ended(status, body) is ended


@pytest.mark.parametrize(
    "words",
    [
        "This session is not valid for use with the REST API",
        "Connected app is not attached to Agent",
    ],
)
def test_texts_that_never_heal_end_the_login_at_once(words: str) -> None:
    with pytest.raises(GrantRevoked):
        session_ended(401, told("INVALID_SESSION_ID", words))


@pytest.mark.parametrize(
    ("code", "words", "repeat"),
    [
        ("UNABLE_TO_LOCK_ROW", "", Repeat.LATER),
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "x: UNABLE_TO_LOCK_ROW, unable to obtain",
            Repeat.LATER,
        ),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "x: UNABLE_TO_LOCK_ROW, unable to obtain", Repeat.LATER),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "a trigger says no", Repeat.NEVER),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "", Repeat.LATER),
        ("DUPLICATES_DETECTED", "", Repeat.NEVER),
        ("SOMETHING_NEW_NEXT_YEAR", "", Repeat.NEVER),
    ],
)
def test_whether_a_refused_record_may_be_sent_again(code: str, words: str, repeat: Repeat) -> None:
    assert ErrorEntry(code, words).repeat is repeat


def test_every_listed_code_has_a_meaning() -> None:
    assert all(fault.meaning for fault in FAULTS.values())
    assert CallRefused(400, ErrorEntry("REQUIRED_FIELD_MISSING", "")).hint
    assert CallRefused(400, ErrorEntry("SOMETHING_NEW_NEXT_YEAR", "")).hint == ""
