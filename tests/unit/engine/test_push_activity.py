"""push-activity: an event counts once and becomes one Task, for the right person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sfsync.model.activity import LEFT_OUT
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.mapping import MachineEvents, MissingPerson, SyncMapping
from tests.sides import MAPPING, Sides, event, without_keys

CLICKS = "PenguinMails_Total_Clicks__c"
OPENS = "PenguinMails_Total_Opens__c"
OPENED_AT = "PenguinMails_Last_Email_Opened__c"
ADA = "ada@x.example"


def ada(sides: Sides, **fields) -> str:
    record = sides.org.create("Contact", **{"LastName": "Lovelace", "Email": ADA} | fields)
    sides.pull()
    return record


def test_an_event_changes_the_person_and_becomes_one_task(sides: Sides) -> None:
    record = ada(sides, **{OPENS: 4})
    report = sides.push_activity(event(1, ADA, minute=5))
    assert sides.remote(record, OPENS, OPENED_AT) == (5, "2026-01-20T00:05:00.000Z")
    (task,) = sides.org.live("Task")
    assert (task["WhoId"], task["Status"], task["Subject"]) == (record, "Completed", "Email: C-7")
    assert (report.activity.events, report.activity.tasks) == (1, 1)


def test_the_same_event_twice_counts_once_however_it_arrives(sides: Sides) -> None:
    record = ada(sides)
    report = sides.push_activity(event(1, ADA), event(1, ADA))
    assert report.activity.duplicates == 1
    sides.push_activity(event(1, ADA))
    assert sides.remote(record, OPENS) == 1
    assert len(sides.tasks()) == 1


def test_first_opens_are_news_and_the_counter_counts_all(sides: Sides) -> None:
    record = ada(sides)
    opens = [event(n, ADA, campaign="c-1" if n < 3 else "c-2", minute=n) for n in range(5)]
    sides.push_activity(*opens)
    sides.push_activity(event(9, ADA.upper(), campaign="c-1", minute=9))
    assert sides.remote(record, OPENS) == 6
    assert len(sides.tasks()) == 2


def test_a_late_event_takes_no_later_time_back(sides: Sides) -> None:
    record = ada(sides)
    sides.push_activity(event(1, ADA, minute=50))
    sides.push_activity(event(2, ADA, minute=5))
    assert sides.remote(record, OPENED_AT) == "2026-01-20T00:50:00.000Z"


def test_an_unsubscribe_opts_out_by_every_word_for_it(sides: Sides) -> None:
    record = ada(sides)
    sides.push_activity(event(1, ADA, EventType.UNSUBSCRIBED))
    assert sides.remote(record, "PenguinMails_Unsubscribed__c", "HasOptedOutOfEmail") == (
        True,
        True,
    )


def test_somebody_the_mirror_does_not_know_is_found_in_the_org(sides: Sides) -> None:
    record = sides.org.create("Contact", LastName="Lovelace", Email=ADA)
    sides.push_activity(event(1, ADA))
    assert [raw["Id"] for raw in sides.org.live("Contact")] == [record]
    assert sides.remote(record, OPENS) == 1
    assert len(sides.tasks()) == 1


def test_a_contact_goes_before_a_lead(sides: Sides) -> None:
    sides.org.create("Lead", LastName="L", Company="C", Email=ADA)
    contact = sides.org.create("Contact", LastName="C", Email=ADA)
    sides.push_activity(event(1, ADA))
    (task,) = sides.org.live("Task")
    assert task["WhoId"] == contact


def test_somebody_nobody_knows_is_created_once_with_all_events_counted(sides: Sides) -> None:
    sides.push_activity(
        event(1, ADA, minute=1), event(2, ADA.upper(), minute=2), event(3, ADA, minute=3)
    )
    (contact,) = sides.org.live("Contact")
    assert (contact[OPENS], contact["LastName"]) == (3, "(unknown)")
    assert sides.one("SELECT count(*) FROM contacts") == 1
    sides.sync_until_quiet()


def test_unknown_people_wait_in_quarantine_where_the_mapping_says_so(sides: Sides) -> None:
    activities = replace(MAPPING.activities, missing_person=MissingPerson.QUARANTINE)
    sides.reopen(replace(MAPPING, activities=activities))
    sides.push_activity(event(1, ADA))
    assert sides.refusals() == ["UNKNOWN_PERSON"]
    record = sides.org.create("Contact", LastName="Lovelace", Email=ADA)
    sides.mirror.quarantine.retry()
    sides.push_activity()
    assert sides.refusals() == []
    assert sides.remote(record, OPENS) == 1


def test_an_address_that_several_have_is_told_and_nothing_is_written(sides: Sides) -> None:
    for name in ("One", "Two"):
        sides.org.create("Contact", LastName=name, Email=ADA)
    sides.push_activity(event(1, ADA))
    assert sides.refusals() == ["SEVERAL_PEOPLE"]
    assert sides.org.written == []


def test_an_event_for_a_lead_that_was_converted_goes_to_its_contact(sides: Sides) -> None:
    lead = sides.org.create("Lead", LastName="L", Company="C", Email=ADA)
    sides.pull()
    contact = sides.org.convert(lead)
    sides.org.edit(contact, Email="other@x.example")
    sides.sync()
    sides.push_activity(event(1, ADA))
    (task,) = sides.org.live("Task")
    assert task["WhoId"] == contact
    assert sides.remote(contact, OPENS) == 1


@pytest.mark.parametrize("verb", ["push_activity", "sync"])
def test_a_queued_task_follows_its_person_through_a_merger(sides: Sides, verb: str) -> None:
    record = ada(sides)
    master = sides.org.create("Contact", LastName="Byron", Email="byron@x.example")
    sides.pull()
    sides.keep(event(1, ADA, EventType.SENT))
    sides.org.merge(master, record)
    getattr(sides, verb)()
    sides.sync_until_quiet()
    (task,) = sides.org.live("Task")
    assert task["WhoId"] == master
    assert sides.refusals() == []


def test_a_task_the_org_refuses_is_put_aside_and_the_counter_stands(sides: Sides) -> None:
    record = ada(sides)
    sides.org.trouble.rejected = lambda write: (
        ("NO", "not here") if write.sobject == "Task" else None
    )
    sides.push_activity(event(1, ADA))
    sides.org.trouble.rejected = lambda _: None
    assert sides.refusals() == ["NO"]
    assert sides.remote(record, OPENS) == 1
    sides.mirror.quarantine.retry()
    sides.push_activity()
    assert len(sides.tasks()) == 1
    assert sides.remote(record, OPENS) == 1


def test_a_task_is_found_by_its_reference_where_there_is_no_external_id(sides: Sides) -> None:
    sides.reopen(without_keys(MAPPING))
    ada(sides)
    sides.org.trouble.after_apply = lambda writes: setattr(
        sides.org.trouble, "lost_replies", int(writes[0].sobject == "Task")
    )
    sides.push_activity(event(1, ADA))
    sides.org.trouble.after_apply = lambda _: None
    assert sides.one("SELECT state FROM activities") == "sending"
    sides.push_activity()
    assert len(sides.tasks()) == 1
    assert sides.one("SELECT state FROM activities") == "done"


def test_nothing_new_asks_nothing(sides: Sides) -> None:
    ada(sides)
    sides.push_activity(event(1, ADA))
    assert sides.push_activity(event(1, ADA)).api_calls == 0


def test_a_dry_run_changes_neither_side(sides: Sides) -> None:
    ada(sides)
    sides.push_activity(event(1, ADA))
    before = sides.bytes_of_both()
    report = sides.push_activity(event(1, ADA), event(2, ADA), dry_run=True)
    assert (report.activity.events, report.activity.duplicates) == (1, 1)
    assert sides.bytes_of_both() == before


def test_many_events_are_few_calls(sides: Sides) -> None:
    for n in range(50):
        sides.org.create("Contact", LastName=f"P{n}", Email=f"p{n}@x.example")
    sides.pull()
    report = sides.push_activity(*[event(n, f"p{n % 50}@x.example", minute=n) for n in range(500)])
    assert report.activity.events == 500
    assert report.api_calls <= 3
    assert sum(raw[OPENS] for raw in sides.org.live("Contact")) == 500


def test_a_task_whose_persons_row_was_deleted_for_good_is_put_aside_until_the_record_is_back(
    sides: Sides,
) -> None:
    record = ada(sides)
    sides.org.trouble.deferred = lambda write: write.sobject == "Task"
    sides.push_activity(event(1, ADA))
    sides.edit("DELETE FROM contacts")
    sides.org.trouble.deferred = lambda _: False
    report = sides.push_activity()
    assert (report.activity.waiting, report.activity.quarantined) == (0, 1)
    assert sides.refusals() == ["PERSON_GONE"]
    sides.pull(full=True)
    sides.mirror.quarantine.retry()
    sides.push_activity()
    (task,) = sides.org.live("Task")
    assert task["WhoId"] == record
    assert sides.look("SELECT state FROM activities") == [("done",)]


def test_a_task_whose_person_was_deleted_here_before_they_were_created_is_put_aside(
    sides: Sides,
) -> None:
    sides.push_activity()
    sides.org.trouble.deferred = lambda write: write.sobject == "Contact"
    report = sides.push_activity(event(1, ADA))
    assert report.activity.waiting == 1
    sides.edit("UPDATE contacts SET deleted_at = '2026-01-20T10:00:00Z'")
    sides.org.trouble.deferred = lambda _: False
    sides.push_activity()
    assert sides.refusals() == ["PERSON_GONE"]
    sides.edit("UPDATE contacts SET deleted_at = NULL")
    sides.mirror.quarantine.retry()
    sides.sync_until_quiet()
    assert len(sides.tasks()) == 1


def test_a_task_in_doubt_does_not_go_to_another_person_of_the_same_address(sides: Sides) -> None:
    sides.reopen(without_keys(MAPPING))
    ada(sides)
    sides.org.trouble.lost_replies = 1
    sides.push_activity(event(1, ADA, EventType.SENT))
    sides.pass_time(3_600)
    sides.pull()  # so that no later one reads the old record again
    sides.edit("DELETE FROM contacts")
    sides.org.create("Contact", LastName="Other", Email=ADA)
    sides.sync()
    assert sides.refusals() == ["PERSON_GONE"]
    sides.mirror.quarantine.retry()
    sides.sync_until_quiet()
    assert len(sides.tasks()) == 1


# -- machines --------------------------------------------------------------------------------------
def ignoring(mapping: SyncMapping, *columns: str) -> SyncMapping:
    """A contact's rules of these columns ignore what machines cause; "" is the Task."""
    contact = mapping.rules["contact"]
    rules = tuple(
        replace(rule, machine_events=MachineEvents.IGNORE) if rule.column in columns else rule
        for rule in contact.events
    )
    return replace(mapping, rules={**mapping.rules, "contact": replace(contact, events=rules)})


