"""Bulk jobs that do not go as they should: every row ends in exactly one outcome, no row is read half."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import stamina

from sfsync.errors import OrgUnavailable, ProtocolError
from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId
from sfsync.salesforce.bulk import Bulk, JobFailed, Polling
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallRefused
from sfsync.salesforce.transport import OrgSession

from .web import Answer, Asked, Web

JOB = "750000000000001AAA"
FAST = Polling(0.001, 1.0, 0.001, 0.02)
CSV = {"Content-Type": "text/csv; charset=UTF-8"}

Script = Callable[[Asked], Answer | None]


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def bulk() -> Iterator[Callable[..., tuple[Bulk, Web]]]:
    with ExitStack() as stack:

        def made(script: Script, **options: Any) -> tuple[Bulk, Web]:
            web = stack.enter_context(Web(script).serving())
            session = OrgSession(web.token(), lambda stale: stale)
            return Bulk(Connection(session), polling=FAST, sleep=lambda _: None, **options), web

        yield made


def as_json(**told: Any) -> Answer:
    return Answer(200, json.dumps({"id": JOB, **told}).encode())


def as_csv(text: str, **headers: str) -> Answer:
    return Answer(
        200,
        text.encode(),
        {**CSV, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


def query_job(*pages: Answer, state: str = "JobComplete", processed: int | None = None) -> Script:
    waiting = list(pages)

    def script(asked: Asked) -> Answer:
        if "/results" in asked.path:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return as_json(state=state, numberRecordsProcessed=processed)

    return script


def ingest_job(results: dict[str, str], **info: Any) -> Script:
    def script(asked: Asked) -> Answer:
        for name, text in results.items():
            if asked.path.endswith(name):
                return as_csv(text)
        if asked.method == "PUT":
            return Answer(201, b"")
        if asked.method == "GET" and asked.path.endswith(JOB):
            return as_json(**{"state": "JobComplete", **info})
        return as_json(state="Open")

    return script


def updates(count: int) -> list[OrgWrite]:
    ids = [SalesforceId(f"003{ref:012d}AAA") for ref in range(count)]
    return [
        OrgWrite(ref, OrgAction.UPDATE, "Contact", {"Title": f"T{ref}"}, ids[ref])
        for ref in range(count)
    ]


def inserts(count: int) -> list[OrgWrite]:
    return [
        OrgWrite(ref, OrgAction.CREATE, "Contact", {"LastName": f"N{ref}"}) for ref in range(count)
    ]


def ended(outcomes: list[Outcome], writes: list[OrgWrite]) -> list[str]:
    """The kinds of outcome by ref; each write has exactly one."""
    assert sorted(outcome.ref for outcome in outcomes) == [write.ref for write in writes]
    return [type(outcome).__name__ for outcome in sorted(outcomes, key=lambda outcome: outcome.ref)]


# -- reading ---------------------------------------------------------------------------------------
def test_pages_are_fetched_by_locator_to_their_end(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    pages = [
        as_csv('"Id"\n"1"\n"2"\n', Sforce_Locator="MTAw", Sforce_NumberOfRecords="2"),
        as_csv('"Id"\n"3"\n', Sforce_Locator="null"),
    ]
    made, web = bulk(query_job(*pages, processed=3))
    rows = [row for some in made.query("SELECT Id FROM Contact", everything=True) for row in some]
    assert [row["Id"] for row in rows] == ["1", "2", "3"]
    assert json.loads(web.asked[0].body) == {
        "operation": "queryAll",
        "query": "SELECT Id FROM Contact",
    }
    assert web.asked[-1].path.endswith("&locator=MTAw")


@pytest.mark.parametrize(
    "broken",
    [
        as_csv('"Id","Name"\n"1","a"\n', Sforce_NumberOfRecords="2", Sforce_Locator="null"),
        as_csv('"Id","Name"\n"1","a"\n"2","b', Sforce_NumberOfRecords="2", Sforce_Locator="null"),
        as_csv('"Id","Name"\n"1","a"\n"2"', Sforce_NumberOfRecords="2", Sforce_Locator="null"),
    ],
)
def test_a_page_that_is_not_whole_is_fetched_again(
    bulk: Callable[..., tuple[Bulk, Web]], broken: Answer
) -> None:
    whole = as_csv(
        '\ufeff"Id","Name"\r\n"1","a"\r\n"2","b\r\nc"\r\n',
        Sforce_NumberOfRecords="2",
        Sforce_Locator="null",
    )
    made, _ = bulk(query_job(broken, whole, processed=2))
    (rows,) = made.query("SELECT Id, Name FROM Contact", everything=False)
    assert rows == [{"Id": "1", "Name": "a"}, {"Id": "2", "Name": "b\r\nc"}]


def test_a_page_that_is_never_whole_gives_nothing(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    made, _ = bulk(query_job(as_csv('"Id"\n"1"\n', Sforce_NumberOfRecords="2"), processed=2))
    with pytest.raises(OrgUnavailable, match="announced 2 records and sent 1"):
        list(made.query("SELECT Id FROM Contact", everything=False))


def test_fewer_records_than_the_job_read_are_noticed(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    made, _ = bulk(query_job(as_csv('"Id"\n"1"\n', Sforce_Locator="null"), processed=2))
    with pytest.raises(ProtocolError, match="read 2 records and gave 1"):
        list(made.query("SELECT Id FROM Contact", everything=False))


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_job_that_fails_says_so_before_anything_is_read(
    bulk: Callable[..., tuple[Bulk, Web]], state: str
) -> None:
    made, _ = bulk(query_job(as_csv(""), state=state))
    with pytest.raises(JobFailed, match=state):
        made.query("SELECT Id FROM Contact", everything=False)


def test_a_job_that_never_ends_is_left_to_itself(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    made, web = bulk(query_job(as_csv(""), state="InProgress"))
    with pytest.raises(OrgUnavailable, match="still running"):
        made.query("SELECT Id FROM Contact", everything=False)
    assert not any(asked.method == "PATCH" for asked in web.asked)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": 5}'])
def test_a_job_without_a_name_is_refused(
    bulk: Callable[..., tuple[Bulk, Web]], body: bytes
) -> None:
    made, _ = bulk(lambda _: Answer(200, body))
    with pytest.raises(ProtocolError):
        made.query("SELECT Id FROM Contact", everything=False)


# -- writing ---------------------------------------------------------------------------------------
def test_updates_that_all_passed_need_no_results(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    made, web = bulk(ingest_job({}, numberRecordsProcessed=3, numberRecordsFailed=0))
    writes = updates(3)
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Accepted"] * 3
    assert [asked.method for asked in web.asked] == ["POST", "PUT", "PATCH", "GET"]
    upload = web.asked[1]
    assert upload.headers["content-type"].startswith("text/csv")
    assert upload.body.startswith(b"Id,Title\n003000000000000AAA,T0\n")


def test_failed_and_unprocessed_rows_are_both_accounted_for(
    bulk: Callable[..., tuple[Bulk, Web]],
) -> None:
    writes = updates(4)
    ids = [write.salesforce_id for write in writes]
    results = {
        "failedResults": f'"sf__Id","sf__Error","Id","Title"\n"","STRING_TOO_LONG:too long:Title --","{ids[1]}","T1"\n',
        "unprocessedrecords": f'"Id","Title"\n"{ids[3]}","T3"\n',
        "successfulResults": f'"sf__Id","sf__Created","Id","Title"\n"{ids[2]}","false","{ids[2]}","T2"\n"{ids[0]}","false","{ids[0]}","T0"\n',
    }
    made, _ = bulk(
        ingest_job(
            results,
            state="Failed",
            numberRecordsProcessed=3,
            numberRecordsFailed=1,
            errorMessage="x",
        )
    )
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Accepted", "Rejected", "Accepted", "Deferred"]
    assert Rejected(1, "STRING_TOO_LONG", "too long", ("Title",)) in outcomes


def test_a_row_that_no_result_names_is_unknown(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    results = {
        "failedResults": '"sf__Id","sf__Error","LastName"\n',
        "unprocessedrecords": '"LastName"\n',
        "successfulResults": '"sf__Id","sf__Created","LastName"\n"003000000000009AAA","true","N1"\n',
    }
    made, _ = bulk(ingest_job(results, numberRecordsProcessed=1, numberRecordsFailed=0))
    writes = inserts(2)
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Unknown", "Accepted"]
    assert Accepted(1, SalesforceId("003000000000009AAA"), created=True) in outcomes


def test_counts_that_do_not_add_up_are_looked_into(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    writes = updates(2)
    first = writes[0].salesforce_id
    results = {
        "failedResults": '"sf__Id","sf__Error","Id","Title"\n',
        "unprocessedrecords": '"Id","Title"\n',
        "successfulResults": f'"sf__Id","sf__Created","Id","Title"\n"{first}","false","{first}","T0"\n',
    }
    made, _ = bulk(ingest_job(results, numberRecordsProcessed=2, numberRecordsFailed=1))
    assert ended(made.ingest(writes), writes) == ["Accepted", "Unknown"]


@pytest.mark.parametrize("state", ["InProgress", "UploadComplete", ""])
def test_a_job_that_does_not_end_leaves_its_rows_unknown(
    bulk: Callable[..., tuple[Bulk, Web]], state: str
) -> None:
    made, web = bulk(ingest_job({}, state=state))
    writes = inserts(2)
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Unknown", "Unknown"]
    assert all(isinstance(outcome, Unknown) and JOB in outcome.message for outcome in outcomes)
    assert sum(asked.method == "PATCH" for asked in web.asked) == 1


def test_a_refused_upload_is_given_up_and_nothing_done(
    bulk: Callable[..., tuple[Bulk, Web]],
) -> None:
    def script(asked: Asked) -> Answer:
        if asked.method == "PUT":
            return Answer(
                400, b'[{"errorCode":"INVALIDJOBSTATE","message":"Found multiple contents"}]'
            )
        return as_json(state="Open")

    made, web = bulk(script)
    writes = inserts(2)
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Deferred", "Deferred"]
    assert all(isinstance(outcome, Deferred) for outcome in outcomes)
    assert json.loads(web.asked[-1].body) == {"state": "Aborted"}


def test_a_refused_job_is_told_by_an_error(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    made, web = bulk(
        lambda _: Answer(400, b'[{"errorCode":"INVALIDENTITY","message":"not supported"}]')
    )
    with pytest.raises(CallRefused):
        made.ingest(inserts(1))
    assert len(web.asked) == 1


def test_the_job_is_told_before_any_data_is_sent(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    made, web = bulk(ingest_job({}, numberRecordsProcessed=1, numberRecordsFailed=0))
    seen: list[tuple[str, int]] = []
    made.ingest(updates(1), lambda job_id, _: seen.append((job_id, len(web.asked))))
    assert seen == [(JOB, 1)]


def test_a_close_whose_answer_is_lost_is_asked_after(bulk: Callable[..., tuple[Bulk, Web]]) -> None:
    states = iter(["UploadComplete", "JobComplete"])

    def script(asked: Asked) -> Answer | None:
        if asked.method == "PATCH":
            return None
        if asked.method == "GET":
            return as_json(state=next(states), numberRecordsProcessed=1, numberRecordsFailed=0)
        return Answer(201, b"") if asked.method == "PUT" else as_json(state="Open")

    made, web = bulk(script)
    writes = updates(1)
    assert ended(made.ingest(writes), writes) == ["Accepted"]
    assert sum(asked.method == "PATCH" for asked in web.asked) == 1


def test_a_close_that_never_arrives_leaves_the_rows_unknown(
    bulk: Callable[..., tuple[Bulk, Web]],
) -> None:
    def script(asked: Asked) -> Answer | None:
        if asked.method == "PATCH":
            return None
        return Answer(201, b"") if asked.method == "PUT" else as_json(state="Open")

    made, _ = bulk(script)
    writes = updates(1)
    assert ended(made.ingest(writes), writes) == ["Unknown"]
