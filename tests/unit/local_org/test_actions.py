"""The other hand: what people do in Salesforce, by HTTP and from Python."""

import pytest

from local_org.api_error import ApiError
from local_org.state.users import add_user


def shown(rest, path):
    return rest.get(f"/sobjects/{path}").json()


def test_somebody_edits(rest):
    rita = add_user(rest.state, first_name="Rita", last_name="Rep", username="rita@penguin.example")
    record_id = rest.create(Title="old")
    rest.local(
        "edit", {"id": record_id[:15], "fields": {"Title": "new"}, "user": "rita@penguin.example"}
    )
    record = shown(rest, f"Contact/{record_id}")
    assert (record["Title"], record["LastModifiedById"]) == ("new", rita)
    assert rest.org.as_user("rita@penguin.example").user_id == rita
    with pytest.raises(ApiError):
        rest.org.as_user("nobody@penguin.example")


def test_a_person_is_not_stopped_by_an_alert(rest):
    rest.create(Email="a@b.example")
    rest.local("settings", {"duplicate_rules": True})
    assert rest.local(
        "create", {"sobject": "Contact", "fields": {"LastName": "Twin", "Email": "a@b.example"}}
    )["id"]


def test_delete_and_undelete_with_the_tasks(rest):
    record_id = rest.create()
    task = rest.create("Task", WhoId=record_id)
    rest.local("delete", {"ids": [record_id]})
    assert rest.names("SELECT Id FROM Task WHERE IsDeleted = true", "Id", "queryAll") == [task]
    rest.local("undelete", {"ids": [record_id]})
    assert shown(rest, f"Contact/{record_id}")["IsDeleted"] is False
    assert rest.names("SELECT Id FROM Task", "Id") == [task]
    again = rest.http.post("/_local/undelete", json={"id": record_id})
    assert (again.status_code, again.json()[0]["errorCode"]) == (400, "UNDELETE_FAILED")


def test_purge_leaves_nothing_to_query(rest):
    record_id = rest.create()
    rest.local("purge", {"id": record_id})
    assert rest.names("SELECT Id FROM Contact", "Id", "queryAll") == []
    assert rest.http.post("/_local/undelete", json={"id": record_id}).status_code == 404


def test_the_recycle_bin_empties_itself_after_fifteen_days(rest):
    rest.delete(f"/sobjects/Contact/{rest.create()}")
    rest.advance(14 * 86_400)
    assert rest.query("SELECT COUNT() FROM Contact", "queryAll")["totalSize"] == 1
    rest.advance(2 * 86_400)
    assert rest.query("SELECT COUNT() FROM Contact", "queryAll")["totalSize"] == 0


def test_merge_moves_tasks_and_names_the_master(rest):
    master, one, two = (
        rest.create(LastName="M"),
        rest.create(LastName="A", Title="t"),
        rest.create(LastName="B"),
    )
    tasks = [rest.create("Task", WhoId=each) for each in (one, two)]
    rest.advance(30)
    rest.local("merge", {"master": master, "losers": [one, two], "fields": {"Title": "t"}})
    losers = rest.query(
        "SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true ORDER BY Id", "queryAll"
    )["records"]
    assert [(each["Id"], each["MasterRecordId"]) for each in losers] == [
        (one, master),
        (two, master),
    ]
    assert [shown(rest, f"Task/{each}")["WhoId"] for each in tasks] == [master, master]
    survivor = shown(rest, f"Contact/{master}")
    assert survivor["Title"] == "t"
    assert survivor["SystemModstamp"] > survivor["CreatedDate"]


@pytest.mark.parametrize("losers", [[], ["master"], ["a", "b", "c"]])
def test_merge_takes_one_or_two_others(rest, losers):
    ids = {name: rest.create(LastName=name) for name in ("master", "a", "b", "c")}
    answer = rest.http.post(
        "/_local/merge", json={"master": ids["master"], "losers": [ids[each] for each in losers]}
    )
    assert answer.status_code == 400
    assert rest.query("SELECT COUNT() FROM Contact")["totalSize"] == 4


