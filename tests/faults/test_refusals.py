"""Records that the org refuses and Bulk jobs that go wrong: each record ends in
exactly one state, the good ones get through, and nothing is there twice.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sfsync.errors import AuthError, OutcomeUnknown, SfsyncError
from sfsync.model.event import EventType
from sfsync.model.token import Token
from tests.faults.garbling_proxy import GarblingProxy, garbling_proxy
from tests.faults.local_sides import LocalSides, OpenSides, addresses, daily_cells, event
from tests.faults.workload import run_tolerating_errors, start_workload
from tests.unit.salesforce.web import Answer, Asked

UPDATES = r"/composite(/sobjects)?$"
PARKED = (
    "DUPLICATE_VALUE", "DUPLICATES_DETECTED", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "REQUIRED_FIELD_MISSING",
    "STRING_TOO_LONG", "INVALID_EMAIL_ADDRESS", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    "INVALID_CROSS_REFERENCE_KEY", "INSUFFICIENT_ACCESS_OR_READONLY", "CANNOT_UPDATE_CONVERTED_LEAD",
    "INVALID_FIELD_FOR_INSERT_UPDATE", "STORAGE_LIMIT_EXCEEDED", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    "INACTIVE_OWNER_OR_USER", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "INVALID_TYPE_ON_FIELD_IN_RECORD",
)  # fmt: skip
LATER = (
    "UNABLE_TO_LOCK_ROW",
    "ENTITY_IS_DELETED",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "PROCESSING_HALTED",
)


def edited(sides: LocalSides, count: int = 4) -> list[str]:
    people = addresses(sides)[:count]
    for email in people:
        sides.edit(email, job_title="Edited")
    return people


def titles(sides: LocalSides, people: list[str]) -> list[bool]:
    return [sides.record(email)["Title"] == "Edited" for email in people]


# -- refused records -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "code",
    daily_cells(
        [*PARKED, *LATER],
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "UNABLE_TO_LOCK_ROW",
        "ENTITY_IS_DELETED",
    ),
)
def test_one_refused_record_stops_nobody_else(sides: LocalSides, code: str) -> None:
    """The others get through; this one is put aside, or waits where time will heal it."""
    people = edited(sides)
    sides.add_fault(
        "refuse_rows", UPDATES, (), rows=[0], code=code, message=f"{code}: in the org's own words"
    )
    report = sides.do("push")
    assert sum(titles(sides, people)) == 3
    assert report.push["contact"].updated == 3
    aside = sides.sql("SELECT code, message FROM quarantine WHERE state = 'open'")
    if code in PARKED:
        assert [(row["code"], row["message"]) for row in aside] == [
            (code, f"{code}: in the org's own words")
        ]
        assert report.push["contact"].quarantined == 1
    else:
        assert aside == []
        assert report.push["contact"].skipped == 1
    assert sides.unfinished() == []
    sides.clear_faults()
    sides.mirror.quarantine.retry()
    sides.converge()
    assert all(titles(sides, people))


def test_a_lock_hidden_in_a_triggers_words_is_a_lock(sides: LocalSides) -> None:
    people = edited(sides)
    words = "trigger: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"
    sides.add_fault(
        "refuse_rows",
        UPDATES,
        1,
        rows=[0, 2],
        code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        message=words,
    )
    report = sides.do("push")
    assert sides.faults_fired == 1
    assert all(titles(sides, people))
    assert report.push["contact"].updated == 4


def test_locked_records_are_sent_again_in_smaller_requests(open_sides: OpenSides) -> None:
    sides = open_sides(contacts=60)
    people = edited(sides, 60)
    sides.add_fault("lock_rows", UPDATES, (1, 2), rows=list(range(5, 60)))
    sides.add_fault("lock_rows", r"/composite$", 1)
    sides.do("push")
    assert all(titles(sides, people))
    assert sides.faults_fired >= 2
    sides.converge()


@pytest.mark.always
def test_our_own_key_that_is_there_already_is_our_own_task(sides: LocalSides) -> None:
    """A duplicate of a key of ours is a success whose reply was lost."""
    email = addresses(sides)[0]
    who = sides.record(email)["Id"]
    sides.keep_events(event(EventType.REPLIED, email, "evt-own"))
    there = sides.people.create(
        "Task", {"Subject": "x", "WhoId": who, "PenguinMails_Event_Id__c": "evt-own"}
    )
    words = f"duplicate value found: PenguinMails_Event_Id__c duplicates value on record with id: {there}"
    sides.add_fault(
        "refuse_rows", "/composite/sobjects/Task", 1, code="DUPLICATE_VALUE", message=words
    )
    report = sides.do("push_activity")
    assert report.activity is not None
    assert (report.activity.tasks, report.activity.quarantined) == (1, 0)
    sides.converge()


def test_a_batch_that_the_orgs_code_chokes_on_is_cut_down_to_the_record(
    open_sides: OpenSides,
) -> None:
    """A whole request is refused for one record that nobody names; the others get through, it is put aside."""
    sides = open_sides(contacts=40)
    people = edited(sides, 40)
    bad = sides.record(people[17])["Id"]

    with garbling_proxy(sides.local.url, "never", lambda answer: answer) as proxy:
        proxy.instead = lambda asked: choked(proxy, asked, bad)
        sides.url = proxy.url
        report = sides.do("push")
    assert report.push["contact"].updated == 39
    assert [row["code"] for row in sides.sql("SELECT code FROM quarantine")] == ["APEX_ERROR"]


def choked(proxy: GarblingProxy, asked: Asked, bad: str) -> Answer | None:
    """The org's code fails on any request that holds this record, alone or inside ``/composite``."""
    if (
        bad.encode() not in asked.body
        or "/composite" not in asked.path
        or "queryAll" in asked.body.decode()
    ):
        return None
    if asked.path.endswith("/sobjects"):
        return Answer(400, APEX)
    parts = json.loads(asked.body)["compositeRequest"]
    good = [part for part in parts if bad not in json.dumps(part)]
    body = json.dumps({"compositeRequest": good}).encode()
    passed = proxy.forward(replace(asked, body=body))
    assert passed is not None
    told = iter(json.loads(passed.body)["compositeResponse"])
    refused = {"httpStatusCode": 400, "body": json.loads(APEX), "httpHeaders": {}}
    inner = [
        next(told) if part in good else {**refused, "referenceId": part["referenceId"]}
        for part in parts
    ]
    return replace(passed, body=json.dumps({"compositeResponse": inner}).encode())


