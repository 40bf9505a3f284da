"""What the org's answer for one record means for its write."""

from __future__ import annotations

from typing import Any

import pytest

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Rejected, Unknown
from sfsync.salesforce.faults import ErrorEntry
from sfsync.salesforce.write_outcomes import matched_id, outcome_of

from .writes import ADA, BOB, create, failed, update

OK = {"id": ADA, "success": True, "errors": []}


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


@pytest.mark.parametrize(
    "item", [{}, {"errorCode": "X", "message": "no"}, {"success": "yes", "id": ADA}]
)
def test_a_result_that_does_not_say_whether_it_was_done_is_unknown(item: dict[str, Any]) -> None:
    assert isinstance(outcome_of(update(1, ADA), item), Unknown)
