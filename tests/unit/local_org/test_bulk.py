"""Bulk API 2.0 of the local org, call by call."""

import csv
import io
import json
import random
import time

import pytest

from local_org.api.call import Call, JobFault, no_row_fault
from local_org.api.router import Router
from local_org.api_error import ApiError
from local_org.bulk.endpoints import Bulk
from local_org.bulk.jobs import BulkSettings
from local_org.records.writer import Writer
from local_org.records.writes import create
from local_org.state.clock import Clock
from local_org.state.founding import found_org
from local_org.state.org import OrgState
from local_org.state.users import add_user

BASE = "/services/data/v65.0/jobs"
KEY = "PenguinMails_Event_Id__c"


class Org:
    """One org with its Bulk API, and short ways to call it."""

    def __init__(self, **settings):
        self.now = 1_800_000_000.0
        self.state = OrgState(clock=Clock(lambda: self.now))
        found_org(self.state)
        self.bulk = Bulk(self.state, BulkSettings(**settings))
        self.api = Router(self.state)
        self.api.extend(self.bulk.endpoints())

    def call(
        self,
        method,
        path,
        body=None,
        *,
        base=BASE,
        row_fault=no_row_fault,
        job_fault=None,
        **headers,
    ):
        path, _, query = path.partition("?")
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        return self.api.dispatch(
            Call(
                method,
                base + path,
                dict(pair.split("=", 1) for pair in query.split("&") if pair),
                {name.replace("_", "-"): value for name, value in headers.items()},
                raw,
                self.state.admin_id,
                row_fault,
                job_fault,
            )
        )

    def open(self, operation="insert", sobject="Contact", **more):
        answer = self.call("POST", "/ingest", {"object": sobject, "operation": operation, **more})
        assert answer.status == 200, answer.body
        return answer.body["id"]

    def put(self, job, content):
        content = content if isinstance(content, bytes) else content.encode()
        return self.call("PUT", f"/ingest/{job}/batches", content, content_type="text/csv")

    def close(self, job, **more):
        return self.call("PATCH", f"/ingest/{job}", {"state": "UploadComplete"}, **more)

    def load(
        self, content, operation="insert", sobject="Contact", *, row_fault=no_row_fault, **more
    ):
        """Bring a file to the end of its job; gives the job's last info."""
        job = self.open(operation, sobject, **more)
        assert self.put(job, content).status == 201
        assert self.close(job, row_fault=row_fault).status == 200
        assert self.bulk.wait(job)
        self.call("GET", f"/ingest/{job}")
        return self.call("GET", f"/ingest/{job}").body

    def results(self, info, which):
        answer = self.call("GET", f"/ingest/{info['id']}/{which}")
        assert answer.status == 200, answer.body
        return rows(answer.body)

    def query(self, text, **more):
        answer = self.call("POST", "/query", {"operation": "query", "query": text, **more})
        assert answer.status == 200, answer.body
        job = answer.body["id"]
        states = [answer.body["state"]]
        while states[-1] not in {"JobComplete", "Failed"}:
            states.append(self.call("GET", f"/query/{job}").body["state"])
        return job, states

    def contact(self, **values):
        return create(
            self.state, "Contact", {"LastName": "X", **values}, Writer(self.state.admin_id)
        )

    def seen(self, record_id):
        return self.state.find(record_id)


@pytest.fixture
def org():
    return Org()


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def code(answer):
    assert answer.status >= 400, answer.body
    return answer.body[0]["errorCode"]


# -- a job's life


def test_a_job_goes_from_open_over_in_progress_to_complete(org):
    made = org.call("POST", "/ingest", {"object": "contact", "operation": "insert"}).body
    assert made["state"] == "Open"
    assert made["object"] == "Contact"
    assert made["apiVersion"] == 65.0
    assert made["contentUrl"] == f"services/data/v65.0/jobs/ingest/{made['id']}/batches"
    assert made["id"].startswith("750")
    assert made["createdDate"].endswith(".000+0000")
    assert org.put(made["id"], "LastName\nAda\n").status == 201
    assert org.close(made["id"]).body["state"] == "UploadComplete"
    assert org.bulk.wait(made["id"])
    states = [org.call("GET", f"/ingest/{made['id']}").body["state"] for _ in range(3)]
    assert states == ["InProgress", "JobComplete", "JobComplete"]


