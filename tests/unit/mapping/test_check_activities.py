"""The Task's fields against the org: what does not fit is left out, or no Task is logged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sfsync.mapping.check_activities import check_activities, narrow_activities
from sfsync.mapping.problem import Problem, Severity, errors_in
from sfsync.model.facts import FieldFacts, SObjectFacts
from sfsync.model.mapping import ActivityMap


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


TASK = ActivityMap(
    external_id="PenguinMails_Event_Id__c",
    fields=(
        ("Subject", "Email: {campaign_name}"),
        ("WhoId", "contact_id"),
        ("ActivityDate", "event_timestamp"),
        ("Status", "Completed"),
        ("Type", "Email"),
    ),
)
TASK_FACTS = {
    facts.name: facts
    for facts in (
        FieldFacts("Subject", "combobox", 255, picklist=("Call", "Email")),
        FieldFacts("WhoId", "reference", 18, relationship="Who"),
        FieldFacts("ActivityDate", "date"),
        FieldFacts("Status", "picklist", picklist=("Not Started", "Completed")),
        FieldFacts("Type", "picklist", picklist=("Call", "Email"), restricted=True),
        FieldFacts("PenguinMails_Event_Id__c", "string", 64, external_id=True),
        FieldFacts("When__c", "datetime"),
        FieldFacts("IsReminderSet", "boolean"),
    )
}


def task_org(
    change: Callable[[dict[str, FieldFacts]], object] = lambda fields: None,
) -> SObjectFacts:
    fields = dict(TASK_FACTS)
    change(fields)
    return SObjectFacts("Task", fields)


def having(name: str, **changes: object) -> SObjectFacts:
    return task_org(lambda fields: fields.update({name: replace(fields[name], **changes)}))


def lacking(name: str) -> SObjectFacts:
    return task_org(lambda fields: fields.pop(name))


def test_activities_that_fit_stay_as_they_are() -> None:
    assert narrow_activities(TASK, task_org()) == (TASK, [])


def test_without_the_event_id_tasks_are_looked_up_instead() -> None:
    narrowed, problems = narrow_activities(TASK, lacking("PenguinMails_Event_Id__c"))
    assert narrowed.external_id == ""
    assert "org setup" in only(problems).remedy


def test_a_type_that_the_restricted_picklist_lacks_is_left_out() -> None:
    narrowed, problems = narrow_activities(TASK, having("Type", picklist=("Call", "E-Mail")))
    assert "Type" not in dict(narrowed.fields)
    assert only(problems).remedy == "Did you mean E-Mail? Its values: Call, E-Mail."


def test_a_type_that_an_open_picklist_lacks_is_kept_and_noted() -> None:
    narrowed, problems = narrow_activities(
        TASK, having("Type", picklist=("Call",), restricted=False)
    )
    assert narrowed == TASK
    assert only(problems).severity is Severity.NOTE


@pytest.mark.parametrize(
    "facts",
    [
        having("Status", picklist=("Erledigt",), restricted=True),
        lacking("Status"),
        lacking("WhoId"),
    ],
)
def test_tasks_that_would_be_open_or_nobodys_are_not_logged(facts: SObjectFacts) -> None:
    assert len(errors_in(check_activities(TASK, facts))) == 1


def test_a_hidden_field_is_left_out() -> None:
    narrowed, problems = narrow_activities(TASK, lacking("Type"))
    assert "Type" not in dict(narrowed.fields)
    assert only(problems).why == "Tasks are logged without it"


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (
            ("When__c", "campaign_name"),
            "it is a datetime in Salesforce, and 'campaign_name' gives text",
        ),
        (("IsReminderSet", "false"), "it is boolean in Salesforce, and 'false' gives text"),
    ],
)
def test_a_field_that_cannot_hold_the_text_is_left_out(field: tuple[str, str], told: str) -> None:
    narrowed, problems = narrow_activities(replace(TASK, fields=(*TASK.fields, field)), task_org())
    assert narrowed.fields == TASK.fields
    assert only(problems).what == told


def test_the_events_time_fits_a_datetime_field() -> None:
    timed = replace(TASK, fields=(*TASK.fields, ("When__c", "event_timestamp")))
    assert narrow_activities(timed, task_org()) == (timed, [])


def test_a_time_does_not_fit_another_date_field() -> None:
    facts = task_org(lambda fields: fields.update({"Day__c": FieldFacts("Day__c", "date")}))
    dated = replace(TASK, fields=(*TASK.fields, ("Day__c", "{event_timestamp}")))
    assert only(check_activities(dated, facts)).what == (
        "it is a date in Salesforce, and '{event_timestamp}' gives datetime"
    )
