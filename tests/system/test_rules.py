"""Every rule of the example configuration does what it says; and what no rule says does not happen."""

import pytest

from tests.system.workspace import changed, event

LATE = "2026-01-20T23:30:00Z"  # the 21st in Berlin
BERLIN = ("timezone: UTC ", "timezone: Europe/Berlin ")
KINDS = ["sent", "opened", "clicked", "replied", "bounced"]
CONTACTS = [*KINDS, "unsubscribed", "campaigns", "shouted"]


def name_of(record):
    return f"{record['FirstName']} {record['LastName']}"


def address(number):
    return f"reader{number}@example.com"


def readers():
    """Made-up people, with counters that stand somewhere already."""
    numbers = {"PenguinMails_Total_Opens__c": 5, "PenguinMails_Total_Clicks__c": 3}
    for number, _ in enumerate(CONTACTS):
        yield (
            "Contact",
            {"FirstName": "Rea", "LastName": f"Der{number}", "Email": address(number)} | numbers,
        )
    for number, _ in enumerate([*KINDS, "unsubscribed"], start=50):
        yield (
            "Lead",
            {
                "FirstName": "Lea",
                "LastName": f"D{number}",
                "Email": address(number),
                "Company": "Ice",
            },
        )


# -- PenguinMails -> Salesforce --------------------------------------------------------------------
@pytest.fixture(scope="module")
def told(new_workspace):
    """One event of each kind for a Contact and a Lead of its own, handed in together."""
    workspace = new_workspace(BERLIN, contacts=0, leads=0, people=readers())
    people = dict(zip(CONTACTS, workspace.people("Contact"), strict=True))
    people |= {
        f"lead {kind}": one
        for kind, one in zip([*KINDS, "unsubscribed"], workspace.people("Lead"), strict=True)
    }
    before = workspace.records("Contact") | workspace.records("Lead")
    events = [
        event(f"email_{kind}", address(at), f"c-{kind}", timestamp=LATE)
        for at, kind in enumerate(KINDS)
    ]
    events += [
        event(f"email_{kind}", address(at), f"l-{kind}", timestamp=LATE)
        for at, kind in enumerate(KINDS, 50)
    ]
    opens = [
        ("o-1", "c-7", "2026-01-20T10:00:00Z"),
        ("o-2", "c-7", "2026-01-22T11:00:00Z"),
        ("o-3", "c-8", LATE),
    ]
    events += [
        event("email_opened", address(6), key, campaign_id=c, timestamp=at) for key, c, at in opens
    ]
    events += [event("email_clicked", address(6), f"k-{at}") for at in range(3)]
    workspace.push_events(
        *events,
        event("unsubscribed", address(5)),
        event("unsubscribed", address(55)),
        event("email_sent", f"  {address(7).upper()} ", "shouted"),
    )
    after = workspace.records("Contact") | workspace.records("Lead")
    moved = {}
    for kind, who in people.items():
        moved[kind] = changed(before[who], after[who])
        moved[kind].pop("LastActivityDate", None)  # Salesforce's own, from the Tasks
    return workspace, people, moved


@pytest.mark.parametrize("whose", ["", "lead "])
@pytest.mark.parametrize("kind", KINDS)
def test_an_email_event_is_one_completed_task_on_its_person(told, kind, whose):
    workspace, people, _ = told
    who = people[f"{whose}{kind}"]
    [task] = workspace.tasks(who)
    given = (
        "Subject",
        "Description",
        "WhoId",
        "ActivityDate",
        "Status",
        "Type",
        "PenguinMails_Event_Id__c",
    )
    once_a_campaign = kind in ("opened", "clicked")
    key = task["PenguinMails_Event_Id__c"] if once_a_campaign else f"{whose[:1] or 'c'}-{kind}"
    assert {name: task[name] for name in given} == {
        "Subject": "Email: January",
        "Description": f"Email {kind} by {name_of(workspace.record(who))}",
        "WhoId": who,
        "ActivityDate": "2026-01-21",
        "Status": "Completed",
        "Type": "Email",
        "PenguinMails_Event_Id__c": key,
    }
    assert key


