"""Events of people who are deleted: they wait, are put aside, or make the person anew, as configured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sfsync.model.event import EventType
from sfsync.model.mapping import DeletedPerson, SyncMapping
from sfsync.model.record import SalesforceId
from tests.sides import MAPPING, Sides, event

ADA = "ada@x.example"
OUT = "HasOptedOutOfEmail"
KINDS = pytest.mark.parametrize(("sobject", "table"), [("Contact", "contacts"), ("Lead", "leads")])


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    made = Sides(tmp_path / "mirror.db")
    yield made
    made.close()


def with_policy(policy: DeletedPerson) -> SyncMapping:
    return replace(MAPPING, activities=replace(MAPPING.activities, deleted_person=policy))


def deleted(sides: Sides, sobject: str = "Contact", email: str = ADA) -> SalesforceId:
    """Somebody who was known, and is in the recycle bin."""
    own = {"Company": "Engines"} if sobject == "Lead" else {}
    record = sides.org.create(sobject, Email=email, LastName="Lovelace", **own)
    sides.sync_until_quiet()
    sides.org.delete(record)
    sides.sync()
    sides.pass_time(3_600)
    return record


def people(sides: Sides) -> int:
    return len(sides.org.live("Contact")) + len(sides.org.live("Lead"))


@KINDS
def test_an_event_of_somebody_deleted_waits_and_goes_on_after_an_undelete(
    sides: Sides, sobject: str, table: str
) -> None:
    record = deleted(sides, sobject)
    sides.push_activity(event(1, ADA, EventType.CLICKED))
    sides.sync()
    assert (people(sides), sides.tasks()) == (0, [])
    assert sides.one("SELECT state, note FROM events") == ("new", "waits: the person is deleted")
    sides.org.undelete(record)
    sides.sync()
    sides.sync_until_quiet()
    assert people(sides) == 1
    assert len(sides.tasks()) == 1
    assert sides.one(f"SELECT total_clicks FROM {table}") == 1
    assert sides.remote(record, "PenguinMails_Total_Clicks__c") == 1
    assert sides.one("SELECT state FROM events") == "handled"


@KINDS
@pytest.mark.parametrize("policy", [DeletedPerson.KEEP_WAITING, DeletedPerson.QUARANTINE])
def test_whoever_unsubscribes_while_deleted_is_opted_out_once_restored(
    sides: Sides, sobject: str, table: str, policy: DeletedPerson
) -> None:
    sides.reopen(with_policy(policy))
    record = deleted(sides, sobject)
    sides.push_activity(event(1, ADA, EventType.UNSUBSCRIBED))
    sides.sync()
    sides.org.undelete(record)
    sides.sync()
    assert sides.remote(record, OUT) is True
    assert sides.one(f"SELECT unsubscribed FROM {table}") == 1
    sides.sync_until_quiet()
    assert people(sides) == 1
    assert sides.one("SELECT count(*) FROM consent WHERE state = 'opted_out'") == 1


@KINDS
def test_whoever_unsubscribes_while_deleted_is_opted_out_also_where_made_anew(
    sides: Sides, sobject: str, table: str
) -> None:
    sides.reopen(with_policy(DeletedPerson.RECREATE))
    record = deleted(sides, sobject)
    sides.push_activity(event(1, ADA, EventType.UNSUBSCRIBED))
    sides.org.undelete(record)
    sides.sync()
    sides.sync_until_quiet()
    assert sides.remote(record, OUT) is True
    live = [*sides.org.live("Contact"), *sides.org.live("Lead")]
    assert [raw.get(OUT) for raw in live] == [True] * len(live)


def test_an_event_of_somebody_deleted_makes_them_anew_where_the_mapping_says_so(
    sides: Sides,
) -> None:
    sides.reopen(with_policy(DeletedPerson.RECREATE))
    deleted(sides)
    sides.push_activity(event(1, ADA, EventType.CLICKED), event(2, ADA, EventType.CLICKED))
    sides.sync_until_quiet()
    assert people(sides) == 1
    assert sides.one("SELECT total_clicks FROM contacts WHERE deleted_at IS NULL") == 2


@KINDS
def test_an_event_of_somebody_deleted_is_put_aside_where_the_mapping_says_so(
    sides: Sides, sobject: str, table: str
) -> None:
    sides.reopen(with_policy(DeletedPerson.QUARANTINE))
    record = deleted(sides, sobject)
    sides.push_activity(event(1, ADA, EventType.CLICKED))
    assert sides.refusals() == ["DELETED_PERSON"]
    sides.sync()
    assert people(sides) == 0
    sides.org.undelete(record)
    sides.sync()
    sides.mirror.quarantine.retry()
    sides.sync()
    assert sides.refusals() == []
    assert sides.remote(record, "PenguinMails_Total_Clicks__c") == 1
    assert len(sides.tasks()) == 1


def test_waiting_events_go_on_with_whoever_the_address_leads_to(sides: Sides) -> None:
    restored = deleted(sides, email="a@bücher.example")
    changed = deleted(sides, email="old@x.example")
    merged = deleted(sides, email="loser@x.example")
    sides.push_activity(
        event(1, "a@xn--bcher-kva.example", EventType.CLICKED),
        event(2, "old@x.example", EventType.CLICKED),
        event(3, "loser@x.example", EventType.CLICKED),
    )
    master = sides.org.create("Contact", Email="master@x.example", LastName="M")
    sides.org.undelete(restored)
    sides.org.undelete(changed)
    sides.org.edit(changed, Email="new@x.example")
    sides.org.undelete(merged)
    sides.sync()
    sides.org.merge(master, merged)
    sides.sync()
    sides.sync_until_quiet()
    assert sides.one("SELECT count(*) FROM events WHERE state <> 'handled'") == 0
    assert [sides.remote(each, "PenguinMails_Total_Clicks__c") for each in (restored, changed)] == [
        1,
        1,
    ]
    assert len(sides.tasks()) == 3


def test_a_row_that_is_deleted_here_alone_is_waited_for_too(sides: Sides) -> None:
    record = sides.org.create("Contact", Email=ADA, LastName="Lovelace")
    sides.sync_until_quiet()
    sides.edit("UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.push_activity(event(1, ADA, EventType.CLICKED))
    sides.sync()
    assert sides.tasks() == []
    sides.edit("UPDATE contacts SET deleted_at = NULL")
    sides.sync()
    sides.sync_until_quiet()
    assert sides.remote(record, "PenguinMails_Total_Clicks__c") == 1
    assert len(sides.tasks()) == 1
