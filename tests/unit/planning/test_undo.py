"""What would take a run's writes back: pure cases, one a behaviour."""

from __future__ import annotations

import pytest

from sfsync.model.change import LocalAction, OrgAction
from sfsync.model.journal import JournaledWrite
from sfsync.model.record import (
    MISSING,
    Base,
    Local,
    LocalId,
    Remote,
    RemoteState,
    Row,
    SalesforceId,
)
from sfsync.planning import undo
from tests.sides import MAPPING

CONTACT = MAPPING.objects["contact"]
RECORD = SalesforceId("0035f0000000001AAA")


def wrote(before: dict, after: dict, ref: int = 1) -> JournaledWrite:
    return JournaledWrite(ref, "contact", LocalId(1), RECORD, "update", before, after, "")


def row(linked: str | None = RECORD, **values: object) -> Row:
    return Row(Local(LocalId(1), values), Base(values), linked)


def there(state: RemoteState = RemoteState.PRESENT, **values: object) -> Remote:
    return Remote(RECORD, values, state, modified_at="2026-01-20T10:00:00Z")


def back(*writes: JournaledWrite, here: Row | None, remote: Remote | None) -> undo.Restoration:
    return undo.restore(writes, here, remote, CONTACT, "run-1")


def test_both_sides_get_the_old_value() -> None:
    done = back(wrote({"phone": "1"}, {"phone": "2"}), here=row(phone="2"), remote=there(phone="2"))
    assert done.plan is not None
    assert (done.plan.to_org, done.plan.to_local) == ({"phone": "1"}, {"phone": "1"})
    assert done.plan.modified_at == "2026-01-20T10:00:00Z"
    assert done.left == ()


def test_an_edit_made_here_since_stays_in_the_row_and_the_org_gets_the_old_value() -> None:
    done = back(wrote({"phone": "1"}, {"phone": "2"}), here=row(phone="3"), remote=there(phone="2"))
    assert done.plan is not None
    assert (done.plan.to_org, done.plan.to_local) == ({"phone": "1"}, {})
    assert done.plan.local_action is LocalAction.NONE


def test_an_edit_made_there_since_is_left_and_told_with_all_values() -> None:
    done = back(
        wrote({"phone": "1", "city": "A"}, {"phone": "2", "city": "B"}),
        here=row(phone="2", city="B"),
        remote=there(phone="9", city="B"),
    )
    assert done.plan is not None
    assert done.plan.to_org == {"city": "A"}
    [left] = done.left
    assert (left.column, left.was, left.wrote, left.now) == ("phone", "1", "2", "9")
    assert left.why == undo.CHANGED_SINCE


def test_several_writes_of_one_run_go_back_to_before_the_first() -> None:
    writes = wrote({"phone": "1"}, {"phone": "2"}), wrote({"phone": "x"}, {"phone": "3"}, ref=2)
    done = back(*writes, here=row(phone="3"), remote=there(phone="3"))
    assert done.plan is not None
    assert done.plan.to_org == {"phone": "1"}


def test_what_is_back_already_moves_nothing() -> None:
    done = back(wrote({"phone": "1"}, {"phone": "2"}), here=row(phone="1"), remote=there(phone="1"))
    assert done == undo.Restoration(None)


def test_the_row_follows_where_the_org_is_back_already() -> None:
    done = back(wrote({"phone": "1"}, {"phone": "2"}), here=row(phone="2"), remote=there(phone="1"))
    assert done.plan is not None
    assert done.plan.org_action is OrgAction.NONE
    assert done.plan.to_local == {"phone": "1"}


def test_a_row_that_is_gone_does_not_keep_the_org_from_getting_its_value_back() -> None:
    done = back(wrote({"phone": "1"}, {"phone": "2"}), here=None, remote=there(phone="2"))
    assert done.plan is not None
    assert done.plan.to_org == {"phone": "1"}


@pytest.mark.parametrize(
    ("here", "remote", "why"),
    [
        (row(phone="2"), None, undo.NO_RECORD),
        (row(phone="2"), there(RemoteState.GONE), undo.NO_RECORD),
        (row(phone="2"), there(RemoteState.MERGED), "the record is merged in Salesforce"),
        (row("003000000000009AAA", phone="2"), there(phone="2"), undo.ANOTHER),
    ],
)
def test_a_record_that_is_not_there_any_more_is_left(
    here: Row, remote: Remote | None, why: str
) -> None:
    done = back(wrote({"phone": "1"}, {"phone": "2"}), here=here, remote=remote)
    assert done.plan is None
    assert [left.why for left in done.left] == [why]


def test_a_blank_goes_back_to_blank_and_what_nobody_knows_is_left() -> None:
    done = back(
        wrote({"phone": None}, {"phone": "2", "city": "B"}),
        here=row(phone="2", city="B"),
        remote=there(phone="2", city="B"),
    )
    assert done.plan is not None
    assert done.plan.to_org == {"phone": None}
    assert [(left.column, left.was, left.why) for left in done.left] == [
        ("city", MISSING, undo.NOT_KNOWN)
    ]


@pytest.mark.parametrize("column", ["opted_out", "unsubscribed"])
def test_an_opt_out_is_not_taken_back(column: str) -> None:
    done = back(
        wrote({column: 0}, {column: 1}), here=row(**{column: 1}), remote=there(**{column: 1})
    )
    assert done.plan is None
    assert [left.why for left in done.left] == [undo.CONSENT]


def test_a_field_that_is_mapped_no_more_is_left() -> None:
    done = back(wrote({"gone": "1"}, {"gone": "2"}), here=row(), remote=there())
    assert [left.why for left in done.left] == [undo.NOT_WRITABLE]
