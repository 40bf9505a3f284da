"""Orgs that lack something, hide something, guard something, or lose a reply."""

import pytest

from tests.system.office import changed, event

LOSE_ONE_WRITE = [
    {"match": {"method": method, "path": path}, "fault": "lose_reply", "times": 1}
    for method, path in (("PATCH", "composite/sobjects"), ("POST", r"composite/sobjects/?(\?|$)"))
]


# -- without PenguinMails' fields ------------------------------------------------------------------
@pytest.fixture(scope="module")
def bare(open_one):
    """An org without any of PenguinMails' fields; edits both ways, and one event of each kind."""
    office = open_one(contacts=6, leads=3, custom_fields=False, task_external_id=False, pull=False)
    first = office.run("pull", "--json")
    edited, reader = office.people()[:2]
    before = office.record(reader)
    office.sql(
        "UPDATE contacts SET job_title = 'Ours', lead_score = 5 WHERE salesforce_id = ?", edited
    )
    address = before["Email"]
    kinds = ("email_sent", "email_opened", "email_clicked", "unsubscribed")
    events = office.hand_in(*(event(kind, address) for kind in kinds))
    office.do("sync")
    return {
        "office": office, "pull": first, "edited": edited, "reader": reader, "before": before, "events": events,
    }  # fmt: skip


def test_an_org_without_the_custom_fields_is_pulled_all_the_same(bare):
    assert bare["pull"].code == 0
    assert len(bare["office"].rows("contacts")) == 6
    assert len(bare["office"].rows("leads")) == 3


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
    assert bare["office"].record(bare["edited"])["Title"] == "Ours"


def test_events_are_tasks_and_the_standard_opt_out_is_ticked(bare):
    office, reader = bare["office"], bare["reader"]
    moved = changed(bare["before"], office.record(reader))
    assert {name: moved[name] for name in moved if name != "LastActivityDate"} == {
        "HasOptedOutOfEmail": True
    }
    assert len(office.tasks(reader)) == 3


def test_an_unsubscribe_that_can_be_stored_nowhere_is_put_aside_and_not_lost(open_one):
    office = open_one(contacts=2, leads=0, custom_fields=False, hide_opt_out=True)
    address = office.record(office.people()[0])["Email"]
    office.hand_in(event("unsubscribed", address), event("email_replied", address), expect=3)
    [kept] = office.do("quarantine")["quarantine"]
    assert (kept["code"], kept["event_id"]) == ("NO_OPT_OUT_FIELD", f"unsubscribed-{address}")
    assert len(office.tasks()) == 1


# -- a lost reply ----------------------------------------------------------------------------------
@pytest.fixture(
    scope="module", params=[True, False], ids=["with the external id", "without the external id"]
)
def lossy(open_one, request):
    """The reply to the Tasks is lost on the way; then the next run; likewise for a new contact and an edit."""
    office = open_one(
        contacts=3, leads=0, task_external_id=request.param, custom_fields=request.param
    )
    office.do("sync")
    reader = office.people()[0]
    office.local("faults", faults=LOSE_ONE_WRITE)
    office.run(
        "push-activity",
        "--type",
        "email_replied",
        "--email",
        office.record(reader)["Email"],
        "--id",
        "lost",
    )
    arrived = len(office.tasks(reader))
    office.local("faults", faults=[])
    office.do("sync")
    office.local("faults", faults=LOSE_ONE_WRITE)
    office.sql("INSERT INTO contacts (email, last_name) VALUES ('new@example.com', 'New')")
    office.run("push")
    made = [record for record in office.records().values() if record["Email"] == "new@example.com"]
    struck = [fault.fired for fault in office.org.faults.faults]
    office.local("faults", faults=[])
    office.do("sync")
    office.do("pull")  # what the org itself fills in when a record is made
    return office, reader, arrived, (sum(struck), len(made))


def test_a_task_whose_reply_was_lost_is_there_exactly_once(lossy):
    office, reader, arrived, _ = lossy
    assert arrived == 1  # the fault did strike after the write
    assert len(office.tasks(reader)) == 1
    [kept] = office.sql("SELECT state, task_id FROM activities")
    assert kept == {"state": "done", "task_id": office.tasks(reader)[0]["Id"]}


