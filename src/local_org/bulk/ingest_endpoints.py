"""The addresses of ingest jobs.

A closed job runs in a thread of its own (``ingest_job``).

Source: docs/salesforce.md §5.1; "Found multiple contents for job" as two public repositories quote it
from a real org.
"""

import threading
import time
from dataclasses import replace
from typing import Any

from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError, not_found
from local_org.bulk.csv_dialect import Dialect
from local_org.bulk.ingest_job import ENDED, OPERATIONS, Ingester, IngestJob
from local_org.bulk.job_info import csv_reply, ingest_info
from local_org.bulk.jobs import Jobs, listed
from local_org.records.lookup import key_field
from local_org.state.org import OrgState

_MAX_UPLOAD_BYTES = 150_000_000 * 3 // 4
_ABORT_SECONDS = 10
_RESULTS = {
    "successfulresults": ("successful", "sf__Created"),
    "failedresults": ("failed", "sf__Error"),
    "unprocessedrecords": ("unprocessed", None),
}


class IngestEndpoints:
    """``/jobs/ingest``.

    Args:
        state: the org.
        jobs: where jobs are kept.
    """

    def __init__(self, state: OrgState, jobs: Jobs) -> None:
        self._state = state
        self._jobs = jobs
        self._ingester = Ingester(state, self._pause)

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        return [
            endpoint("GET", "/jobs/ingest", self._list),
            endpoint("POST", "/jobs/ingest", self._create),
            endpoint("GET", "/jobs/ingest/{}", self._show),
            endpoint("PATCH", "/jobs/ingest/{}", self._change_state),
            endpoint("DELETE", "/jobs/ingest/{}", self._jobs.delete),
            endpoint("PUT", "/jobs/ingest/{}/batches", self._upload),
            endpoint("GET", "/jobs/ingest/{}/{}", self._results),
        ]

    # -- making and filling a job

    def _create(self, call: Call) -> Reply:
        body = call.json_object()
        name = str(body.get("object") or "")
        self._check_body(body, name)
        rule_id = body.get("assignmentRuleId")
        assign = bool(rule_id) or self._jobs.settings.assign_leads
        job = IngestJob(
            job_id=self._jobs.next_id(),
            sobject=self._state.kind(name).name,
            operation=str(body["operation"]),
            dialect=Dialect.of(body.get("columnDelimiter"), body.get("lineEnding")),
            version=call.version,
            writer=replace(call.writer(), auto_assign=assign),
            created_at=self._state.stamp(),
            key=self._key(name, body) if body["operation"] == "upsert" else None,
            assignment_rule_id=rule_id,
            modified_at=self._state.stamp(),
        )
        self._jobs.add(job)
        return Reply(body=ingest_info(job, job.state))

    def _check_body(self, body: dict[str, Any], name: str) -> None:
        operation = body.get("operation")
        if operation not in OPERATIONS:
            raise ApiError("INVALIDJOB", f"InvalidJob : Invalid operation: {operation}")
        if not name or not self._state.has_object(name):
            raise ApiError(
                "INVALIDENTITY",
                f"InvalidEntity : Entity '{name}' is not supported by the Bulk API.",
            )
        if operation == "hardDelete" and not self._jobs.settings.hard_delete:
            raise ApiError(
                "FEATURENOTENABLED",
                "FeatureNotEnabled : hardDelete operation requires special user permission",
            )
        if str(body.get("contentType") or "CSV").upper() != "CSV":
            raise ApiError(
                "INVALIDJOB", f"InvalidJob : Unsupported content type: {body['contentType']}"
            )

    def _key(self, name: str, body: dict[str, Any]) -> str:
        wanted = str(body.get("externalIdFieldName") or "")
        if not wanted:
            raise ApiError(
                "INVALIDJOB", "InvalidJob : External ID field name is required for upsert"
            )
        try:
            return key_field(self._state.kind(name), wanted).name
        except ApiError:
            raise ApiError(
                "INVALIDJOB",
                f"InvalidJob : Field name not found : {wanted} is no external ID of {name}",
            ) from None

    def _upload(self, call: Call, job_id: str) -> Reply:
        job = self._jobs.ingest_job(job_id)
        if job.content is not None:
            raise ApiError(
                "INVALIDJOBSTATE",
                f"Found multiple contents for job: <{job.job_id}>, please 'Close' / 'Abort' /"
                " 'Delete' the current Job then create a new Job and make sure you only do 'PUT'"
                " once on a given Job.",
            )
        if job.state != "Open":
            raise self._jobs.wrong_state(job, "takes no data")
        if not call.headers.get("content-type", "").lower().startswith("text/csv"):
            raise ApiError(
                "INVALIDCONTENTTYPE",
                "InvalidContentType : the data of a job is text/csv",
                status=400,
            )
        if len(call.raw) > _MAX_UPLOAD_BYTES:
            raise ApiError(
                "EXCEEDEDLIMIT",
                "ExceededLimit : the data is larger than 150 MB in base64",
                status=413,
            )
        job.content = call.raw
        return Reply(201)

    # -- closing and aborting

    def _change_state(self, call: Call, job_id: str) -> Reply:
        job = self._jobs.ingest_job(job_id)
        wanted = call.json_object().get("state")
        if wanted == "UploadComplete":
            self._close(call, job)
        elif wanted == "Aborted":
            self._abort(job)
        else:
            raise ApiError("INVALIDJOBSTATE", f"InvalidJobState : a job cannot be set to {wanted}")
        return Reply(body=ingest_info(job, wanted))

    def _close(self, call: Call, job: IngestJob) -> None:
        if job.state != "Open":
            raise self._jobs.wrong_state(job, "cannot be closed")
        if not job.content:
            raise ApiError(
                "INVALIDJOBSTATE", "InvalidJobState : Job needs to have content before it is closed"
            )
        job.state, job.modified_at = "UploadComplete", self._state.stamp()
        job.row_fault, job.job_fault = call.row_fault, call.job_fault
        thread = threading.Thread(
            target=self._run, args=(job,), name=f"bulk-{job.job_id}", daemon=True
        )
        thread.start()

    def _abort(self, job: IngestJob) -> None:
        if self._jobs.shown_state(job) in ENDED:
            raise self._jobs.wrong_state(job, "cannot be aborted")
        job.aborted.set()
        if job.state == "Open" and job.content:
            self._run(job)  # writes nothing now, but says which rows are unprocessed
        elif job.state != "Open":
            job.finished.wait(_ABORT_SECONDS)
        job.state, job.modified_at = "Aborted", self._state.stamp()
        job.polls = self._jobs.settings.in_progress_polls
        job.finished.set()

    def _run(self, job: IngestJob) -> None:
        started = time.perf_counter()
        self._ingester.run(job)
        job.busy_seconds = time.perf_counter() - started

    def _pause(self, job: IngestJob) -> None:
        if self._jobs.settings.seconds_per_batch:
            job.aborted.wait(self._jobs.settings.seconds_per_batch)

    # -- how far a job is

    def _show(self, _call: Call, job_id: str) -> Reply:
        job = self._jobs.ingest_job(job_id)
        shown = self._jobs.shown_state(job)
        if job.state != "Open":
            job.polls += 1
        return Reply(body=ingest_info(job, shown))

    def _results(self, _call: Call, job_id: str, which: str) -> Reply:
        job = self._jobs.ingest_job(job_id)
        if which.lower() not in _RESULTS:
            raise not_found()
        if self._jobs.shown_state(job) not in ENDED:
            raise self._jobs.wrong_state(job, "has no results yet")
        name, column = _RESULTS[which.lower()]
        header = job.header
        if column is not None:  # unprocessed rows come back as they were sent
            header = ["sf__Id", column, *job.header]
        content = job.dialect.write([header]) if header else b""
        return csv_reply(content + b"".join(getattr(job.results, name)))

    def _list(self, call: Call) -> Reply:
        jobs = self._jobs.ingest_jobs()
        return listed(
            call, "ingest", [ingest_info(job, self._jobs.shown_state(job)) for job in jobs]
        )
