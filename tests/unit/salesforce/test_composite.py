"""Writes by collections: what travels together, and what becomes of each record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import stamina

from sfsync.errors import GrantRevoked
from sfsync.model.change import OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.salesforce.composite import MAX_CUTS, CollectionWriter
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry
from sfsync.salesforce.retry import Patience

from .writes import ADA, BOB, create, failed, update

OK = {"id": ADA, "success": True, "errors": []}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


class Wire:
    """A connection whose answers are scripted: ``reply(path, body)`` gives an answer or raises."""

    root = "/services/data/v67.0/"
    patience = Patience()

    def __init__(self, reply: Callable[[str, Any], Any]) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self._reply = reply
        self.subrequests_per_call = 5

    def write(self, path: str, *, method: str, body: Any = None) -> Any:
        self.sent.append((method, path, body))
        return named(self._reply(path, body), body)


def named(answer: Any, body: Any) -> Any:
    """Each ``OK`` names the record that it is about, as the org's results do."""
    if (
        isinstance(answer, dict)
        and body
        and len(answer.get("compositeResponse") or ()) == len(body.get("compositeRequest", ()))
    ):
        parts = zip(answer["compositeResponse"], body["compositeRequest"], strict=True)
        inner = [{**told, "body": named(told["body"], part.get("body"))} for told, part in parts]
        return {**answer, "compositeResponse": inner}
    records = body.get("records", ()) if body else ()
    if not isinstance(answer, list) or len(answer) != len(records):
        return answer
    pairs = zip(answer, records, strict=True)
    return [
        {**told, "id": record["id"]} if told is OK and "id" in record else told
        for told, record in pairs
    ]


def sent_through(
    writes: list[OrgWrite], reply: Callable[[str, Any], Any]
) -> tuple[dict[int, Outcome], Wire]:
    wire = Wire(reply)
    outcomes: list[Outcome] = []
    CollectionWriter(cast("Connection", wire), outcomes).apply(writes)
    assert sorted(outcome.ref for outcome in outcomes) == sorted(write.ref for write in writes)
    return {outcome.ref: outcome for outcome in outcomes}, wire


# -- whole calls -----------------------------------------------------------------------------------
def test_records_are_matched_by_position() -> None:
    told, wire = sent_through(
        [update(1), update(2), update(3)], lambda *_: [OK, failed("STRING_TOO_LONG"), OK]
    )
    assert [type(told[ref]).__name__ for ref in (1, 2, 3)] == ["Accepted", "Rejected", "Accepted"]
    assert len(wire.sent) == 1


def test_a_thousand_writes_are_one_call_and_never_reassign_leads() -> None:
    def reply(_path: str, body: Any) -> Any:
        return {
            "compositeResponse": [
                {"httpStatusCode": 200, "body": [OK] * 200} for _ in body["compositeRequest"]
            ]
        }

    _, wire = sent_through([update(ref) for ref in range(1_000)], reply)
    assert len(wire.sent) == 1
    inner = wire.sent[0][2]["compositeRequest"]
    assert [part["url"] for part in inner] == ["/services/data/v67.0/composite/sobjects"] * 5
    assert all(part["httpHeaders"]["Sforce-Auto-Assign"] == "FALSE" for part in inner)


def test_fewer_answers_than_records_leave_all_of_them_unknown() -> None:
    told, _ = sent_through([update(1), update(2)], lambda *_: [OK])
    assert [type(told[ref]).__name__ for ref in (1, 2)] == ["Unknown", "Unknown"]


@pytest.mark.parametrize(
    "answer", [{"x": 1}, {"compositeResponse": None}, {"compositeResponse": []}, None, "text"]
)
def test_an_answer_of_another_shape_leaves_the_records_unknown(answer: Any) -> None:
    told, _ = sent_through([update(ref) for ref in range(400)], lambda *_: answer)
    assert {type(outcome).__name__ for outcome in told.values()} == {"Unknown"}


