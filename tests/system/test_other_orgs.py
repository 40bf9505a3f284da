"""Orgs that lack something, hide something, guard something, or lose a reply."""

import pytest

from tests.system.workspace import changed, event

LOSE_ONE_WRITE = [
    {"match": {"method": method, "path": path}, "fault": "lose_reply", "times": 1}
    for method, path in (("PATCH", "composite/sobjects"), ("POST", r"composite/sobjects/?(\?|$)"))
]


# -- without PenguinMails' fields ------------------------------------------------------------------
@pytest.fixture(scope="module")
def bare(new_workspace):
    """An org without any of PenguinMails' fields; edits both ways, and one event of each kind."""
    workspace = new_workspace(
        contacts=6, leads=3, custom_fields=False, task_external_id=False, pull=False
    )
    first = workspace.run("pull", "--json")
    edited, reader = workspace.people()[:2]
    before = workspace.record(reader)
    workspace.sql(
        "UPDATE contacts SET job_title = 'Ours', lead_score = 5 WHERE salesforce_id = ?", edited
    )
    address = before["Email"]
    kinds = ("email_sent", "email_opened", "email_clicked", "unsubscribed")
    events = workspace.push_events(*(event(kind, address) for kind in kinds))
    workspace.do_in_process("sync")
    return {
        "workspace": workspace, "pull": first, "edited": edited, "reader": reader, "before": before, "events": events,
    }  # fmt: skip


def test_an_org_without_the_custom_fields_is_pulled_all_the_same(bare):
    assert bare["pull"].code == 0
    assert len(bare["workspace"].rows("contacts")) == 6
    assert len(bare["workspace"].rows("leads")) == 3


@pytest.mark.parametrize(
    "field",
    [
        "PenguinMails_Lead_Score__c", "PenguinMails_Last_Email_Opened__c", "PenguinMails_Total_Opens__c",
        "PenguinMails_Total_Clicks__c", "PenguinMails_Unsubscribed__c", "PenguinMails_Engagement_Score__c",
        "PenguinMails_Last_Campaign__c", "PenguinMails_Event_Id__c", "PenguinMails_Id__c",
    ],
)  # fmt: skip
def test_each_field_that_is_missing_is_told_in_a_warning(bare, field):
    assert field in bare["pull"].warnings


def test_the_fields_that_are_there_go_up(bare):
    assert bare["workspace"].record(bare["edited"])["Title"] == "Ours"


def test_events_are_tasks_and_the_standard_opt_out_is_ticked(bare):
    workspace, reader = bare["workspace"], bare["reader"]
    moved = changed(bare["before"], workspace.record(reader))
    assert {name: moved[name] for name in moved if name != "LastActivityDate"} == {
        "HasOptedOutOfEmail": True
    }
    assert len(workspace.tasks(reader)) == 3


def test_an_unsubscribe_that_can_be_stored_nowhere_is_put_aside_and_not_lost(new_workspace):
    workspace = new_workspace(contacts=2, leads=0, custom_fields=False, hide_opt_out=True)
    address = workspace.record(workspace.people()[0])["Email"]
    workspace.push_events(event("unsubscribed", address), event("email_replied", address), expect=3)
    [kept] = workspace.do_in_process("quarantine")["quarantine"]
    assert (kept["code"], kept["event_id"]) == ("NO_OPT_OUT_FIELD", f"unsubscribed-{address}")
    assert len(workspace.tasks()) == 1


# -- a lost reply ----------------------------------------------------------------------------------
@pytest.fixture(
    scope="module", params=[True, False], ids=["with the external id", "without the external id"]
)
def lossy(new_workspace, request):
    """The reply to the Tasks is lost on the way; then the next run; likewise for a new contact and an edit."""
    workspace = new_workspace(
        contacts=3, leads=0, task_external_id=request.param, custom_fields=request.param
    )
    workspace.do_in_process("sync")
    reader = workspace.people()[0]
    workspace.local("faults", faults=LOSE_ONE_WRITE)
    workspace.run(
        "push-activity",
        "--type",
        "email_replied",
        "--email",
        workspace.record(reader)["Email"],
        "--id",
        "lost",
    )
    arrived = len(workspace.tasks(reader))
    workspace.local("faults", faults=[])
    workspace.do("sync")
    workspace.local("faults", faults=LOSE_ONE_WRITE)
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('new@example.com', 'New')")
    workspace.run("push")
    made = [
        record for record in workspace.records().values() if record["Email"] == "new@example.com"
    ]
    struck = [fault.fired for fault in workspace.org.faults.faults]
    workspace.local("faults", faults=[])
    workspace.do_in_process("sync")
    workspace.do_in_process("pull")  # what the org itself fills in when a record is made
    return workspace, reader, arrived, (sum(struck), len(made))


def test_a_task_whose_reply_was_lost_is_there_exactly_once(lossy):
    workspace, reader, arrived, _ = lossy
    assert arrived == 1  # the fault did strike after the write
    assert len(workspace.tasks(reader)) == 1
    [kept] = workspace.sql("SELECT state, task_id FROM activities")
    assert kept == {"state": "done", "task_id": workspace.tasks(reader)[0]["Id"]}