def test_conversion_makes_a_contact_and_closes_the_lead(rest):
    lead = rest.create(
        "Lead",
        LastName="Elm",
        FirstName="Eve",
        Company="Elm Ltd",
        Email="e@elm.example",
        City="Rome",
        PenguinMails_Id__c="pm-1",
        PenguinMails_Engagement_Score__c=7,
    )
    task = rest.create("Task", WhoId=lead)
    done = rest.local("convert", {"lead": lead})
    record = shown(rest, f"Lead/{lead}")
    assert (record["IsConverted"], record["Status"]) == (True, "Closed - Converted")
    assert (record["ConvertedContactId"], record["ConvertedAccountId"]) == (
        done["contact"],
        done["account"],
    )
    assert record["ConvertedDate"] == rest.state.now().date().isoformat()
    contact = shown(rest, f"Contact/{done['contact']}")
    assert (contact["Name"], contact["Email"], contact["MailingCity"], contact["AccountId"]) == (
        "Eve Elm",
        "e@elm.example",
        "Rome",
        done["account"],
    )
    assert (contact["PenguinMails_Id__c"], contact["PenguinMails_Lead_Score__c"]) == ("pm-1", 7.0)
    assert shown(rest, f"Task/{task}")["WhoId"] == done["contact"]
    refused = rest.patch(f"/sobjects/Lead/{lead}", {"Title": "x"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (
        400,
        "CANNOT_UPDATE_CONVERTED_LEAD",
    )
    assert (
        rest.post("/sobjects/Task", {"WhoId": lead}).json()[0]["errorCode"]
        == "CANNOT_UPDATE_CONVERTED_LEAD"
    )
    assert rest.http.post("/_local/convert", json={"lead": lead}).status_code == 400
    rest.local("settings", {"view_converted_leads": True})
    assert rest.patch(f"/sobjects/Lead/{lead}", {"Title": "x"}).status_code == 204


def test_conversion_into_somebody_who_is_there(rest):
    account = rest.create("Account", Name="Elm Ltd")
    contact = rest.create(LastName="Elm", Email="old@elm.example")
    lead = rest.create(
        "Lead", LastName="Elm", Company="elm ltd", Email="new@elm.example", Title="Boss"
    )
    assert rest.local("convert", {"lead": lead, "contact": contact}) == {
        "contact": contact,
        "account": account,
    }
    record = shown(rest, f"Contact/{contact}")
    assert (record["Email"], record["Title"], record["AccountId"]) == (
        "old@elm.example",
        "Boss",
        account,
    )


def test_archiving_takes_closed_tasks_a_year_past(rest):
    rest.create("Task", Status="Completed", ActivityDate="2020-01-01", Subject="old")
    rest.create("Task", Status="Not Started", ActivityDate="2020-01-01", Subject="open")
    rest.create("Task", Status="Completed", Subject="undated")
    assert rest.local("archive", {}) == {"archived": 1}
    assert sorted(rest.names("SELECT Subject FROM Task", "Subject")) == ["open", "undated"]
    rest.advance(366 * 86_400)
    assert rest.local("archive", {}) == {"archived": 1}


# -- the addresses themselves


def test_local_calls_need_no_token_and_do_not_count(rest):
    rest.http.headers.pop("Authorization")
    assert rest.http.get("/_local/calls").json() == {
        "used": 0,
        "by_path": {},
        "calls": [],
        "limit": 15_000,
    }


def test_calls_are_listed_and_forgotten(rest):
    rest.create()
    rest.query("SELECT Id FROM Contact")
    calls = rest.http.get("/_local/calls").json()
    assert calls["used"] == 2
    assert calls["by_path"] == {
        "POST /services/data/v65.0/sobjects/Contact": 1,
        "GET /services/data/v65.0/query": 1,
    }
    assert calls["calls"][0]["status"] == 201
    rest.local("calls/reset", {})
    assert rest.http.get("/_local/calls").json()["used"] == 0


def test_dump_shows_everything_or_what_a_query_finds(rest):
    record_id = rest.create(LastName="Ash")
    rest.delete(f"/sobjects/Contact/{record_id}")
    assert rest.http.get("/_local/dump?sobject=Contact").json()["Contact"][0]["IsDeleted"] is True
    assert set(rest.http.get("/_local/dump").json()) >= {"Contact", "Lead", "Task", "User"}
    found = rest.http.get("/_local/dump", params={"query": "SELECT LastName FROM Contact"}).json()
    assert [each["LastName"] for each in found["Contact"]] == ["Ash"]


def test_settings_and_clock(rest):
    assert rest.http.get("/_local/settings").json()["daily_api_requests"] == 15_000
    assert rest.local("settings", {"daily_api_requests": 9})["daily_api_requests"] == 9
    refused = rest.http.post("/_local/settings", json={"nonsense": 1})
    assert refused.status_code == 400
    assert "no such setting: nonsense" in refused.json()[0]["message"]
    before = rest.http.get("/_local/clock").json()
    after = rest.local("clock", {"advance_seconds": 3600})
    assert after["now"] > before["now"]
    assert after["offset_seconds"] == 3600


@pytest.mark.parametrize(
    ("send", "status"),
    [
        ({"json": []}, 400),
        ({"json": {}}, 400),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"{}"}, 415),
        ({"json": {"id": "x"}, "headers": {"Origin": "https://evil.example"}}, 403),
        ({"json": {"id": "x"}, "headers": {"Host": "evil.example"}}, 403),
        ({"json": {"id": "x"}}, 404),
    ],
)
def test_bodies_and_pages_that_are_turned_away(rest, send, status):
    answer = rest.http.post("/_local/delete", **send)
    assert answer.status_code == status
    assert answer.json()[0]["errorCode"]


def test_the_page_and_its_data(rest):
    page = rest.http.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    assert "innerHTML" not in page.text
    lead = rest.create("Lead", LastName="<b>Elm</b>", Company="Elm")
    contact = rest.create(LastName="Ash", PenguinMails_Unsubscribed__c=True)
    rest.create(
        "Task",
        WhoId=lead,
        Subject="Email sent: January",
        Description="text",
        Status="Completed",
        ActivityDate="2026-01-20",
    )
    rest.create("Task", Subject="nobody's")
    seen = rest.http.get("/_local/watch").json()
    assert seen["counts"] == {"Contact": 1, "Lead": 1, "Task": 2}
    assert seen["leads"][0]["name"] == "<b>Elm</b>"
    assert seen["contacts"][0]["values"]["PenguinMails_Unsubscribed__c"] is True
    assert [each["who"] and each["who"]["id"] for each in seen["tasks"]] == [None, lead]
    person = rest.http.get(f"/_local/person/{lead}").json()
    assert person["name"] == "<b>Elm</b>"
    assert person["tasks"][0]["subject"] == "Email sent: January"
    rest.delete(f"/sobjects/Contact/{contact}")
    assert rest.http.get("/_local/watch").json()["counts"]["Contact"] == 0
    assert rest.http.get(f"/_local/person/{contact}").status_code == 404
