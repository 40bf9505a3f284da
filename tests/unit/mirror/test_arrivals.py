"""Arrivals: events with ids that contradict, lines that cannot be read, and their end once they are corrected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.mirror.store import SqliteMirror
from sfsync.model.arrival import Arrival, Taken, Unreadable
from sfsync.model.event import EmailEvent, EventType, derived_id
from tests.unit.mirror.samples import event, look


def take(
    mirror: SqliteMirror, *events: EmailEvent, origin: str = "a.jsonl", first: int = 1
) -> Taken:
    return mirror.arrivals.take(Arrival(origin, events, range(first, first + len(events))))


def entries(mirror: SqliteMirror, state: str = "open") -> list[tuple[object, ...]]:
    return look(
        mirror, f"SELECT code, source, line FROM quarantine WHERE state = '{state}' ORDER BY id"
    )


def bad(line: int, raw: str = "", event_id: str = "") -> Arrival:
    return Arrival("a.jsonl", (), (), [Unreadable(line, "email: missing", raw, "", event_id)])


# -- contradictions
@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"email": "other@example.com"},
            "address other@example.com, not p1@example.com",
        ),
        ({"type": EventType.REPLIED}, "type email_replied, not"),
        ({"timestamp": "2026-01-21T10:00:00Z"}, "time 2026-01-21T10:00:00Z, not"),
    ],
)
def test_the_same_id_with_other_facts_is_in_quarantine(mirror: SqliteMirror, other, told) -> None:
    take(mirror, event(1))
    contradicting = replace(event(1), **other)
    taken = take(mirror, contradicting, origin="webhook")
    assert taken == Taken(0, 0, (contradicting,), 1)
    [(message, event_id)] = look(mirror, "SELECT message, event_id FROM quarantine")
    assert message.startswith("webhook: the id evt-1 is another event's: ")
    assert told in message
    assert event_id == "evt-1"
    take(mirror, contradicting, origin="webhook")
    assert len(entries(mirror)) == 1  # told once


def test_two_of_one_arrival_contradict_each_other(mirror: SqliteMirror) -> None:
    second = replace(event(1), email="other@example.com")
    assert take(mirror, event(1), second, event(1)) == Taken(1, 1, (second,), 1)


@pytest.mark.parametrize(
    "same",
    [
        {"email": "P1@Example.com"},
        {"campaign_name": "another"},
        {"link": "https://example.com/a"},
    ],
)
def test_what_is_said_otherwise_of_the_same_facts_is_no_contradiction(
    mirror: SqliteMirror, same
) -> None:
    take(mirror, event(1))
    assert take(mirror, replace(event(1), **same)) == Taken(0, 1)


def test_the_first_event_is_not_touched_by_a_contradiction(mirror: SqliteMirror) -> None:
    take(mirror, event(1))
    take(mirror, replace(event(1), email="other@example.com"))
    take(mirror, event(1))
    assert look(mirror, "SELECT email, state FROM events") == [("p1@example.com", "new")]
    assert len(entries(mirror)) == 1  # only a person can end it


# -- ids of mirrors that are older
def test_an_event_of_an_older_mirror_is_known_by_the_id_it_had(mirror: SqliteMirror) -> None:
    facts = ("email_opened", "ada@example.com", "c-7", "2026-01-20T10:00:00Z")
    old = EmailEvent(derived_id(*facts), EventType.OPENED, facts[1], facts[3], "c-7", "January")
    new = replace(old, id=derived_id(*facts, campaign_name="January"))
    assert new.id != old.id
    take(mirror, old)
    mirror._database.run("INSERT INTO _notes VALUES ('short_ids_until', '9999')")
    assert take(mirror, new) == Taken(0, 1)
    other = replace(old, campaign_name="June", id=derived_id(*facts, campaign_name="June"))
    assert take(mirror, other).new == 1


# -- lines
def test_lines_that_cannot_be_read_are_told_once(mirror: SqliteMirror) -> None:
    for _ in range(2):
        mirror.arrivals.take(bad(7, '{"email": 1}'))
    assert entries(mirror) == [("UNREADABLE_LINE", "a.jsonl", 7)]
    [(message,)] = look(mirror, "SELECT message FROM quarantine")
    assert message == "a.jsonl, line 7: email: missing"


@pytest.mark.parametrize(
    ("raw", "ends"),
    [
        ("email_opened,P1@example.com,yesterday", True),
        ("email_opened,p1-example.com,2026-01-20T10:01:00Z", True),
        ("email_opened,p1-example.com,yesterday", False),
    ],
)
def test_an_entry_ends_when_its_line_is_handed_in_corrected(
    mirror: SqliteMirror, raw, ends
) -> None:
    mirror.arrivals.take(bad(7, raw))
    corrected = replace(event(1), timestamp="2026-01-20T10:01:00Z")
    take(mirror, corrected, first=6)
    take(mirror, corrected, origin="b.jsonl", first=7)
    assert len(entries(mirror)) == 1
    take(mirror, corrected, first=7)
    assert len(entries(mirror, "settled")) == int(ends)


def test_an_entry_with_an_id_ends_by_that_event_wherever_it_stands(mirror: SqliteMirror) -> None:
    mirror.arrivals.take(bad(7, "", "evt-1"))
    take(mirror, event(2), origin="b.jsonl")
    assert len(entries(mirror)) == 1
    take(mirror, event(1), origin="b.jsonl")
    assert entries(mirror) == []


def test_retry_leaves_lines_alone(mirror: SqliteMirror) -> None:
    mirror.arrivals.take(bad(7, "x"))
    assert mirror.quarantine.retry() == 0
    assert len(entries(mirror)) == 1


# -- names of campaigns
def test_an_event_has_the_name_its_campaign_was_given_before_or_after(mirror: SqliteMirror) -> None:
    take(mirror, replace(event(1), campaign_id="c-7", campaign_name=""))
    take(mirror, replace(event(2), campaign_id="c-7", campaign_name="Own"))
    mirror.arrivals.take(Arrival("penguinmails", campaigns={"c-7": "January"}))
    mirror.arrivals.take(Arrival("penguinmails", campaigns={"c-7": "January, new"}))
    names = [each.campaign_name for each, _ in mirror.events.pending(10)]
    assert sorted(names) == ["January, new", "Own"]