APEX = b'[{"errorCode":"APEX_ERROR","message":"CPU time limit exceeded"}]'


# -- Tasks without an external id, creates without one ---------------------------------------------
@pytest.mark.always
@pytest.mark.parametrize(
    ("fault", "args"),
    [
        ("lose_reply", {}),
        pytest.param("truncate", {}, marks=pytest.mark.slow),
        pytest.param("drop", {}, marks=pytest.mark.slow),
        ("unavailable", {"done": True}),
        pytest.param("html", {"status": 502, "done": True}, marks=pytest.mark.slow),
    ],
    ids=["lost", "cut short", "dropped", "503 after acting", "502 after acting"],
)
def test_without_external_ids_a_lost_reply_makes_nothing_twice(
    open_sides: OpenSides, fault: str, args: dict[str, Any]
) -> None:
    """where nothing but a look-up can tell: creates of people and Tasks, and updates of counters."""
    sides = open_sides(external_ids=False)
    workload = start_workload(sides)
    sides.add_fault(fault, UPDATES, (1, 2, 3, 4, 6), **args)
    for _ in range(4):
        run_tolerating_errors(sides)
    assert sides.faults_fired >= 4
    workload.check_outcome(sides)


# -- a refresh that is refused ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("code", "description", "said"),
    [
        ("invalid_grant", "expired access/refresh token", "sfsync login"),
        ("invalid_grant", "token validity expired", "sfsync login"),
        ("invalid_grant", "inactive user", "sfsync login"),
        ("inactive_user", "user is inactive", "admin"),
    ],
)
def test_a_refresh_that_is_refused_is_tried_once_and_ends_the_run(
    sides: LocalSides, code: str, description: str, said: str
) -> None:
    from sfsync.auth.grants import Grants

    workload = start_workload(sides)
    here = sides.mirror_tables()
    refusal = f'{{"error":"{code}","error_description":"{description}"}}'.encode()
    with garbling_proxy(
        sides.local.url, "/oauth2/token", lambda _: Answer(400, refusal), nth=0
    ) as proxy:
        held = Token("old", sides.local.url, sides.token().id_url, refresh_token="spent")
        sides.refresh = lambda _stale: Grants(proxy.url, "client").refresh(held)
        sides.add_fault("expired_session", "", ())
        error = run_tolerating_errors(sides)
        assert proxy.struck == 1
    assert isinstance(error, AuthError), error
    assert error.exit_code == 4
    assert said in f"{error.message} {error.hint}"
    assert "spent" not in f"{error.message} {error.hint}"
    assert sides.mirror_tables() == here
    sides.refresh = None
    workload.check_outcome(sides)


# -- Bulk ------------------------------------------------------------------------------------------
JOB = r"/jobs/ingest/750\w+$"


