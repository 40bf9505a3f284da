"""Applying the mirror's half of plans: rows, base, links, segments; and never over a newer edit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.mirror.store import SqliteMirror
from sfsync.model.change import FieldDecision, LocalAction, RowPlan, Side
from sfsync.model.record import MISSING, LocalId, Remote, RemoteState, SalesforceId
from sfsync.planning.planner import plan_row
from tests.unit.mirror.samples import (
    CONTACT,
    LEAD,
    PUSHED,
    RULES,
    base_of,
    contested,
    edit,
    event,
    lead,
    look,
    one,
    pull,
    push_plans,
    remote,
    sid,
)


def dirty(mirror: SqliteMirror) -> list[SalesforceId]:
    return list(mirror.rows.dirty_ids("contact", PUSHED))


def test_both_changed_to_the_same_is_agreement(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    pull(mirror, remote(1, phone="2"))
    assert dirty(mirror) == []
    assert look(mirror, "SELECT * FROM conflicts") == []


def test_a_conflict_keeps_both_values(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = 'mine'")
    pull(mirror, remote(1, phone="theirs"))
    assert one(mirror, "SELECT phone FROM contacts") == "theirs"
    assert one(mirror, 'SELECT "column", base, local, remote, value, winner, state, run_id FROM conflicts') == (
        "phone", "1", "mine", "theirs", "theirs", "remote", "decided", "run-1",
    )  # fmt: skip
    assert dirty(mirror) == []


def test_an_edit_beside_a_change_there_is_still_to_be_pushed(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1", last_name="L"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    pull(mirror, remote(1, phone="1", last_name="M"))
    assert one(mirror, "SELECT phone, last_name FROM contacts") == ("2", "M")
    assert base_of(mirror, 1, "phone") == [("1",)]
    assert base_of(mirror, 1, "last_name") == [("M",)]
    assert dirty(mirror) == [sid(1)]


def test_a_counter_adds_up_and_the_sum_is_to_be_pushed(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, clicks=5))
    edit(mirror, "UPDATE contacts SET clicks = clicks + 2")
    pull(mirror, remote(1, clicks=8))
    assert one(mirror, "SELECT clicks FROM contacts") == 10
    assert base_of(mirror, 1, "clicks") == [(8,)]


def test_an_edit_between_plan_and_commit_is_not_lost(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1", last_name="L"))
    edit(mirror, "UPDATE contacts SET last_name = 'M'")
    (triple,) = contested(mirror, remote(1, phone="9", last_name="L"))
    plan = plan_row(triple, CONTACT, RULES)
    edit(mirror, "UPDATE contacts SET phone = 'just typed'")
    mirror.rows.commit([plan])
    assert one(mirror, "SELECT phone FROM contacts") == "just typed"
    assert base_of(mirror, 1) == [("1",)], (
        "whoever typed has not seen the 9: both sides have changed"
    )
    assert dirty(mirror) == [sid(1)]


def test_a_row_that_vanished_between_plan_and_commit_is_passed_over(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = '2'")
    (triple,) = contested(mirror, remote(1, phone="3"))
    edit(mirror, "DELETE FROM contacts")
    mirror.rows.commit([plan_row(triple, CONTACT, RULES)])
    assert look(mirror, "SELECT * FROM _contacts_base") == []


def test_a_plan_that_is_skipped_changes_nothing(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    plan = RowPlan("contact", LocalId(1), sid(1), LocalAction.SOFT_DELETE, skip="because")
    mirror.rows.commit([plan])
    assert mirror.rows.count("contact") == 1


def test_one_bad_plan_takes_all_of_its_transaction_back(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    good = RowPlan("contact", LocalId(1), sid(1), LocalAction.UPDATE, to_local={"phone": "2"})
    with pytest.raises(KeyError):
        mirror.rows.commit([good, replace(good, object="account")])
    assert one(mirror, "SELECT phone FROM contacts") == "1"


# -- rows that never met ---------------------------------------------------------------------------
def test_a_row_imported_first_meets_its_record_by_address(mirror: SqliteMirror) -> None:
    mirror.imports.store(
        "contact", [{"email": "p1@example.com", "phone": "mine", "company": "Own"}]
    )
    pull(mirror, remote(1, phone="theirs", last_name="L"))
    assert look(mirror, "SELECT salesforce_id, phone, last_name, company FROM contacts") == [
        (sid(1), "theirs", "L", "Own")
    ]
    assert one(mirror, 'SELECT "column", local, base FROM conflicts') == ("phone", "mine", None)
    assert dirty(mirror) == []


def test_what_the_org_does_not_have_yet_is_pushed_after_the_meeting(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "p1@example.com", "phone": "mine", "score": 4.5}])
    pull(mirror, remote(1))
    assert dirty(mirror) == [sid(1)]
    (plan,) = push_plans(mirror, Remote(sid(1), {**remote(1).values, "score": None}))
    assert dict(plan.to_org) == {"phone": "mine", "score": 4.5}


def test_linking_says_that_they_never_agreed(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "p1@example.com"}])
    mirror.rows.link("contact", LocalId(1), sid(1))
    row = mirror.rows.by_salesforce_id("contact", sid(1))
    assert row is not None
    assert row.base is None
    assert dirty(mirror) == [sid(1)]
    assert list(mirror.rows.unlinked("contact")) == []


def test_a_copy_that_a_pull_made_makes_room(mirror: SqliteMirror) -> None:
    edit(mirror, "INSERT INTO contacts (last_name) VALUES ('No address')")
    pull(
        mirror, remote(1, email=None), segment="All"
    )  # the create's reply was lost, the record came down
    assert mirror.rows.count("contact") == 2
    mirror.rows.link("contact", LocalId(1), sid(1))
    assert look(mirror, "SELECT id, salesforce_id FROM contacts") == [(1, sid(1))]
    assert look(mirror, "SELECT contact_id FROM contact_segments") == [(1,)]


# -- held fields -----------------------------------------------------------------------------------
@pytest.fixture
def held(mirror: SqliteMirror) -> SqliteMirror:
    """A nickname that both sides changed, and a person decides."""
    pull(mirror, remote(1, nick="Ada"))
    edit(mirror, "UPDATE contacts SET nick = 'Countess'")
    pull(mirror, remote(1, nick="Lovelace"))
    return mirror


def test_a_held_field_is_one_open_conflict_however_often_it_is_seen(held: SqliteMirror) -> None:
    pull(held, remote(1, nick="Lovelace"))
    pull(held, remote(1, nick="King"))
    assert look(held, "SELECT local, remote, state FROM conflicts") == [
        ("Countess", "King", "open")
    ]
    assert one(held, "SELECT nick FROM contacts") == "Countess"


def test_a_held_field_alone_is_nothing_to_push(held: SqliteMirror) -> None:
    assert dirty(held) == []
    edit(held, "UPDATE contacts SET phone = '1'")
    assert dirty(held) == [sid(1)]


def test_taking_ones_own_side_sends_it(held: SqliteMirror) -> None:
    held.conflicts.take(1, "local")
    assert dirty(held) == [sid(1)]
    (plan,) = push_plans(held, remote(1, nick="Lovelace"))
    assert dict(plan.to_org) == {"nick": "Countess"}
    assert plan.conflicts == ()
    assert one(held, "SELECT state, value, winner FROM conflicts") == (
        "settled",
        "Countess",
        "local",
    )


def test_taking_the_orgs_side_brings_it_in(held: SqliteMirror) -> None:
    held.conflicts.take(1, "remote")
    assert one(held, "SELECT nick FROM contacts") == "Lovelace"
    assert dirty(held) == []
    assert look(held, "SELECT * FROM _contacts_base") == []


def test_a_field_held_since_the_first_meeting_stays_held(mirror: SqliteMirror) -> None:
    mirror.imports.store("contact", [{"email": "p1@example.com", "nick": "Countess"}])
    pull(mirror, remote(1, nick="Lovelace"))
    assert dirty(mirror) == []
    (triple,) = contested(mirror, remote(1, nick="Lovelace"))
    assert triple.base is not None
    assert "nick" not in triple.base.values
    mirror.conflicts.take(1, "local")
    (plan,) = push_plans(mirror, remote(1, nick="Lovelace"))
    assert dict(plan.to_org) == {"nick": "Countess"}


def test_a_held_field_that_agrees_in_the_end_is_settled(held: SqliteMirror) -> None:
    pull(held, remote(1, nick="Countess"))
    assert one(held, "SELECT state FROM conflicts") == "settled"
    assert look(held, "SELECT * FROM _contacts_base") == []


def test_the_loser_of_a_decided_conflict_can_be_taken_after_all(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    edit(mirror, "UPDATE contacts SET phone = 'mine'")
    pull(mirror, remote(1, phone="theirs"))
    mirror.conflicts.take(1, "local")
    (plan,) = push_plans(mirror, remote(1, phone="theirs"))
    assert dict(plan.to_org) == {"phone": "mine"}


# -- ends ------------------------------------------------------------------------------------------
def test_deleted_there_is_soft_deleted_here_and_edits_are_kept(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"), remote(2))
    edit(mirror, "UPDATE contacts SET phone = 'typed' WHERE id = 1")
    pull(mirror, remote(1, RemoteState.DELETED), remote(2, RemoteState.DELETED))
    assert mirror.rows.count("contact") == 0
    assert one(mirror, 'SELECT "column", local, winner FROM conflicts') == (
        "phone",
        "typed",
        "remote",
    )
    assert dirty(mirror) == []


def test_undeleted_there_comes_back(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    pull(mirror, remote(1, RemoteState.DELETED))
    pull(mirror, remote(1, phone="2"))
    assert look(mirror, "SELECT phone, deleted_at FROM contacts") == [("2", None)]
    assert look(mirror, "SELECT * FROM _contacts_base") == []


def test_deleted_on_both_sides_is_at_rest(mirror: SqliteMirror) -> None:
    pull(mirror, lead(1), object_map=LEAD)
    edit(mirror, "UPDATE leads SET deleted_at = 'x'")
    assert list(mirror.rows.dirty_ids("lead", LEAD.columns)) == [sid(1, "00Q")]
    pull(mirror, replace(lead(1), state=RemoteState.DELETED), object_map=LEAD)
    assert list(mirror.rows.dirty_ids("lead", LEAD.columns)) == []


def test_a_merged_persons_things_go_to_the_survivor(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1), remote(2), segment="All")
    edit(mirror, "UPDATE contacts SET clicks = 3, gone = 1 WHERE salesforce_id = ?", sid(1))
    mirror.events.keep([event(1)], source="test")
    edit(mirror, "UPDATE events SET object = 'contact', person_id = 1, state = 'handled'")
    edit(
        mirror,
        "INSERT INTO activities (event_id, key, object, person_id, type, fields, queued_at)"
        " VALUES ('evt-1', 'k', 'contact', 1, 'email_opened', '{}', '')",
    )
    mirror.rows.commit(
        [
            RowPlan(
                "contact", LocalId(1), sid(1), LocalAction.SOFT_DELETE, successor_id=sid(2),
                successor_object="contact", to_successor={"gone": 1, "opted_out": 1}, add_to_successor={"clicks": 3},
            )
        ]
    )  # fmt: skip
    assert one(mirror, "SELECT person_id FROM activities") == 2
    assert one(mirror, "SELECT person_id FROM events") == 2
    assert one(mirror, "SELECT clicks, gone, opted_out FROM contacts WHERE id = 2") == (3, 1, 1)
    assert dirty(mirror) == [sid(2)]
    assert one(mirror, "SELECT successor_id, reason FROM _successors") == (sid(2), "merged")
    (task,) = mirror.tasks.queued(0, 10)
    assert task.who_id == sid(2)


def test_a_converted_leads_task_follows_even_where_the_contact_is_unknown(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, lead(1), object_map=LEAD)
    edit(
        mirror,
        "INSERT INTO activities (event_id, key, object, person_id, type, fields, queued_at)"
        " VALUES ('evt-1', 'k', 'lead', 1, 'email_opened', '{}', '')",
    )
    converted = Remote(sid(1, "00Q"), {}, RemoteState.CONVERTED, sid(5))
    pull(mirror, converted, object_map=LEAD)
    (task,) = mirror.tasks.queued(0, 10)
    assert (task.object, task.who_id) == ("lead", sid(5))
    assert mirror.rows.count("lead") == 0


def test_a_chain_of_merges_is_followed_to_its_end_and_a_ring_does_not_hang(
    mirror: SqliteMirror,
) -> None:
    pull(mirror, *(remote(number) for number in (1, 2, 3)))
    edit(
        mirror,
        "INSERT INTO activities (event_id, key, object, person_id, type, fields, queued_at)"
        " VALUES ('e', 'k', 'contact', 1, 't', '{}', '')",
    )
    link = "INSERT OR REPLACE INTO _successors VALUES ('contact', ?, 'contact', ?, 'merged', '')"
    edit(mirror, link, sid(1), sid(2))
    edit(mirror, link, sid(2), sid(3))
    assert mirror.tasks.queued(0, 1)[0].who_id == sid(3)
    edit(mirror, link, sid(3), sid(1))
    assert mirror.tasks.queued(0, 1)[0].who_id is not None


def test_an_insert_of_what_came_in_meanwhile_is_passed_over(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, phone="1"))
    decision = FieldDecision("phone", MISSING, None, "2", "2", Side.REMOTE, "new")
    plan = RowPlan(
        "contact",
        None,
        sid(1),
        LocalAction.INSERT,
        decisions=(decision,),
        to_local={"phone": "2"},
        new_base={},
    )
    mirror.rows.commit([plan])
    assert one(mirror, "SELECT phone FROM contacts") == "1"
