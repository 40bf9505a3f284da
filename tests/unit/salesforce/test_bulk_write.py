"""Bulk ingest jobs that do not go as they should: every row ends in exactly one outcome."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import stamina

from sfsync.model.change import OrgAction, OrgWrite
from sfsync.model.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from sfsync.model.record import SalesforceId
from sfsync.salesforce.bulk_write import BulkWriter
from sfsync.salesforce.faults import CallRefused

from .bulk_script import JOB, Script, as_json, bulk_web, ingest_job, writer
from .web import Answer, Asked, Web


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def bulk() -> Iterator[Callable[[Script], tuple[BulkWriter, Web]]]:
    with bulk_web() as serving:

        def made(script: Script) -> tuple[BulkWriter, Web]:
            web = serving(script)
            return writer(web), web

        yield made


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


def test_updates_that_all_passed_need_no_results(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
    made, web = bulk(ingest_job({}, numberRecordsProcessed=3, numberRecordsFailed=0))
    writes = updates(3)
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Accepted"] * 3
    assert [asked.method for asked in web.asked] == ["POST", "PUT", "PATCH", "GET"]
    upload = web.asked[1]
    assert upload.headers["content-type"].startswith("text/csv")
    assert upload.body.startswith(b"Id,Title\n003000000000000AAA,T0\n")


def test_failed_and_unprocessed_rows_are_both_accounted_for(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
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


def test_a_row_that_no_result_names_is_unknown(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
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


def test_counts_that_do_not_add_up_are_looked_into(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
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
    bulk: Callable[[Script], tuple[BulkWriter, Web]], state: str
) -> None:
    made, web = bulk(ingest_job({}, state=state))
    writes = inserts(2)
    outcomes = made.ingest(writes)
    assert ended(outcomes, writes) == ["Unknown", "Unknown"]
    assert all(isinstance(outcome, Unknown) and JOB in outcome.message for outcome in outcomes)
    assert sum(asked.method == "PATCH" for asked in web.asked) == 1


def test_a_refused_upload_is_given_up_and_nothing_done(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
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


def test_a_refused_job_is_told_by_an_error(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
    made, web = bulk(
        lambda _: Answer(400, b'[{"errorCode":"INVALIDENTITY","message":"not supported"}]')
    )
    with pytest.raises(CallRefused):
        made.ingest(inserts(1))
    assert len(web.asked) == 1


def test_the_job_is_told_before_any_data_is_sent(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
    made, web = bulk(ingest_job({}, numberRecordsProcessed=1, numberRecordsFailed=0))
    seen: list[tuple[str, int]] = []
    made.ingest(updates(1), lambda job_id, _: seen.append((job_id, len(web.asked))))
    assert seen == [(JOB, 1)]


def test_a_close_whose_answer_is_lost_is_asked_after(
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
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
    bulk: Callable[[Script], tuple[BulkWriter, Web]],
) -> None:
    def script(asked: Asked) -> Answer | None:
        if asked.method == "PATCH":
            return None
        return Answer(201, b"") if asked.method == "PUT" else as_json(state="Open")

    made, _ = bulk(script)
    writes = updates(1)
    assert ended(made.ingest(writes), writes) == ["Unknown"]
