"""How far a Bulk job is, told while it runs."""

from __future__ import annotations

from sfsync.salesforce.bulk_jobs import BulkJobs

from .bulk_script import FAST, JOB, as_json, bulk_web, reader
from .web import Answer, Asked


def test_each_look_at_a_job_that_runs_tells_how_many_more_records_it_came_to() -> None:
    looks = [as_json(state="InProgress", numberRecordsProcessed=seen) for seen in (0, 2, "?", 1)]
    looks.append(as_json(state="JobComplete", numberRecordsProcessed=5))

    def script(_asked: Asked) -> Answer:
        return looks.pop(0)

    heard: list[int] = []
    with bulk_web() as made:
        connection = reader(made(script))._jobs._connection
        jobs = BulkJobs(connection, "jobs/ingest", polling=FAST, sleep=lambda _: None)
        jobs.on_processed = heard.append
        jobs.wait(JOB)
    assert heard == [2, 3]
