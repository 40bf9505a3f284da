"""Writes as collections requests: what travels together, and what is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.salesforce.write_requests import calls, chunks, kinds, request_of

from .writes import ADA, BOB, create, update


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