@pytest.mark.parametrize(
    ("fault", "path", "method", "args"),
    [
        pytest.param(
            "lose_reply", r"/jobs/ingest$", "POST", {}, id="create", marks=pytest.mark.faults
        ),
        pytest.param("lose_reply", "/batches", "PUT", {}, id="upload"),
        pytest.param("lose_reply", JOB, "PATCH", {}, id="close"),
        pytest.param("drop", JOB, "PATCH", {}, id="close", marks=pytest.mark.faults),
        pytest.param("html", JOB, "GET", {"status": 200}, id="poll", marks=pytest.mark.faults),
        pytest.param("truncate", "Results", "GET", {}, id="results", marks=pytest.mark.faults),
        pytest.param("expired_session", "Results", "GET", {}, id="results"),
        pytest.param(
            "status",
            JOB,
            "GET",
            {"status": 400, "code": "InvalidSessionId", "message": "x"},
            id="poll",
        ),
        pytest.param(
            "html", "/batches", "PUT", {"status": 403}, id="upload", marks=pytest.mark.faults
        ),
        pytest.param(
            "status",
            "/jobs/ingest$",
            "POST",
            {"status": 403, "code": "FEATURENOTENABLED"},
            id="no Bulk",
        ),
    ],
)
def test_bulk_jobs_come_through_trouble(
    sides: LocalSides, fault: str, path: str, method: str, args: dict[str, Any]
) -> None:
    workload = start_workload(sides)
    sides.bulk = True
    sides.add_fault(fault, path, (1, 3), method, **args)
    run_tolerating_errors(sides)
    run_tolerating_errors(sides)
    assert sides.faults_fired >= 1
    sides.bulk = False
    workload.check_outcome(sides)


@pytest.mark.parametrize(
    "state",
    daily_cells(["Failed", "Aborted", "InProgress", "JobComplete"], "InProgress", "JobComplete"),
)
def test_a_job_that_does_not_end_as_it_should_leaves_each_row_in_one_state(
    sides: LocalSides, state: str
) -> None:
    """Failed, aborted, stuck, and complete with rows it never came to."""

    def ended(answer: Answer) -> Answer:
        told = json.loads(answer.body)
        told |= {"state": state, "numberRecordsProcessed": 0, "numberRecordsFailed": 0}
        return Answer(answer.status, json.dumps(told).encode(), answer.headers)

    workload = start_workload(sides)
    sides.bulk = True
    with garbling_proxy(sides.local.url, "GET .*" + JOB, ended, nth=0) as proxy:
        sides.url = proxy.url
        run_tolerating_errors(sides)
        assert proxy.struck
    states = Counter(row["ref"] for row in sides.sql("SELECT ref FROM _outbox"))
    assert set(states.values()) <= {1}
    sides.url, sides.bulk = "", False
    workload.check_outcome(sides)


# -- reading page by page --------------------------------------------------------------------------
@pytest.fixture
def many(open_sides: OpenSides) -> LocalSides:
    sides = open_sides(contacts=650, leads=1, pulled=False)
    sides.run()
    return sides


@pytest.mark.parametrize(
    ("fault", "args"),
    [
        pytest.param("expired_cursor", {}, id="a cursor that has ended"),
        pytest.param("truncate", {}, id="a page that breaks off"),
        pytest.param("expired_session", {}, id="a session that has ended"),
    ],
)
@pytest.mark.parametrize("nth", [1, 3])
def test_trouble_in_the_middle_of_a_reading_leaves_no_gap_and_no_double(
    many: LocalSides, fault: str, args: dict[str, Any], nth: int
) -> None:
    many.add_fault(fault, r"/query/01g", nth, **args)
    many.do("pull")
    assert many.faults_fired == 1
    assert Counter(row["salesforce_id"] for row in many.rows()) == Counter(
        list(many.live("Contact"))
    )


@pytest.mark.parametrize("fault", ["expired_session", "truncate", "drop"])
def test_a_token_that_ends_in_the_middle_of_a_bulk_download(many: LocalSides, fault: str) -> None:
    """In the middle of the results."""
    many.bulk = True
    many.add_fault(fault, "/results", 1)
    many.do("pull")
    assert many.faults_fired == 1
    assert Counter(row["salesforce_id"] for row in many.rows()) == Counter(
        list(many.live("Contact"))
    )


def test_a_reading_that_breaks_off_for_good_moves_no_watermark(many: LocalSides) -> None:
    """Nothing unseen is ever left behind the watermark."""
    many.add_fault("drop", r"/query/01g", range(2, 9))
    error = run_tolerating_errors(many, "pull")
    assert isinstance(error, SfsyncError)
    assert not isinstance(error, OutcomeUnknown)
    assert many.watermark() == ""
    many.clear_faults()
    many.do("pull")
    assert len(many.rows()) == 650