def test_every_task_has_an_external_id_of_its_own(told):
    workspace = told[0]
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks()]
    assert len(set(keys)) == len(keys) == 14


def test_the_mirror_knows_each_tasks_id(told):
    workspace = told[0]
    kept = workspace.sql("SELECT task_id FROM activities WHERE state = 'done'")
    assert {row["task_id"] for row in kept} == {task["Id"] for task in workspace.tasks()}


@pytest.mark.parametrize("kind", ["sent", "replied", "bounced"])
def test_a_sent_replied_or_bounced_email_changes_no_field_of_a_contact(told, kind):
    assert told[2][kind] == {}


def test_an_open_sets_when_the_last_email_was_opened_and_adds_to_the_opens(told):
    assert told[2]["opened"] == {
        "PenguinMails_Last_Email_Opened__c": "2026-01-20T23:30:00.000+0000",
        "PenguinMails_Total_Opens__c": 6.0,
    }


def test_a_click_adds_one_to_the_clicks(told):
    assert told[2]["clicked"] == {"PenguinMails_Total_Clicks__c": 4.0}


def test_opens_and_clicks_all_count_and_the_latest_open_stands(told):
    assert told[2]["campaigns"] == {
        "PenguinMails_Last_Email_Opened__c": "2026-01-22T11:00:00.000+0000",
        "PenguinMails_Total_Opens__c": 8.0,
        "PenguinMails_Total_Clicks__c": 6.0,
    }


def test_only_the_first_open_and_click_of_each_campaign_is_a_task(told):
    workspace, people, _ = told
    tasks = [task["Description"].split()[1] for task in workspace.tasks(people["campaigns"])]
    assert sorted(tasks) == ["clicked", "opened", "opened"]


def test_an_unsubscribe_ticks_both_opt_outs_of_a_contact_and_is_no_task(told):
    workspace, people, moved = told
    assert moved["unsubscribed"] == {
        "HasOptedOutOfEmail": True,
        "PenguinMails_Unsubscribed__c": True,
    }
    assert workspace.tasks(people["unsubscribed"]) == []


def test_an_unsubscribe_ticks_the_opt_out_of_a_lead(told):
    assert told[2]["lead unsubscribed"] == {"HasOptedOutOfEmail": True}


def test_a_leads_last_campaign_follows_what_it_was_sent(told):
    assert told[2]["lead sent"] == {"PenguinMails_Last_Campaign__c": "c-7"}


def test_an_address_is_the_same_in_capitals_and_between_blanks(told):
    workspace, people, _ = told
    assert [task["Subject"] for task in workspace.tasks(people["shouted"])] == ["Email: January"]
    assert len(workspace.people("Contact")) == len(CONTACTS)


# -- Salesforce -> PenguinMails --------------------------------------------------------------------
@pytest.fixture(scope="module")
def followed(new_workspace):
    """Somebody new, somebody edited on both sides, somebody deleted; then a sync."""
    workspace = new_workspace(contacts=4, leads=2)
    both, gone = workspace.people("Contact")[:2]
    lead_gone = workspace.people("Lead")[0]
    new = workspace.create("Contact", LastName="New", Email="new@example.com")
    new_lead = workspace.create("Lead", LastName="Newer", Company="Ice", Email="newer@example.com")
    workspace.sql("UPDATE contacts SET job_title = 'Ours' WHERE salesforce_id = ?", both)
    workspace.edit(both, Title="Theirs")
    workspace.local("delete", ids=[gone, lead_gone])
    workspace.do("sync")
    return workspace, {
        "both": both,
        "gone": gone,
        "new": new,
        "lead gone": lead_gone,
        "new lead": new_lead,
    }


@pytest.mark.parametrize(
    ("who", "column", "segment"),
    [("new", "contact_id", "Salesforce Contacts"), ("new lead", "lead_id", "Salesforce Leads")],
)
def test_somebody_created_in_salesforce_is_imported_into_the_segment(
    followed, who, column, segment
):
    workspace, people = followed
    found = workspace.sql(
        f"SELECT s.name FROM segments s JOIN contact_segments m ON m.segment_id = s.id WHERE m.{column} = ?",
        workspace.row(people[who])["id"],
    )
    assert found == [{"name": segment}]