def test_rows_are_written_though_nobody_polls(org):
    job = org.open()
    org.put(job, "LastName\nAda\n")
    org.close(job)
    assert org.bulk.wait(job)
    assert len(org.state.table("Contact").rows) == 1


def test_a_second_upload_is_refused(org):
    job = org.open()
    org.put(job, "LastName\nAda\n")
    answer = org.put(job, "LastName\nBo\n")
    assert code(answer) == "INVALIDJOBSTATE"
    assert "Found multiple contents for job" in answer.body[0]["message"]


def test_an_upload_must_say_that_it_is_csv(org):
    job = org.open()
    answer = org.call(
        "PUT", f"/ingest/{job}/batches", b"LastName\nA\n", content_type="application/json"
    )
    assert code(answer) == "INVALIDCONTENTTYPE"


def test_a_job_without_data_cannot_be_closed_and_a_closed_one_not_again(org):
    job = org.open()
    assert code(org.close(job)) == "INVALIDJOBSTATE"
    org.put(job, "LastName\nAda\n")
    org.close(job)
    assert code(org.close(job)) == "INVALIDJOBSTATE"
    assert code(org.put(job, "LastName\nAda\n")) == "INVALIDJOBSTATE"


def test_there_are_no_results_before_the_end(org):
    assert code(org.call("GET", f"/ingest/{org.open()}/failedResults")) == "INVALIDJOBSTATE"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"object": "Contact", "operation": "merge"}, "INVALIDJOB"),
        ({"object": "Penguin__c", "operation": "insert"}, "INVALIDENTITY"),
        ({"operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Contact", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "columnDelimiter": "DOT"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "upsert"}, "INVALIDJOB"),
        (
            {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Title"},
            "INVALIDJOB",
        ),
    ],
)
def test_a_job_that_makes_no_sense_is_not_made(org, body, error):
    assert code(org.call("POST", "/ingest", body)) == error


def test_hard_delete_needs_a_permission():
    org = Org(hard_delete=False)
    answer = org.call("POST", "/ingest", {"object": "Contact", "operation": "hardDelete"})
    assert code(answer) == "FEATURENOTENABLED"


def test_only_ended_jobs_can_be_deleted(org):
    job = org.open()
    assert code(org.call("DELETE", f"/ingest/{job}")) == "INVALIDJOBSTATE"
    info = org.load("LastName\nAda\n")
    answer = org.call("DELETE", f"/ingest/{info['id']}")
    assert (answer.status, answer.body) == (204, None)
    assert org.call("GET", f"/ingest/{info['id']}").status == 404


def test_an_open_job_can_be_aborted_and_nothing_is_written(org):
    job = org.open()
    org.put(job, "LastName\nAda\nBo\n")
    assert org.call("PATCH", f"/ingest/{job}", {"state": "Aborted"}).body["state"] == "Aborted"
    assert org.call("GET", f"/ingest/{job}").body["state"] == "Aborted"
    assert rows(org.call("GET", f"/ingest/{job}/unprocessedrecords").body) == [
        {"LastName": "Ada"},
        {"LastName": "Bo"},
    ]
    assert org.state.table("Contact").rows == {}
    assert code(org.call("PATCH", f"/ingest/{job}", {"state": "Aborted"})) == "INVALIDJOBSTATE"


def test_a_running_job_can_be_aborted_and_every_row_is_accounted_for():
    org = Org(seconds_per_batch=30)
    job = org.open()
    org.put(job, "LastName\n" + "".join(f"n{each}\n" for each in range(10_500)))
    org.close(job)
    while len(org.state.table("Contact").rows) < 10_000:
        time.sleep(0.005)
    assert org.call("PATCH", f"/ingest/{job}", {"state": "Aborted"}).body["state"] == "Aborted"
    info = org.call("GET", f"/ingest/{job}").body
    assert (info["state"], info["numberRecordsProcessed"]) == ("Aborted", 10_000)
    done = org.results(info, "successfulResults")
    left = org.results(info, "unprocessedRecords")
    assert sorted(row["LastName"] for row in done + left) == sorted(
        f"n{each}" for each in range(10_500)
    )
    assert len(left) == 500


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_may_end_before_its_time_and_every_row_is_accounted_for(org, state):
    job = org.open()
    org.put(job, "LastName\na\nb\nc\n")
    org.close(job, job_fault=JobFault(after=1, state=state))
    org.bulk.wait_for_all()
    org.call("GET", f"/ingest/{job}")
    info = org.call("GET", f"/ingest/{job}").body
    assert (info["state"], info["numberRecordsProcessed"]) == (state, 1)
    assert ("errorMessage" in info) == (state == "Failed")
    assert [row["LastName"] for row in org.results(info, "successfulResults")] == ["a"]
    assert [row["LastName"] for row in org.results(info, "unprocessedRecords")] == ["b", "c"]


