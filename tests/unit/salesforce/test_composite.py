"""Writes by collections: what travels together, and what becomes of each record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from sfsync.errors import GrantRevoked
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId
from sfsync.salesforce.composite import (
    MAX_CUTS,
    Collections,
    calls,
    chunks,
    kinds,
    matched_id,
    outcome_of,
    request_of,
)
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed, CallRefused, ErrorEntry
from sfsync.salesforce.retry import Patience

ADA = SalesforceId("0035500001H9cakAAB")
BOB = SalesforceId("003000000000002AAA")
LOCKED = {
    "statusCode": "UNABLE_TO_LOCK_ROW",
    "message": "unable to obtain exclusive access",
    "fields": [],
}
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


def update(ref: int, record_id: str = "", **fields: Any) -> OrgWrite:
    return OrgWrite(
        ref,
        OrgAction.UPDATE,
        "Contact",
        fields or {"Title": "x"},
        SalesforceId(record_id or f"003{ref:012d}AAA"),
    )


def create(ref: int, key: str = "", **fields: Any) -> OrgWrite:
    return OrgWrite(ref, OrgAction.CREATE, "Contact", fields, None, "Ext__c" if key else "", key)


def sent_through(
    writes: list[OrgWrite], reply: Callable[[str, Any], Any]
) -> tuple[dict[int, Outcome], Wire]:
    wire = Wire(reply)
    outcomes: list[Outcome] = []
    Collections(cast("Connection", wire), outcomes).apply(writes)
    assert sorted(outcome.ref for outcome in outcomes) == sorted(write.ref for write in writes)
    return {outcome.ref: outcome for outcome in outcomes}, wire


def failed(code: str, message: str = "no", **more: Any) -> dict[str, Any]:
    return {
        "success": False,
        "errors": [{"statusCode": code, "message": message, "fields": [], **more}],
    }


# -- what travels together -------------------------------------------------------------------------
def test_only_writes_of_one_kind_travel_together() -> None:
    lead = OrgWrite(3, OrgAction.UPDATE, "Lead", {}, BOB)
    delete = OrgWrite(4, OrgAction.DELETE, "Contact", {}, ADA)
    grouped = kinds([update(1), create(2, "k"), lead, delete, create(5), update(6)])
    assert [[write.ref for write in kind] for kind in grouped] == [[1, 6], [2], [3], [4], [5]]


@pytest.mark.parametrize(
    "write",
    [OrgWrite(1, OrgAction.NONE, "Contact", {}), OrgWrite(1, OrgAction.UPDATE, "Contact", {})],
)
def test_a_write_that_cannot_be_meant_is_a_mistake(write: OrgWrite) -> None:
    with pytest.raises(ValueError):
        kinds([write])


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(1, 10))
def test_no_record_is_twice_in_one_request_and_none_is_lost(records: list[int], size: int) -> None:
    writes = [update(ref, f"003{record:012d}AAA") for ref, record in enumerate(records)]
    cut = chunks(writes, size)
    assert all(len(chunk) <= size for chunk in cut)
    assert all(len({write.salesforce_id for write in chunk}) == len(chunk) for chunk in cut)
    assert sorted(write.ref for chunk in cut for write in chunk) == list(range(len(records)))


def test_two_writes_of_one_record_keep_their_order() -> None:
    cut = chunks([update(1, ADA), update(2, ADA), update(3, BOB)], 200)
    assert [[write.ref for write in chunk] for chunk in cut] == [[1, 3], [2]]


def test_keys_that_differ_by_case_alone_are_the_same_record() -> None:
    assert len(chunks([create(1, "Key"), create(2, "kEY")], 200)) == 2


def test_five_requests_share_a_call() -> None:
    waiting = chunks([update(ref) for ref in range(1_100)], 200)
    assert [len(together) for together in calls(waiting)] == [5, 1]


def test_a_text_that_looks_like_a_reference_travels_alone() -> None:
    waiting = [[update(1)], [update(2, Title="@{q0.id}")], [update(3)]]
    assert sorted(len(together) for together in calls(waiting)) == [1, 2]


def test_much_text_is_spread_over_calls() -> None:
    waiting = [[update(ref, Description="x" * 3_000_000)] for ref in range(3)]
    assert [len(together) for together in calls(waiting)] == [1, 1, 1]


def test_requests_as_the_reference_has_them() -> None:
    made = request_of([update(1, ADA, Title=None)])
    assert (made.method, made.path) == ("PATCH", "composite/sobjects")
    assert made.body == {
        "allOrNone": False,
        "records": [{"attributes": {"type": "Contact"}, "Title": None, "id": ADA}],
    }
    upsert = request_of([create(1, "k/1", LastName="A")])
    assert (upsert.method, upsert.path) == ("PATCH", "composite/sobjects/Contact/Ext__c")
    assert upsert.body is not None
    assert upsert.body["records"] == [
        {"attributes": {"type": "Contact"}, "LastName": "A", "Ext__c": "k/1"}
    ]
    assert request_of([create(1, LastName="A")]).method == "POST"
    delete = request_of([OrgWrite(1, OrgAction.DELETE, "Contact", {}, ADA)])
    assert (delete.method, delete.path) == (
        "DELETE",
        f"composite/sobjects?ids={ADA}&allOrNone=false",
    )


# -- what an answer means --------------------------------------------------------------------------
def test_ids_are_kept_in_their_long_form() -> None:
    told = outcome_of(create(1), {"id": ADA[:15], "success": True, "errors": []})
    assert told == Accepted(1, ADA, created=True)


def test_an_upsert_says_whether_it_created() -> None:
    assert outcome_of(create(1, "k"), {**OK, "created": False}) == Accepted(1, ADA, created=False)


def test_a_deleted_record_counts_as_deleted_and_not_as_updated() -> None:
    gone = failed("ENTITY_IS_DELETED")
    assert outcome_of(OrgWrite(1, OrgAction.DELETE, "Contact", {}, ADA), gone) == Accepted(1, ADA)
    assert isinstance(outcome_of(update(1, ADA), gone), Rejected)


@pytest.mark.parametrize(
    "code",
    [
        "DUPLICATE_VALUE",
        "DUPLICATES_DETECTED",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "REQUIRED_FIELD_MISSING",
        "STRING_TOO_LONG",
        "INVALID_EMAIL_ADDRESS",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "STORAGE_LIMIT_EXCEEDED",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "A_CODE_OF_NEXT_YEAR",
    ],
)
def test_a_refused_record_keeps_the_orgs_own_words(code: str) -> None:
    told = outcome_of(update(7), failed(code, "their words", fields=["Email"]))
    assert told == Rejected(7, code, "their words", ("Email",))


@pytest.mark.parametrize(
    "item", [None, "x", {}, {"success": True}, {"success": False}, {"success": False, "errors": 1}]
)
def test_an_answer_that_makes_no_sense_is_never_success(item: Any) -> None:
    assert not isinstance(outcome_of(create(1), item), Accepted)


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
def test_a_duplicate_rule_names_the_record_that_is_there(key: str) -> None:
    result = {
        "matchResults": [
            {"matchRecords": [{"record": {"attributes": {"type": "Contact"}, "Id": ADA[:15]}}]}
        ]
    }
    told = outcome_of(create(1), failed("DUPLICATES_DETECTED", **{key: result}))
    assert isinstance(told, Rejected)
    assert told.matched_id == ADA


def test_a_match_of_another_object_or_several_is_no_match() -> None:
    def rule(*records: tuple[str, str]) -> ErrorEntry:
        found = [{"record": {"attributes": {"type": kind}, "Id": each}} for kind, each in records]
        return ErrorEntry(
            "DUPLICATES_DETECTED",
            "",
            (),
            {"duplicateResut": {"matchResults": [{"matchRecords": found}]}},
        )

    assert matched_id(rule(("Lead", BOB)), "Contact") is None
    assert matched_id(rule(("Contact", ADA), ("Contact", BOB)), "Contact") is None
    assert matched_id(rule(("Contact", ADA), ("Lead", BOB)), "Contact") == ADA
    assert matched_id(ErrorEntry("DUPLICATES_DETECTED", ""), "Contact") is None


def test_a_unique_field_names_the_record_in_its_text() -> None:
    text = f"duplicate value found: Ext__c duplicates value on record with id: {ADA[:15]}"
    assert matched_id(ErrorEntry("DUPLICATE_VALUE", text), "Contact") == ADA
    assert (
        matched_id(ErrorEntry("DUPLICATE_VALUE", "duplicate value found: <unknown>"), "Contact")
        is None
    )


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
    [(500, Unknown), (503, Accepted), (403, Deferred), (0, Unknown), (404, Rejected)],
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


@pytest.mark.parametrize(
    "item", [{}, {"errorCode": "X", "message": "no"}, {"success": "yes", "id": ADA}]
)
def test_a_result_that_does_not_say_whether_it_was_done_is_unknown(item: dict[str, Any]) -> None:
    assert isinstance(outcome_of(update(1, ADA), item), Unknown)