def test_salesforce_wins_where_both_sides_edited_and_both_values_are_kept(followed):
    workspace, people = followed
    assert (
        workspace.row(people["both"])["job_title"]
        == workspace.record(people["both"])["Title"]
        == "Theirs"
    )
    [conflict] = workspace.sql('SELECT "column", local, remote, value, rule FROM conflicts')
    assert conflict == {
        "column": "job_title",
        "local": "Ours",
        "remote": "Theirs",
        "value": "Theirs",
        "rule": "salesforce_wins",
    }


@pytest.mark.parametrize("who", ["gone", "lead gone"])
def test_somebody_deleted_in_salesforce_is_soft_deleted_here(followed, who):
    workspace, people = followed
    row = workspace.row(people[who])
    assert row["deleted_at"]
    assert row["last_name"]


# -- rules are data --------------------------------------------------------------------------------
REMOVED = [
    "- {on: email_sent, action: create_task}",
    "- {on: email_opened, action: update_custom_field, field: PenguinMails_Last_Email_Opened__c}",
    "- {on: email_clicked, action: increment_field, field: PenguinMails_Total_Clicks__c}",
    "- {on: unsubscribed, action: update_field, field: PenguinMails_Unsubscribed__c, value: true}",
    "- {on: unsubscribed, action: update_field, field: HasOptedOutOfEmail, value: true}",  # the leads'
    '- {on: contact_created, action: import_contact, add_to_segment: "Salesforce Contacts"}',
    "- {on: contact_updated, action: update_contact, conflict_resolution: salesforce_wins}",
    "- {on: contact_deleted, action: soft_delete_contact}",
]


@pytest.fixture(scope="module")
def without(new_workspace):
    """The same things happen after the first pull, with the rules for them taken out of the file."""
    workspace = new_workspace(contacts=0, leads=0, people=readers())
    people = dict(zip(CONTACTS, workspace.people("Contact"), strict=True))
    text = workspace.yaml.read_text()
    for rule in REMOVED:  # the contacts' stand first
        assert rule in text
        text = text.replace(rule, "# removed", 1)
    emptied = "salesforce_to_penguinmails:" + "\n      # removed" * 3
    assert emptied in text
    workspace.yaml.write_text(text.replace(emptied, "salesforce_to_penguinmails: []"))
    before = workspace.records("Contact")
    workspace.push_events(
        *(event(f"email_{kind}", address(at)) for at, kind in enumerate(KINDS)),
        event("unsubscribed", address(5)),
    )
    after = workspace.records("Contact")
    workspace.create("Contact", LastName="New", Email="new@example.com")
    workspace.edit(people["campaigns"], Title="Theirs")
    workspace.local("delete", id=people["shouted"])
    workspace.do("pull")
    return (
        workspace,
        people,
        {kind: changed(before[who], after[who]) for kind, who in people.items()},
    )


def test_without_its_rule_a_sent_email_is_no_task(without):
    workspace, people, _ = without
    assert workspace.tasks(people["sent"]) == []
    assert len(workspace.tasks(people["replied"])) == 1


def test_without_its_rule_an_open_does_not_set_the_time_and_still_counts(without):
    moved = without[2]["opened"]
    assert "PenguinMails_Last_Email_Opened__c" not in moved
    assert moved["PenguinMails_Total_Opens__c"] == 6.0


def test_without_its_rule_a_click_is_not_counted(without):
    assert "PenguinMails_Total_Clicks__c" not in without[2]["clicked"]


def test_without_its_rule_an_unsubscribe_changes_nothing(without):
    assert without[2]["unsubscribed"] == {}


def test_without_its_rule_nobody_is_imported(without):
    workspace, _, _ = without
    assert workspace.sql("SELECT * FROM contacts WHERE email = 'new@example.com'") == []


def test_without_its_rule_no_change_comes_down(without):
    workspace, people, _ = without
    assert workspace.row(people["campaigns"])["job_title"] is None


def test_without_its_rule_nobody_is_soft_deleted(without):
    workspace, people, _ = without
    assert workspace.row(people["shouted"])["deleted_at"] is None