def test_an_unknown_state_is_refused(org):
    assert (
        code(org.call("PATCH", f"/ingest/{org.open()}", {"state": "Paused"})) == "INVALIDJOBSTATE"
    )


def test_jobs_are_listed_by_kind_and_forgotten_after_a_week(org):
    ingest = org.load("LastName\nAda\n")
    query, _ = org.query("SELECT Id FROM Contact")
    listed = org.call("GET", "/ingest").body
    assert [(each["id"], each["state"]) for each in listed["records"]] == [
        (ingest["id"], "JobComplete")
    ]
    assert listed["done"] is True
    assert [each["id"] for each in org.call("GET", "/query").body["records"]] == [query]
    org.now += 8 * 86_400
    assert org.call("GET", "/ingest").body["records"] == []


def test_a_job_of_the_other_kind_is_not_found(org):
    query, _ = org.query("SELECT Id FROM Contact")
    assert org.call("GET", f"/ingest/{query}").status == 404
    assert org.call("GET", f"/query/{org.open()}").status == 404
    assert org.call("GET", "/ingest/750000000000000AAA").status == 404


# -- what rows mean


def test_insert_answers_ids_and_echoes_the_columns(org):
    info = org.load("FirstName,LastName\nAda,Lovelace\n")
    (row,) = org.results(info, "successfulResults")
    assert row["sf__Created"] == "true"
    assert (row["FirstName"], row["LastName"]) == ("Ada", "Lovelace")
    assert org.seen(row["sf__Id"])["LastName"] == "Lovelace"
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (1, 0)


