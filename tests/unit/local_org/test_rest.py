"""Single records, describes, conditional requests, cursors and the rest of the REST API."""

import gzip
import re
from email.utils import formatdate

import pytest

from local_org.schema.sobject import TEXT_TYPES


def error(answer):
    (only,) = answer.json()
    return answer.status_code, only["errorCode"], only["message"]


# -- getting in


def test_versions_are_open_and_not_counted(rest):
    answer = rest.http.get("/services/data/", headers={"Authorization": ""})
    listed = answer.json()
    assert listed[0] == {"label": "Winter '18", "url": "/services/data/v41.0", "version": "41.0"}
    assert listed[-1] == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}
    assert "Sforce-Limit-Info" not in answer.headers
    assert rest.http.get("/services/data").json() == listed
    assert rest.state.meter.used == 0


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic eDp5"])
def test_without_a_good_token_there_is_nothing(rest, header):
    answer = rest.get("/limits", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    assert "Sforce-Limit-Info" not in answer.headers


def test_the_old_word_for_bearer_is_taken(rest):
    assert (
        rest.get("/limits", headers={"Authorization": f"OAuth {rest.org.token()}"}).status_code
        == 200
    )


def test_every_reply_tells_what_was_used_and_the_time(rest):
    answers = [
        rest.get("/limits"),
        rest.get("/sobjects/Contact/003000000000000AAA"),
        rest.get("/nowhere"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert [answer.headers["Sforce-Limit-Info"] for answer in answers] == [
        f"api-usage={n}/15000" for n in (1, 2, 3)
    ]
    assert all(answer.headers["Date"].endswith("GMT") for answer in answers)


def test_the_date_header_is_the_orgs_own_time(rest):
    rest.advance(86_400 * 400)
    assert rest.get("/limits").headers["Date"] == formatdate(
        rest.state.clock.seconds(), usegmt=True
    )


def test_the_daily_limit_is_a_wall_until_the_day_has_passed(rest):
    rest.local("settings", {"daily_api_requests": 2})
    assert [rest.get("/limits").status_code for _ in range(3)] == [200, 200, 403]
    assert error(rest.get("/limits")) == (
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "TotalRequests Limit exceeded.",
    )
    assert rest.get("/limits").headers["Sforce-Limit-Info"] == "api-usage=2/2"
    rest.advance(86_401)
    assert rest.get("/limits").status_code == 200


def test_retired_versions_are_gone_and_future_ones_unknown(rest):
    assert [
        rest.http.get(f"/services/data/v{version}/limits").status_code
        for version in ("30.0", "31.0", "41.0", "68.0", "69.0", "x")
    ] == [410, 200, 200, 200, 404, 404]


def test_an_address_longer_than_the_limit(rest):
    answer = rest.get(
        "/query", params={"q": "SELECT Id FROM Contact WHERE Title = '" + "x" * 16_400 + "'"}
    )
    assert answer.status_code == 414
    assert rest.get("/limits", headers={"X-Long": "x" * 16_384}).status_code == 431


def test_gzip_both_ways(rest):
    answer = rest.get("/sobjects/Contact/describe", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert (
        "Content-Encoding"
        not in rest.get(
            "/sobjects/Contact/describe", headers={"Accept-Encoding": "identity"}
        ).headers
    )
    body = gzip.compress(b'{"LastName": "Zip"}')
    made = rest.call(
        "POST",
        "/sobjects/Contact",
        content=body,
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert made.status_code == 201
    broken = rest.call(
        "POST", "/sobjects/Contact", content=b"no", headers={"Content-Encoding": "gzip"}
    )
    assert error(broken)[:2] == (400, "JSON_PARSER_ERROR")


# -- about the org


def test_the_resources_and_limits(rest):
    resources = rest.get("/").json()
    assert resources["query"] == "/services/data/v65.0/query"
    assert resources["identity"].endswith(f"/id/{rest.state.org_id}/{rest.state.admin_id}")
    limits = rest.get("/limits").json()
    assert limits["DailyApiRequests"] == {"Max": 15_000, "Remaining": 14_998}
    assert limits["DataStorageMB"] == {"Max": 5, "Remaining": 5}


def test_record_counts_leave_empty_objects_out(rest):
    rest.create()
    assert rest.get("/limits/recordCount?sObjects=Contact,Lead,Nope").json() == {
        "sObjects": [{"count": 1, "name": "Contact"}]
    }


def test_global_describe(rest):
    body = rest.get("/sobjects/").json()
    found = {each["name"]: each for each in body["sobjects"]}
    assert body["maxBatchSize"] == 200
    prefixes = [found[name]["keyPrefix"] for name in ("Contact", "Lead", "Task", "User")]
    assert prefixes == ["003", "00Q", "00T", "005"]
    assert found["Contact"]["urls"]["rowTemplate"] == "/services/data/v65.0/sobjects/Contact/{ID}"
    assert rest.get("/sobjects/Contact").json()["objectDescribe"]["name"] == "Contact"


def test_describe_tells_what_sfsync_needs_to_know(rest):
    fields = {
        field["name"]: field for field in rest.get("/sobjects/contact/describe/").json()["fields"]
    }
    assert "Company" not in fields
    required = {
        name
        for name, each in fields.items()
        if each["createable"] and not each["nillable"] and not each["defaultedOnCreate"]
    }
    assert required == {"LastName"}
    email = fields["Email"]
    assert (
        email["type"],
        email["length"],
        email["idLookup"],
        email["externalId"],
        email["unique"],
    ) == (
        "email",
        80,
        True,
        False,
        False,
    )
    assert fields["Description"]["filterable"] is False
    assert fields["LeadSource"]["restrictedPicklist"] is False
    assert fields["PenguinMails_Id__c"]["externalId"] is True
    assert fields["PenguinMails_Total_Opens__c"]["type"] == "double"
    assert fields["MailingStreet"]["compoundFieldName"] == "MailingAddress"
    lead = {field["name"]: field for field in rest.get("/sobjects/Lead/describe").json()["fields"]}
    assert {
        name
        for name, each in lead.items()
        if each["createable"] and not each["nillable"] and not each["defaultedOnCreate"]
    } == {"LastName", "Company"}
    assert (lead["EmailBouncedDate"]["createable"], lead["EmailBouncedDate"]["updateable"]) == (
        False,
        True,
    )
    task = {field["name"]: field for field in rest.get("/sobjects/Task/describe").json()["fields"]}
    assert task["WhoId"]["referenceTo"] == ["Contact", "Lead"]
    assert task["ActivityDate"]["type"] == "date"
    assert (task["TaskSubtype"]["updateable"], task["TaskSubtype"]["restrictedPicklist"]) == (
        False,
        True,
    )


def test_every_field_is_described_in_full(rest):
    for name in (
        "Account",
        "Contact",
        "Lead",
        "Task",
        "User",
        "Organization",
        "TaskStatus",
        "LeadStatus",
        "Group",
    ):
        describe = rest.get(f"/sobjects/{name}/describe").json()
        keys = {frozenset(field) for field in describe["fields"]}
        assert len(keys) == 1
        assert all(
            field["length"] > 0 for field in describe["fields"] if field["type"] in TEXT_TYPES
        )


def test_an_unknown_object_is_not_found(rest):
    assert error(rest.get("/sobjects/Nope/describe")) == (
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
    )
    assert error(rest.post("/sobjects/Nope", {})) == (
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
    )


def test_a_wrong_method(rest):
    answer = rest.call("PUT", "/sobjects/Contact", json={})
    assert answer.status_code == 405
    assert answer.json()[0]["errorCode"] == "METHOD_NOT_ALLOWED"


def test_organization_and_task_status_can_be_asked(rest):
    org = rest.query(
        "SELECT Id, Name, OrganizationType, IsSandbox, InstanceName FROM Organization"
    )["records"][0]
    assert org["Id"] == rest.state.org_id
    assert org["OrganizationType"] == "Developer Edition"
    closed = rest.query("SELECT MasterLabel, ApiName FROM TaskStatus WHERE IsClosed = true")[
        "records"
    ]
    assert [each["ApiName"] for each in closed] == ["Completed"]


# -- one record


def test_create_answers_201_with_a_place(rest):
    answer = rest.post(
        "/sobjects/Contact/",
        {"attributes": {"type": "Contact"}, "LastName": "Ash", "email": "a@b.example"},
    )
    record_id = answer.json()["id"]
    assert answer.status_code == 201
    assert answer.json() == {"id": record_id, "success": True, "errors": []}
    assert answer.headers["Location"] == f"/services/data/v65.0/sobjects/Contact/{record_id}"
    assert re.fullmatch(r"003[0-9A-Za-z]{12}[A-Z0-5]{3}", record_id)


def test_what_the_org_fills_in(rest):
    record = rest.get(
        f"/sobjects/Contact/{rest.create(FirstName='Ada', LastName='Ash', MailingCity='Rome')}"
    ).json()
    admin = rest.state.admin_id
    assert record["attributes"]["type"] == "Contact"
    assert (record["OwnerId"], record["CreatedById"], record["LastModifiedById"]) == (
        admin,
        admin,
        admin,
    )
    assert record["CreatedDate"] == record["LastModifiedDate"] == record["SystemModstamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000", record["CreatedDate"])
    assert record["Name"] == "Ada Ash"
    assert record["MailingAddress"]["city"] == "Rome"
    assert record["IsDeleted"] is False
    assert record["PenguinMails_Total_Opens__c"] == 0.0
    assert record["PenguinMails_Lead_Score__c"] is None
    assert record["PenguinMails_Unsubscribed__c"] is False
    lead = rest.get(f"/sobjects/Lead/{rest.create('Lead', LastName='Elm', Company='Elm')}").json()
    assert (lead["Status"], lead["IsConverted"], lead["IsUnreadByOwner"]) == (
        "Open - Not Contacted",
        False,
        True,
    )
    task = rest.get(f"/sobjects/Task/{rest.create('Task')}").json()
    assert (task["Status"], task["Priority"], task["TaskSubtype"], task["IsClosed"]) == (
        "Not Started",
        "Normal",
        "Task",
        False,
    )


def test_update_touches_only_what_is_given(rest):
    record_id = rest.create(Title="Boss", Phone="1", Email="x@y.example")
    rest.advance(10)
    answer = rest.patch(f"/sobjects/Contact/{record_id[:15]}", {"Title": None, "Phone": ""})
    assert (answer.status_code, answer.content) == (204, b"")
    record = rest.get(f"/sobjects/Contact/{record_id}").json()
    assert (record["Title"], record["Phone"], record["Email"]) == (None, None, "x@y.example")
    assert record["LastModifiedDate"] > record["CreatedDate"]
    assert record["SystemModstamp"] == record["LastModifiedDate"]


def test_choosing_fields(rest):
    record_id = rest.create(LastName="Ash")
    record = rest.get(f"/sobjects/Contact/{record_id}?fields=Id,lastname").json()
    assert list(record) == ["attributes", "Id", "LastName"]
    assert error(rest.get(f"/sobjects/Contact/{record_id}?fields=Company")) == (
        400,
        "INVALID_FIELD",
        "No such column 'Company' on sobject of type Contact",
    )


def test_delete_and_what_then(rest):
    record_id = rest.create()
    assert rest.delete(f"/sobjects/Contact/{record_id}").status_code == 204
    for answer in (
        rest.delete(f"/sobjects/Contact/{record_id}"),
        rest.get(f"/sobjects/Contact/{record_id}"),
        rest.patch(f"/sobjects/Contact/{record_id}", {}),
    ):
        assert answer.status_code == 404
        assert answer.json() == [
            {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}
        ]
    rest.local("purge", {"id": record_id})
    assert error(rest.get(f"/sobjects/Contact/{record_id}"))[1] == "ENTITY_IS_DELETED"


def test_ids_that_are_none(rest):
    assert error(rest.get("/sobjects/Contact/0035f0000000009AAA")) == (
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
    )
    assert (
        error(rest.get("/sobjects/Contact/abc"))[2]
        == "Provided external ID field does not exist or is not accessible: abc"
    )


def test_a_person_goes_with_their_tasks_and_an_account_with_its_people(rest):
    account = rest.create("Account", Name="Acme")
    contact = rest.create(AccountId=account)
    task = rest.create("Task", WhoId=contact)
    rest.delete(f"/sobjects/Account/{account}")
    for path in (f"Contact/{contact}", f"Task/{task}"):
        assert error(rest.get(f"/sobjects/{path}"))[1] == "ENTITY_IS_DELETED"
    rest.local("undelete", {"id": account})
    assert rest.get(f"/sobjects/Task/{task}").status_code == 200


# -- conditional requests


def test_if_modified_since(rest):
    record_id = rest.create()
    now = formatdate(rest.state.stamp(), usegmt=True)
    path = f"/sobjects/Contact/{record_id}"
    assert rest.get(path, headers={"If-Modified-Since": now}).status_code == 304
    rest.advance(5)
    rest.patch(path, {"Title": "x"})
    assert rest.get(path, headers={"If-Modified-Since": now}).status_code == 200
    assert rest.get(path, headers={"If-Unmodified-Since": now}).status_code == 412
    assert rest.get(path, headers={"If-Modified-Since": "yesterday"}).status_code == 400


def test_if_unmodified_since_closes_the_race(rest):
    record_id = rest.create()
    path = f"/sobjects/Contact/{record_id}"
    now = formatdate(rest.state.stamp(), usegmt=True)
    assert (
        rest.patch(path, {"Title": "mine"}, headers={"If-Unmodified-Since": now}).status_code == 204
    )
    rest.advance(5)
    rest.local("edit", {"id": record_id, "fields": {"Title": "theirs"}})
    assert (
        rest.patch(path, {"Title": "mine again"}, headers={"If-Unmodified-Since": now}).status_code
        == 412
    )
    assert rest.get(path).json()["Title"] == "theirs"
    assert (
        rest.patch(
            path,
            {"Title": "x"},
            headers={"If-Modified-Since": formatdate(rest.state.stamp(), usegmt=True)},
        ).status_code
        == 304
    )


# -- by a key


def test_upsert_creates_then_updates(rest):
    path = "/sobjects/Contact/PenguinMails_Id__c/a%2Fb%20c%2Bd"
    first = rest.patch(path, {"LastName": "Ash"})
    assert (first.status_code, first.json()["created"]) == (201, True)
    second = rest.patch(path, {"Title": "Boss"})
    assert (second.status_code, second.json()) == (
        200,
        {"id": first.json()["id"], "success": True, "errors": [], "created": False},
    )
    record = rest.get(path).json()
    assert (record["PenguinMails_Id__c"], record["Title"]) == ("a/b c+d", "Boss")
    assert rest.delete(path).status_code == 204
    assert rest.get(path).status_code == 404


def test_upsert_before_v46_has_no_body(rest):
    rest.base = "/services/data/v45.0"
    assert (
        rest.patch("/sobjects/Contact/PenguinMails_Id__c/1", {"LastName": "Ash"}).status_code == 201
    )
    again = rest.patch("/sobjects/Contact/PenguinMails_Id__c/1", {"LastName": "Ash"})
    assert (again.status_code, again.content) == (204, b"")


def test_upsert_may_be_update_only(rest):
    assert (
        rest.patch(
            "/sobjects/Contact/PenguinMails_Id__c/1?updateOnly=true", {"LastName": "x"}
        ).status_code
        == 404
    )
    assert rest.state.table("Contact").rows == {}


def test_upsert_by_email_and_several_of_them(rest):
    found = [rest.create(Email="one@b.example"), rest.create(Email="ONE@b.example")]
    answer = rest.patch("/sobjects/Contact/Email/one@b.example", {"Title": "x"})
    assert answer.status_code == 300
    assert answer.json() == [f"/services/data/v65.0/sobjects/Contact/{each}" for each in found]
    assert rest.get("/sobjects/Contact/Email/one@b.example").status_code == 300
    assert rest.names("SELECT Title FROM Contact", "Title") == [None, None]
    assert (
        rest.patch("/sobjects/Contact/Email/two@b.example", {"LastName": "Two"}).status_code == 201
    )


def test_upsert_keys_must_be_keys_and_stay_out_of_the_body(rest):
    assert error(rest.patch("/sobjects/Contact/Title/x", {})) == (
        404,
        "NOT_FOUND",
        "Provided external ID field does not exist or is not accessible: Title",
    )
    assert (
        error(rest.patch("/sobjects/Contact/PenguinMails_Id__c/1", {"penguinmails_id__c": "1"}))[1]
        == "INVALID_FIELD"
    )
    assert (
        error(rest.patch(f"/sobjects/Contact/{rest.create()}", {"Id": "x"}))[1] == "INVALID_FIELD"
    )


def test_the_id_address_only_creates(rest):
    assert rest.post("/sobjects/Contact/Id", {"LastName": "New"}).status_code == 201


# -- pages


def test_cursors(rest):
    for number in range(450):
        rest.state.insert_system("Contact", {"LastName": f"N{number:03d}"})
    headers = {"Sforce-Query-Options": "batchSize=200"}
    first = rest.query("SELECT LastName FROM Contact ORDER BY LastName", headers=headers)
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    assert re.fullmatch(
        r"/services/data/v65\.0/query/01g[0-9A-Za-z]{15}-200", first["nextRecordsUrl"]
    )
    names = [each["LastName"] for each in first["records"]]
    page = first
    while not page["done"]:
        page = rest.http.get(page["nextRecordsUrl"]).json()
        names += [each["LastName"] for each in page["records"]]
    assert names == [f"N{number:03d}" for number in range(450)]
    assert "nextRecordsUrl" not in page
    again = rest.http.get(first["nextRecordsUrl"]).json()
    assert again["records"][0]["LastName"] == "N200"


def test_a_cursor_dies_after_two_days_and_an_unknown_one_never_lived(rest):
    for number in range(201):
        rest.state.insert_system("Contact", {"LastName": f"N{number:03d}"})
    url = rest.query(
        "SELECT Id FROM Contact", "queryAll", headers={"Sforce-Query-Options": "batchSize=1"}
    )["nextRecordsUrl"]
    assert "/queryAll/01g" in url
    rest.advance(2 * 86_400 + 1)
    expected = (400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    assert error(rest.http.get(url)) == expected
    assert error(rest.get("/query/01g000000000000AAA-200")) == expected
    assert error(rest.get("/query/nonsense")) == expected


def test_a_page_does_not_change_under_the_reader(rest):
    ids = [
        rest.state.insert_system("Contact", {"LastName": f"N{number:03d}"}) for number in range(201)
    ]
    first = rest.query(
        "SELECT LastName FROM Contact ORDER BY LastName",
        headers={"Sforce-Query-Options": "batchSize=200"},
    )
    rest.patch(f"/sobjects/Contact/{ids[200]}", {"LastName": "Aaa"})
    assert [
        each["LastName"] for each in rest.http.get(first["nextRecordsUrl"]).json()["records"]
    ] == ["N200"]


def test_a_query_needs_its_text(rest):
    assert error(rest.get("/query"))[1] == "MALFORMED_QUERY"
