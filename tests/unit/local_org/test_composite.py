"""Several requests in one."""

from local_org.state.users import add_user

BASE = "/services/data/v65.0"


def sub(reference, method, path, body=None, **more):
    return {
        "method": method,
        "url": BASE + path,
        "referenceId": reference,
        **({"body": body} if body is not None else {}),
        **more,
    }


def run(rest, *requests, **more):
    answer = rest.post("/composite", {"compositeRequest": list(requests), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["compositeResponse"]


def test_references_reach_earlier_replies(rest):
    answers = run(
        rest,
        sub("person", "POST", "/sobjects/Contact", {"LastName": "Ash"}),
        sub(
            "task",
            "POST",
            "/sobjects/Task",
            {"WhoId": "@{person.id}", "Subject": "for @{person.id}"},
        ),
        sub("look", "GET", "/query?q=SELECT+Id,Subject+FROM+Task+WHERE+WhoId='@{person.id}'"),
        sub("again", "PATCH", "/sobjects/Task/@{look.records[0].Id}", {"Priority": "High"}),
        sub("unknown", "GET", "/sobjects/Contact/0035f0000009999AAA"),
    )
    assert [each["httpStatusCode"] for each in answers] == [201, 201, 200, 204, 404]
    assert [each["referenceId"] for each in answers] == [
        "person",
        "task",
        "look",
        "again",
        "unknown",
    ]
    person = answers[0]["body"]["id"]
    assert answers[0]["httpHeaders"] == {"Location": f"{BASE}/sobjects/Contact/{person}"}
    assert answers[2]["body"]["records"][0]["Subject"] == f"for {person}"
    assert answers[3]["body"] is None
    assert answers[4]["body"] == [
        {"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}
    ]
    assert rest.state.meter.used == 1


def test_what_hangs_on_a_failure_is_halted_and_the_rest_goes_on(rest):
    answers = run(
        rest,
        sub("bad", "POST", "/sobjects/Contact", {}),
        sub("task", "POST", "/sobjects/Task", {"WhoId": "@{bad.id}"}),
        sub("good", "POST", "/sobjects/Contact", {"LastName": "x"}),
        sub("odd", "GET", "/sobjects/Contact/@{good.nothing}"),
    )
    assert [each["httpStatusCode"] for each in answers] == [400, 400, 201, 400]
    assert answers[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answers[3]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_all_or_none(rest):
    answers = run(
        rest,
        sub("a", "POST", "/sobjects/Contact", {"LastName": "x"}),
        sub("b", "POST", "/sobjects/Contact", {}),
        allOrNone=True,
    )
    assert [each["httpStatusCode"] for each in answers] == [400, 400]
    assert [each["body"][0]["errorCode"] for each in answers] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
    ]
    assert rest.state.table("Contact").rows == {}


def test_twenty_six_are_refused_in_the_recorded_shape(rest):
    answers = run(
        rest, *(sub(f"r{n}", "POST", "/sobjects/Contact", {"LastName": "x"}) for n in range(26))
    )
    assert answers == [
        {
            "body": [
                {
                    "message": "The request can't contain more than 25 operations.",
                    "errorCode": "LIMIT_EXCEEDED",
                }
            ],
            "httpHeaders": {},
            "httpStatusCode": 400,
            "referenceId": None,
        }
    ]


def test_five_collections_make_a_thousand_records_in_one_call(rest):
    records = [{"attributes": {"type": "Contact"}, "LastName": "x"}] * 200
    five = [sub(f"r{n}", "POST", "/composite/sobjects", {"records": records}) for n in range(5)]
    answers = run(rest, *five)
    assert sum(item["success"] for each in answers for item in each["body"]) == 1_000
    assert rest.state.meter.used == 1
    six = run(rest, *five, sub("q", "GET", "/query?q=SELECT+Id+FROM+Contact+LIMIT+1"))
    assert six[0]["body"][0]["errorCode"] == "LIMIT_EXCEEDED"


def test_headers_belong_to_their_subrequest(rest):
    somebody = add_user(
        rest.state, first_name="Rita", last_name="Rep", username="rita@penguin.example"
    )
    rest.local("settings", {"lead_assignment_user_id": somebody})
    lead = {"LastName": "Elm", "Company": "Elm"}
    answers = rest.post(
        "/composite",
        {
            "compositeRequest": [
                sub("a", "POST", "/sobjects/Lead", lead),
                sub(
                    "b", "POST", "/sobjects/Lead", lead, httpHeaders={"Sforce-Auto-Assign": "FALSE"}
                ),
            ]
        },
        headers={"Sforce-Auto-Assign": "FALSE"},
    ).json()["compositeResponse"]
    owners = [
        rest.get(f"/sobjects/Lead/{each['body']['id']}").json()["OwnerId"] for each in answers
    ]
    assert owners == [somebody, rest.state.admin_id]


def test_conditional_subrequests(rest):
    record_id = rest.create()
    since = {"If-Modified-Since": "Wed, 01 Jan 2998 00:00:00 GMT"}
    answers = run(rest, sub("a", "GET", f"/sobjects/Contact/{record_id}", httpHeaders=since))
    assert (answers[0]["httpStatusCode"], answers[0]["body"]) == (304, None)


def test_reference_ids_are_checked(rest):
    assert (
        run(rest, sub("a", "GET", "/limits"), sub("a", "GET", "/limits"))[0]["httpStatusCode"]
        == 400
    )
    assert run(rest, sub("1", "GET", "/limits"))[0]["httpStatusCode"] == 400
    assert rest.post("/composite", {}).json()[0]["errorCode"] == "JSON_PARSER_ERROR"
    foreign = {"method": "GET", "url": "/id/x", "referenceId": "a"}
    assert run(rest, foreign)[0]["httpStatusCode"] == 404


def test_batch_counts_each_and_may_halt(rest):
    record_id = rest.create()
    rest.state.meter.reset()
    body = {
        "batchRequests": [
            {"method": "GET", "url": f"v65.0/sobjects/Contact/{record_id}?fields=LastName"},
            {
                "method": "PATCH",
                "url": f"v65.0/sobjects/Contact/{record_id}",
                "richInput": {"Title": "x" * 200},
            },
            {
                "method": "PATCH",
                "url": f"/services/data/v65.0/sobjects/Contact/{record_id}",
                "richInput": {"Title": "y"},
            },
        ]
    }
    answer = rest.post("/composite/batch", body).json()
    assert answer["hasErrors"] is True
    assert [each["statusCode"] for each in answer["results"]] == [200, 400, 204]
    assert rest.state.meter.used == 3
    halted = rest.post("/composite/batch", {**body, "haltOnError": True}).json()
    assert [each["statusCode"] for each in halted["results"]] == [200, 400, 412]
    assert halted["results"][2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"
    assert (
        rest.post("/composite/batch", {"batchRequests": body["batchRequests"] * 9}).json()[0][
            "errorCode"
        ]
        == "LIMIT_EXCEEDED"
    )