def test_job_complete_does_not_mean_that_all_rows_passed(org):
    info = org.load("LastName,Email\nAda,ada@x.example\n,no@name.example\nBo,not an address\n")
    assert info["state"] == "JobComplete"
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (3, 2)
    failed = {row["Email"]: row for row in org.results(info, "failedResults")}
    assert failed["no@name.example"]["sf__Error"] == (
        "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    )
    assert failed["not an address"]["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:")
    assert failed["not an address"]["sf__Id"] == ""
    assert len(org.results(info, "successfulResults")) == 1
    assert org.results(info, "unprocessedrecords") == []


def test_an_empty_cell_leaves_the_field_and_na_clears_it(org):
    record_id = org.contact(Title="Countess", Department="Maths")
    info = org.load(f"Id,Title,Department\n{record_id},,#N/A\n", "update")
    assert info["numberRecordsFailed"] == 0
    row = org.seen(record_id)
    assert row["Title"] == "Countess"
    assert "Department" not in row
    (result,) = org.results(info, "successfulResults")
    assert (result["sf__Id"], result["sf__Created"]) == (record_id, "false")


def test_update_reports_rows_without_id_deleted_and_unknown_ones(org):
    gone = org.contact()
    org.load(f"Id\n{gone}\n", "delete")
    info = org.load(f"Id,Title\n{gone},a\n0035f00000zzzzz,b\n,c\n", "update")
    errors = {row["Title"]: row["sf__Error"] for row in org.results(info, "failedResults")}
    assert errors["a"].startswith("ENTITY_IS_DELETED:entity is deleted:")
    assert errors["b"].startswith("NOT_FOUND:")
    assert errors["c"].startswith("MISSING_ARGUMENT:Id not specified")


def test_upsert_creates_and_updates_by_the_external_id(org):
    person = org.contact()
    first = org.load(
        f"{KEY},WhoId,Subject\ne-1,{person},Sent\n", "upsert", "Task", externalIdFieldName=KEY
    )
    second = org.load(
        f"{KEY},Subject\ne-1,Opened\ne-2,Sent\n", "upsert", "Task", externalIdFieldName=KEY.lower()
    )
    assert second["externalIdFieldName"] == KEY
    (made,) = org.results(first, "successfulResults")
    told = {row[KEY]: row for row in org.results(second, "successfulResults")}
    assert told["e-1"]["sf__Id"] == made["sf__Id"]
    assert (told["e-1"]["sf__Created"], told["e-2"]["sf__Created"]) == ("false", "true")
    assert org.seen(made["sf__Id"])["Subject"] == "Opened"


def test_upsert_refuses_rows_without_key_or_with_one_twice(org):
    info = org.load(f"{KEY},Subject\nk,a\nK,b\n,c\n", "upsert", "Task", externalIdFieldName=KEY)
    errors = {row["Subject"]: row["sf__Error"] for row in org.results(info, "failedResults")}
    assert errors["b"].startswith("DUPLICATE_VALUE:Duplicate external id specified: K")
    assert errors["c"].startswith(f"MISSING_ARGUMENT:{KEY} not specified")
    assert [row["Subject"] for row in org.results(info, "successfulResults")] == ["a"]


def test_upsert_names_the_records_where_several_match(org):
    twins = [org.contact(Email="twin@x.example") for _ in range(2)]
    info = org.load("Email,Title\ntwin@x.example,t\n", "upsert", externalIdFieldName="Email")
    (row,) = org.results(info, "failedResults")
    assert row["sf__Error"].startswith("DUPLICATE_EXTERNAL_ID:")
    assert all(each in row["sf__Error"] for each in twins)


def test_upsert_by_id_updates_and_without_id_inserts(org):
    known = org.contact()
    info = org.load(f"Id,LastName\n{known},Old\n,New\n", "upsert", externalIdFieldName="Id")
    assert info["numberRecordsFailed"] == 0
    assert org.seen(known)["LastName"] == "Old"
    created = {
        row["LastName"]: row["sf__Created"] for row in org.results(info, "successfulResults")
    }
    assert created == {"Old": "false", "New": "true"}


def test_delete_goes_to_the_recycle_bin_and_hard_delete_past_it(org):
    soft, hard = org.contact(), org.contact()
    org.load(f"Id\n{soft}\n", "delete")
    info = org.load(f"Id\n{hard}\n", "hardDelete")
    assert info["numberRecordsFailed"] == 0
    table = org.state.table("Contact")
    assert table.rows[soft]["IsDeleted"] is True
    assert hard not in table.rows
    assert hard in table.delete_log


def test_a_parent_may_be_named_by_its_key(org):
    owner = add_user(org.state, first_name="Bo", last_name="Rep", username="bo@penguin.example")
    info = org.load("LastName,Owner.Email\nAda,bo@penguin.example\nBea,who@x.example\n")
    (row,) = org.results(info, "successfulResults")
    assert org.seen(row["sf__Id"])["OwnerId"] == owner
    (bad,) = org.results(info, "failedResults")
    assert bad["sf__Error"].startswith(
        "INVALID_FIELD:Foreign key external ID: who@x.example not found"
    )


def test_values_of_the_wrong_type_are_told_as_bulk_does(org):
    info = org.load("LastName,Birthdate\nAda,yesterday\n")
    (row,) = org.results(info, "failedResults")
    assert row["sf__Error"] == (
        "INVALID_TYPE_ON_FIELD_IN_RECORD:Birthdate: value not of required type: yesterday:Birthdate --"
    )


def test_booleans_dates_and_times_are_read_from_text(org):
    info = org.load(
        "LastName,DoNotCall,Birthdate,EmailBouncedDate\n"
        "Ada,true,1815-12-10,2026-01-20T10:00:00.000Z\nBo,0,,\n"
    )
    assert info["numberRecordsFailed"] == 0
    told = {
        row["LastName"]: org.seen(row["sf__Id"]) for row in org.results(info, "successfulResults")
    }
    assert told["Ada"]["DoNotCall"] is True
    assert told["Ada"]["EmailBouncedDate"] == 1768903200
    assert not told["Bo"].get("DoNotCall")


def test_a_locked_row_fails_alone(org):
    def locked(index):
        if index == 1:
            raise ApiError(
                "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", []
            )

    info = org.load("LastName\nA\nB\nC\n", row_fault=locked)
    (row,) = org.results(info, "failedResults")
    assert row["LastName"] == "B"
    assert row["sf__Error"].startswith("UNABLE_TO_LOCK_ROW:")


def test_lead_assignment_runs_only_when_asked(org):
    owner = add_user(org.state, first_name="Q", last_name="Rep", username="q@penguin.example")
    org.state.settings.lead_assignment_user_id = owner
    owners = []
    for more in ({}, {"assignmentRuleId": "01Q5f0000000001AAA"}):
        info = org.load("LastName,Company\nAda,Engines\n", "insert", "Lead", **more)
        (row,) = org.results(info, "successfulResults")
        owners.append(org.seen(row["sf__Id"])["OwnerId"])
    assert owners == [org.state.admin_id, owner]


# -- files


@pytest.mark.parametrize(
    ("name", "char"),
    [
        ("COMMA", ","),
        ("TAB", "\t"),
        ("SEMICOLON", ";"),
        ("PIPE", "|"),
        ("CARET", "^"),
        ("BACKQUOTE", "`"),
    ],
)
def test_every_delimiter_works_both_ways(org, name, char):
    job = org.open(columnDelimiter=name)
    org.put(job, f'FirstName{char}LastName\n"A{char}B"{char}C\n')
    org.close(job)
    org.bulk.wait(job)
    org.call("GET", f"/ingest/{job}")
    content = org.call("GET", f"/ingest/{job}/successfulResults").body.decode()
    (row,) = csv.DictReader(io.StringIO(content), delimiter=char)
    assert (row["FirstName"], row["LastName"]) == (f"A{char}B", "C")


def test_line_endings_must_be_those_of_the_job(org):
    good = org.load("LastName\r\nAda\r\n", lineEnding="CRLF")
    assert good["state"] == "JobComplete"
    for content, ending in (("LastName\r\nAda\r\n", "LF"), ("LastName\nAda\n", "CRLF")):
        info = org.load(content, lineEnding=ending)
        assert info["state"] == "Failed"
        assert info["errorMessage"] == (
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}"
        )


