"""A web server that plays Bulk jobs by a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sfsync.salesforce.bulk_jobs import BulkJobs, Polling
from sfsync.salesforce.bulk_read import BulkReader
from sfsync.salesforce.bulk_write import BulkWriter
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.transport import OrgSession

from .web import Answer, Asked, Web

JOB = "750000000000001AAA"
FAST = Polling(0.001, 1.0, 0.001, 0.02)
CSV = {"Content-Type": "text/csv; charset=UTF-8"}

Script = Callable[[Asked], Answer | None]
Made = Callable[[Script], Web]


@contextmanager
def bulk_web() -> Iterator[Made]:
    """Starts servers, which end with the block."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Web(script).serving())


def reader(web: Web) -> BulkReader:
    return BulkReader(_jobs(_connection(web), "jobs/query"))


def writer(web: Web) -> BulkWriter:
    connection = _connection(web)
    return BulkWriter(connection, _jobs(connection, "jobs/ingest"))


def _connection(web: Web) -> Connection:
    return Connection(OrgSession(web.token(), lambda stale: stale))


def _jobs(connection: Connection, resource: str) -> BulkJobs:
    return BulkJobs(connection, resource, polling=FAST, sleep=lambda _: None)


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