def machines(number: int, email: str = ADA, kind: EventType = EventType.OPENED) -> EmailEvent:
    return replace(event(number, email, kind), is_machine=True)


def test_a_rule_may_ignore_machines_while_the_others_count_them(sides: Sides) -> None:
    sides.reopen(ignoring(MAPPING, ""))
    record = ada(sides)
    report = sides.push_activity(machines(1), event(2, ADA, minute=5))
    assert sides.remote(record, OPENS) == 2
    assert len(sides.tasks()) == 1
    assert sides.look("SELECT event_id FROM activities") == [("evt-2",)]  # the person's first
    assert report.activity.left_out == 0


def test_a_stranger_that_a_machine_acts_for_is_not_looked_for_and_not_made(sides: Sides) -> None:
    sides.reopen(ignoring(MAPPING, "", "last_email_opened", "total_opens"))
    # leads still count them: the event is no longer left out as a whole, and yet nobody is made
    sides.org.create("Contact", LastName="Lovelace", Email=ADA)
    report = sides.push_activity(machines(1, "nobody@x.example"))
    assert [raw["Email"] for raw in sides.org.live("Contact")] == [ADA]
    assert report.activity.left_out == 1
    assert sides.look("SELECT state, note FROM events") == [("handled", LEFT_OUT)]


def test_an_event_in_quarantine_that_is_left_out_now_is_out_of_it(sides: Sides) -> None:
    quarantining = replace(MAPPING.activities, missing_person=MissingPerson.QUARANTINE)
    sides.reopen(replace(MAPPING, activities=quarantining))
    sides.push_activity(machines(1))
    assert sides.refusals() == ["UNKNOWN_PERSON"]
    rules = {
        name: replace(each, events=tuple(replace(one, machine_events=MachineEvents.IGNORE) for one in each.events))
        for name, each in MAPPING.rules.items()
    }  # fmt: skip
    sides.reopen(replace(MAPPING, rules=rules))
    sides.mirror.quarantine.retry()
    assert sides.push_activity().activity.left_out == 1
    assert sides.refusals() == []
