"""What was sent and never answered: it is found out about, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sfsync.engine.verify import verify
from sfsync.errors import OrgUnavailable
from sfsync.model.event import EventType
from sfsync.model.mapping import OnLocalDelete
from tests.sides import MAPPING, Sides, event, with_object, without_keys

CLICKS = "PenguinMails_Total_Clicks__c"


class Crash(BaseException):
    """The process is gone."""


def crash(_writes) -> None:
    raise Crash


def unavailable(_writes) -> None:
    raise OrgUnavailable("the org cannot take it now")


def crashes(sides: Sides, verb: Callable[[], object], *, before: bool = False) -> None:
    """The process ends in the middle of a request, and another one takes over."""
    hook = "before_apply" if before else "after_apply"
    setattr(sides.org.trouble, hook, crash)
    with pytest.raises(Crash):
        verb()
    setattr(sides.org.trouble, hook, lambda _: None)
    sides.reopen()


def ada(sides: Sides, **fields) -> str:
    record = sides.org.create(
        "Contact", **{"LastName": "Lovelace", "Email": "ada@x.example"} | fields
    )
    sides.pull()
    return record


KEYED = pytest.mark.parametrize(
    "mapping", [MAPPING, without_keys(MAPPING)], ids=["keyed", "unkeyed"]
)
VERBS = pytest.mark.parametrize("verb", ["push", "sync"])


@KEYED
@VERBS
@pytest.mark.parametrize("address", ["new@x.example", None])
def test_a_create_whose_process_died_is_found_again(
    sides: Sides, mapping, verb: str, address
) -> None:
    sides.reopen(mapping)
    sides.edit(
        "INSERT INTO contacts (email, last_name, total_clicks) VALUES (?, 'New', 3)", address
    )
    crashes(sides, sides.push)
    getattr(sides, verb)()
    sides.sync_until_quiet()
    (raw,) = sides.org.live("Contact")
    assert sides.look("SELECT salesforce_id, total_clicks FROM contacts") == [(raw["Id"], 3)]
    assert raw[CLICKS] == 3


@KEYED
def test_a_repair_settles_what_is_in_doubt_before_it_compares(sides: Sides, mapping) -> None:
    sides.reopen(mapping)
    record = ada(sides)
    sides.edit("UPDATE contacts SET total_clicks = 3")
    sides.edit("INSERT INTO contacts (email, last_name) VALUES ('new@x.example', 'New')")
    crashes(sides, sides.push)
    sides.run(lambda run: verify(run, repair=True))
    sides.sync_until_quiet()
    assert sides.remote(record, CLICKS) == sides.local("ada@x.example", "total_clicks") == 3
    assert sides.one("SELECT count(*) FROM contacts") == len(sides.org.live("Contact")) == 2
    assert sides.one("SELECT count(*) FROM _outbox WHERE state = 'accepted'") == 2


@VERBS
def test_a_write_that_was_turned_away_at_the_door_is_in_no_doubt(sides: Sides, verb: str) -> None:
    record = ada(sides)
    sides.edit("UPDATE contacts SET total_clicks = 1")
    sides.org.trouble.before_apply = unavailable
    with pytest.raises(OrgUnavailable):
        getattr(sides, verb)()
    sides.org.trouble.before_apply = lambda _: None
    assert sides.look("SELECT * FROM _outbox") == []
    sides.org.edit(record, **{CLICKS: 3})
    sides.sync_until_quiet()
    assert sides.remote(record, CLICKS) == sides.local("ada@x.example", "total_clicks") == 4


def test_a_task_that_was_turned_away_at_the_door_is_queued_again(sides: Sides) -> None:
    ada(sides)
    sides.keep(event(1, "ada@x.example", EventType.SENT))
    sides.org.trouble.before_apply = unavailable
    with pytest.raises(OrgUnavailable):
        sides.push_activity()
    sides.org.trouble.before_apply = lambda _: None
    assert sides.look("SELECT state FROM activities") == [("queued",)]
    sides.push_activity()
    assert len(sides.tasks()) == 1


@KEYED
@VERBS
def test_a_create_that_never_arrived_is_sent_again(sides: Sides, mapping, verb: str) -> None:
    sides.reopen(mapping)
    sides.edit("INSERT INTO contacts (email, last_name) VALUES ('new@x.example', 'New')")
    crashes(sides, sides.push, before=True)
    getattr(sides, verb)()
    assert len(sides.org.live("Contact")) == 1


@VERBS
@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("others", [0, 4])
def test_a_counter_never_counts_twice_whatever_was_lost(
    sides: Sides, verb: str, arrived: bool, others: int
) -> None:
    record = ada(sides, **{CLICKS: 5})
    sides.edit("UPDATE contacts SET total_clicks = total_clicks + 2, phone = '555'")
    crashes(sides, sides.push, before=not arrived)
    if others and arrived:
        sides.org.edit(record, **{CLICKS: sides.remote(record, CLICKS) + others})
    sides.edit("UPDATE contacts SET total_clicks = total_clicks + 1")
    getattr(sides, verb)()
    sides.sync_until_quiet()
    added = 2 + 1 + (others if arrived else 0)
    assert sides.remote(record, CLICKS) == sides.local("ada@x.example", "total_clicks") == 5 + added


def test_an_update_in_doubt_is_settled_and_not_sent_again(sides: Sides) -> None:
    ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")
    sides.org.trouble.lost_replies = 1
    sides.push()
    assert sides.one("SELECT state FROM _outbox") == "unknown"
    sides.push()
    assert sides.one("SELECT state FROM _outbox") == "accepted"
    assert len(sides.org.written) == 1


def test_what_sales_wrote_over_a_write_in_doubt_stays(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'ours', phone = '555'")
    crashes(sides, sides.push)
    sides.org.edit(record, Title="theirs")
    sides.sync_until_quiet()
    assert sides.remote(record, "Title", "Phone") == ("theirs", "555")
    assert sides.local("ada@x.example", "job_title") == "theirs"


def test_an_edit_made_after_the_crash_is_not_lost(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'first'")
    crashes(sides, sides.push)
    sides.edit("UPDATE contacts SET job_title = 'second'")
    sides.sync_until_quiet()
    assert sides.remote(record, "Title") == "second"
    assert sides.conflicts() == []


def test_an_edit_back_to_the_old_value_after_the_crash_holds(sides: Sides) -> None:
    record = ada(sides, Title="Countess")
    sides.edit("UPDATE contacts SET job_title = 'first'")
    crashes(sides, sides.push)
    sides.edit("UPDATE contacts SET job_title = 'Countess'")
    sides.sync_until_quiet()
    assert sides.remote(record, "Title") == sides.local("ada@x.example", "job_title") == "Countess"


def test_a_delete_in_doubt_is_settled(sides: Sides) -> None:
    sides.reopen(with_object(MAPPING, "contact", on_local_delete=OnLocalDelete.DELETE))
    ada(sides)
    sides.edit("UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z'")
    crashes(sides, sides.push)
    sides.sync_until_quiet()
    assert len(sides.org.written) == 1
    assert sides.one("SELECT deleted_at FROM contacts")


def test_a_record_that_is_out_of_sight_just_now_leaves_its_write_in_doubt(sides: Sides) -> None:
    record = ada(sides, **{CLICKS: 5})
    sides.edit("UPDATE contacts SET total_clicks = 7")
    crashes(sides, sides.push)
    sides.org.out_of_sight.add(record)
    sides.sync()
    sides.org.out_of_sight.clear()
    sides.mirror.quarantine.retry()
    sides.sync_until_quiet()
    assert sides.remote(record, CLICKS) == sides.local("ada@x.example", "total_clicks") == 7


def test_an_org_that_cannot_be_asked_leaves_what_is_in_doubt_in_doubt(sides: Sides) -> None:
    ada(sides)
    sides.edit("UPDATE contacts SET phone = '555'")
    crashes(sides, sides.push)
    sides.org.trouble.refused_requests = 1
    with pytest.raises(OrgUnavailable):
        sides.push()
    assert sides.one("SELECT state FROM _outbox") == "sending"
    sides.push()
    assert len(sides.org.written) == 1


def test_a_create_in_doubt_is_found_beside_a_converted_lead_of_the_same_address(
    sides: Sides,
) -> None:
    sides.reopen(without_keys(MAPPING))
    old = sides.org.create("Lead", LastName="Old", Company="Co", Email="new@x.example")
    sides.pull()
    sides.org.convert(old)
    sides.pull()
    sides.edit(
        "INSERT INTO leads (email, last_name, total_clicks) VALUES ('new@x.example', 'New', 3)"
    )
    crashes(sides, sides.push)
    sides.sync_until_quiet()
    (raw,) = sides.org.live("Lead")
    assert raw[CLICKS] == 3
    assert sides.look("SELECT salesforce_id, total_clicks FROM leads WHERE deleted_at IS NULL") == [
        (raw["Id"], 3)
    ]
    assert sides.look("SELECT salesforce_id FROM _outbox WHERE action = 'create'") == [(raw["Id"],)]


@KEYED
def test_a_create_in_doubt_that_sales_converted_meanwhile_is_followed(
    sides: Sides, mapping
) -> None:
    sides.reopen(mapping)
    sides.edit("INSERT INTO leads (email, last_name) VALUES ('new@x.example', 'New')")
    crashes(sides, sides.push)
    (lead,) = sides.org.live("Lead")
    contact = sides.org.convert(lead["Id"])
    sides.sync_until_quiet()
    assert sides.org.live("Lead") == []
    assert [raw["Id"] for raw in sides.org.live("Contact")] == [contact]
    assert sides.one("SELECT deleted_at FROM leads")


# -- Tasks -----------------------------------------------------------------------------------------
@KEYED
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("skew", [-86_400, -600, 0, 600, 86_400])
def test_there_is_one_task_for_an_event_whatever_the_clocks_say(
    sides: Sides, mapping, before: bool, skew: int
) -> None:
    sides.reopen(mapping)
    ada(sides)
    from datetime import timedelta

    sides.now += timedelta(seconds=skew)
    sides.push_activity()
    calls: list[int] = []

    def crash_at_the_task(writes) -> None:
        if writes[0].sobject == "Task":
            calls.append(1)
            raise Crash

    setattr(sides.org.trouble, "before_apply" if before else "after_apply", crash_at_the_task)
    with pytest.raises(Crash):
        sides.push_activity(event(1, "ada@x.example"))
    sides.org.trouble.before_apply = sides.org.trouble.after_apply = lambda _: None
    sides.reopen(mapping)
    sides.push_activity()
    sides.sync_until_quiet()
    assert calls == [1]
    assert len(sides.tasks()) == 1
    assert sides.one("SELECT state FROM activities") == "done"


@KEYED
def test_a_task_in_doubt_whose_person_was_merged_meanwhile_is_not_sent_again(
    sides: Sides, mapping
) -> None:
    sides.reopen(mapping)
    record = ada(sides)
    master = sides.org.create("Contact", LastName="Byron", Email="byron@x.example")
    sides.pull()
    sides.org.trouble.after_apply = lambda writes: (
        crash(writes) if writes[0].sobject == "Task" else None
    )
    with pytest.raises(Crash):
        sides.push_activity(event(1, "ada@x.example"))
    sides.org.trouble.after_apply = lambda _: None
    sides.reopen(mapping)
    sides.org.merge(master, record)
    sides.push_activity()
    sides.sync_until_quiet()
    assert len(sides.tasks()) == 1
    assert sides.one("SELECT state FROM activities") == "done"


def test_a_strangers_record_with_the_address_of_a_create_that_never_left_is_not_taken_for_ours(
    sides: Sides,
) -> None:
    sides.reopen(without_keys(MAPPING))
    sides.edit(
        "INSERT INTO contacts (email, last_name, total_clicks) VALUES ('new@x.example', 'New', 3)"
    )
    crashes(sides, sides.push, before=True)
    stranger = sides.org.create("Contact", LastName="New", Email="new@x.example")
    sides.sync()
    sides.sync_until_quiet()
    assert sides.remote(stranger, CLICKS) == 3, "what was counted here is not lost"
    assert sides.local("new@x.example", "salesforce_id", "total_clicks") == (stranger, 3)
    assert len(sides.org.live("Contact")) == 1


def test_a_record_of_ours_that_others_went_on_with_is_still_ours(sides: Sides) -> None:
    sides.reopen(without_keys(MAPPING))
    sides.edit(
        "INSERT INTO contacts (email, last_name, total_clicks) VALUES ('new@x.example', 'New', 3)"
    )
    crashes(sides, sides.push)
    [made] = sides.org.live("Contact")
    sides.org.edit(made["Id"], **{CLICKS: 5})
    sides.sync()
    sides.sync_until_quiet()
    assert sides.local("new@x.example", "total_clicks") == 5, "three of ours and two of theirs"
