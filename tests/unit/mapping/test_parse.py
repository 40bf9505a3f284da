"""Every mistake in the data sections of the file is told with its place and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.config.file import example_config, load_config
from sfsync.document.yaml_reader import parse_yaml
from sfsync.errors import ConfigError
from sfsync.mapping.parse import parse_mapping
from sfsync.model.event import EventType
from sfsync.model.field_types import FieldType
from sfsync.model.mapping import (
    Action,
    Direction,
    MachineEvents,
    MissingPerson,
    OncePer,
    OnMissing,
    RecordEvent,
)
from sfsync.model.merges import Merge

EXAMPLE = example_config()
ENVIRON = {"SFSYNC_CLIENT_ID": "abc"}

ACCOUNT = """objects:
  account:
    fields: {Name: name, NumberOfEmployees: {to: employees, type: integer}}
"""

# (what stands in the example, what a person wrote instead, what is told). A § marks each place that
# is to be told; the sentences that point to a mark begin with @, in the order of the marks.
MISTAKES = [
    (
        "objects:\n  contact:",
        "objects:\n  §kontact:",
        (
            "@ kontact: no such object; did you mean contact?",
            "missing_person: create_contact needs contact among the objects",
            "contact_sync: there is no contact among the objects",
        ),
    ),
    (
        "objects:\n",
        ACCOUNT.replace("    fields", "    §opt_out: [Name]\n    fields"),
        (
            "@ opt_out: accounts get no emails to opt out of",
            "opt_out: Name needs merge: sticky_true, or an opt-out could be undone",
        ),
    ),
    (
        "objects:\n",
        ACCOUNT.replace("    fields", "    match_on: §employees\n    fields"),
        (
            "@ match_on: employees cannot recognise an account: a text field of the record itself is needed",
        ),
    ),
    (
        '      Email: email\n      FirstName: first_name\n      LastName: {to: last_name, placeholder: "(unknown)"}\n      Account',
        '      §Emial: {§tu: email}\n      FirstName: first_name\n      LastName: {to: last_name, placeholder: "(unknown)"}\n      Account',
        (
            "@ to: missing in Emial",
            "@ tu: no such key here; known here: to, type, direction, merge, placeholder",
        ),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: §first_name\n      Title: job_title\n      MailingCity",
        ("@ Phone: the column first_name is taken by FirstName",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: §First_Name\n      Title: job_title\n      MailingCity",
        ("@ Phone: the column First_Name is taken by FirstName, written first_name",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "§firstname: phone\n      Title: job_title\n      MailingCity",
        (
            "@ firstname: FirstName is the same field: Salesforce does not tell capital letters apart",
        ),
    ),
    (
        "# company: {lookup: Account.Name, on_missing: skip} ",
        "company: {lookup: §Account.Nam, on_missing: skip} ",
        ("@ lookup: 'Account.Nam': a company is looked up by Account.Name",),
    ),
    (
        "# company: {lookup: Account.Name, on_missing: skip} ",
        "company: {lookup: Account.Name, on_missing: §make} ",
        ("@ on_missing: 'make' is none of its values; known here: skip, create",),
    ),
    (
        '    external_id: PenguinMails_Id__c\n    fields:\n      Email: email\n      FirstName: first_name\n      LastName: {to: last_name, placeholder: "(unknown)"}\n      Company',
        '    §company: {lookup: Account.Name}\n    fields:\n      Email: email\n      FirstName: first_name\n      LastName: {to: last_name, placeholder: "(unknown)"}\n      Company',
        ("@ company: only a contact is linked to an Account; a lead's Company is a field",),
    ),
    (
        "Account.Name: {to: company, direction: pull}",
        "§Account.Name: company",
        (
            "@ Account.Name: a parent's field can only be read; write Account.Name: {to: company, direction: pull}",
        ),
    ),
    (
        "Account.Name: {to: company, direction: pull}",
        "§Account.Owner.Name: {to: company, direction: pull}",
        ("@ Account.Owner.Name: only one step to a parent is possible, like Account.Name",),
    ),
    (
        "Account.Name: {to: company, direction: pull}",
        "§Company: {to: company, direction: both}",
        (
            "@ Company: a parent's field can only be read; write Account.Name: {to: company, direction: pull}",
        ),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: {to: phone, merge: §salesforce_win}\n      Title: job_title\n      MailingCity",
        ("@ merge: 'salesforce_win' is none of its values; did you mean salesforce_wins?",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: {to: phone, direction: push, merge: §salesforce_wins}\n      Title: job_title\n      MailingCity",
        ("@ merge: salesforce_wins cannot be where the value only goes up (direction: push)",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: {to: phone, direction: pull, merge: §local_wins}\n      Title: job_title\n      MailingCity",
        ("@ merge: local_wins cannot be where the value only comes down (direction: pull)",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: §5\n      Title: job_title\n      MailingCity",
        ("@ Phone: expected a column, or {to: column, …}, found 5",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: {to: phone, type: §int}\n      Title: job_title\n      MailingCity",
        ("@ type: 'int' is none of its values; did you mean integer?",),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "Phone: {to: §salesforce_id}\n      Title: §_x\n      MailingCity",
        (
            "@ to: 'salesforce_id' is a column of the mirror's own; choose another name",
            "@ Title: '_x' is no column name: letters, digits and _, a letter first, at most 63",
        ),
    ),
    (
        "Phone: phone\n      Title: job_title\n      MailingCity",
        "§Id: phone\n      §Tit-le: job_title\n      MailingCity",
        (
            "@ Id: sfsync reads this field for itself; leave the line out",
            "@ Tit-le: that is no API name of a Salesforce field",
        ),
    ),
    (
        "type: integer, merge: counter",
        "type: text, merge: §counter",
        ("@ merge: counter needs type integer, not text",),
    ),
    (
        "type: boolean, merge: sticky_true",
        "type: integer, merge: §sticky_true",
        ("@ merge: sticky_true needs type boolean, not integer",),
    ),
    (
        "type: datetime, merge: latest",
        "type: text, merge: §latest",
        ("@ merge: latest needs type datetime or date, not text",),
    ),
    (
        "match_on: email ",
        "match_on: §Email ",
        ("@ match_on: 'Email' is no mapped column; did you mean email?",),
    ),
    (
        "match_on: email ",
        "match_on: §emial ",
        ("@ match_on: 'emial' is no mapped column; did you mean email?",),
    ),
    (
        "match_on: email ",
        "match_on: §lead_score ",
        (
            "@ match_on: lead_score cannot recognise a person: a text field of the record itself is needed",
        ),
    ),
    (
        '{to: last_name, placeholder: "(unknown)"}',
        '{to: last_name, placeholder: §"  "}',
        ("@ placeholder: blank: Salesforce would refuse it like no value at all",),
    ),
    (
        "type: integer, merge: local_wins}",
        'type: integer, placeholder: §"0"}',
        ("@ placeholder: only a text field can have one, and this is integer",),
    ),
    (
        "opt_out: [PenguinMails_Unsubscribed__c, HasOptedOutOfEmail]",
        "opt_out: [§unsubscribed, §Phone, HasOptedOutOfEmail, §HasOptedOutOfEmail]",
        (
            "@ opt_out: unsubscribed is not among the fields; did you mean PenguinMails_Unsubscribed__c?",
            "@ opt_out: Phone needs merge: sticky_true, or an opt-out could be undone",
            "@ opt_out: HasOptedOutOfEmail stands here twice",
        ),
    ),
    (
        "on_multiple: quarantine ",
        "on_multiple: §newst ",
        ("@ on_multiple: 'newst' is none of its values; did you mean newest?",),
    ),
    (
        "external_id: PenguinMails_Id__c ",
        "external_id: §Penguin Mails ",
        ("@ external_id: 'Penguin Mails' is no API name of a Salesforce field",),
    ),
    (
        "external_id: PenguinMails_Id__c ",
        "external_id: Phone ",
        ("Phone: is the external_id, which sfsync writes itself",),
    ),
    (
        "sobject: Contact",
        "sobject: §Account",
        ("@ sobject: contact is kept in step with Contact, not 'Account'",),
    ),
    (
        "    match_on: email                    #",
        "    §on_deleted: keep #",
        ("@ on_deleted: no such key here; did you mean on_local_delete?",),
    ),
    (
        "timezone: UTC",
        "timezone: §Europe/Berln",
        ("@ timezone: no such time zone: 'Europe/Berln'; did you mean Europe/Berlin?",),
    ),
    (
        "timezone: UTC",
        "timezone: §MST7",
        ("@ timezone: no such time zone: 'MST7'; did you mean MST?",),
    ),
    (
        "timezone: UTC",
        "timezone: §../x",
        ("@ timezone: no such time zone: '../x'; write it like Europe/Berlin or America/New_York",),
    ),
    (
        "missing_person: create_contact",
        "missing_person: §create",
        ("@ missing_person: 'create' is none of its values; did you mean create_lead?",),
    ),
    (
        'Subject: "Email: {campaign_name}"',
        'Subject: §"Email: {campain_name}"',
        ("@ Subject: unknown name {campain_name}; did you mean campaign_name?",),
    ),
    (
        'Subject: "Email: {campaign_name}"',
        'Subject: §"Email: {campaign_name"',
        ("@ Subject: a lone {; write {{ for the character itself",),
    ),
    (
        'Subject: "Email: {campaign_name}"',
        'Subject: §"Email: {campaign_name.__class__}"',
        ("@ Subject: unknown name {campaign_name.__class__}; did you mean campaign_name?",),
    ),
    (
        'Subject: "Email: {campaign_name}"',
        'Subject: §"by {contact_id}"',
        (
            "@ Subject: contact_id can only stand alone: a new person has none yet when the text is written",
        ),
    ),
    (
        'Subject: "Email: {campaign_name}"',
        "Subject: §5",
        ("@ Subject: expected text, found 5; put it in quotes",),
    ),
    (
        "    WhoId: contact_id\n",
        "",
        (
            "fields: no field holds contact_id, so Tasks would belong to nobody; add WhoId: contact_id",
        ),
    ),
    (
        "WhoId: contact_id",
        "WhoId: §contact_name",
        ("@ WhoId: the Task's person is contact_id; write WhoId: contact_id",),
    ),
    (
        "    - Email Sent",
        "    - §Email Snt",
        (
            "@ activity_types: no such activity type: 'Email Snt'; did you mean Email Sent?",
            "on: Email Sent is not among activities.activity_types, so it is never logged",
            "on: Email Sent is not among activities.activity_types, so it is never logged",
        ),
    ),
    (
        "    - Email Sent",
        "    - Email Opened",
        (
            "activity_types: Email Opened stands here twice",
            "on: Email Sent is not among activities.activity_types, so it is never logged",
            "on: Email Sent is not among activities.activity_types, so it is never logged",
        ),
    ),
    (
        "    - Email Sent\n",
        "",
        (
            "on: Email Sent is not among activities.activity_types, so it is never logged",
            "on: Email Sent is not among activities.activity_types, so it is never logged",
        ),
    ),
    (
        "activities:\n  sobject: Task",
        "activities:\n  sobject: §Event",
        ("@ sobject: email activity is logged as Task, not 'Event'",),
    ),
    (
        "  contact_sync:",
        "  §contacts_sync:",
        ("@ contacts_sync: no such rules; did you mean contact_sync?",),
    ),
    (
        "direction: bidirectional     #",
        "direction: §both #",
        (
            "@ direction: 'both' is none of its values; known here: bidirectional, to_salesforce, from_salesforce",
        ),
    ),
    (
        "direction: bidirectional     #",
        "direction: from_salesforce #",
        (
            "penguinmails_to_salesforce: direction is from_salesforce, so nothing goes up; leave these rules out or make it bidirectional",
        ),
    ),
    (
        "direction: bidirectional     #",
        "direction: to_salesforce #",
        (
            "salesforce_to_penguinmails: direction is to_salesforce, so nothing comes down; leave these rules out or make it bidirectional",
        ),
    ),
    (
        "frequency: real_time         #",
        "frequency: §realtime #",
        ("@ frequency: 'realtime' is none of its values; did you mean real_time?",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: §email_snt, action: create_task}",
        ("@ on: no such email event: 'email_snt'; did you mean email_sent?",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: email_sent, action: §import_contact}",
        (
            "@ action: import_contact answers to a change in Salesforce; it belongs under salesforce_to_penguinmails",
        ),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: email_sent, action: §create_tsk}",
        ("@ action: no such action: 'create_tsk'; did you mean create_task?",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: email_sent, action: create_task, §field: Phone, §onceper: event}",
        (
            "@ field: create_task does not use it",
            "@ onceper: no such key here; did you mean once_per?",
        ),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: contact_created, action: §import_lead}",
        (
            "@ action: 'import_lead' does not answer to contact_created; did you mean import_contact?",
        ),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: contact_updated, action: update_contact, §conflict_resolution: newest}",
        ("@ conflict_resolution: no such key here; known here: on, action",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: §contact_deleted, action: create_task}",
        ("@ on: no such email event: 'contact_deleted'; did you mean contact_updated?",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: email_sent, action: create_task, machine_events: §no}",
        ("@ machine_events: 'no' is none of its values; known here: count, ignore",),
    ),
    (
        "field: PenguinMails_Unsubscribed__c, value: true}",
        "field: PenguinMails_Unsubscribed__c, value: true, §machine_events: ignore}",
        ("@ machine_events: an opt-out always counts, whoever caused it; leave this out",),
    ),
    (
        "{on: email_bounced, action: create_task}",
        "{on: email_bounced, action: update_field, field: HasOptedOutOfEmail, value: true, §machine_events: ignore}",
        ("@ machine_events: an opt-out always counts, whoever caused it; leave this out",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "§{on: email_sent}",
        ("@ action: missing in penguinmails_to_salesforce",),
    ),
    (
        "{on: email_sent, action: create_task}",
        "§email_sent",
        (
            "@ penguinmails_to_salesforce: expected keys with values (on, action, field, value, by, once_per, machine_events), found 'email_sent'",
        ),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: email_replied, action: create_task}",
        (
            "penguinmails_to_salesforce: a second create_task on email_replied for the same field would count everything twice",
        ),
    ),
    (
        "{on: email_sent, action: create_task}",
        "{on: §unsubscribed, action: create_task}",
        ("@ on: Unsubscribed is not among activities.activity_types, so it is never logged",),
    ),
    (
        "field: PenguinMails_Total_Opens__c}",
        "field: §PenguinMails_Total_Openings__c}",
        (
            "@ field: PenguinMails_Total_Openings__c is not among the fields of contact; did you mean PenguinMails_Total_Opens__c?",
        ),
    ),
    (
        "field: PenguinMails_Total_Opens__c}",
        "field: §total_opens}",
        (
            "@ field: total_opens is not among the fields of contact; did you mean PenguinMails_Total_Opens__c?",
        ),
    ),
    (
        "field: PenguinMails_Total_Opens__c}",
        "field: §Phone}",
        ("@ field: Phone is text; only an integer or a number can be incremented",),
    ),
    (
        "field: PenguinMails_Total_Opens__c}",
        "field: PenguinMails_Total_Opens__c, by: §0}",
        ("@ by: expected a whole number from 1, found 0",),
    ),
    (
        "field: PenguinMails_Total_Opens__c}",
        "field: PenguinMails_Total_Opens__c, by: §1.5}",
        ("@ by: expected a whole number, found 1.5",),
    ),
    (
        "action: increment_field, field: PenguinMails_Total_Opens__c}",
        "action: increment_field}",
        ("field: missing: increment_field has to say which",),
    ),
    (
        "field: PenguinMails_Unsubscribed__c, value: true}",
        "field: PenguinMails_Unsubscribed__c}",
        (
            "penguinmails_to_salesforce: PenguinMails_Unsubscribed__c is boolean and cannot hold the event's time; add a value",
        ),
    ),
    (
        "field: PenguinMails_Unsubscribed__c, value: true}",
        "field: PenguinMails_Unsubscribed__c, value: §yes}",
        ("@ value: 'yes' is neither true nor false, and PenguinMails_Unsubscribed__c is boolean",),
    ),
    (
        "field: PenguinMails_Unsubscribed__c, value: true}",
        "field: PenguinMails_Unsubscribed__c, value: §false}",
        (
            "@ value: PenguinMails_Unsubscribed__c is sticky_true: a rule cannot take an opt-out back",
        ),
    ),
    (
        "field: PenguinMails_Unsubscribed__c, value: true}",
        "field: PenguinMails_Unsubscribed__c, value: §null}",
        (
            "@ value: a rule cannot blank a field, found nothing; without `value` the event's time is written",
        ),
    ),
    (
        "field: PenguinMails_Unsubscribed__c, value: true}",
        "field: §Account.Name, value: x}",
        (
            "@ field: Account.Name only comes down (direction: pull), so this would never reach Salesforce",
        ),
    ),
    (
        'value: "{campaign_id}"',
        'value: §"{contact_name}"',
        (
            "@ value: unknown name {contact_name}; known here: action, activity_type, campaign_id, campaign_name, event_id, event_timestamp",
        ),
    ),
    ("on: contact_created", "on: §lead_created", ("@ on: lead_created belongs under lead_sync",)),
    (
        "on: contact_created",
        "on: §email_sent",
        ("@ on: email_sent is an email event; it belongs under penguinmails_to_salesforce",),
    ),
    (
        "on: contact_created",
        "on: §contact_creatd",
        ("@ on: no such change in Salesforce: 'contact_creatd'; did you mean contact_created?",),
    ),
    (
        "action: import_contact,",
        "action: §update_contact,",
        ("@ action: update_contact answers to contact_updated, not to contact_created",),
    ),
    (
        "action: import_contact,",
        "action: §create_task,",
        (
            "@ action: create_task answers to an email event; it belongs under penguinmails_to_salesforce",
        ),
    ),
    (
        "action: import_contact,",
        "action: §import_lead,",
        ("@ action: no such action: 'import_lead'; did you mean import_contact?",),
    ),
    (
        "action: soft_delete_contact}",
        "action: soft_delete_contact, §add_to_segment: x}",
        ("@ add_to_segment: soft_delete_contact does not use it",),
    ),
    (
        "conflict_resolution: salesforce_wins}",
        "conflict_resolution: §counter}",
        (
            "@ conflict_resolution: counter suits single fields only; for all of them: salesforce_wins, local_wins, newest, manual",
        ),
    ),
    (
        "conflict_resolution: salesforce_wins}",
        "conflict_resolution: §salesforce}",
        (
            "@ conflict_resolution: 'salesforce' is none of its values; did you mean salesforce_wins?",
        ),
    ),
    (
        "on: contact_updated, action: update_contact",
        "on: contact_deleted, action: soft_delete_contact",
        (
            "conflict_resolution: soft_delete_contact does not use it",
            "salesforce_to_penguinmails: a second rule on contact_deleted would never be asked",
        ),
    ),
]


def line_and_column(text: str, index: int) -> str:
    return f"{text.count(chr(10), 0, index) + 1}:{index - text.rfind(chr(10), 0, index)}"


def problems_of(text: str, folder: Path) -> tuple[str, ...]:
    path = folder / "sfsync.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, ENVIRON)
    return caught.value.problems


def test_accounts_are_recognised_by_name_and_have_no_part_in_email_events(tmp_path: Path) -> None:
    rules = """sync_rules:
  account_sync:
    penguinmails_to_salesforce:
      - {on: email_opened, action: update_field, field: Name, value: X}
    salesforce_to_penguinmails:
      - {on: account_created, action: import_account, add_to_segment: All}