def test_a_contact_whose_reply_was_lost_is_there_exactly_once(lossy):
    office, _, _, struck_and_made = lossy
    assert struck_and_made == (1, 1)  # the fault did strike after the write
    made = [key for key, record in office.records().items() if record["Email"] == "new@example.com"]
    [row] = office.sql("SELECT salesforce_id FROM contacts WHERE email = 'new@example.com'")
    assert [row["salesforce_id"]] == made


def test_after_lost_replies_nothing_is_in_doubt_and_nothing_differs(lossy):
    office = lossy[0]
    assert office.do("status")["in_doubt"] == 0
    assert office.do("diff")["records"] == []


# -- hidden, guarded -------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def hidden(open_one):
    """HasOptedOutOfEmail is hidden from the user; somebody unsubscribes all the same."""
    office = open_one(contacts=3, leads=1, hide_opt_out=True, pull=False)
    ran = office.run("pull", "--json")
    who, edited = office.people()[:2]
    office.hand_in(event("unsubscribed", office.record(who)["Email"]))
    office.sql("UPDATE contacts SET phone = '555' WHERE salesforce_id = ?", edited)
    office.do("push")
    return office, ran, who, edited


def test_a_hidden_opt_out_is_told_in_a_warning_that_says_what_it_means(hidden):
    assert hidden[1].code == 0
    assert "HasOptedOutOfEmail" in hidden[1].warnings
    assert "opt-out" in hidden[1].warnings


def test_with_a_hidden_opt_out_our_own_box_is_ticked_and_the_rest_is_synced(hidden):
    office, _, who, edited = hidden
    assert office.record(who)["PenguinMails_Unsubscribed__c"] is True
    assert office.record(edited)["Phone"] == "555"


@pytest.fixture(scope="module")
def guarded(open_one):
    """A duplicate rule refuses one new row, a validation rule one edit; others go through; then both are gone."""
    office = open_one(
        contacts=4, leads=0,
        people=[("Lead", {"LastName": "Twin", "Company": "Ice", "Email": "twin@example.com"})],
        settings={
            "duplicate_rules": True,
            "validation_rules": [{"sobject": "Contact", "when": "Title LIKE 'Intern%'", "message": "No interns, please"}],
        },
    )  # fmt: skip
    intern, fine = office.people()[:2]
    office.sql("INSERT INTO contacts (email, last_name) VALUES ('twin@example.com', 'Twin')")
    office.sql("UPDATE contacts SET job_title = 'Intern' WHERE salesforce_id = ?", intern)
    office.sql("UPDATE contacts SET job_title = 'Fine' WHERE salesforce_id = ?", fine)
    ran = office.run("push", "--json")
    again = office.run("push", "--json")
    listed = office.do("quarantine")["quarantine"]
    before = office.everything(), office.sql("SELECT * FROM quarantine")
    office.do("retry", "--dry-run")
    office.do("quarantine", "--ignore", str(listed[0]["id"]), "--dry-run")
    tried = office.everything(), office.sql("SELECT * FROM quarantine")
    people = len(office.people())
    office.local("settings", duplicate_rules=False, validation_rules=[])
    retried = office.do("retry")
    return {
        "office": office, "ran": ran, "again": again, "listed": listed, "people": people, "retried": retried,
        "intern": intern, "fine": fine, "untouched": tried == before,
    }  # fmt: skip


def test_refused_rows_end_in_exit_code_3_and_the_others_are_done(guarded):
    ran = guarded["ran"]
    assert (ran.code, ran.data["objects"]["contact"]["quarantined"]) == (3, 2)
    assert guarded["office"].record(guarded["fine"])["Title"] == "Fine"


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
    office = guarded["office"]
    assert guarded["retried"]["retried"] == 2
    assert office.record(guarded["intern"])["Title"] == "Intern"
    assert "twin@example.com" in {record["Email"] for record in office.records().values()}
    assert office.do("quarantine")["quarantine"] == []