def test_a_lost_reply_leaves_its_call_unknown_and_the_others_go_on() -> None:
    count = iter(range(9))

    def reply(_path: str, body: Any) -> Any:
        if next(count) == 0:
            raise CallFailed("the connection broke off")
        return {
            "compositeResponse": [
                {"httpStatusCode": 200, "body": [OK] * 200} for _ in body["compositeRequest"]
            ]
        }

    told, _ = sent_through([update(ref) for ref in range(2_000)], reply)
    kinds_of = [type(told[ref]).__name__ for ref in range(2_000)]
    assert kinds_of == ["Unknown"] * 1_000 + ["Accepted"] * 1_000


def test_what_certainly_did_nothing_is_told_by_an_error() -> None:
    def reply(*_: Any) -> Any:
        raise CallFailed("refused", may_have_acted=False)

    with pytest.raises(CallFailed):
        sent_through([update(1)], reply)


def test_a_login_that_ends_is_told_by_an_error() -> None:
    def reply(*_: Any) -> Any:
        raise GrantRevoked("gone")

    with pytest.raises(GrantRevoked):
        sent_through([update(1)], reply)


def test_locked_records_are_sent_again_and_then_deferred() -> None:
    told, wire = sent_through(
        [update(1), update(2)], lambda *_: [OK, failed("UNABLE_TO_LOCK_ROW")][-1:] * 2
    )
    assert told[1] == Deferred(1, "UNABLE_TO_LOCK_ROW", "no")
    assert len(wire.sent) == 4


def test_a_lock_that_goes_away_is_not_noticed() -> None:
    count = iter(range(9))
    told, wire = sent_through(
        [update(1)], lambda *_: [failed("UNABLE_TO_LOCK_ROW")] if next(count) < 2 else [OK]
    )
    assert isinstance(told[1], Accepted)
    assert len(wire.sent) == 3


def test_locked_records_are_sent_again_in_small_requests() -> None:
    def reply(path: str, body: Any) -> Any:
        if path == "composite":
            return {
                "compositeResponse": [
                    {"httpStatusCode": 200, "body": [OK] * len(part["body"]["records"])}
                    for part in body["compositeRequest"]
                ]
            }
        return [failed("UNABLE_TO_LOCK_ROW")] * len(body["records"])

    told, wire = sent_through([update(ref) for ref in range(100)], reply)
    assert {type(outcome).__name__ for outcome in told.values()} == {"Accepted"}
    assert len(wire.sent[1][2]["compositeRequest"]) == 4


# -- requests refused as a whole -------------------------------------------------------------------
def spoilt_by(bad: set[int], code: str = "JSON_PARSER_ERROR") -> Callable[[str, Any], Any]:
    """An org that refuses a whole request with any bad record in it."""

    def one(body: Any) -> tuple[int, Any]:
        if any(record["Title"] in {str(ref) for ref in bad} for record in body["records"]):
            return 400, [{"errorCode": code, "message": "Cannot deserialize"}]
        return 200, [OK] * len(body["records"])

    def reply(path: str, body: Any) -> Any:
        if path == "composite":
            answers = [one(part["body"]) for part in body["compositeRequest"]]
            return {
                "compositeResponse": [
                    {"httpStatusCode": status, "body": told} for status, told in answers
                ]
            }
        status, told = one(body)
        if status == 200:
            return told
        raise CallRefused(status, ErrorEntry(code, "Cannot deserialize"))

    return reply


@pytest.mark.parametrize("bad", [{0}, {57}, {199}, {3, 4}, {0, 50, 150}])
def test_the_records_that_spoil_a_request_are_found_and_the_others_pass(bad: set[int]) -> None:
    told, wire = sent_through([update(ref, Title=str(ref)) for ref in range(200)], spoilt_by(bad))
    assert {ref for ref, outcome in told.items() if isinstance(outcome, Rejected)} == bad
    assert {ref for ref, outcome in told.items() if isinstance(outcome, Accepted)} == set(
        range(200)
    ) - bad
    assert len(wire.sent) <= 1 + 4 * len(bad)