"""
    text = EXAMPLE.replace("objects:\n", ACCOUNT, 1)
    objects = parse_mapping(parse_yaml(text, "sfsync.yaml")[0]).objects
    assert list(objects) == ["account", "contact", "lead"]
    account = objects["account"]
    assert (account.sobject, account.table, account.match_on) == ("Account", "accounts", "name")
    found = problems_of(text.replace("sync_rules:\n", rules, 1), tmp_path)
    assert [problem.split(" ", 1)[1] for problem in found] == [
        "penguinmails_to_salesforce: email events belong to people, never to accounts; leave these rules out",
        "add_to_segment: segments are of people, not of accounts",
    ]


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, told: tuple[str, ...]
) -> None:
    assert old in EXAMPLE
    marked = EXAMPLE.replace(old, new, 1)
    places = []
    while "§" in marked:
        places.append(line_and_column(marked, marked.index("§")))
        marked = marked.replace("§", "", 1)
    found = problems_of(marked, tmp_path)
    assert [problem.split(" ", 1)[1] for problem in found] == [
        sentence.removeprefix("@ ") for sentence in told
    ]
    pointing = [
        problem.split(" ")[0]
        for problem, sentence in zip(found, told, strict=True)
        if sentence[0] == "@"
    ]
    assert pointing == [f"sfsync.yaml:{place}" for place in places]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = EXAMPLE
    for old, new in (
        ("match_on: email ", "match_on: emial "),
        ("Status: lead_status", "Status: lead_rating"),
        ("timezone: UTC", "timezone: Nowhere/Else"),
        ("action: soft_delete_lead", "action: soft_delete_led"),
        ("overlap: 15m", "overlap: soon"),
    ):
        text = text.replace(old, new, 1)
    found = problems_of(text, tmp_path)
    assert [problem.split(" ")[1] for problem in found] == [
        "match_on:",
        "Rating:",
        "timezone:",
        "action:",
        "overlap:",
    ]
    lines = [int(problem.split(":")[1]) for problem in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "objects: missing: say which fields of contact and lead are to be kept in step"),
        (
            {"objects": {}},
            "objects: empty: say which fields of contact and lead are to be kept in step",
        ),
        ({"objects": {"contact": []}}, "contact: expected keys with values"),
        ({"objects": {"contact": {}}}, "fields: missing in contact"),
        (
            {"objects": {"contact": {"fields": {}}}},
            "fields: empty: at least the field to match on is needed",
        ),
        (
            {"objects": {"contact": {"fields": {"Email": {"to": "email", "placeholder": "x"}}}}},
            "Email: the field to match on cannot have a placeholder",
        ),
        (
            {"objects": {"contact": {"fields": {"X__c": {"to": "x", "placeholder": " x"}}}}},
            "placeholder: has blanks at its ends, which Salesforce would not keep",
        ),
        (
            {
                "objects": {
                    "contact": {
                        "fields": {"X__c": {"to": "x", "direction": "pull", "placeholder": "x"}}
                    }
                }
            },
            "placeholder: is never sent where the value only comes down (direction: pull)",
        ),
        (
            {"activities": {"fields": {"Who Id": "contact_id"}}},
            "Who Id: that is no API name of a Task's field",
        ),
        (
            {
                "activities": {
                    "external_id": "Key__c",
                    "fields": {"Key__c": "event_id", "WhoId": "contact_id"},
                }
            },
            "Key__c: is the external_id, which sfsync writes itself",
        ),
        (
            {"activities": {"fields": {"WhoId": "contact_id", "whoid": "contact_id"}}},
            "whoid: the same field twice: Salesforce does not tell capital letters apart",
        ),
        ({"activities": {"external_id": "a b", "fields": {}}}, "external_id: 'a b' is no API name"),
        ({"activities": []}, "activities: expected keys with values"),
        ({"sync_rules": []}, "sync_rules: expected keys with values"),
        ({"sync_rules": {"contact_sync": []}}, "contact_sync: expected keys with values"),
    ],
)
def test_a_part_that_is_missing_or_of_another_kind_is_told(
    document: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(document)
    assert any(problem.startswith(told) for problem in caught.value.problems), caught.value.problems


def contact(**fields: object) -> dict[str, object]:
    return {"objects": {"contact": {"fields": {"Email": "email", **fields}}}}


def rules(
    *events: dict[str, object], records: tuple[dict[str, object], ...] = (), **keys: object
) -> dict[str, object]:
    section = {
        "penguinmails_to_salesforce": list(events),
        "salesforce_to_penguinmails": list(records),
        **keys,
    }
    return {"sync_rules": {"contact_sync": section}}


def test_the_smallest_mapping_is_one_field() -> None:
    mapping = parse_mapping(contact())
    contact_map = mapping.objects["contact"]
    assert (contact_map.table, contact_map.sobject, contact_map.match_on) == (
        "contacts",
        "Contact",
        "email",
    )
    field = contact_map.by_column["email"]
    assert (field.type, field.direction, field.merge) == (
        FieldType.TEXT,
        Direction.BOTH,
        Merge.SALESFORCE_WINS,
    )


@pytest.mark.parametrize(
    ("merge", "field_type"),
    [
        ("counter", FieldType.INTEGER),
        ("sticky_true", FieldType.BOOLEAN),
        ("latest", FieldType.DATETIME),
    ],
)
def test_the_type_follows_from_the_merge_where_none_is_stated(
    merge: str, field_type: FieldType
) -> None:
    mapping = parse_mapping(contact(X__c={"to": "x", "merge": merge}))
    assert mapping.objects["contact"].by_column["x"].type is field_type


def test_latest_works_on_a_date_where_that_is_stated() -> None:
    mapping = parse_mapping(contact(X__c={"to": "x", "merge": "latest", "type": "date"}))
    assert mapping.objects["contact"].by_column["x"].type is FieldType.DATE


def test_a_field_that_only_goes_up_wins_by_default() -> None:
    mapping = parse_mapping(contact(X__c={"to": "x", "direction": "push"}))
    assert mapping.objects["contact"].by_column["x"].merge is Merge.LOCAL_WINS


def test_conflict_resolution_is_the_merge_of_fields_that_state_none() -> None:
    record = {"on": "contact_updated", "action": "update_contact", "conflict_resolution": "newest"}
    fields = contact(
        A__c="a",
        B__c={"to": "b", "merge": "local_wins"},
        C__c={"to": "c", "direction": "pull"},
        D__c={"to": "d", "direction": "push"},
    )
    by_column = parse_mapping(fields | rules(records=(record,))).objects["contact"].by_column
    assert [by_column[column].merge for column in "abcd"] == [
        Merge.NEWEST,
        Merge.LOCAL_WINS,
        Merge.SALESFORCE_WINS,
        Merge.LOCAL_WINS,
    ]


def test_the_seeds_company_of_a_contact_is_its_accounts_name() -> None:
    field = parse_mapping(contact(Company="company")).objects["contact"].by_column["company"]
    assert (field.remote, field.direction) == ("Account.Name", Direction.PULL)


def test_a_contact_goes_before_a_lead_however_the_file_orders_them() -> None:
    fields = {"fields": {"Email": "email"}}
    assert list(parse_mapping({"objects": {"lead": fields, "contact": fields}}).objects) == [
        "contact",
        "lead",
    ]


def test_without_contacts_a_missing_person_becomes_a_lead() -> None:
    document = {
        "objects": {"lead": {"fields": {"Email": "email"}}},
        "activities": {"fields": {"WhoId": "contact_id"}},
    }
    assert parse_mapping(document).activities.missing_person is MissingPerson.CREATE_LEAD


def test_without_activities_nothing_is_logged() -> None:
    assert parse_mapping(contact()).activities.types == ()
    with pytest.raises(ConfigError, match="1 mistake") as caught:
        parse_mapping(contact() | rules({"on": "email_sent", "action": "create_task"}))
    assert caught.value.problems == (
        "action: create_task needs the section `activities`, which says what a Task holds",
    )


def test_without_a_list_every_activity_type_may_be_logged() -> None:
    mapping = parse_mapping(contact() | {"activities": {"fields": {"WhoId": "contact_id"}}})
    assert mapping.activities.types == tuple(EventType)


@pytest.mark.parametrize("value", ["event_timestamp", "{event_timestamp}"])
def test_event_timestamp_in_a_time_field_is_the_events_time(value: str) -> None:
    fields = contact(X__c={"to": "x", "type": "date"})
    rule = {"on": "email_sent", "action": "update_field", "field": "X__c", "value": value}
    parsed = parse_mapping(fields | rules(rule)).rules["contact"].events[0]
    assert (parsed.has_value, parsed.value) == (False, None)


@pytest.mark.parametrize(
    ("field_type", "value", "kept"),
    [
        ("boolean", True, 1),
        ("integer", 5, 5),
        ("integer", "5", 5),
        ("number", 5, 5.0),
        ("date", "2026-01-20", "2026-01-20"),
        ("datetime", "2026-01-20T12:00:00+02:00", "2026-01-20T10:00:00Z"),
        ("text", "from {campaign_name}", "from {campaign_name}"),
    ],
)
def test_a_rules_value_is_kept_as_its_field_keeps_it(
    field_type: str, value: object, kept: object
) -> None:
    rule = {"on": "email_sent", "action": "update_field", "field": "X__c", "value": value}
    fields = contact(X__c={"to": "x", "type": field_type})
    parsed = parse_mapping(fields | rules(rule)).rules["contact"].events[0]
    assert (parsed.has_value, parsed.value) == (True, kept)


def test_machine_events_of_the_activities_holds_for_rules_that_do_not_say() -> None:
    text = EXAMPLE.replace("  # machine_events: ignore ", "  machine_events: ignore ").replace(
        "{on: email_replied, action: create_task}",
        "{on: email_replied, action: create_task, machine_events: count}",
    )
    mapping = load_config_text(text)
    ignoring, counting = MachineEvents.IGNORE, MachineEvents.COUNT
    assert mapping.activities.machine_events is ignoring
    of_contact = {(each.on, each.machine_events) for each in mapping.rules["contact"].events}
    assert of_contact == {
        (EventType.SENT, ignoring),
        (EventType.REPLIED, counting),
        (EventType.BOUNCED, ignoring),
        (EventType.OPENED, ignoring),
        (EventType.CLICKED, ignoring),
        (EventType.UNSUBSCRIBED, counting),  # what says something of consent always counts
    }
    assert load_config_text(EXAMPLE).activities.machine_events is counting


def test_rules_on_people_of_the_platform_say_which_changes_are_edits_here() -> None:
    assert load_config_text(EXAMPLE).rules["contact"].contacts == ()
    bounced = "{on: email_bounced, action: create_task}"
    first, second, third = EXAMPLE.split(bounced)
    for_contacts = "{on: contact_created, action: import_contact}\n      - {on: contact_updated, action: update_contact}"
    for_leads = "{on: contact_updated, action: update_lead}"
    rules = load_config_text(f"{first}{for_contacts}{second}{for_leads}{third}").rules
    assert rules["contact"].contacts == (RecordEvent.CREATED, RecordEvent.UPDATED)
    assert rules["lead"].contacts == (RecordEvent.UPDATED,)
    assert EventType.BOUNCED not in {rule.on for rule in rules["lead"].events}


def test_rules_are_read_in_the_words_of_the_seed() -> None:
    mapping = load_config_text(EXAMPLE)
    rules_of_contact = mapping.rules["contact"]
    first = rules_of_contact.events[0]
    assert (first.on, first.action, first.once_per) == (
        EventType.SENT,
        Action.CREATE_TASK,
        OncePer.EVENT,
    )
    assert {rule.action for rule in rules_of_contact.events} == {
        Action.CREATE_TASK,
        Action.UPDATE_FIELD,
        Action.INCREMENT_FIELD,
    }
    created = rules_of_contact.record_rule(RecordEvent.CREATED)
    assert created is not None
    assert created.add_to_segment == "Salesforce Contacts"
    assert [rule.action for rule in mapping.rules["lead"].records] == [
        Action.IMPORT,
        Action.UPDATE,
        Action.SOFT_DELETE,
    ]


def load_config_text(text: str):
    document, problems = parse_yaml(text, "sfsync.yaml")
    assert not problems
    return parse_mapping(document, problems.positions)


@pytest.mark.parametrize(
    ("word", "direction"),
    [
        ("bidirectional", Direction.BOTH),
        ("to_salesforce", Direction.PUSH),
        ("from_salesforce", Direction.PULL),
    ],
)
def test_directions_have_the_seeds_names(word: str, direction: Direction) -> None:
    assert parse_mapping(contact() | rules(direction=word)).rules["contact"].direction is direction


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)


def paths_of(node: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place in the document."""
    entries = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [path, *(below for key, value in entries for below in paths_of(value, (*path, key)))]


