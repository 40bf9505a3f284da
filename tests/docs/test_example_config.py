"""The example configuration loads, and does everything that the mission's mapping asks for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sfsync.config.file import example_config, load_config
from sfsync.config.sections import Config
from sfsync.model.event import EventType
from sfsync.model.mapping import Action, Direction, OncePer, RecordEvent
from sfsync.model.merges import Merge

CONTACT = {
    "Email": "email",
    "FirstName": "first_name",
    "LastName": "last_name",
    "Account.Name": "company",  # a Contact has no Company
    "Phone": "phone",
    "Title": "job_title",
    "MailingCity": "city",
    "MailingState": "state",
    "MailingCountry": "country",
    "LeadSource": "lead_source",
    "PenguinMails_Lead_Score__c": "lead_score",
    "PenguinMails_Last_Email_Opened__c": "last_email_opened",
    "PenguinMails_Total_Opens__c": "total_opens",
    "PenguinMails_Total_Clicks__c": "total_clicks",
    "PenguinMails_Unsubscribed__c": "unsubscribed",
}
LEAD = {
    "Email": "email",
    "FirstName": "first_name",
    "LastName": "last_name",
    "Company": "company",
    "Phone": "phone",
    "Title": "job_title",
    "City": "city",
    "State": "state",
    "Country": "country",
    "Status": "lead_status",
    "Rating": "lead_rating",
    "PenguinMails_Engagement_Score__c": "engagement_score",
    "PenguinMails_Last_Campaign__c": "last_campaign_id",
    "PenguinMails_Last_Email_Opened__c": "last_email_opened",  # these three, so that a lead's opens are kept
    "PenguinMails_Total_Opens__c": "total_opens",
    "PenguinMails_Total_Clicks__c": "total_clicks",
}
TASK = {
    "Subject": "Email: {campaign_name}",
    "Description": "Email {action} by {contact_name}",
    "WhoId": "contact_id",
    "ActivityDate": "event_timestamp",
    "Status": "Completed",
    "Type": "Email",
}
RULES = [
    (EventType.SENT, Action.CREATE_TASK, ""),
    (EventType.OPENED, Action.UPDATE_FIELD, "PenguinMails_Last_Email_Opened__c"),
    (EventType.CLICKED, Action.INCREMENT_FIELD, "PenguinMails_Total_Clicks__c"),
    (EventType.UNSUBSCRIBED, Action.UPDATE_FIELD, "PenguinMails_Unsubscribed__c"),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "sfsync.yaml"
    path.write_text(example_config(), encoding="utf-8")
    return load_config(path, {"SFSYNC_CLIENT_ID": "3MVG9"})


def test_the_example_is_the_file_in_the_repository() -> None:
    repository = Path(__file__).resolve().parents[2]
    assert example_config() == (repository / "config.example.yaml").read_text(encoding="utf-8")


def test_the_org_and_the_limits(config: Config) -> None:
    assert config.org.login_url == "https://login.salesforce.com"
    assert config.org.client_id == "3MVG9"
    assert config.org.redirect_ports == (1717, 1718, 1716)
    assert config.org.scope == "api refresh_token"
    assert config.org.api_version == "66.0"
    assert config.mirror_path == config.source.parent / "mirror.db"
    assert (config.limits.max_delete, config.limits.max_delete_rows) == (0.10, 20)
    assert (config.limits.overlap, config.limits.api_reserve) == (timedelta(minutes=15), 0.20)


@pytest.mark.parametrize(("remote", "column"), CONTACT.items())
def test_every_field_of_a_contact_is_mapped(config: Config, remote: str, column: str) -> None:
    assert config.mapping.objects["contact"].by_remote[remote].column == column


@pytest.mark.parametrize(("remote", "column"), LEAD.items())
def test_every_field_of_a_lead_is_mapped(config: Config, remote: str, column: str) -> None:
    assert config.mapping.objects["lead"].by_remote[remote].column == column


def test_the_task_is_the_seeds(config: Config) -> None:
    assert dict(config.mapping.activities.fields) == TASK
    assert [event_type.label for event_type in config.mapping.activities.types] == [
        "Email Sent",
        "Email Opened",
        "Email Clicked",
        "Email Replied",
        "Email Bounced",
    ]


@pytest.mark.parametrize(("on", "action", "remote"), RULES)
def test_every_rule_on_an_email_event_is_there(
    config: Config, on: EventType, action: Action, remote: str
) -> None:
    contact_map = config.mapping.objects["contact"]
    column = contact_map.by_remote[remote].column if remote else ""
    rules = config.mapping.rules["contact"].events
    found = [rule for rule in rules if (rule.on, rule.action, rule.column) == (on, action, column)]
    assert len(found) == 1
    if on is EventType.UNSUBSCRIBED:
        assert (found[0].has_value, found[0].value) == (True, 1)
    if on is EventType.OPENED:
        assert not found[0].has_value


def test_every_rule_on_a_change_in_salesforce_is_there(config: Config) -> None:
    rules = config.mapping.rules["contact"]
    assert (rules.direction, rules.frequency, rules.fallback) == (
        Direction.BOTH,
        "real_time",
        "hourly_batch",
    )
    created, updated, deleted = (rules.record_rule(event) for event in RecordEvent)
    assert created is not None
    assert updated is not None
    assert deleted is not None
    assert (created.action, created.add_to_segment) == (Action.IMPORT, "Salesforce Contacts")
    assert (updated.action, updated.conflict_resolution) == (Action.UPDATE, Merge.SALESFORCE_WINS)
    assert deleted.action is Action.SOFT_DELETE


@pytest.mark.parametrize("name", ["contact", "lead"])
def test_first_opens_and_clicks_are_logged_and_all_are_counted(config: Config, name: str) -> None:
    rules = config.mapping.rules[name].events
    once = {
        rule.on
        for rule in rules
        if rule.action is Action.CREATE_TASK and rule.once_per is OncePer.CAMPAIGN
    }
    assert once == {EventType.OPENED, EventType.CLICKED}
    counted = {rule.on for rule in rules if rule.action is Action.INCREMENT_FIELD}
    assert counted == {EventType.OPENED, EventType.CLICKED}


def test_engagement_merges_in_the_way_its_nature_asks_for(config: Config) -> None:
    by_column = config.mapping.objects["contact"].by_column
    assert {
        column: by_column[column].merge
        for column in ("lead_score", "total_opens", "last_email_opened")
    } == {
        "lead_score": Merge.LOCAL_WINS,
        "total_opens": Merge.COUNTER,
        "last_email_opened": Merge.LATEST,
    }
    assert by_column["phone"].merge is Merge.SALESFORCE_WINS


def test_an_opt_out_is_sticky_and_sets_the_standard_field_too(config: Config) -> None:
    contact_map = config.mapping.objects["contact"]
    assert contact_map.opt_out == ("unsubscribed", "opted_out")
    assert contact_map.by_column["opted_out"].remote == "HasOptedOutOfEmail"
    assert {contact_map.by_column[column].merge for column in contact_map.opt_out} == {
        Merge.STICKY_TRUE
    }
