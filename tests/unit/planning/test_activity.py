"""Events and rules -> Task drafts and field changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfsync.model.activity import Person
from sfsync.model.event import EmailEvent, EventType
from sfsync.model.mapping import (
    Action,
    ActivityMap,
    EventRule,
    MissingPerson,
    OncePer,
    OnMultiple,
    SyncRules,
)
from sfsync.model.record import LocalId, SalesforceId
from sfsync.planning.activity import Situation, campaign_key, plan_event, task_key
from tests.unit.planning.test_planner import CONTACT, VALUES

RULES = SyncRules(
    "contact",
    events=(
        EventRule(EventType.SENT, Action.CREATE_TASK),
        EventRule(EventType.OPENED, Action.CREATE_TASK, once_per=OncePer.CAMPAIGN),
        EventRule(EventType.OPENED, Action.UPDATE_FIELD, "opened"),
        EventRule(EventType.CLICKED, Action.INCREMENT_FIELD, "clicks"),
        EventRule(EventType.UNSUBSCRIBED, Action.UPDATE_FIELD, "gone", value=1, has_value=True),
    ),
)
TASK = ActivityMap(fields=(("Subject", "Email: {campaign_name}"), ("WhoId", "contact_id")))
ADA = Person("contact", LocalId(1), SalesforceId("003000000000001AAA"), VALUES)


def situation(**changes: object) -> Situation:
    activities = replace(TASK, **changes)
    return Situation(
        {"contact": RULES, "lead": SyncRules("lead")}, {"contact": CONTACT}, activities
    )


def event(
    kind: EventType, number: int = 1, at: str = "2026-01-20T10:00:00Z", campaign: str = "c-7"
) -> EmailEvent:
    return EmailEvent(f"evt-{number}", kind, "ada@example.com", at, campaign, "January")


def test_a_sent_email_becomes_a_task_keyed_by_its_event() -> None:
    effect = plan_event(event(EventType.SENT), [ADA], situation())
    assert effect.task is not None
    assert (effect.task.key, effect.task.fields) == ("evt-1", {"Subject": "Email: January"})
    assert not effect.set_values


def test_only_the_first_open_of_a_campaign_is_news_but_each_counts() -> None:
    here = situation()
    first = plan_event(event(EventType.OPENED, 1), [ADA], here)
    second = plan_event(event(EventType.OPENED, 2, "2026-01-21T10:00:00Z"), [ADA], here)
    assert first.task is not None
    assert second.task is None
    assert second.set_values == {"opened": "2026-01-21T10:00:00Z"}


def test_an_older_open_that_arrives_late_does_not_move_the_time_back() -> None:
    here = situation()
    plan_event(event(EventType.OPENED, 1, "2026-01-21T10:00:00Z"), [ADA], here)
    late = plan_event(event(EventType.OPENED, 2, "2026-01-20T10:00:00Z"), [ADA], here)
    assert late.set_values == {}


def test_an_event_is_never_an_accounts_whatever_its_columns_hold() -> None:
    accounts = replace(CONTACT, name="account", table="accounts", sobject="Account")
    here = situation()
    here = replace(here, objects={"account": accounts, **here.objects})
    account = replace(ADA, object="account")
    assert plan_event(event(EventType.CLICKED), [account, ADA], here).person == ADA
    alone = plan_event(event(EventType.CLICKED), [account], here)
    assert alone.person is None
    assert alone.new_person == ("contact", {"email": "ada@example.com"})


def test_a_click_adds_one() -> None:
    assert plan_event(event(EventType.CLICKED), [ADA], situation()).add_values == {"clicks": 1}


def test_an_opt_out_sets_every_word_for_it() -> None:
    effect = plan_event(event(EventType.UNSUBSCRIBED), [ADA], situation())
    assert effect.set_values == {"gone": 1, "opted_out": 1}
    assert effect.task is None


def test_an_event_type_without_a_rule_does_nothing() -> None:
    effect = plan_event(event(EventType.BOUNCED), [ADA], situation())
    assert effect.task is None
    assert not effect.set_values
    assert not effect.add_values


def test_a_contact_goes_before_a_lead() -> None:
    lead = Person("lead", LocalId(9), None, {})
    assert plan_event(event(EventType.CLICKED), [lead, ADA], situation()).person == ADA


def test_several_people_with_one_address_are_put_aside_or_chosen_by_age() -> None:
    other = replace(ADA, local_id=LocalId(2), salesforce_id=SalesforceId("003000000000009AAA"))
    assert plan_event(event(EventType.SENT), [ADA, other], situation()).problem is not None
    newest = situation()
    newest.objects = {"contact": replace(CONTACT, on_multiple=OnMultiple.NEWEST)}
    assert plan_event(event(EventType.SENT), [other, ADA], newest).person == other


@pytest.mark.parametrize("policy", [MissingPerson.CREATE_CONTACT, MissingPerson.QUARANTINE])
def test_nobody_is_created_or_put_aside_as_configured(policy: MissingPerson) -> None:
    effect = plan_event(event(EventType.CLICKED), [], situation(missing_person=policy))
    if policy is MissingPerson.QUARANTINE:
        assert effect.problem is not None
        assert effect.problem[0] == "UNKNOWN_PERSON"
    else:
        assert effect.new_person == ("contact", {"email": "ada@example.com"})
        assert effect.add_values == {"clicks": 1}


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_event_ids_never_share_a_key_even_without_regard_to_case(one: str, other: str) -> None:
    assert (task_key(one).casefold() == task_key(other).casefold()) == (one == other)
    assert len(task_key(one)) <= 100


def test_the_campaigns_first_hangs_on_the_address_not_on_the_row() -> None:
    here = event(EventType.OPENED)
    assert campaign_key(here) == campaign_key(replace(here, id="evt-2", email=" ADA@example.com"))
    assert campaign_key(here) != campaign_key(replace(here, type=EventType.CLICKED))
    assert campaign_key(replace(here, campaign_id="", campaign_name="")) == "evt-1"
