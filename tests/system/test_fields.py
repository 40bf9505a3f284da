"""Every field of the example configuration, in both directions, one by one.

Each Contact or Lead gets one field edited, so that a whole-record comparison shows that nothing
else moved.
"""

import pytest

from tests.system.workspace import changed

CONTACT_FIELDS = [
    ("Email", "email", "ada.new@example.com"),
    ("FirstName", "first_name", "Ada"),
    ("LastName", "last_name", "O'Neil-Łukasz"),
    ("Phone", "phone", "+47 555 0100"),
    ("Title", "job_title", "Chief Penguin"),
    ("MailingCity", "city", "Longyearbyen"),
    ("MailingState", "state", "Svalbard"),
    ("MailingCountry", "country", "Norway"),
    ("LeadSource", "lead_source", "Web"),
    ("PenguinMails_Lead_Score__c", "lead_score", 87),
    ("PenguinMails_Last_Email_Opened__c", "last_email_opened", "2026-01-20T10:00:00Z"),
    ("PenguinMails_Total_Opens__c", "total_opens", 12),
    ("PenguinMails_Total_Clicks__c", "total_clicks", 5),
]
LEAD_FIELDS = [
    ("Email", "email", "bob.new@example.com"),
    ("FirstName", "first_name", "Bob"),
    ("LastName", "last_name", "Ó Súilleabháin"),
    ("Company", "company", "Ice & Söhne"),
    ("Phone", "phone", "+47 555 0101"),
    ("Title", "job_title", "Buyer"),
    ("City", "city", "Tromsø"),
    ("State", "state", "Troms"),
    ("Country", "country", "Norway"),
    ("Status", "lead_status", "Working - Contacted"),
    ("Rating", "lead_rating", "Hot"),
    ("PenguinMails_Engagement_Score__c", "engagement_score", 41),
    ("PenguinMails_Last_Campaign__c", "last_campaign_id", "c-9"),
]
FIELDS = [("Contact", *one) for one in CONTACT_FIELDS] + [("Lead", *one) for one in LEAD_FIELDS]
ids = [f"{sobject}.{field}" for sobject, field, _, _ in FIELDS]
in_org = {"2026-01-20T10:00:00Z": "2026-01-20T10:00:00.000+0000"}


def cast(workspace, *others):
    """A record for each field, that has another value there; and one for each of the others."""
    left = {"Contact": workspace.records("Contact"), "Lead": workspace.records("Lead")}
    wanted = [*((sobject, field, value) for sobject, field, _, value in FIELDS), *others]
    chosen = {}
    for sobject, field, value in wanted:
        people = left[sobject]
        who = next(
            one for one in people if not consents(people[one]) and people[one].get(field) != value
        )
        chosen[sobject, field] = who
        del people[who]
    return chosen


def consents(record):
    """Whether the sample has opted this person out: a push would spread that to the second box."""
    return record["HasOptedOutOfEmail"]


@pytest.fixture(scope="module")
def pulled(new_workspace):
    """Every field edited in Salesforce, one a record, then a pull."""
    workspace = new_workspace(contacts=22, leads=18)
    whose = cast(
        workspace, ("Contact", "Account.Name", ""), ("Contact", "nobody", ""),
        ("Contact", "PenguinMails_Unsubscribed__c", True), ("Lead", "HasOptedOutOfEmail", True),
    )  # fmt: skip
    for sobject, field, _, value in FIELDS:
        workspace.edit(whose[sobject, field], **{field: value})
    account = workspace.record(whose["Contact", "Account.Name"])["AccountId"]
    workspace.edit(account, Name="Penguins United")
    workspace.edit(whose["Contact", "Account.Name"], Description="so that the record is read again")
    workspace.edit(
        whose["Contact", "PenguinMails_Unsubscribed__c"], PenguinMails_Unsubscribed__c=True
    )
    workspace.edit(whose["Lead", "HasOptedOutOfEmail"], HasOptedOutOfEmail=True)
    workspace.do("pull")
    return workspace, whose


@pytest.mark.parametrize(("sobject", "field", "column", "value"), FIELDS, ids=ids)
def test_a_value_typed_in_salesforce_comes_down_into_its_column(
    pulled, sobject, field, column, value
):
    workspace, whose = pulled
    assert workspace.row(whose[sobject, field])[column] == value


