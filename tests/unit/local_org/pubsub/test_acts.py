"""What each act in the org brings on the stream (docs/salesforce.md §14.3, §14.4)."""

import csv
import hashlib
import io
import re

import pytest
import requests

from local_org.server import LocalOrg, LocalOrgConfig
from local_org.state.users import add_user
from tests.unit.local_org.pubsub.conftest import begun
from tests.unit.local_org.pubsub.subscriber import Subscriber

ALL = "/data/ChangeEvents"


def api(org, method, path, **more):
    headers = {"Authorization": f"Bearer {org.token()}", **more.pop("headers", {})}
    url = f"{org.url}/services/data/v66.0{path}"
    reply = requests.request(method, url, headers=headers, timeout=10, **more)
    assert reply.status_code < 400, reply.text
    return reply.json() if reply.content else None


def kinds(events):
    return [(each.header["entityName"], each.kind) for each in events]


@pytest.fixture
def everything(org, subscribe):
    return begun(org, subscribe, ALL)


# -- one record


def test_a_create_tells_all_values_and_no_changes(org, stream):
    person = org.as_user().create(
        "Contact",
        {
            "FirstName": "Ada",
            "LastName": "Vogel",
            "Birthdate": "1970-01-02",
            "MailingCity": "Ulm",
            "PenguinMails_Total_Opens__c": 3,
            "PenguinMails_Last_Email_Opened__c": "2026-01-20T10:00:00.000+0000",
        },
    )
    event = stream.event()
    assert (event.kind, event.ids, event.header["entityName"]) == ("CREATE", [person], "Contact")
    assert event.told["Name"] == {"Salutation": None, "FirstName": "Ada", "LastName": "Vogel"}
    assert event.told["MailingAddress"]["City"] == "Ulm"
    assert event.told["Birthdate"] == 86_400_000
    assert event.told["PenguinMails_Total_Opens__c"] == 3.0
    assert event.told["PenguinMails_Last_Email_Opened__c"] == 1_768_903_200_000
    assert event.told["HasOptedOutOfEmail"] is False
    assert "Email" in event.body
    assert "Email" not in event.told
    assert not event.changed | event.nulled | event.diffed


def test_an_update_tells_what_changed_and_leaves_the_rest_null(org, stream):
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A", "Email": "a@x.example", "Title": "Dr"})
    user.edit(person, {"LastName": "B", "Email": None, "HasOptedOutOfEmail": True})
    _, event = stream.events(2)
    assert event.kind == "UPDATE"
    assert event.changed >= {"Name.LastName", "Email", "HasOptedOutOfEmail", "LastModifiedDate"}
    assert event.nulled == {"Email"}
    assert event.told["Name"] == {"Salutation": None, "FirstName": None, "LastName": "B"}
    assert event.told["HasOptedOutOfEmail"] is True
    assert event.body["Title"] is None
    assert "Title" not in event.changed


def test_a_checkbox_that_is_cleared_is_told_as_false(org, stream):
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A", "HasOptedOutOfEmail": True})
    user.edit(person, {"HasOptedOutOfEmail": False})
    _, event = stream.events(2)
    assert event.told["HasOptedOutOfEmail"] is False
    assert (event.changed, event.nulled) == ({"HasOptedOutOfEmail", "LastModifiedDate"}, set())


def test_delete_undelete_and_purge(org, stream):
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A"})
    user.delete(person)
    user.undelete(person)
    user.delete(person)
    user.purge(person)
    _, deleted, back, again = stream.events(4)
    assert (deleted.kind, deleted.ids, deleted.told) == ("DELETE", [person], {})
    assert (back.kind, back.told["Name"]["LastName"]) == ("UNDELETE", "A")
    assert again.kind == "DELETE"
    assert stream.nothing()