def test_a_byte_order_mark_ruins_the_first_header(org):
    info = org.load(b"\xef\xbb\xbfLastName,FirstName\nA,B\n")
    assert info["state"] == "Failed"
    assert info["errorMessage"] == "InvalidBatch : Field name not found : \ufeffLastName"
    assert len(org.results(info, "unprocessedrecords")) == 1
    assert org.results(info, "successfulResults") == []


@pytest.mark.parametrize(
    ("operation", "content", "message"),
    [
        ("insert", "LastName,Colour\nA,red\n", "Field name not found : Colour"),
        ("insert", "LastName,Nowhere.Email\nA,x\n", "Field name not found : Nowhere.Email"),
        ("insert", "LastName,lastname\nA,B\n", "Duplicate column name : lastname"),
        ("insert", "LastName,Title\nA\n", "a row has 1 columns where the header has 2"),
        ("insert", 'LastName\n"A\n', "cannot parse the CSV"),
        ("insert", b"LastName\n\xff\n", "not UTF-8"),
        ("update", "LastName\nA\n", "Field name not found : Id"),
        ("delete", "Id,LastName\n003,A\n", "takes the column Id only"),
    ],
)
def test_a_file_of_the_wrong_shape_fails_the_job_and_writes_nothing(
    org, operation, content, message
):
    info = org.load(content, operation)
    assert info["state"] == "Failed"
    assert message in info["errorMessage"]
    assert org.state.table("Contact").rows == {}


def test_quotes_newlines_and_any_text_survive(org):
    text = 'line one\nline "two", ünï\u2028 🐧'
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows([["LastName", "Description"], ["Ada", text]])
    info = org.load(buffer.getvalue())
    (row,) = org.results(info, "successfulResults")
    assert row["Description"] == text
    assert org.seen(row["sf__Id"])["Description"] == text


def test_results_come_in_another_order_than_the_upload(org):
    names = [f"n{each:03}" for each in range(300)]
    info = org.load("LastName\n" + "".join(f"{name}\n" for name in names))
    told = [row["LastName"] for row in org.results(info, "successfulResults")]
    assert told != names
    assert sorted(told) == names


def test_both_spellings_of_unprocessed_records_are_known(org):
    info = org.load("LastName\nAda\n")
    for which in ("unprocessedrecords", "unprocessedRecords"):
        assert org.call("GET", f"/ingest/{info['id']}/{which}/").body == b'"LastName"\n'
    assert org.call("GET", f"/ingest/{info['id']}/otherResults").status == 404


