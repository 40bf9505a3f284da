"""Events count once, for ever; their Tasks are sent once, whatever is repeated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfsync.mirror.store import SqliteMirror
from sfsync.model.activity import Effect, Person, TaskDraft
from sfsync.model.address import match_key
from sfsync.model.arrival import Taken
from sfsync.model.outcome import Accepted, Deferred, Rejected, Unknown
from sfsync.model.record import LocalId, SalesforceId
from tests.unit.mirror.samples import LEAD, PUSHED, edit, event, lead, look, one, pull, remote, sid

TASK = SalesforceId("00T000000000001AAA")


def keep(mirror: SqliteMirror, *numbers: int, **facts: Any) -> None:
    mirror.events.keep([event(number, **facts) for number in numbers], source="test")


def person(number: int = 1) -> Person:
    return Person("contact", LocalId(number), sid(number))


def effect(number: int, **facts: Any) -> Effect:
    return Effect(event(number), **{"person": person(), **facts})


def draft(key: str) -> TaskDraft:
    return TaskDraft(key, "Email: January", {"Subject": "Email: January", "Status": "Completed"})


# -- in --------------------------------------------------------------------------------------------
def test_the_same_id_is_one_event_for_ever(mirror: SqliteMirror) -> None:
    assert mirror.events.keep([event(1), event(2), event(1)], source="a.jsonl") == Taken(2, 1)
    taken = mirror.events.keep([event(2, email="other@example.com"), event(3)], source="webhook")
    assert taken == Taken(1, 0, (event(2, email="other@example.com"),), 1)
    assert look(mirror, "SELECT id, email, source FROM events ORDER BY id") == [
        ("evt-1", "p1@example.com", "a.jsonl"),
        ("evt-2", "p1@example.com", "a.jsonl"),
        ("evt-3", "p1@example.com", "webhook"),
    ]


def test_events_wait_oldest_first_with_everyone_who_has_the_address(mirror: SqliteMirror) -> None:
    pull(mirror, lead(1, email="ada@example.com"), object_map=LEAD)
    pull(mirror, remote(1, email=" Ada@Example.com"), remote(2, email="ADA@example.com"))
    keep(mirror, 5, 3, email="ada@EXAMPLE.com")
    (first, people), (second, _) = mirror.events.pending(10)
    assert (first.id, second.id) == ("evt-3", "evt-5")
    assert first == event(3, email="ada@EXAMPLE.com")
    assert [(one.object, one.local_id) for one in people] == [
        ("contact", 1),
        ("contact", 2),
        ("lead", 1),
    ]
    assert people[0].values["email"] == " Ada@Example.com"
    assert len(mirror.events.pending(1)) == 1


def test_who_is_soft_deleted_is_known_as_such(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    edit(mirror, "UPDATE contacts SET deleted_at = 'x'")
    keep(mirror, 1)
    [(told, [person])] = mirror.events.pending(10)
    assert (told, person.salesforce_id, person.deleted) == (event(1), sid(1), True)
    assert list(mirror.events.unresolved_addresses()) == ["p1@example.com"]


def test_addresses_nobody_has_are_each_told_once(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    pull(mirror, lead(1), object_map=LEAD)
    keep(mirror, 1)
    keep(mirror, 2, email="l1@example.com")
    keep(mirror, 3, 4, email="New@example.com")
    keep(mirror, 5, email="new@EXAMPLE.com")
    keep(mirror, 6, email="")
    assert list(mirror.events.unresolved_addresses()) == ["new@example.com"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12))
def test_sql_and_python_fold_addresses_alike(mirror: SqliteMirror, text: str) -> None:
    address = f" {text}@X.com "
    assert mirror._database.value("SELECT lower(trim(?))", [address]) == match_key(address)


# -- handled ---------------------------------------------------------------------------------------
def test_an_events_effects_are_edits_and_count_once(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, clicks=5))
    keep(mirror, 1)
    done = effect(
        1,
        set_values={"opened": "2026-01-20T10:00:01Z"},
        add_values={"clicks": 1},
        task=draft("evt-1"),
    )
    mirror.events.apply([done])
    mirror.events.apply([done])
    assert one(mirror, "SELECT clicks, opened FROM contacts") == (6, "2026-01-20T10:00:01Z")
    assert list(mirror.rows.dirty_ids("contact", PUSHED)) == [sid(1)]
    assert mirror.tasks.count_waiting() == 1
    assert one(mirror, "SELECT state, object, person_id FROM events") == ("handled", "contact", 1)
    assert mirror.events.pending(10) == []


def test_counting_starts_from_nothing(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    keep(mirror, 1, 2)
    mirror.events.apply([effect(1, add_values={"clicks": 1}), effect(2, add_values={"clicks": 2})])
    assert one(mirror, "SELECT clicks FROM contacts") == 3


def test_an_event_that_comes_late_takes_nothing_back(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, opened="2026-02-01T00:00:00Z", gone=1, opted_out=1))
    keep(mirror, 1)
    mirror.events.apply(
        [effect(1, set_values={"opened": "2026-01-01T00:00:00Z", "gone": 0, "phone": "5"})]
    )
    assert one(mirror, "SELECT opened, gone, phone FROM contacts") == (
        "2026-02-01T00:00:00Z",
        1,
        "5",
    )


def test_somebody_new_is_created_once_however_many_events_come(mirror: SqliteMirror) -> None:
    keep(mirror, 1, 2, email="New@example.com")
    effects = [
        Effect(
            event(number, email="New@example.com"), new_person=("contact", {"email": "New@example.com"}),
            add_values={"clicks": 1}, task=draft(f"k{number}"),
        )
        for number in (1, 2)
    ]  # fmt: skip
    mirror.events.apply(effects)
    assert look(mirror, "SELECT email, clicks, salesforce_id FROM contacts") == [
        ("New@example.com", 2, None)
    ]
    assert list(mirror.rows.unlinked("contact")) == [(LocalId(1), "New@example.com")]
    assert [task.who_id for task in mirror.tasks.queued(0, 10)] == [None, None]


def test_a_campaigns_first_is_taken_once(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1))
    keep(mirror, 1, 2)
    assert mirror.events.first_in_campaign(["first-a", "first-b"]) == {"first-a", "first-b"}
    mirror.events.apply([effect(1, task=draft("first-a")), effect(2, task=draft("first-a"))])
    assert mirror.events.first_in_campaign(["first-a", "first-b"]) == {"first-b"}
    assert mirror.tasks.count_waiting() == 1


def test_an_event_that_cannot_be_placed_goes_to_quarantine_and_can_be_tried_again(
    mirror: SqliteMirror,
) -> None:
    keep(mirror, 1)
    mirror.events.apply(
        [Effect(event(1), problem=("NOBODY", "nobody has this address", "add the person"))]
    )
    assert mirror.events.pending(10) == []
    (entry,) = mirror.quarantine.listed()
    assert (entry["kind"], entry["event_id"], entry["hint"]) == ("event", "evt-1", "add the person")
    assert mirror.quarantine.retry([entry["id"]]) == 1
    assert [one.id for one, _ in mirror.events.pending(10)] == ["evt-1"]
    assert mirror.quarantine.listed() == []


def test_an_event_without_any_effect_is_handled(mirror: SqliteMirror) -> None:
    keep(mirror, 1)
    mirror.events.apply([Effect(event(1))])
    assert mirror.events.pending(10) == []


def test_effects_that_fail_are_taken_back_with_the_mark(mirror: SqliteMirror) -> None:
    pull(mirror, remote(1, clicks=1))
    keep(mirror, 1, 2)
    broken = effect(2, person=Person("account", LocalId(1), None))
    with pytest.raises(KeyError):
        mirror.events.apply([effect(1, add_values={"clicks": 1}), broken])
    assert one(mirror, "SELECT clicks FROM contacts") == 1
    assert len(mirror.events.pending(10)) == 2


# -- Tasks -----------------------------------------------------------------------------------------
@pytest.fixture
def queued(mirror: SqliteMirror) -> SqliteMirror:
    """Two Tasks waiting for one person."""
    pull(mirror, remote(1))
    keep(mirror, 1, 2)
    mirror.events.apply([effect(1, task=draft("k1")), effect(2, task=draft("k2"))])
    return mirror


def test_tasks_come_in_order_and_in_pages(queued: SqliteMirror) -> None:
    (first,) = queued.tasks.queued(0, 1)
    (second,) = queued.tasks.queued(first.activity_id, 1)
    assert (first.key, second.key) == ("k1", "k2")
    assert first.fields == {"Subject": "Email: January", "Status": "Completed"}
    assert (first.who_id, first.unanswered, first.sent_at) == (sid(1), False, "")


def test_a_task_that_was_sent_and_not_settled_is_in_doubt(queued: SqliteMirror) -> None:
    queued.tasks.mark_sending([1])
    first, second = queued.tasks.queued(0, 10)
    assert (first.unanswered, first.sent_at) == (True, "2026-01-20T10:00:00Z")
    assert not second.unanswered
    queued.tasks.settle([Unknown(1, "read timeout")])
    assert queued.tasks.queued(0, 1)[0].unanswered


def test_outcomes_of_tasks(queued: SqliteMirror) -> None:
    queued.tasks.mark_sending([1, 2])
    queued.tasks.settle(
        [Accepted(1, TASK, created=True), Deferred(2, "UNABLE_TO_LOCK_ROW", "busy")]
    )
    (left,) = queued.tasks.queued(0, 10)
    assert (left.key, left.unanswered) == ("k2", False)
    assert one(queued, "SELECT task_id, state FROM activities WHERE key = 'k1'") == (TASK, "done")
    queued.tasks.settle([Rejected(2, "INVALID_CROSS_REFERENCE_KEY", "WhoId")])
    assert queued.tasks.count_waiting() == 0
    (entry,) = queued.quarantine.listed()
    assert (entry["kind"], entry["event_id"], entry["record"]) == (
        "activity",
        "k2",
        "p1@example.com",
    )
    assert queued.quarantine.retry() == 1
    assert queued.tasks.count_waiting() == 1
    queued.tasks.settle([Accepted(2, TASK), Rejected(1, "X", "too late")])
    assert queued.tasks.count_waiting() == 0
    assert queued.quarantine.listed() == []