def test_a_contact_whose_reply_was_lost_is_there_exactly_once(lossy):
    workspace, _, _, struck_and_made = lossy
    assert struck_and_made == (1, 1)  # the fault did strike after the write
    made = [
        key for key, record in workspace.records().items() if record["Email"] == "new@example.com"
    ]
    [row] = workspace.sql("SELECT salesforce_id FROM contacts WHERE email = 'new@example.com'")
    assert [row["salesforce_id"]] == made


def test_after_lost_replies_nothing_is_in_doubt_and_nothing_differs(lossy):
    workspace = lossy[0]
    assert workspace.do_in_process("status")["in_doubt"] == 0
    assert workspace.do_in_process("diff")["records"] == []


# -- hidden, guarded -------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def hidden(new_workspace):
    """HasOptedOutOfEmail is hidden from the user; somebody unsubscribes all the same."""
    workspace = new_workspace(contacts=3, leads=1, hide_opt_out=True, pull=False)
    ran = workspace.run("pull", "--json")
    who, edited = workspace.people()[:2]
    workspace.push_events(event("unsubscribed", workspace.record(who)["Email"]))
    workspace.sql("UPDATE contacts SET phone = '555' WHERE salesforce_id = ?", edited)
    workspace.do_in_process("push")
    return workspace, ran, who, edited


def test_a_hidden_opt_out_is_told_in_a_warning_that_says_what_it_means(hidden):
    assert hidden[1].code == 0
    assert "HasOptedOutOfEmail" in hidden[1].warnings
    assert "opt-out" in hidden[1].warnings


def test_with_a_hidden_opt_out_our_own_box_is_ticked_and_the_rest_is_synced(hidden):
    workspace, _, who, edited = hidden
    assert workspace.record(who)["PenguinMails_Unsubscribed__c"] is True
    assert workspace.record(edited)["Phone"] == "555"


@pytest.fixture(scope="module")
def guarded(new_workspace):
    """A duplicate rule refuses one new row, a validation rule one edit; others go through; then both are gone."""
    workspace = new_workspace(
        contacts=4, leads=0,
        people=[("Lead", {"LastName": "Twin", "Company": "Ice", "Email": "twin@example.com"})],
        settings={
            "duplicate_rules": True,
            "validation_rules": [{"sobject": "Contact", "when": "Title LIKE 'Intern%'", "message": "No interns, please"}],
        },
    )  # fmt: skip
    intern, fine = workspace.people()[:2]
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('twin@example.com', 'Twin')")
    workspace.sql("UPDATE contacts SET job_title = 'Intern' WHERE salesforce_id = ?", intern)
    workspace.sql("UPDATE contacts SET job_title = 'Fine' WHERE salesforce_id = ?", fine)
    ran = workspace.run("push", "--json")
    again = workspace.run("push", "--json")
    listed = workspace.do_in_process("quarantine")["quarantine"]
    before = workspace.everything(), workspace.sql("SELECT * FROM quarantine")
    workspace.do("retry", "--dry-run")
    workspace.do("quarantine", "--ignore", str(listed[0]["id"]), "--dry-run")
    tried = workspace.everything(), workspace.sql("SELECT * FROM quarantine")
    people = len(workspace.people())
    workspace.local("settings", duplicate_rules=False, validation_rules=[])
    retried = workspace.do("retry")
    return {
        "workspace": workspace, "ran": ran, "again": again, "listed": listed, "people": people, "retried": retried,
        "intern": intern, "fine": fine, "untouched": tried == before,
    }  # fmt: skip


def test_refused_rows_end_in_exit_code_3_and_the_others_are_done(guarded):
    ran = guarded["ran"]
    assert (ran.code, ran.data["objects"]["contact"]["quarantined"]) == (3, 2)
    assert guarded["workspace"].record(guarded["fine"])["Title"] == "Fine"


def test_a_duplicate_rule_is_never_bypassed(guarded):
    assert guarded["people"] == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("DUPLICATES_DETECTED", "Use one of these records?"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No interns, please"),
    ],
)
def test_what_was_refused_is_listed_in_salesforces_own_words_with_a_hint(guarded, code, words):
    [entry] = [entry for entry in guarded["listed"] if entry["code"] == code]
    assert words in entry["message"]
    assert entry["hint"]


def test_what_was_refused_is_not_sent_again_and_does_not_fail_the_next_run(guarded):
    assert (guarded["again"].code, len(guarded["listed"])) == (0, 2)


def test_a_dry_run_of_retry_or_ignore_leaves_what_was_refused_as_it_is(guarded):
    assert guarded["untouched"]


def test_a_retry_sends_what_was_refused_once_the_reason_is_gone(guarded):
    workspace = guarded["workspace"]
    assert guarded["retried"]["retried"] == 2
    assert workspace.record(guarded["intern"])["Title"] == "Intern"
    assert "twin@example.com" in {record["Email"] for record in workspace.records().values()}
    assert workspace.do_in_process("quarantine")["quarantine"] == []