@pytest.mark.slow
def test_tens_of_thousands_of_rows_pass_in_several_batches(org):
    lines = "".join(f"First{each},Last{each},p{each}@x.example\n" for each in range(30_000))
    info = org.load("FirstName,LastName,Email\n" + lines)
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (30_000, 0)
    assert len(org.state.table("Contact").rows) == 30_000
    job, _ = org.query("SELECT Id, Email FROM Contact")
    answer = org.call("GET", f"/query/{job}/results?maxRecords=20000")
    assert answer.headers["Sforce-NumberOfRecords"] == "20000"


# -- queries


def some_contacts(org, count):
    for each in range(count):
        org.contact(LastName=f"n{each:03}", Email=f"n{each}@x.example")


def test_a_query_runs_through_its_states_and_pages_end_with_the_text_null(org):
    some_contacts(org, 25)
    job, states = org.query("SELECT Id, LastName FROM Contact ORDER BY LastName")
    assert states == ["UploadComplete", "InProgress", "JobComplete"]
    found, locator, locators = [], "", []
    while locator != "null":
        answer = org.call(
            "GET",
            f"/query/{job}/results?maxRecords=10" + (f"&locator={locator}" if locator else ""),
        )
        found += [row["LastName"] for row in rows(answer.body)]
        locator = answer.headers["Sforce-Locator"]
        locators.append((locator, answer.headers["Sforce-NumberOfRecords"]))
    assert found == [f"n{each:03}" for each in range(25)]
    assert locators == [("MTA", "10"), ("MjA", "10"), ("null", "5")]


def test_a_page_can_be_read_again_and_does_not_move_with_the_org(org):
    some_contacts(org, 12)
    job, _ = org.query("SELECT LastName FROM Contact")
    first = org.call("GET", f"/query/{job}/results?maxRecords=10&locator=MTA").body
    some_contacts(org, 5)
    assert org.call("GET", f"/query/{job}/results?maxRecords=10&locator=MTA").body == first
    assert org.call("GET", f"/query/{job}").body["numberRecordsProcessed"] == 12


def test_an_empty_result_is_its_header(org):
    job, _ = org.query("SELECT Id, Account.Name FROM Contact")
    answer = org.call("GET", f"/query/{job}/results")
    assert answer.body == b'"Id","Account.Name"\n'
    assert (answer.headers["Sforce-Locator"], answer.headers["Sforce-NumberOfRecords"]) == (
        "null",
        "0",
    )


def test_values_are_written_as_bulk_does(org):
    account = create(
        org.state,
        "Account",
        {"Name": "Engines", "AnnualRevenue": 1250, "NumberOfEmployees": 7},
        Writer(org.state.admin_id),
    )
    org.contact(LastName="Ada", AccountId=account, Birthdate="1815-12-10")
    job, _ = org.query(
        "SELECT LastName, Title, DoNotCall, Birthdate, CreatedDate, Account.Name, Account.AnnualRevenue,"
        " Account.NumberOfEmployees, Owner.Name FROM Contact"
    )
    (row,) = rows(org.call("GET", f"/query/{job}/results").body)
    assert row == {
        "LastName": "Ada",
        "Title": "",
        "DoNotCall": "false",
        "Birthdate": "1815-12-10",
        "CreatedDate": "2027-01-15T08:00:00.000Z",
        "Account.Name": "Engines",
        "Account.AnnualRevenue": "1250.0",
        "Account.NumberOfEmployees": "7",
        "Owner.Name": "Ida Admin",
    }


def test_query_all_sees_the_recycle_bin(org):
    some_contacts(org, 2)
    gone = org.contact()
    org.load(f"Id\n{gone}\n", "delete")
    counts = {}
    for operation in ("query", "queryAll"):
        job, _ = org.query("SELECT Id, IsDeleted FROM Contact", operation=operation)
        counts[operation] = len(rows(org.call("GET", f"/query/{job}/results").body))
    assert counts == {"query": 2, "queryAll": 3}


