"""Writes on their way: durable before they leave, settled once, whatever happens between."""

from __future__ import annotations

import json

import pytest

from sfsync.mirror.store import SqliteMirror
from sfsync.model.change import FieldDecision, LocalAction, OrgAction, RowPlan, Side
from sfsync.model.outcome import Accepted, Deferred, Rejected, Unknown
from sfsync.model.record import LocalId, Remote
from tests.unit.mirror.samples import (
    LEAD,
    PUSHED,
    base_of,
    edit,
    journal,
    lead,
    look,
    one,
    open_mirror,
    pull,
    push_plans,
    remote,
    sid,
)


def fresh(number: int, **values: object) -> Remote:
    """The org's record with every column, as a push reads it."""
    return Remote(sid(number), {**remote(number).values, "score": None, **values})


@pytest.fixture
def edited(mirror: SqliteMirror) -> SqliteMirror:
    """One person whose phone was changed here."""
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    return mirror


def dirty(mirror: SqliteMirror) -> list[str]:
    return list(mirror.rows.dirty_ids("contact", PUSHED))


def send(mirror: SqliteMirror, *records: Remote) -> int:
    (ref,) = journal(mirror, *push_plans(mirror, *records))
    return ref


def test_accepted_moves_the_base_to_what_was_sent(edited: SqliteMirror) -> None:
    edited.outbox.settle([Accepted(send(edited, fresh(1, phone="1")), sid(1))])
    assert dirty(edited) == []
    assert look(edited, "SELECT * FROM _contacts_base") == []
    assert edited.outbox.unsettled("contact") == []


def test_what_the_org_changed_beside_it_comes_in_with_the_reply(edited: SqliteMirror) -> None:
    edited.outbox.settle([Accepted(send(edited, fresh(1, phone="1", last_name="New")), sid(1))])
    assert one(edited, "SELECT phone, last_name FROM contacts") == ("2", "New")
    assert look(edited, "SELECT * FROM _contacts_base") == []


def test_an_edit_while_it_was_sent_is_kept_and_pushed_next(edited: SqliteMirror) -> None:
    ref = send(edited, fresh(1, phone="1", last_name="New"))
    edit(edited, "UPDATE contacts SET phone = '3', last_name = 'Typed'")
    edited.outbox.settle([Accepted(ref, sid(1))])
    assert one(edited, "SELECT phone, last_name FROM contacts") == ("3", "Typed")
    assert base_of(edited, 1, "phone") == [("2",)]
    assert dirty(edited) == [sid(1)]


def test_an_edit_taken_back_while_it_was_sent_is_pushed_back(edited: SqliteMirror) -> None:
    ref = send(edited, fresh(1, phone="1"))
    edit(edited, "UPDATE contacts SET phone = '1'")
    edited.outbox.settle([Accepted(ref, sid(1))])
    assert base_of(edited, 1, "phone") == [("2",)]
    assert dirty(edited) == [sid(1)]