def test_a_live_record_that_is_purged_is_told_as_deleted(org, stream):
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A"})
    user.purge(person)
    other = add_user(org.state, first_name="Eva", last_name="Other", username="eva@penguin.example")
    again = user.create("Contact", {"LastName": "B"})
    with org.state.transaction():
        org.as_user(other).edit(again, {"Title": "Dr"})
        org.as_user(other).purge(again)
    _, gone, _, too = stream.events(4)
    assert (gone.kind, gone.ids) == ("DELETE", [person])
    assert (too.kind, too.ids, too.header["commitUser"]) == ("DELETE", [again], other)
    assert stream.nothing()


def test_a_value_that_cannot_be_told_leaves_a_gap(org, stream):
    person = org.as_user().create("Contact", {"LastName": "half a character: \ud83d"})
    event = stream.event()
    assert (event.kind, event.ids, event.told) == ("GAP_CREATE", [person], {})


def test_an_event_beyond_a_megabyte_is_a_gap(org, stream, monkeypatch):
    monkeypatch.setattr("local_org.events.bus._MOST_EVENT_BYTES", 2_000)
    person = org.as_user().create("Contact", {"LastName": "A", "Description": "x" * 2_000})
    event = stream.event()
    assert (event.kind, event.ids) == ("GAP_CREATE", [person])


def test_what_goes_with_a_deleted_record_has_events_of_its_own(org, everything):
    user = org.as_user()
    company = user.create("Account", {"Name": "Vogel AG"})
    person = user.create("Contact", {"LastName": "A", "AccountId": company})
    task = user.create("Task", {"Subject": "s", "WhoId": person})
    everything.events(3)
    user.delete(company)
    events = everything.events(3)
    assert kinds(events) == [("Account", "DELETE"), ("Contact", "DELETE"), ("Task", "DELETE")]
    assert [each.ids for each in events] == [[company], [person], [task]]
    assert len({each.header["transactionKey"] for each in events}) == 1
    assert [each.header["sequenceNumber"] for each in events] == [1, 2, 3]


def test_a_merge_deletes_the_losers_and_updates_the_winner(org, everything):
    user = org.as_user()
    winner, one, two = (user.create("Contact", {"LastName": name}) for name in "ABC")
    task = user.create("Task", {"Subject": "s", "WhoId": one})
    everything.events(4)
    user.merge(winner, [one, two], {"Title": "Dr"})
    gone, kept = everything.events(2)
    assert (gone.kind, gone.ids) == ("DELETE", [one, two])
    assert (kept.kind, kept.ids, kept.told["Title"]) == ("UPDATE", [winner], "Dr")
    assert everything.nothing()
    assert org.state.table("Task").rows[task]["WhoId"] == winner


def test_a_conversion_is_one_transaction(org, everything):
    user = org.as_user()
    lead = user.create("Lead", {"LastName": "L", "Company": "Neu GmbH", "Email": "l@x.example"})
    user.create("Task", {"Subject": "s", "WhoId": lead})
    everything.events(2)
    done = user.convert(lead)
    company, person, converted = everything.events(3)
    assert kinds([company, person, converted]) == [
        ("Account", "CREATE"),
        ("Contact", "CREATE"),
        ("Lead", "UPDATE"),
    ]
    assert company.told["Name"] == "Neu GmbH"
    assert person.told["AccountId"] == done.account_id
    assert converted.told["ConvertedContactId"] == done.contact_id
    assert converted.changed == {
        "Status",
        "IsConverted",
        "ConvertedDate",
        "ConvertedAccountId",
        "ConvertedContactId",
        "LastModifiedDate",
    }
    assert len({each.header["transactionKey"] for each in (company, person, converted)}) == 1
    assert everything.nothing()


def test_a_logged_mail_is_a_task_and_nothing_of_its_person(org, everything):
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A"})
    today = org.state.now().date().isoformat()
    user.create(
        "Task", {"Subject": "s", "WhoId": person, "Status": "Completed", "ActivityDate": today}
    )
    assert kinds(everything.events(2)) == [("Contact", "CREATE"), ("Task", "CREATE")]
    assert everything.nothing()
    assert org.state.table("Contact").rows[person]["LastActivityDate"] == today