def test_result_pages_list_five_at_a_time(org):
    some_contacts(org, 65)
    job, _ = org.query("SELECT LastName FROM Contact")
    found, url, pages = [], f"{BASE}/query/{job}/resultPages?maxRecords=10", []
    while url:
        body = org.call("GET", url, base="").body
        pages.append(len(body["resultPages"]))
        for page in body["resultPages"]:
            found += rows(org.call("GET", page["resultUrl"], base="").body)
        url = body.get("nextRecordsUrl")
        assert body["done"] is (url is None)
    assert pages == [5, 2]
    assert len({row["LastName"] for row in found}) == 65


@pytest.mark.parametrize(
    "text",
    [
        "SELECT COUNT() FROM Contact",
        "SELECT COUNT(Id) FROM Contact",
        "SELECT LastName FROM Contact GROUP BY LastName",
        "SELECT Id FROM Contact LIMIT 5 OFFSET 5",
        "SELECT FIELDS(ALL) FROM Contact LIMIT 5",
        "SELECT Id, MailingAddress FROM Contact",
    ],
)
def test_what_bulk_queries_cannot_do_is_refused(org, text):
    answer = org.call("POST", "/query", {"operation": "query", "query": text})
    assert code(answer) == "FUNCTIONALITY_NOT_ENABLED"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT Colour FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Penguin__c", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_query_that_is_wrong_is_refused_at_once(org, text, error):
    assert code(org.call("POST", "/query", {"operation": "query", "query": text})) == error


def test_results_must_be_asked_with_the_version_of_the_job(org):
    job, _ = org.query("SELECT Id FROM Contact")
    answer = org.call("GET", f"/query/{job}/results", base=BASE.replace("65.0", "64.0"))
    assert answer.status == 409


def test_results_need_a_complete_job_and_a_true_locator(org):
    made = org.call(
        "POST", "/query", {"operation": "query", "query": "SELECT Id FROM Contact"}
    ).body
    assert code(org.call("GET", f"/query/{made['id']}/results")) == "INVALIDJOBSTATE"
    job, _ = org.query("SELECT Id FROM Contact")
    assert code(org.call("GET", f"/query/{job}/results?locator=xyz")) == "INVALID_QUERY_LOCATOR"
    assert code(org.call("GET", f"/query/{job}/results?maxRecords=0")) == "INVALIDJOB"


def test_a_query_can_be_aborted_then_deleted(org):
    made = org.call(
        "POST", "/query", {"operation": "query", "query": "SELECT Id FROM Contact"}
    ).body
    path = f"/query/{made['id']}"
    assert code(org.call("DELETE", path)) == "INVALIDJOBSTATE"
    assert org.call("PATCH", path, {"state": "Aborted"}).body["state"] == "Aborted"
    assert code(org.call("PATCH", path, {"state": "Aborted"})) == "INVALIDJOBSTATE"
    assert org.call("GET", path).body["state"] == "Aborted"
    assert org.call("DELETE", path).status == 204


def test_a_query_the_org_comes_to_refuse_fails_without_a_message(org):
    made = org.call(
        "POST", "/query", {"operation": "query", "query": "SELECT HasOptedOutOfEmail FROM Contact"}
    )
    org.state.settings.hide_opt_out = True
    states = [org.call("GET", f"/query/{made.body['id']}").body for _ in range(2)]
    assert states[-1]["state"] == "Failed"
    assert "errorMessage" not in states[-1]


def test_query_results_take_the_delimiter_and_line_ending_asked_for(org):
    org.contact(LastName="A;B", Title="t")
    job, _ = org.query(
        "SELECT LastName, Title FROM Contact", columnDelimiter="SEMICOLON", lineEnding="CRLF"
    )
    assert org.call("GET", f"/query/{job}/results").body == b'"LastName";"Title"\r\n"A;B";"t"\r\n'


def test_random_files_lose_and_invent_no_row(org):
    rng = random.Random(7)
    names = [rng.choice(["", "#N/A", f"name {each}"]) for each in range(500)]
    info = org.load(
        "LastName,Title\n" + "".join(f"{name},t{at}\n" for at, name in enumerate(names))
    )
    good, bad = org.results(info, "successfulResults"), org.results(info, "failedResults")
    assert sorted(row["Title"] for row in good + bad) == sorted(f"t{at}" for at in range(500))
    assert {row["LastName"] for row in bad} == {"", "#N/A"}
    assert len(org.state.table("Contact").rows) == len(good)