def test_a_create_gets_its_id_and_is_at_rest(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com", "phone": "1", "company": "Own"}])
    mirror.outbox.settle([Accepted(send(mirror), sid(7), created=True)])
    assert one(mirror, "SELECT id, salesforce_id FROM contacts") == (1, sid(7))
    assert dirty(mirror) == []
    assert list(mirror.rows.unlinked("contact")) == []
    pull(mirror, remote(7, email="a@example.com", phone="1"))
    assert one(mirror, "SELECT company FROM contacts") == "Own"
    assert dirty(mirror) == []


def test_consent_that_a_create_made_whole_stays_whole_here(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com", "gone": 1}])
    mirror.outbox.settle([Accepted(send(mirror), sid(7), created=True)])
    assert one(mirror, "SELECT gone, opted_out FROM contacts") == (1, 1)
    assert dirty(mirror) == []


def test_a_create_whose_row_is_gone_by_then_is_left_to_the_next_pull(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com"}])
    ref = send(mirror)
    edit(mirror, "DELETE FROM contacts")
    mirror.outbox.settle([Accepted(ref, sid(7), created=True)])
    assert mirror.rows.count("contact") == 0
    assert mirror.outbox.unsettled("contact") == []


def test_a_create_whose_id_another_edited_row_holds_is_put_aside(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com"}])
    ref = send(mirror)
    pull(mirror, remote(7))
    edit(mirror, "UPDATE contacts SET phone = 'x' WHERE salesforce_id = ?", sid(7))
    mirror.outbox.settle([Accepted(ref, sid(7), created=True)])
    assert one(mirror, "SELECT code, person_id FROM quarantine") == ("ALREADY_LINKED", 1)


def test_a_delete_that_was_done_is_over(mirror: SqliteMirror) -> None:
    pull(mirror, lead(1), object_map=LEAD)
    edit(mirror, "UPDATE leads SET deleted_at = 'x'")
    plan = RowPlan("lead", LocalId(1), sid(1, "00Q"), org_action=OrgAction.DELETE)
    mirror.outbox.settle([Accepted(journal(mirror, plan)[0], sid(1, "00Q"))])
    assert list(mirror.rows.dirty_ids("lead", LEAD.columns)) == []
    assert one(mirror, "SELECT deleted_at FROM leads") == "x"


def test_refused_goes_to_quarantine_in_the_orgs_words_with_a_hint(edited: SqliteMirror) -> None:
    edited.outbox.settle(
        [
            Rejected(
                send(edited, fresh(1, phone="1")), "STRING_TOO_LONG", "Phone: data value too large"
            )
        ]
    )
    kind, code, message, hint, payload = one(
        edited, "SELECT kind, code, message, hint, payload FROM quarantine"
    )
    assert (kind, code, message, payload) == (
        "record", "STRING_TOO_LONG", "Phone: data value too large", '{"phone": "2"}',
    )  # fmt: skip
    assert "org check" in hint
    assert dirty(edited) == []
    assert push_plans(edited) == []


def test_an_edit_brings_a_refused_row_back(edited: SqliteMirror) -> None:
    edited.outbox.settle([Rejected(send(edited, fresh(1, phone="1")), "X", "no")])
    edit(edited, "UPDATE contacts SET phone = '4'")
    assert dirty(edited) == [sid(1)]
    edited.outbox.settle([Rejected(send(edited, fresh(1, phone="1")), "Y", "still no")])
    assert look(edited, "SELECT code, state FROM quarantine") == [("Y", "open")]
    assert dirty(edited) == []


def test_an_edit_made_while_the_refusal_was_on_its_way_counts(edited: SqliteMirror) -> None:
    ref = send(edited, fresh(1, phone="1"))
    edit(edited, "UPDATE contacts SET phone = '4'")
    edited.outbox.settle([Rejected(ref, "X", "no")])
    assert dirty(edited) == [sid(1)]


def test_retry_brings_a_refused_row_back_and_success_closes_it(edited: SqliteMirror) -> None:
    edited.outbox.settle([Rejected(send(edited, fresh(1, phone="1")), "X", "no")])
    assert edited.quarantine.retry() == 1
    assert dirty(edited) == [sid(1)]
    edited.outbox.settle([Accepted(send(edited, fresh(1, phone="1")), sid(1))])
    assert edited.quarantine.listed() == []


def test_a_refused_create_is_not_tried_again_unedited(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com"}])
    mirror.outbox.settle([Rejected(send(mirror), "REQUIRED_FIELD_MISSING", "LastName")])
    assert list(mirror.rows.unlinked("contact")) == []
    edit(mirror, "UPDATE contacts SET last_name = 'L'")
    assert [local_id for local_id, _ in mirror.rows.unlinked("contact")] == [1]


def test_a_refused_row_that_agrees_by_a_pull_is_out_of_quarantine(edited: SqliteMirror) -> None:
    edited.outbox.settle([Rejected(send(edited, fresh(1, phone="1")), "X", "no")])
    pull(edited, remote(1, phone="2"))
    assert edited.quarantine.listed() == []


def test_deferred_is_forgotten_and_the_row_stays_to_be_pushed(edited: SqliteMirror) -> None:
    edited.outbox.settle(
        [Deferred(send(edited, fresh(1, phone="1")), "UNABLE_TO_LOCK_ROW", "busy")]
    )
    assert look(edited, "SELECT * FROM _outbox") == []
    assert dirty(edited) == [sid(1)]


def test_unknown_stays_in_doubt_with_what_it_was_judged_against(edited: SqliteMirror) -> None:
    ref = send(edited, fresh(1, phone="1"))
    edited.outbox.settle([Unknown(ref, "read timeout")])
    (doubt,) = edited.outbox.unsettled("contact")
    assert (doubt.ref, doubt.action, doubt.salesforce_id) == (ref, "update", sid(1))
    assert (doubt.before, doubt.after) == ({"phone": "1"}, {"phone": "2"})
    edited.outbox.settle([Accepted(ref, sid(1))])
    assert edited.outbox.unsettled("contact") == []
    assert dirty(edited) == []


def test_a_crash_between_sending_and_settling_leaves_enough_to_finish(edited: SqliteMirror) -> None:
    send(edited, fresh(1, phone="theirs", last_name="New"))
    edited.close()
    with open_mirror(edited.path) as again:
        (doubt,) = again.outbox.unsettled("contact")
        again.outbox.settle([Accepted(doubt.ref, sid(1))])
        assert one(again, "SELECT phone, last_name FROM contacts") == ("theirs", "New")
        assert one(again, 'SELECT "column", local, remote FROM conflicts') == (
            "phone",
            "2",
            "theirs",
        )


def test_a_conflict_is_recorded_once_when_its_write_is_settled(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, clicks=1))
    edit(mirror, "UPDATE contacts SET clicks = 3")
    plans = push_plans(mirror, fresh(1, clicks=5))
    for outcome in (lambda ref: Deferred(ref, "X", "later"), lambda ref: Accepted(ref, sid(1))):
        (ref,) = journal(mirror, *plans)
        mirror.outbox.settle([outcome(ref)])
    assert look(mirror, 'SELECT "column", value FROM conflicts') == [("clicks", 7)]


def test_settled_is_settled(edited: SqliteMirror) -> None:
    ref = send(edited, fresh(1, phone="1"))
    edited.outbox.settle([Accepted(ref, sid(1))])
    edited.outbox.settle(
        [Rejected(ref, "X", "no"), Unknown(ref, "?"), Deferred(99, "X", "no such write")]
    )
    assert edited.quarantine.listed() == []
    assert one(edited, "SELECT state FROM _outbox") == "accepted"


def test_what_a_run_sent_can_be_told_afterwards(edited: SqliteMirror) -> None:
    edited.runs.begin("run-9", "push")
    edited.outbox.settle([Accepted(send(edited, fresh(1, phone="1")), sid(1))])
    ((sent,),) = edited.outbox.accepted_writes("run-9", "contact")
    assert (sent.local_id, sent.before, sent.after) == (1, {"phone": "1"}, {"phone": "2"})
    assert one(edited, "SELECT plan FROM _outbox") == ""


def test_what_was_accepted_is_kept_with_its_record_and_without_an_error(
    mirror: SqliteMirror,
) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com"}])
    mirror.outbox.settle([Accepted(send(mirror), sid(7), created=True)])
    assert one(mirror, "SELECT state, salesforce_id, error FROM _outbox") == (
        "accepted",
        sid(7),
        "",
    )


def test_an_undelete_that_also_sends_something_brings_the_row_back(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET deleted_at = '2026-01-01T00:00:00Z'")
    plan = RowPlan(
        "contact",
        LocalId(1),
        sid(1),
        local_action=LocalAction.RESTORE,
        org_action=OrgAction.UPDATE,
        to_org={"phone": "2"},
    )
    (ref,) = journal(mirror, plan)
    mirror.outbox.settle([Accepted(ref, sid(1))])
    assert one(mirror, "SELECT deleted_at FROM contacts") is None


def test_a_plain_update_does_not_bring_a_row_back(edited: SqliteMirror) -> None:
    ref = send(edited, fresh(1, phone="1"))
    edit(edited, "UPDATE contacts SET deleted_at = '2026-01-01T00:00:00Z'")
    edited.outbox.settle([Accepted(ref, sid(1))])
    assert one(edited, "SELECT deleted_at FROM contacts") == "2026-01-01T00:00:00Z"


def test_success_closes_this_rows_refusal_and_nobody_elses(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(2, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    refs = journal(mirror, *push_plans(mirror, fresh(1, phone="1"), fresh(2, phone="1")))
    mirror.outbox.settle([Rejected(ref, "X", "no") for ref in refs])
    edit(mirror, "UPDATE contacts SET phone = '3' WHERE id = 1")
    mirror.outbox.settle([Accepted(send(mirror, fresh(1, phone="1")), sid(1))])
    assert look(mirror, "SELECT person_id, state FROM quarantine ORDER BY id") == [
        (1, "settled"),
        (2, "open"),
    ]


def test_a_row_put_aside_for_anothers_record_shows_nothing_that_was_sent(
    mirror: SqliteMirror,
) -> None:
    mirror.imports.store("contact", [{"email": "a@example.com"}])
    ref = send(mirror)
    pull(mirror, remote(7))
    edit(mirror, "UPDATE contacts SET phone = 'x' WHERE salesforce_id = ?", sid(7))
    mirror.outbox.settle([Accepted(ref, sid(7), created=True)])
    assert one(mirror, "SELECT payload, _edit FROM quarantine") == ("", 0)


def test_the_history_tells_what_a_write_replaced_beside_what_it_was_judged_against(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, remote(1, phone="1", last_name="Old"))
    edit(mirror, "UPDATE contacts SET phone = '2', last_name = 'New'")
    ref = send(mirror, fresh(1, phone="1", last_name="Old"))
    late = FieldDecision(
        "phone",
        "1",
        "2",
        "typed since",
        "typed since",
        Side.REMOTE,
        "salesforce_wins",
        conflict=True,
    )
    mirror.outbox.settle(
        [Accepted(ref, sid(1), seen={"Phone": "typed since"}, lost_updates=(late,))]
    )
    assert json.loads(one(mirror, "SELECT before FROM _outbox")) == {
        "phone": "typed since",
        "last_name": "Old",
    }
    assert look(mirror, 'SELECT "column", local, remote FROM conflicts') == [
        ("phone", "2", "typed since")
    ]
