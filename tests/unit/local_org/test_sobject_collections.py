"""Up to 200 records a call: each with its own result, in the order asked."""

import pytest


def record(sobject="Contact", **fields):
    return {"attributes": {"type": sobject}, **fields}


def test_create_answers_in_order_with_failures_in_between(rest):
    answer = rest.post(
        "/composite/sobjects",
        {"records": [record(LastName="A"), record(), record("Lead", LastName="L", Company="C")]},
    )
    first, second, third = answer.json()
    assert answer.status_code == 200
    assert (first["success"], first["errors"]) == (True, [])
    assert first["id"].startswith("003")
    assert third["id"].startswith("00Q")
    assert second == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }


def test_an_unknown_field_fails_its_record_only(rest):
    first, second = rest.post(
        "/composite/sobjects",
        {"records": [record(LastName="A", Company="x"), record(LastName="B")]},
    ).json()
    assert first["errors"] == [
        {
            "statusCode": "INVALID_FIELD",
            "message": "No such column 'Company' on sobject of type Contact",
            "fields": [],
        }
    ]
    assert second["success"]


def test_all_or_none_takes_back_the_innocent(rest):
    body = {"allOrNone": True, "records": [record(LastName="A"), record(), record(LastName="B")]}
    results = rest.post("/composite/sobjects", body).json()
    assert [each["errors"][0]["statusCode"] for each in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert rest.state.table("Contact").rows == {}
    assert rest.names("SELECT LastName FROM Contact WHERE Email = null") == []


def test_update_by_id_in_either_spelling(rest):
    one, two = rest.create(), rest.create()
    body = {
        "records": [
            record(id=one, Title="x"),
            record(Id=two[:15], Title="y"),
            record(Title="z"),
            record(id="003", Title="z"),
            record(id="0035f0000009999AAA", Title="z"),
        ]
    }
    results = rest.patch("/composite/sobjects", body).json()
    assert [each.get("id") for each in results] == [one, two, None, None, None]
    assert [each["errors"][0]["statusCode"] for each in results[2:]] == [
        "MISSING_ARGUMENT",
        "MALFORMED_ID",
        "INVALID_CROSS_REFERENCE_KEY",
    ]
    assert results[3]["errors"][0] == {
        "statusCode": "MALFORMED_ID",
        "message": "Contact ID: id value of incorrect type: 003",
        "fields": ["Id"],
    }
    rest.delete(f"/sobjects/Contact/{one}")
    assert (
        rest.patch("/composite/sobjects", {"records": [record(id=one)]}).json()[0]["errors"][0][
            "statusCode"
        ]
        == "ENTITY_IS_DELETED"
    )


def test_upsert_creates_and_updates(rest):
    path = "/composite/sobjects/Contact/PenguinMails_Id__c"
    first = rest.patch(path, {"records": [record(PenguinMails_Id__c="1", LastName="A")]}).json()
    assert (first[0]["success"], first[0]["created"]) == (True, True)
    body = {
        "records": [
            record(penguinmails_id__c="1", Title="x"),
            record(PenguinMails_Id__c="2", LastName="B"),
            record(PenguinMails_Id__c="2", LastName="C"),
            record(LastName="D"),
            record("Lead", PenguinMails_Id__c="3"),
        ]
    }
    results = rest.patch(path, body).json()
    assert [each.get("created") for each in results] == [False, True, None, None, None]
    assert results[0]["id"] == first[0]["id"]
    assert results[2]["errors"][0] == {
        "statusCode": "DUPLICATE_VALUE",
        "message": "Duplicate external id specified: 2",
        "fields": ["PenguinMails_Id__c"],
    }
    assert [each["errors"][0]["statusCode"] for each in results[3:]] == [
        "MISSING_ARGUMENT",
        "INVALID_TYPE",
    ]


def test_upsert_by_email_with_twins_and_by_id(rest):
    rest.create(Email="a@b.example")
    rest.create(Email="a@b.example")
    results = rest.patch(
        "/composite/sobjects/Contact/Email",
        {"records": [record(Email="a@b.example"), record(Email="c@b.example", LastName="C")]},
    ).json()
    assert results[0]["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert results[1]["created"] is True
    by_id = rest.patch(
        "/composite/sobjects/Contact/Id",
        {"records": [record(Id=None, LastName="New"), record(Id=results[1]["id"], Title="x")]},
    ).json()
    assert [each["created"] for each in by_id] == [True, False]


def test_tasks_by_their_event_key_are_exactly_once(rest):
    who = rest.create()
    body = {
        "records": [
            record(
                "Task",
                PenguinMails_Event_Id__c=f"evt-{n}",
                WhoId=who,
                Subject="Mail",
                Status="Completed",
            )
            for n in range(200)
        ]
    }
    for created in (True, False):
        results = rest.patch("/composite/sobjects/Task/PenguinMails_Event_Id__c", body).json()
        assert all(each["success"] and each["created"] is created for each in results)
    assert rest.query("SELECT COUNT() FROM Task")["totalSize"] == 200


def test_delete(rest):
    one, two = rest.create(), rest.create("Task")
    results = rest.delete(f"/composite/sobjects?ids={one},{two},{one},zzz&allOrNone=false").json()
    assert [each["success"] for each in results] == [True, True, False, False]
    assert [each["errors"][0]["statusCode"] for each in results[2:]] == [
        "ENTITY_IS_DELETED",
        "MALFORMED_ID",
    ]


def test_read_keeps_the_order_and_leaves_holes(rest):
    one, two = rest.create(LastName="A"), rest.create(LastName="B")
    rest.delete(f"/sobjects/Contact/{two}")
    body = {"ids": [two, one, "0035f0000009999AAA", one[:15]], "fields": ["LastName"]}
    found = rest.post("/composite/sobjects/Contact", body).json()
    assert [each and each["LastName"] for each in found] == [None, "A", None, "A"]
    assert found[1]["Id"] == one
    assert (
        rest.get(f"/composite/sobjects/Contact?ids={one},{two}&fields=Id,LastName").json()[0][
            "LastName"
        ]
        == "A"
    )
    bad = rest.post("/composite/sobjects/Contact", {"ids": [one], "fields": ["Company"]})
    assert (bad.status_code, bad.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/composite/sobjects", {"records": [record(LastName="A")] * 201}),
        ("PATCH", "/composite/sobjects", {"records": [record(LastName="A")] * 201}),
        ("PATCH", "/composite/sobjects/Contact/Email", {"records": [record(LastName="A")] * 201}),
        ("DELETE", f"/composite/sobjects?ids={','.join(['0035f0000000001AAA'] * 201)}", None),
        (
            "POST",
            "/composite/sobjects/Contact",
            {"ids": ["0035f0000000001AAA"] * 2001, "fields": ["Id"]},
        ),
    ],
)
def test_too_many_records(rest, method, path, body):
    answer = rest.call(method, path, json=body)
    assert answer.status_code == 400
    (only,) = answer.json()
    assert only["errorCode"] == "EXCEEDED_ID_LIMIT"
    assert only["message"].startswith("record limit reached. cannot submit more than 200")


def test_a_call_that_is_none(rest):
    assert (
        rest.post("/composite/sobjects", {"records": "x"}).json()[0]["errorCode"]
        == "JSON_PARSER_ERROR"
    )
    assert rest.post("/composite/sobjects", {"records": []}).status_code == 400
    assert (
        rest.post("/composite/sobjects/Contact", {"ids": []}).json()[0]["errorCode"]
        == "JSON_PARSER_ERROR"
    )
    untyped = rest.post("/composite/sobjects", {"records": [{"LastName": "x"}]}).json()
    assert untyped[0]["errors"][0]["statusCode"] == "INVALID_TYPE"


def test_types_in_too_many_runs(rest):
    mixed = [record(LastName="A"), record("Task")] * 6
    assert (
        rest.post("/composite/sobjects", {"records": mixed}).json()[0]["errorCode"]
        == "LIMIT_EXCEEDED"
    )


def test_a_collection_is_one_call(rest):
    rest.post("/composite/sobjects", {"records": [record(LastName="A")] * 200})
    assert rest.state.meter.used == 1
