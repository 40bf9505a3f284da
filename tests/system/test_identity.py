"""Who an event is about: one person, whatever became of their records."""

import pytest

from tests.system.workspace import event

TWINS = [("Contact", {"LastName": f"Twin {at}", "Email": "twin@example.com"}) for at in range(3)]
PEOPLE = [
    *TWINS,
    ("Contact", {"LastName": "Both", "Email": "both@example.com"}),
    ("Lead", {"LastName": "Both", "Email": "both@example.com", "Company": "Ice"}),
    ("Contact", {"LastName": "Survivor", "Email": "survivor@example.com"}),
    ("Contact", {"LastName": "Merged", "Email": "merged@example.com"}),
    ("Contact", {"LastName": "Grown", "Email": "grown@work.example"}),
    ("Lead", {"LastName": "Grown", "Email": "grown@home.example", "Company": "Ice"}),
    ("Contact", {"LastName": "Long grown", "Email": "long@work.example"}),
    ("Lead", {"LastName": "Long grown", "Email": "long@home.example", "Company": "Ice"}),
    ("Contact", {"LastName": "Moved", "Email": "before@example.com"}),
]
POLICY = "missing_person: create_contact "


def who(workspace, last_name, sobject="Contact"):
    return [
        key for key, record in workspace.records(sobject).items() if record["LastName"] == last_name
    ]


@pytest.fixture(scope="module")
def workspace(new_workspace):
    """Everybody's records have met their fate: one conversion before the first pull, the rest after it."""
    workspace = new_workspace(contacts=0, leads=0, people=PEOPLE, pull=False)
    [lead], [contact] = who(workspace, "Long grown", "Lead"), who(workspace, "Long grown")
    workspace.local("convert", lead=lead, contact=contact)
    workspace.do_in_process("pull")
    [lead], [contact] = who(workspace, "Grown", "Lead"), who(workspace, "Grown")
    workspace.local("convert", lead=lead, contact=contact)
    [master], [loser] = who(workspace, "Survivor"), who(workspace, "Merged")
    workspace.local("merge", master=master, losers=[loser])
    workspace.edit(who(workspace, "Moved")[0], Email="after@example.com")
    workspace.do_in_process("sync")
    return workspace


@pytest.fixture(scope="module")
def handed_in(workspace):
    """One reply for each address."""
    before = len(workspace.people("Contact")), len(workspace.people("Lead"))
    addresses = [
        "both@example.com", "merged@example.com", "grown@home.example", "long@home.example", "after@example.com",
    ]  # fmt: skip
    ran = workspace.push_events(*(event("email_replied", address) for address in addresses))
    return ran, before, (len(workspace.people("Contact")), len(workspace.people("Lead")))


@pytest.mark.parametrize(
    ("address", "last_name"),
    [
        ("both@example.com", "Both"),
        ("merged@example.com", "Survivor"),
        ("grown@home.example", "Grown"),
        ("long@home.example", "Long grown"),
        ("after@example.com", "Moved"),
    ],
    ids=["contact before lead", "merged", "converted", "converted before the first pull", "moved"],
)
def test_the_task_is_on_the_contact_that_the_person_is_now(
    workspace, handed_in, address, last_name
):
    [contact] = [key for key in who(workspace, last_name) if not workspace.record(key)["IsDeleted"]]
    keys = [task["PenguinMails_Event_Id__c"] for task in workspace.tasks(contact)]
    assert keys == [f"email_replied-{address}"]


def test_nobody_is_created_for_an_address_that_belongs_to_somebody(handed_in):
    _, before, after = handed_in
    assert after == before


# -- several with one address ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def twins(workspace):
    """The same address three times over: once for each way to choose."""
    quarantined = workspace.push_events(
        event("email_replied", "twin@example.com", "which"), expect=3
    )
    workspace.configure(("on_multiple: quarantine ", "on_multiple: newest "))
    workspace.push_events_in_process(event("email_replied", "twin@example.com", "to-newest"))
    workspace.configure(("on_multiple: newest ", "on_multiple: oldest "))
    workspace.push_events_in_process(event("email_replied", "twin@example.com", "to-oldest"))
    return quarantined


