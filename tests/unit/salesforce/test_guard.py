"""The question that goes before guarded updates: what is asked, what depends on it, and what its answer means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote

import pytest
import stamina

from sfsync.model.change import OrgWrite
from sfsync.model.outcome import RECORD_CHANGED, Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.salesforce import guard
from sfsync.salesforce.composite import CollectionWriter
from sfsync.salesforce.connect import Connection, GuardPlace, Page
from sfsync.salesforce.faults import CallRefused, ErrorEntry
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.write_requests import calls, chunks

from .writes import update

READ_AT = "2026-01-20T10:00:00Z"
HALTED = [{"errorCode": "PROCESSING_HALTED", "message": "Invalid reference specified."}]


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


def guarded(ref: int, **fields: Any) -> OrgWrite:
    return replace(update(ref, **fields), if_unmodified_since=READ_AT)


class Wire:
    """An org that answers as Salesforce does: a question, and what depends on it.

    Args:
        moved: numbers of records that are not as they were read.
        page: so many records are all that a question's answer holds.
        question: what it is answered instead, as status and body.
    """

    root = "/services/data/v67.0/"
    patience = Patience()
    guard_was_followed = Connection.guard_was_followed
    guard_belongs_apart = Connection.guard_belongs_apart

    def __init__(
        self,
        moved: set[int] | None = None,
        page: int = 2_000,
        question: tuple[int, Any] | None = None,
        room: int = 5,
        most: int = 5,
    ) -> None:
        self.moved, self.page, self.question, self.subrequests_per_call, self.most = (
            moved or set(),
            page,
            question,
            room,
            most,
        )
        self.guard_place = GuardPlace.UNTRIED
        self.proven: list[bool] = []
        self.on_guard_apart = self.proven.append
        self.sent: list[str] = []
        self.written: list[str] = []

    def write(self, path: str, *, method: str, body: Any = None) -> Any:
        self.sent.append(path)
        if path != "composite":
            return self._done(body)
        first, *others = body["compositeRequest"]
        if len(body["compositeRequest"]) > self.most:
            raise CallRefused(400, ErrorEntry("LIMIT_EXCEEDED", "too many"))
        assert body["collateSubrequests"] is False
        if first["method"] != "GET":
            inside = [self._done(each["body"]) for each in body["compositeRequest"]]
            return {"compositeResponse": [{"httpStatusCode": 200, "body": one} for one in inside]}
        status, told = self.question or (200, self._found(unquote(first["url"])))
        answers = [{"httpStatusCode": status, "body": told}]
        for each in others:
            [last] = {record["attributes"]["type"] for record in each["body"]["records"]}
            count = (
                int(last.removeprefix("@{guard.records[").removesuffix("].attributes.type}")) + 1
            )
            fine = status == 200 and count <= len(told["records"])
            answers.append(
                {"httpStatusCode": 200, "body": self._done(each["body"])}
                if fine
                else {"httpStatusCode": 400, "body": HALTED}
            )
        return {"compositeResponse": answers}

    def pages(self, statements: list[str]) -> Iterator[Page]:
        for each in statements:
            self.sent.append("query")
            if self.question:
                raise CallRefused(
                    self.question[0],
                    ErrorEntry(self.question[1][0]["errorCode"], self.question[1][0]["message"]),
                )
            yield Page(found := self._all(each), len(found), "")

    def _all(self, statement: str) -> list[dict[str, Any]]:
        ids = statement.split(" IN (")[1].split(")", maxsplit=1)[0].replace("'", "").split(",")
        return [
            {"Id": each + "AAA", "Title": "Old", "SystemModstamp": READ_AT}
            for each in ids
            if int(each[3:]) not in self.moved
        ]

    def _found(self, url: str) -> dict[str, Any]:
        found = self._all(url)
        return {"done": len(found) <= self.page, "records": found[: self.page]}

    def _done(self, body: Any) -> list[dict[str, Any]]:
        self.written += [record["id"] for record in body["records"]]
        return [{"id": record["id"], "success": True, "errors": []} for record in body["records"]]


def sent(wire: Wire, writes: list[OrgWrite]) -> dict[int, Outcome]:
    outcomes: list[Outcome] = []
    CollectionWriter(cast("Connection", wire), outcomes).apply(writes)
    assert sorted(outcome.ref for outcome in outcomes) == sorted(write.ref for write in writes)
    assert len(wire.written) == len(set(wire.written)), "nothing is written twice"
    return {outcome.ref: outcome for outcome in outcomes}


def kept(told: dict[int, Outcome]) -> set[int]:
    return {ref for ref, outcome in told.items() if isinstance(outcome, Accepted)}


def test_eight_hundred_share_a_call() -> None:
    wire = Wire()
    told = sent(wire, [guarded(ref) for ref in range(800)])
    assert kept(told) == set(range(800))
    assert wire.sent == ["composite"]
    assert all(isinstance(each, Accepted) and each.seen == SEEN for each in told.values())


SEEN = {"SystemModstamp": READ_AT, "Title": "Old"}


def test_the_question_stays_under_the_length_of_an_address() -> None:
    names = {f"A_Field_With_A_Very_Long_Name_Of_Forty_{number:02d}__c": "x" for number in range(60)}
    for writes in (
        [guarded(ref) for ref in range(2_000)],
        [guarded(ref, **names) for ref in range(2_000)],
    ):
        together = list(calls(chunks(writes, 200), root=Wire.root))
        lengths = [len(guard.address(Wire.root, guard.statement(each))) for each in together]
        assert max(lengths) <= guard.MAX_ADDRESS
        assert sum(len(chunk) for each in together for chunk in each) == 2_000


def test_it_asks_for_the_fields_that_are_written_by_the_latest_reading() -> None:
    later = replace(guarded(2, Phone="1"), if_unmodified_since="2026-01-21T10:00:00Z")
    assert guard.statement([[guarded(1)], [later]]) == (
        "SELECT Id,SystemModstamp,Title,Phone FROM Contact WHERE Id IN ('003000000000001','003000000000002')"
        " AND SystemModstamp <= 2026-01-21T10:00:00Z"
    )


def test_who_moved_is_put_off_and_the_rest_costs_one_more_call() -> None:
    wire = Wire(moved={7, 411})
    told = sent(wire, [guarded(ref) for ref in range(600)])
    assert kept(told) == set(range(600)) - {7, 411}
    assert {outcome.code for outcome in told.values() if isinstance(outcome, Deferred)} == {
        RECORD_CHANGED
    }
    assert wire.sent == ["composite"] * 2


def test_where_all_moved_nothing_is_sent_again() -> None:
    wire = Wire(moved=set(range(300)))
    assert kept(sent(wire, [guarded(ref) for ref in range(300)])) == set()
    assert wire.sent == ["composite"]


def test_the_same_record_twice_is_asked_about_twice() -> None:
    one = guarded(1)
    together = list(calls(chunks([one, replace(one, ref=2)], 200), root=Wire.root))
    assert [[write.ref for chunk in each for write in chunk] for each in together] == [[1], [2]]


def test_an_answer_in_parts_is_not_taken_for_records_that_moved() -> None:
    wire = Wire(page=250)
    assert kept(sent(wire, [guarded(ref) for ref in range(400)])) == set(range(400))
    assert wire.sent == ["composite", "query", "composite"]
    assert not wire.proven, "which says nothing of references"


@pytest.mark.parametrize("moved", [set(), {3}])
def test_an_org_that_takes_one_request_a_call_is_asked_apart(moved: set[int]) -> None:
    wire = Wire(moved, most=1)
    assert kept(sent(wire, [guarded(ref) for ref in range(5)])) == set(range(5)) - moved
    assert wire.sent == ["composite", "query", "composite/sobjects"]


def test_a_text_that_looks_like_a_reference_is_asked_about_apart() -> None:
    wire = Wire({2})
    marked = [guarded(ref, Title="@{guard.records[0].Id}") for ref in (1, 2)]
    assert kept(sent(wire, [*marked, guarded(3), guarded(4)])) == {1, 3, 4}
    assert sorted(wire.sent) == ["composite", "composite/sobjects", "query"]


@pytest.mark.parametrize("room", [5, 1])
def test_a_question_that_names_no_column_refuses_those_who_write_to_it(room: int) -> None:
    column = [
        {"errorCode": "INVALID_FIELD", "message": "No such column 'Gone__c' on entity 'Contact'"}
    ]

    class Narrower(Wire):
        def write(self, path: str, *, method: str, body: Any = None) -> Any:
            self.question = (400, column) if "Gone__c" in str(body) else None
            return super().write(path, method=method, body=body)

        def pages(self, statements: list[str]) -> Iterator[Page]:
            self.question = (400, column) if "Gone__c" in str(statements) else None
            return super().pages(statements)

    told = sent(Narrower(room=room), [guarded(1, Gone__c="x"), guarded(2), guarded(3)])
    assert isinstance(told[1], Rejected)
    assert kept(told) == {2, 3}


@pytest.mark.parametrize("status", [500, 503])
def test_a_question_that_fails_leaves_everything_undone(status: int) -> None:
    told = sent(
        Wire(question=(status, [{"errorCode": "UNKNOWN", "message": "?"}])),
        [guarded(1), guarded(2)],
    )
    assert all(isinstance(outcome, Deferred) for outcome in told.values())


CODES = (
    "NOT_FOUND", "INVALID_INPUT", "JSON_PARSER_ERROR", "INVALID_TYPE", "MALFORMED_ID", "PROCESSING_HALTED",
    "INVALID_FIELD", "UNKNOWN_EXCEPTION",
)  # fmt: skip


class Literal(Wire):
    """An org that follows no reference there, and refuses the record, the request or the call for it.

    Args:
        refuses: ``records``, ``requests`` or ``call``.
    """

    def __init__(self, code: str, refuses: str, status: int = 400) -> None:
        super().__init__()
        self.refuses, self.status = refuses, status
        self.error = {"errorCode": code, "message": "what it says of it"}

    def write(self, path: str, *, method: str, body: Any = None) -> Any:
        if path != "composite" or body["compositeRequest"][0]["method"] != "GET":
            return super().write(path, method=method, body=body)
        self.sent.append(path)
        first, *others = body["compositeRequest"]
        answers = [{"httpStatusCode": 200, "body": self._found(unquote(first["url"]))}]
        if self.refuses == "call":
            raise CallRefused(self.status, ErrorEntry.read(self.error))
        for each in others:
            failed = {"success": False, "errors": [self.error]}
            each_record = {"httpStatusCode": 200, "body": [failed] * len(each["body"]["records"])}
            whole = {"httpStatusCode": self.status, "body": [self.error]}
            answers.append(each_record if self.refuses == "records" else whole)
        return {"compositeResponse": answers}


@pytest.mark.parametrize("refuses", ["records", "requests", "call"])
@pytest.mark.parametrize("code", CODES)
def test_however_an_org_refuses_a_reference_there_it_is_asked_apart_and_every_write_is_done_once(
    code: str, refuses: str
) -> None:
    wire = Literal(code, refuses)
    assert kept(sent(wire, [guarded(ref) for ref in range(500)])) == set(range(500))
    assert wire.sent == ["composite", "query", "composite"], "asked, told, and asked apart"
    assert wire.proven == [True], "which is remembered"
    wire.sent.clear()
    wire.written.clear()
    assert kept(sent(wire, [guarded(ref) for ref in range(500)])) == set(range(500))
    assert wire.sent == ["query", "composite"], "and so is everything after it, at one call more"
    assert wire.subrequests_per_call == 5, "what is no guard shares its calls as before"


@pytest.mark.parametrize("refuses", ["records", "requests", "call"])
def test_asked_apart_who_moved_is_put_off_as_well(refuses: str) -> None:
    wire = Literal("NOT_FOUND", refuses)
    wire.moved = {7, 411}
    assert kept(sent(wire, [guarded(ref) for ref in range(500)])) == set(range(500)) - {7, 411}
    assert wire.sent == ["composite", "query", "composite"]


def test_an_org_that_fails_on_a_reference_is_asked_apart_from_then_on() -> None:
    """Whether these writes were done is not known; the next ones must not end like them."""
    wire = Literal("UNKNOWN_EXCEPTION", "requests", status=500)
    told = sent(wire, [guarded(ref) for ref in range(500)])
    assert all(isinstance(outcome, Unknown) for outcome in told.values())
    assert wire.proven == [False], "suspected"
    wire.sent.clear()
    assert kept(sent(wire, [guarded(ref) for ref in range(500)])) == set(range(500))
    assert wire.sent == ["query", "composite"]


class Strict(Wire):
    """An org that follows references, and refuses a whole request for one record in it."""

    def _done(self, body: Any) -> list[dict[str, Any]]:
        if any(record["id"] == "003000000000250AAA" for record in body["records"]):
            return [{"errorCode": "JSON_PARSER_ERROR", "message": "no such value"}]
        return super()._done(body)

    def write(self, path: str, *, method: str, body: Any = None) -> Any:
        answer = super().write(path, method=method, body=body)
        inner = answer["compositeResponse"] if path == "composite" else ()
        for each in inner:
            if isinstance(each["body"], list) and "errorCode" in each["body"][0]:
                each["httpStatusCode"] = 400
        if path != "composite" and "errorCode" in answer[0]:
            raise CallRefused(400, ErrorEntry.read(answer[0]))
        return answer


def test_where_a_reference_was_followed_a_refusal_is_about_the_data() -> None:
    wire = Strict()
    told = sent(wire, [guarded(ref) for ref in range(500)])
    assert kept(told) == set(range(500)) - {250}
    assert isinstance(told[250], Rejected)
    assert wire.guard_place is GuardPlace.INSIDE
    assert wire.proven == []
    assert "query" not in wire.sent


def test_data_that_is_refused_either_way_says_nothing_of_references() -> None:
    wire = Strict()
    told = sent(wire, [guarded(250)])
    assert isinstance(told[250], Rejected)
    assert wire.sent == ["composite", "query", "composite/sobjects"]
    assert wire.guard_place is GuardPlace.UNTRIED
    assert wire.proven == []
