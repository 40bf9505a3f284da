"""Who an event is about: one person, whatever became of their records."""

import pytest

from tests.system.office import event

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


def who(office, last_name, sobject="Contact"):
    return [
        key for key, record in office.records(sobject).items() if record["LastName"] == last_name
    ]


@pytest.fixture(scope="module")
def office(open_one):
    """Everybody's records have met their fate: one conversion before the first pull, the rest after it."""
    office = open_one(contacts=0, leads=0, people=PEOPLE, pull=False)
    [lead], [contact] = who(office, "Long grown", "Lead"), who(office, "Long grown")
    office.local("convert", lead=lead, contact=contact)
    office.do("pull")
    [lead], [contact] = who(office, "Grown", "Lead"), who(office, "Grown")
    office.local("convert", lead=lead, contact=contact)
    [master], [loser] = who(office, "Survivor"), who(office, "Merged")
    office.local("merge", master=master, losers=[loser])
    office.edit(who(office, "Moved")[0], Email="after@example.com")
    office.do("sync")
    return office


@pytest.fixture(scope="module")
def handed_in(office):
    """One reply for each address."""
    before = len(office.people("Contact")), len(office.people("Lead"))
    addresses = [
        "both@example.com", "merged@example.com", "grown@home.example", "long@home.example", "after@example.com",
    ]  # fmt: skip
    ran = office.hand_in(*(event("email_replied", address) for address in addresses))
    return ran, before, (len(office.people("Contact")), len(office.people("Lead")))


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
def test_the_task_is_on_the_contact_that_the_person_is_now(office, handed_in, address, last_name):
    [contact] = [key for key in who(office, last_name) if not office.record(key)["IsDeleted"]]
    keys = [task["PenguinMails_Event_Id__c"] for task in office.tasks(contact)]
    assert keys == [f"email_replied-{address}"]


def test_nobody_is_created_for_an_address_that_belongs_to_somebody(handed_in):
    _, before, after = handed_in
    assert after == before


# -- several with one address ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def twins(office):
    """The same address three times over: once for each way to choose."""
    quarantined = office.hand_in(event("email_replied", "twin@example.com", "which"), expect=3)
    office.configure(("on_multiple: quarantine ", "on_multiple: newest "))
    office.hand_in(event("email_replied", "twin@example.com", "to-newest"))
    office.configure(("on_multiple: newest ", "on_multiple: oldest "))
    office.hand_in(event("email_replied", "twin@example.com", "to-oldest"))
    return quarantined


def test_an_event_of_an_address_that_several_have_is_put_aside_and_told_plainly(office, twins):
    assert twins.data["activity"]["quarantined"] == 1
    [kept] = office.sql("SELECT code, message FROM quarantine WHERE event_id = 'which'")
    assert kept == {"code": "SEVERAL_PEOPLE", "message": "3 contacts have this address"}


@pytest.mark.parametrize(("policy", "which"), [("newest", -1), ("oldest", 0)])
def test_of_several_the_newest_or_the_oldest_is_taken_where_the_mapping_says_so(
    office, twins, policy, which
):
    people = sorted(key for at in range(3) for key in who(office, f"Twin {at}"))
    [task] = [task for task in office.tasks() if task["PenguinMails_Event_Id__c"] == f"to-{policy}"]
    assert task["WhoId"] == people[which]


def test_retry_hands_what_was_put_aside_to_the_one_that_is_now_chosen(office, twins):
    told = office.do("retry")
    assert told["retried"] == 1
    [task] = [task for task in office.tasks() if task["PenguinMails_Event_Id__c"] == "which"]
    assert task["WhoId"] == who(office, "Twin 0")[0]
    assert office.do("quarantine")["quarantine"] == []


# -- nobody at all ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def strangers(office, twins):
    """Three people nobody knows, one for each policy."""
    office.hand_in(event("email_replied", "contact@nowhere.example"))
    office.configure((POLICY, "missing_person: create_lead "))
    office.hand_in(event("email_replied", "lead@nowhere.example"))
    office.configure(("missing_person: create_lead ", "missing_person: quarantine "))
    return office.hand_in(event("email_replied", "nobody@nowhere.example"), expect=3)


@pytest.mark.parametrize(("kind", "sobject"), [("contact", "Contact"), ("lead", "Lead")])
def test_a_stranger_is_made_a_contact_or_a_lead_as_the_policy_says(
    office, strangers, kind, sobject
):
    [made] = [
        one for one in office.records(sobject).values() if one["Email"] == f"{kind}@nowhere.example"
    ]
    assert made["LastName"] == "(unknown)"
    assert len(office.tasks(made["Id"])) == 1


def test_a_stranger_is_put_aside_where_the_policy_says_so(office, strangers):
    everybody = [*office.records("Contact").values(), *office.records("Lead").values()]
    assert "nobody@nowhere.example" not in {one["Email"] for one in everybody}
    [kept] = office.sql("SELECT code FROM quarantine WHERE state = 'open'")
    assert kept == {"code": "UNKNOWN_PERSON"}


# -- rows of people --------------------------------------------------------------------------------
def test_a_row_typed_here_is_linked_to_the_record_that_has_its_address(office, strangers):
    office.create("Contact", LastName="Typed", Email="typed@example.com", Title="CEO")
    before = len(office.people("Contact"))
    office.sql("INSERT INTO contacts (email, first_name) VALUES (' TYPED@example.com', 'Tina')")
    office.do("push")
    [record] = [
        one
        for one in office.records().values()
        if (one["Email"] or "").lower() == "typed@example.com"
    ]
    assert (len(office.people("Contact")), record["FirstName"], record["Title"]) == (
        before,
        "Tina",
        "CEO",
    )


def test_a_row_typed_here_of_somebody_new_is_created_there(office, strangers):
    office.sql("INSERT INTO contacts (email, last_name) VALUES ('brand@new.example', 'Brand')")
    office.do("push")
    [row] = office.sql("SELECT salesforce_id FROM contacts WHERE email = 'brand@new.example'")
    assert office.record(row["salesforce_id"])["LastName"] == "Brand"