def test_archiving_leaves_gaps(org, everything):
    user = org.as_user()
    task = user.create(
        "Task", {"Subject": "s", "Status": "Completed", "ActivityDate": "2020-01-01"}
    )
    user.archive_tasks()
    _, event = everything.events(2)
    assert (event.kind, event.ids, event.told) == ("GAP_UPDATE", [task], {})


def test_an_update_that_changes_nothing_within_a_second_brings_nothing(org, stream):
    user = org.as_user()
    person = user.create("Contact", {"LastName": "A"})
    row = org.state.table("Contact").rows[person]
    org.state.put(org.state.table("Contact"), person, dict(row))
    assert [each.kind for each in stream.events(1)] == ["CREATE"]
    assert stream.nothing()


def test_who_committed_is_told(org, stream):
    user = org.as_user()
    user.create("Contact", {"LastName": "A"})
    header = stream.event().header
    assert header["commitUser"] == org.state.admin_id
    assert abs(header["commitTimestamp"] / 1000 - org.state.clock.seconds()) < 10


# -- transactions


def test_several_writes_of_a_record_in_one_transaction_are_one_event(org, stream):
    user = org.as_user()
    with org.state.transaction():
        person = user.create("Contact", {"LastName": "A", "Title": "one"})
        user.edit(person, {"Title": "two"})
    event = stream.event()
    assert (event.kind, event.told["Title"]) == ("CREATE", "two")
    with org.state.transaction():
        user.edit(person, {"Title": "three"})
        user.delete(person)
    assert stream.event().kind == "UPDATE"
    assert stream.nothing()


def test_what_is_rolled_back_is_not_told(org, stream):
    user = org.as_user()
    with org.state.transaction() as transaction:
        user.create("Contact", {"LastName": "A"})
        transaction.cancel()
    person = user.create("Contact", {"LastName": "B"})
    assert stream.event().ids == [person]


def test_a_created_record_that_is_purged_at_once_brings_nothing(org, stream):
    user = org.as_user()
    with org.state.transaction():
        user.purge(user.create("Contact", {"LastName": "A"}))
    user.create("Contact", {"LastName": "B"})
    assert stream.event().told["Name"]["LastName"] == "B"


def test_the_same_change_of_several_records_is_one_event(org, stream):
    user = org.as_user()
    people = [user.create("Contact", {"LastName": name}) for name in "AB"]
    stream.events(2)
    org.state.clock.advance(1)  # so that both move their stamps alike
    records = [{"attributes": {"type": "Contact"}, "Id": each, "Title": "Dr"} for each in people]
    api(org, "PATCH", "/composite/sobjects", json={"records": records})
    event = stream.event()
    assert (event.kind, event.ids, event.told["Title"]) == ("UPDATE", people, "Dr")
    assert stream.nothing()


def test_a_write_is_told_once_readers_see_it(org, stream):
    from local_org.records.actor import Actor

    slow = Actor.of(org.state, commit_delay_seconds=60)
    person = slow.create("Contact", {"LastName": "A"})
    assert stream.nothing()
    org.state.advance(61)
    event = stream.event()
    assert event.ids == [person]
    assert event.header["commitTimestamp"] >= event.told["CreatedDate"] + 60_000


def test_too_many_changes_overflow(org, everything):
    org.state.settings.change_event_overflow = 2
    user = org.as_user()
    with org.state.transaction():
        people = [user.create("Contact", {"LastName": name}) for name in "ABCD"]
        user.create("Account", {"Name": "Z"})
    events = everything.events(4)
    assert [each.ids for each in events] == [
        [people[0]],
        [people[1]],
        ["000000000000000AAA"],
        ["000000000000000AAA"],
    ]
    assert kinds(events[2:]) == [("Contact", "GAP_OVERFLOW"), ("Account", "GAP_OVERFLOW")]


# -- by API