def replaced(node: object, path: tuple[object, ...], value: object) -> object:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


DOCUMENT = parse_yaml(EXAMPLE, "sfsync.yaml")[0]
PATHS = [path for path in paths_of(DOCUMENT) if path]


def told(changed: object) -> tuple[str, ...]:
    try:
        parse_mapping(changed)
    except ConfigError as error:
        return error.problems
    return ("loads: well",)


@settings(deadline=None)
@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_single_change_either_loads_or_is_told(path: tuple[object, ...], value: object) -> None:
    problems = told(replaced(DOCUMENT, path, value))
    assert problems
    assert all(": " in problem for problem in problems)


def with_company(line: str, field: str = "Account.Name: {to: company, direction: pull}") -> str:
    """The example with the policy for companies, and the field written in some way."""
    commented = "# company: {lookup: Account.Name, on_missing: skip} "
    assert commented in EXAMPLE
    text = EXAMPLE.replace(commented, line + " ")
    return text.replace("Account.Name: {to: company, direction: pull}", field)


@pytest.mark.parametrize(
    "field",
    [
        "Account.Name: {to: company, direction: pull}",
        "Account.Name: company",
        "Company: company",
        "Account.Name: {to: company, direction: both}",
    ],
)
def test_with_a_policy_a_company_goes_both_ways_however_its_field_is_written(
    tmp_path: Path, field: str
) -> None:
    file = tmp_path / "sfsync.yaml"
    file.write_text(with_company("company: {lookup: Account.Name, on_missing: create}", field))
    company = load_config(file, ENVIRON).mapping.objects["contact"].linked
    assert company is not None
    assert (company.remote, company.direction, company.on_missing, company.merge) == (
        "Account.Name", Direction.BOTH, OnMissing.CREATE, Merge.SALESFORCE_WINS,
    )  # fmt: skip


def test_without_a_policy_no_company_goes_up(tmp_path: Path) -> None:
    file = tmp_path / "sfsync.yaml"
    file.write_text(EXAMPLE)
    assert load_config(file, ENVIRON).mapping.objects["contact"].linked is None


def test_a_policy_needs_the_field_that_it_is_about(tmp_path: Path) -> None:
    file = tmp_path / "sfsync.yaml"
    file.write_text(with_company("company: {lookup: Account.Name}", "Department: company"))
    with pytest.raises(ConfigError) as told:
        load_config(file, ENVIRON)
    [problem] = told.value.problems
    assert problem.endswith(
        "company: Account.Name is not among the fields; add Account.Name: company"
    )