def test_an_event_of_an_address_that_several_have_is_put_aside_and_told_plainly(workspace, twins):
    assert twins.data["activity"]["quarantined"] == 1
    [kept] = workspace.sql("SELECT code, message FROM quarantine WHERE event_id = 'which'")
    assert kept == {"code": "SEVERAL_PEOPLE", "message": "3 contacts have this address"}


@pytest.mark.parametrize(("policy", "which"), [("newest", -1), ("oldest", 0)])
def test_of_several_the_newest_or_the_oldest_is_taken_where_the_mapping_says_so(
    workspace, twins, policy, which
):
    people = sorted(key for at in range(3) for key in who(workspace, f"Twin {at}"))
    [task] = [
        task for task in workspace.tasks() if task["PenguinMails_Event_Id__c"] == f"to-{policy}"
    ]
    assert task["WhoId"] == people[which]


def test_retry_hands_what_was_put_aside_to_the_one_that_is_now_chosen(workspace, twins):
    told = workspace.do("retry")
    assert told["retried"] == 1
    [task] = [task for task in workspace.tasks() if task["PenguinMails_Event_Id__c"] == "which"]
    assert task["WhoId"] == who(workspace, "Twin 0")[0]
    assert workspace.do_in_process("quarantine")["quarantine"] == []


# -- nobody at all ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def strangers(workspace, twins):
    """Three people nobody knows, one for each policy."""
    workspace.push_events_in_process(event("email_replied", "contact@nowhere.example"))
    workspace.configure((POLICY, "missing_person: create_lead "))
    workspace.push_events_in_process(event("email_replied", "lead@nowhere.example"))
    workspace.configure(("missing_person: create_lead ", "missing_person: quarantine "))
    return workspace.push_events(event("email_replied", "nobody@nowhere.example"), expect=3)


@pytest.mark.parametrize(("kind", "sobject"), [("contact", "Contact"), ("lead", "Lead")])
def test_a_stranger_is_made_a_contact_or_a_lead_as_the_policy_says(
    workspace, strangers, kind, sobject
):
    [made] = [
        one
        for one in workspace.records(sobject).values()
        if one["Email"] == f"{kind}@nowhere.example"
    ]
    assert made["LastName"] == "(unknown)"
    assert len(workspace.tasks(made["Id"])) == 1


def test_a_stranger_is_put_aside_where_the_policy_says_so(workspace, strangers):
    everybody = [*workspace.records("Contact").values(), *workspace.records("Lead").values()]
    assert "nobody@nowhere.example" not in {one["Email"] for one in everybody}
    [kept] = workspace.sql("SELECT code FROM quarantine WHERE state = 'open'")
    assert kept == {"code": "UNKNOWN_PERSON"}


# -- rows of people --------------------------------------------------------------------------------
def test_a_row_typed_here_is_linked_to_the_record_that_has_its_address(workspace, strangers):
    workspace.create("Contact", LastName="Typed", Email="typed@example.com", Title="CEO")
    before = len(workspace.people("Contact"))
    workspace.sql("INSERT INTO contacts (email, first_name) VALUES (' TYPED@example.com', 'Tina')")
    workspace.do("push")
    [record] = [
        one
        for one in workspace.records().values()
        if (one["Email"] or "").lower() == "typed@example.com"
    ]
    assert (len(workspace.people("Contact")), record["FirstName"], record["Title"]) == (
        before,
        "Tina",
        "CEO",
    )


def test_a_row_typed_here_of_somebody_new_is_created_there(workspace, strangers):
    workspace.sql("INSERT INTO contacts (email, last_name) VALUES ('brand@new.example', 'Brand')")
    workspace.do_in_process("push")
    [row] = workspace.sql("SELECT salesforce_id FROM contacts WHERE email = 'brand@new.example'")
    assert workspace.record(row["salesforce_id"])["LastName"] == "Brand"