def test_a_contact_has_its_account_name_as_company(pulled):
    workspace, whose = pulled
    assert workspace.row(whose["Contact", "Account.Name"])["company"] == "Penguins United"


def test_a_record_nobody_edited_is_the_same_on_both_sides(pulled):
    workspace, whose = pulled
    there, here = (
        workspace.record(whose["Contact", "nobody"]),
        workspace.row(whose["Contact", "nobody"]),
    )
    for field, column, _ in CONTACT_FIELDS:
        assert here[column] == there[field], field


def test_an_opt_out_ticked_on_a_contact_is_one_in_both_columns(pulled):
    workspace, whose = pulled
    row = workspace.row(whose["Contact", "PenguinMails_Unsubscribed__c"])
    assert (row["unsubscribed"], row["opted_out"]) == (1, 1)


def test_an_opt_out_ticked_on_a_lead_comes_down(pulled):
    workspace, whose = pulled
    assert workspace.row(whose["Lead", "HasOptedOutOfEmail"])["unsubscribed"] == 1


@pytest.fixture(scope="module")
def pushed(new_workspace):
    """Every field edited in the mirror, one a row, then a push."""
    workspace = new_workspace(contacts=22, leads=18)
    whose = cast(
        workspace, ("Contact", "Account.Name", ""),
        ("Contact", "PenguinMails_Unsubscribed__c", True), ("Lead", "HasOptedOutOfEmail", True),
    )  # fmt: skip
    before = workspace.records("Contact") | workspace.records("Lead")
    edits = [(whose[sobject, field], column, value) for sobject, field, column, value in FIELDS] + [
        (whose["Contact", "Account.Name"], "company", "Elsewhere"),
        (whose["Contact", "PenguinMails_Unsubscribed__c"], "unsubscribed", 1),
        (whose["Lead", "HasOptedOutOfEmail"], "unsubscribed", 1),
    ]
    for who, column, value in edits:
        table = "contacts" if who.startswith("003") else "leads"
        workspace.sql(f"UPDATE {table} SET {column} = ? WHERE salesforce_id = ?", value, who)
    workspace.do("push")
    after = workspace.records("Contact") | workspace.records("Lead")
    return workspace, whose, {who: changed(before[who], after[who]) for who in before}


@pytest.mark.parametrize(("sobject", "field", "column", "value"), FIELDS, ids=ids)
def test_an_edited_column_changes_its_field_and_no_other(pushed, sobject, field, column, value):
    _, whose, changes = pushed
    ours = changes[whose[sobject, field]]
    made_of_it = {"Name", "MailingAddress", "Address"}  # worked out by Salesforce itself
    assert {name: ours[name] for name in ours if name not in made_of_it} == {
        field: in_org.get(value, value)
    }


def test_an_opt_out_edited_on_a_contact_ticks_both_boxes_and_nothing_else(pushed):
    _, whose, changes = pushed
    both = {"HasOptedOutOfEmail": True, "PenguinMails_Unsubscribed__c": True}
    assert changes[whose["Contact", "PenguinMails_Unsubscribed__c"]] == both


def test_an_opt_out_edited_on_a_lead_ticks_its_box_and_nothing_else(pushed):
    _, whose, changes = pushed
    assert changes[whose["Lead", "HasOptedOutOfEmail"]] == {"HasOptedOutOfEmail": True}


def test_a_contacts_company_never_goes_up(pushed):
    workspace, whose, changes = pushed
    assert changes[whose["Contact", "Account.Name"]] == {}
    assert "Elsewhere" not in {account["Name"] for account in workspace.records("Account").values()}


def test_records_whose_rows_nobody_edited_are_left_alone(pushed):
    workspace, whose, changes = pushed
    others = {who: change for who, change in changes.items() if who not in whose.values()}
    assert len(others) == 11
    for who, change in others.items():
        opted_out = consents(workspace.record(who)) and who.startswith("003")
        assert change == ({"PenguinMails_Unsubscribed__c": True} if opted_out else {})


def test_what_was_pushed_leaves_no_difference(pushed):
    assert pushed[0].do_in_process("diff")["records"] == []