def test_a_rest_write_names_its_client(org, stream):
    headers = {"Sforce-Call-Options": "client=sfsync, defaultNamespace=x"}
    api(org, "POST", "/sobjects/Contact", json={"LastName": "A"}, headers=headers)
    assert stream.event().header["changeOrigin"] == "com/salesforce/api/rest/66.0;client=sfsync"
    api(org, "POST", "/sobjects/Contact", json={"LastName": "B"})
    assert stream.event().header["changeOrigin"] == "com/salesforce/api/rest/66.0"
    org.as_user().create("Contact", {"LastName": "C"})
    assert stream.event().header["changeOrigin"] == ""


def test_inside_composite_the_client_is_known(org, stream):
    request = {
        "method": "POST",
        "url": "/services/data/v66.0/sobjects/Contact",
        "referenceId": "a",
        "body": {"LastName": "A"},
    }
    headers = {"Sforce-Call-Options": "client=sfsync"}
    again = {**request, "referenceId": "b"}
    api(org, "POST", "/composite", json={"compositeRequest": [request, again]}, headers=headers)
    one, other = stream.events(2)
    assert one.header["changeOrigin"].endswith(";client=sfsync")
    assert one.header["transactionKey"] != other.header["transactionKey"]
    whole = {"compositeRequest": [request, again], "allOrNone": True}
    api(org, "POST", "/composite", json=whole, headers=headers)
    one, other = stream.events(2)
    assert one.header["transactionKey"] == other.header["transactionKey"]


def test_a_bulk_job_is_told_chunk_by_chunk(org, stream):
    headers = {"Sforce-Call-Options": "client=sfsync"}
    body = {"object": "Contact", "operation": "insert", "lineEnding": "LF"}
    job = api(org, "POST", "/jobs/ingest", json=body, headers=headers)["id"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [["LastName"], *([f"n{at}"] for at in range(30))]
    )
    csv_type = {"Content-Type": "text/csv"}
    api(org, "PUT", f"/jobs/ingest/{job}/batches", data=text.getvalue(), headers=csv_type)
    api(org, "PATCH", f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    events = stream.events(30)
    assert {each.header["changeOrigin"] for each in events} == {
        "com/salesforce/api/bulkapi/66.0;client=sfsync"
    }
    assert len({each.header["transactionKey"] for each in events}) == 1
    assert [each.header["sequenceNumber"] for each in events] == list(range(1, 31))


# -- long texts


def test_a_long_text_is_told_as_a_diff(org, stream):
    user = org.as_user()
    lines = [f"line {at}, which says little" for at in range(100)]
    person = user.create("Contact", {"LastName": "A", "Description": "\n".join(lines)})
    lines[50] = "another line"
    new = "\n".join(lines)
    user.edit(person, {"Description": new})
    _, event = stream.events(2)
    assert event.diffed == {"Description"}
    diff = event.told["Description"]
    assert (
        re.search(r"^\+\+\+ (\w+)", diff, re.MULTILINE)[1]
        == hashlib.sha256(new.encode()).hexdigest()
    )
    assert "+another line" in diff
    user.edit(person, {"Description": "x" * 1_200})
    event = stream.event()
    assert (event.diffed, event.told["Description"]) == (set(), "x" * 1_200)


# -- schemas


def test_a_new_field_is_a_new_schema_from_then_on():
    config = LocalOrgConfig(contacts=0, leads=0, pubsub_port=0, change_events=("Contact",))
    with LocalOrg(config) as org, Subscriber(org) as subscriber:
        user = org.as_user()
        person = user.create("Contact", {"LastName": "A"})
        definition = {
            "FullName": "Contact.Shoe__c",
            "Metadata": {"type": "Text", "label": "Shoe", "length": 20},
        }
        api(org, "POST", "/tooling/sobjects/CustomField", json=definition)
        user.edit(person, {"Title": "Dr"})
        stream = subscriber.subscribe(preset="EARLIEST")
        before, after = stream.events(2)
        stream.close()
    assert before.schema_id != after.schema_id
    assert "Shoe__c" not in before.body
    assert "Shoe__c" in after.body
    assert after.changed == {"Title", "LastModifiedDate"}