def test_the_search_for_them_has_an_end() -> None:
    told, wire = sent_through(
        [update(ref, Title=str(ref)) for ref in range(1_000)], spoilt_by(set(range(1_000)))
    )
    assert len(wire.sent) <= MAX_CUTS + 4
    assert {type(outcome).__name__ for outcome in told.values()} == {"Rejected", "Deferred"}


def test_an_unknown_field_refuses_only_the_records_that_hold_it() -> None:
    def reply(_path: str, body: Any) -> Any:
        if any("Gone__c" in record for record in body["records"]):
            raise CallRefused(
                400,
                ErrorEntry("INVALID_FIELD", "No such column 'Gone__c' on sobject of type Contact"),
            )
        return [OK] * len(body["records"])

    told, wire = sent_through(
        [update(1, Title="x"), update(2, Gone__c="y"), update(3, Title="z")], reply
    )
    assert [type(told[ref]).__name__ for ref in (1, 2, 3)] == ["Accepted", "Rejected", "Accepted"]
    assert len(wire.sent) == 2


def test_an_unknown_key_field_refuses_all_at_once() -> None:
    def reply(*_: Any) -> Any:
        raise CallRefused(404, ErrorEntry("NOT_FOUND", "Provided external ID field does not exist"))

    told, wire = sent_through([create(ref, f"k{ref}") for ref in range(50)], reply)
    assert {type(outcome).__name__ for outcome in told.values()} == {"Rejected"}
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, Unknown), (503, Unknown), (403, Deferred), (0, Unknown), (404, Rejected)],
)
def test_an_inner_request_that_fails_by_itself(status: int, kind: type[Outcome]) -> None:
    code = "NOT_FOUND" if status == 404 else "X"
    count = iter(range(9))

    def reply(_path: str, body: Any) -> Any:
        first = next(count) == 0
        answers = [
            {"httpStatusCode": status, "body": [{"errorCode": code, "message": "y"}]}
            if first and part["referenceId"] == "c1"
            else {"httpStatusCode": 200, "body": [OK] * len(part["body"]["records"])}
            for part in body["compositeRequest"]
        ]
        return {"compositeResponse": answers}

    told, _ = sent_through([update(ref) for ref in range(300)], reply)
    assert isinstance(told[0], Accepted)
    assert isinstance(told[299], kind)


def test_a_refusal_of_the_user_stops_everything() -> None:
    def reply(*_: Any) -> Any:
        raise CallRefused(403, ErrorEntry("API_DISABLED_FOR_ORG", "no API"))

    with pytest.raises(CallRefused):
        sent_through([update(1)], reply)


def test_an_org_that_takes_fewer_together_gets_them_one_by_one() -> None:
    too_many = {
        "errorCode": "LIMIT_EXCEEDED",
        "message": "The request can't contain more than 1 operations.",
    }

    def reply(path: str, body: Any) -> Any:
        if path == "composite":
            return {
                "compositeResponse": [
                    {"httpStatusCode": 400, "body": [too_many], "referenceId": None}
                ]
            }
        return [OK] * len(body["records"])

    told, wire = sent_through([update(ref) for ref in range(2_000)], reply)
    assert {type(outcome).__name__ for outcome in told.values()} == {"Accepted"}
    assert [path for _, path, _ in wire.sent].count("composite") == 1


def test_results_that_name_other_records_than_were_sent_are_not_believed() -> None:
    told, _ = sent_through(
        [update(1, ADA), update(2, BOB)],
        lambda *_: [{"id": record, "success": True, "errors": []} for record in (BOB, ADA)],
    )
    assert all(isinstance(outcome, Unknown) for outcome in told.values())
