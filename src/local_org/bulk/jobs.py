"""Bulk API 2.0: the addresses of ingest and query jobs.

Ingest jobs run in threads of their own once closed (``bulk_ingest``), query jobs when they are
asked after (``bulk_query``). Either shows InProgress at least as often as ``in_progress_polls``
says, so that no client gets used to jobs that are done at once.

Source: salesforce-facts §5; "Found multiple contents for job" as two public repositories quote it
from a real
org. Unconfirmed: the codes of calls that do not fit a job's state.
"""

import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from local_org import ids, timestamps
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError, not_found
from local_org.bulk import query_job
from local_org.bulk.csv_dialect import Dialect
from local_org.bulk.ingest_job import ENDED, OPERATIONS, Ingester, IngestJob
from local_org.bulk.query_job import QueryJob, locator_of, start_of
from local_org.records.writes import key_field
from local_org.state.org import OrgState

_KEY_PREFIX = "750"
_KEPT_SECONDS = 7 * 86_400
_MAX_UPLOAD_BYTES = 150_000_000 * 3 // 4
_PAGE_ROWS = 50_000
_MAX_PAGE_ROWS = 1_000_000
_PAGES_LISTED = 5
_JOBS_LISTED = 1_000
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
_RESULTS = {
    "successfulresults": ("successful", "sf__Created"),
    "failedresults": ("failed", "sf__Error"),
    "unprocessedrecords": ("unprocessed", None),
}
Job = IngestJob | QueryJob


@dataclass
class BulkSettings:
    """How jobs run here.

    Attributes:
        in_progress_polls: how many times a closed job answers InProgress at least.
        seconds_per_batch: how long each batch of rows takes at least.
        hard_delete: whether the user may delete for good.
        assign_leads: whether the active Lead assignment rule runs for jobs that name none.
    """

    in_progress_polls: int = 1
    seconds_per_batch: float = 0.0
    hard_delete: bool = True
    assign_leads: bool = False


class Bulk:
    """The jobs of one org.

    Args:
        state: the org.
        settings: how jobs run; may be changed at any time.
    """

    def __init__(self, state: OrgState, settings: BulkSettings | None = None) -> None:
        self.settings = settings or BulkSettings()
        self._state = state
        self._ingester = Ingester(state, self._pause)
        self._jobs: dict[str, Job] = {}
        self._made = 0

    def endpoints(self) -> list[Endpoint]:
        """The addresses, for ``Api.extend``."""
        return [
            endpoint("GET", "/jobs/ingest", self._list_ingest),
            endpoint("POST", "/jobs/ingest", self._create_ingest),
            endpoint("GET", "/jobs/ingest/{}", self._show_ingest),
            endpoint("PATCH", "/jobs/ingest/{}", self._move_ingest),
            endpoint("DELETE", "/jobs/ingest/{}", self._delete),
            endpoint("PUT", "/jobs/ingest/{}/batches", self._upload),
            endpoint("GET", "/jobs/ingest/{}/{}", self._ingest_results),
            endpoint("GET", "/jobs/query", self._list_query),
            endpoint("POST", "/jobs/query", self._create_query),
            endpoint("GET", "/jobs/query/{}", self._show_query),
            endpoint("PATCH", "/jobs/query/{}", self._move_query),
            endpoint("DELETE", "/jobs/query/{}", self._delete),
            endpoint("GET", "/jobs/query/{}/results", self._query_results),
            endpoint("GET", "/jobs/query/{}/resultPages", self._result_pages),
        ]

    def wait(self, job_id: str, timeout_seconds: float = 30.0) -> bool:
        """Wait until a closed ingest job has ended; False where it has not in time."""
        return self._ingest_job(job_id).finished.wait(timeout_seconds)

    def come_to_rest(self, timeout_seconds: float = 30.0) -> None:
        """Wait until every closed ingest job has ended."""
        for job in list(self._jobs.values()):
            if isinstance(job, IngestJob) and job.state != "Open":
                job.finished.wait(timeout_seconds)

    def forget(self) -> None:
        """Begin anew, as if there had never been a job."""
        self.come_to_rest()
        self._jobs.clear()
        self._made = 0

    # -- ingest

    def _create_ingest(self, call: Call) -> Reply:
        body = call.json_object()
        operation, name = body.get("operation"), str(body.get("object") or "")
        if operation not in OPERATIONS:
            raise ApiError("INVALIDJOB", f"InvalidJob : Invalid operation: {operation}")
        if not name or not self._state.has_object(name):
            raise ApiError(
                "INVALIDENTITY",
                f"InvalidEntity : Entity '{name}' is not supported by the Bulk API.",
            )
        if operation == "hardDelete" and not self.settings.hard_delete:
            raise ApiError(
                "FEATURENOTENABLED",
                "FeatureNotEnabled : hardDelete operation requires special user permission",
            )
        if str(body.get("contentType") or "CSV").upper() != "CSV":
            raise ApiError(
                "INVALIDJOB", f"InvalidJob : Unsupported content type: {body['contentType']}"
            )
        rule = body.get("assignmentRuleId")
        writer = replace(call.writer(), auto_assign=bool(rule) or self.settings.assign_leads)
        job = IngestJob(
            job_id=self._next_id(),
            sobject=self._state.kind(name).name,
            operation=str(operation),
            dialect=Dialect.of(body.get("columnDelimiter"), body.get("lineEnding")),
            version=call.version,
            writer=writer,
            created_at=self._state.stamp(),
            key=self._key(name, body) if operation == "upsert" else None,
            assignment_rule_id=rule,
            modified_at=self._state.stamp(),
        )
        self._jobs[job.job_id] = job
        return Reply(body=_ingest_info(job))

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
        job = self._ingest_job(job_id)
        if job.content is not None:
            raise ApiError(
                "INVALIDJOBSTATE",
                f"Found multiple contents for job: <{job.job_id}>, please 'Close' / 'Abort' / 'Delete' the current"
                " Job then create a new Job and make sure you only do 'PUT' once on a given Job.",
            )
        if job.state != "Open":
            raise self._wrong_state(job, "takes no data")
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

    def _move_ingest(self, call: Call, job_id: str) -> Reply:
        job = self._ingest_job(job_id)
        wanted = call.json_object().get("state")
        if wanted == "UploadComplete":
            self._close(call, job)
        elif wanted == "Aborted":
            self._abort(job)
        else:
            raise ApiError("INVALIDJOBSTATE", f"InvalidJobState : a job cannot be set to {wanted}")
        return Reply(body=_ingest_info(job, wanted))

    def _close(self, call: Call, job: IngestJob) -> None:
        if job.state != "Open":
            raise self._wrong_state(job, "cannot be closed")
        if not job.content:
            raise ApiError(
                "INVALIDJOBSTATE", "InvalidJobState : Job needs to have content before it is closed"
            )
        job.state, job.modified_at = "UploadComplete", self._state.stamp()
        job.row_fault, job.job_fault = call.row_fault, call.job_fault
        threading.Thread(
            target=self._run, args=(job,), name=f"bulk-{job.job_id}", daemon=True
        ).start()

    def _abort(self, job: IngestJob) -> None:
        if self._state_shown(job) in ENDED:
            raise self._wrong_state(job, "cannot be aborted")
        job.aborted.set()
        if job.state == "Open" and job.content:
            self._run(job)
        elif job.state != "Open":
            job.finished.wait(10)
        job.state, job.modified_at = "Aborted", self._state.stamp()
        job.polls = self.settings.in_progress_polls
        job.finished.set()

    def _run(self, job: IngestJob) -> None:
        started = time.perf_counter()
        self._ingester.run(job)
        job.busy_seconds = time.perf_counter() - started

    def _pause(self, job: IngestJob) -> None:
        if self.settings.seconds_per_batch:
            job.aborted.wait(self.settings.seconds_per_batch)

    def _show_ingest(self, _call: Call, job_id: str) -> Reply:
        job = self._ingest_job(job_id)
        shown = self._state_shown(job)
        if job.state != "Open":
            job.polls += 1
        return Reply(body=_ingest_info(job, shown))

    def _state_shown(self, job: Job) -> str:
        """The state as a poll answers it; the job itself may be further."""
        if isinstance(job, QueryJob) or job.state == "Open":
            return job.state
        if job.polls < self.settings.in_progress_polls or not job.finished.is_set():
            return "InProgress"
        return job.state

    def _ingest_results(self, _call: Call, job_id: str, which: str) -> Reply:
        job = self._ingest_job(job_id)
        if which.lower() not in _RESULTS:
            raise not_found()
        if self._state_shown(job) not in ENDED:
            raise self._wrong_state(job, "has no results yet")
        name, column = _RESULTS[which.lower()]
        header = job.header if column is None else ["sf__Id", column, *job.header]
        content = job.dialect.write([header]) if header else b""
        return _csv(content + b"".join(getattr(job.results, name)))

    def _list_ingest(self, call: Call) -> Reply:
        jobs = [job for job in self._living() if isinstance(job, IngestJob)]
        return self._listed(
            call, "ingest", [_ingest_info(job, self._state_shown(job)) for job in jobs]
        )

    # -- query

    def _create_query(self, call: Call) -> Reply:
        body = call.json_object()
        operation, text = body.get("operation"), str(body.get("query") or "")
        if operation not in {"query", "queryAll"}:
            raise ApiError("INVALIDJOB", f"InvalidJob : Invalid operation: {operation}")
        job = QueryJob(
            job_id=self._next_id(),
            operation=operation,
            text=text,
            sobject=query_job.check(self._state, text),
            dialect=Dialect.of(body.get("columnDelimiter"), body.get("lineEnding")),
            version=call.version,
            user_id=call.user_id,
            created_at=self._state.stamp(),
            modified_at=self._state.stamp(),
        )
        self._jobs[job.job_id] = job
        return Reply(body=_query_info(job))

    def _show_query(self, _call: Call, job_id: str) -> Reply:
        job = self._query_job(job_id)
        if job.state in ENDED:
            return Reply(body=_query_info(job))
        if job.polls >= self.settings.in_progress_polls:
            job.run(self._state)
        else:
            job.state = "InProgress"
        job.polls += 1
        return Reply(body=_query_info(job))

    def _move_query(self, call: Call, job_id: str) -> Reply:
        job = self._query_job(job_id)
        wanted = call.json_object().get("state")
        if wanted != "Aborted" or job.state in ENDED:
            raise self._wrong_state(job, f"cannot be set to {wanted}")
        job.state, job.modified_at = "Aborted", self._state.stamp()
        return Reply(body=_query_info(job))

    def _query_results(self, call: Call, job_id: str) -> Reply:
        job = self._ready(call, job_id)
        start = start_of(call.query["locator"]) if call.query.get("locator") else 0
        content, count, locator = job.page(start, _page_size(call), self._state.lock)
        headers = {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator}
        return _csv(content, headers)

    def _result_pages(self, call: Call, job_id: str) -> Reply:
        job = self._ready(call, job_id)
        if float(call.version) < 58:
            raise not_found()
        size = _page_size(call)
        first = start_of(call.query["locator"]) if call.query.get("locator") else 0
        total = job.result.total if job.result else 0
        starts = list(range(first, max(total, first + 1), size))
        base = f"/services/data/v{call.version}/jobs/query/{job.job_id}"
        urls = [f"{base}/results?maxRecords={size}&locator={locator_of(each)}" for each in starts]
        body: dict[str, Any] = {"resultPages": [{"resultUrl": url} for url in urls[:_PAGES_LISTED]]}
        if len(starts) > _PAGES_LISTED:
            following = locator_of(starts[_PAGES_LISTED])
            body["nextRecordsUrl"] = f"{base}/resultPages?maxRecords={size}&locator={following}"
        return Reply(body={**body, "done": len(starts) <= _PAGES_LISTED})

    def _ready(self, call: Call, job_id: str) -> QueryJob:
        job = self._query_job(job_id)
        if job.version != call.version:
            raise ApiError(
                "INVALIDJOB",
                f"InvalidJob : the job was made with API version {job.version}, not {call.version}",
                status=409,
            )
        if job.state != "JobComplete":
            raise self._wrong_state(job, "has no results")
        return job

    def _list_query(self, call: Call) -> Reply:
        jobs = [job for job in self._living() if isinstance(job, QueryJob)]
        return self._listed(call, "query", [_query_info(job) for job in jobs])

    # -- all jobs

    def _delete(self, _call: Call, job_id: str) -> Reply:
        job = self._job(job_id)
        if self._state_shown(job) not in ENDED:
            raise self._wrong_state(job, "cannot be deleted")
        del self._jobs[job.job_id]
        return Reply(204)

    def _listed(self, call: Call, which: str, infos: list[dict[str, Any]]) -> Reply:
        start = start_of(call.query["queryLocator"]) if call.query.get("queryLocator") else 0
        end = start + _JOBS_LISTED
        following = None
        if end < len(infos):
            following = (
                f"/services/data/v{call.version}/jobs/{which}?queryLocator={locator_of(end)}"
            )
        return Reply(
            body={
                "done": following is None,
                "records": infos[start:end],
                "nextRecordsUrl": following,
            }
        )

    def _living(self) -> list[Job]:
        """All jobs not yet forgotten; a week after its making a job is."""
        oldest = self._state.stamp() - _KEPT_SECONDS
        gone = [job_id for job_id, job in self._jobs.items() if job.created_at < oldest]
        for job_id in gone:
            del self._jobs[job_id]
        return list(self._jobs.values())

    def _wrong_state(self, job: Job, complaint: str) -> ApiError:
        shown = self._state_shown(job)
        return ApiError("INVALIDJOBSTATE", f"InvalidJobState : a job that is {shown} {complaint}")

    def _job(self, job_id: str) -> Job:
        self._living()
        job = self._jobs.get(ids.canonical(job_id))
        if job is None:
            raise not_found()
        return job

    def _ingest_job(self, job_id: str) -> IngestJob:
        job = self._job(job_id)
        if not isinstance(job, IngestJob):
            raise not_found()
        return job

    def _query_job(self, job_id: str) -> QueryJob:
        job = self._job(job_id)
        if not isinstance(job, QueryJob):
            raise not_found()
        return job

    def _next_id(self) -> str:
        with self._state.lock:
            self._made += 1
            return ids.make(_KEY_PREFIX, self._made)


def _page_size(call: Call) -> int:
    asked = call.query.get("maxRecords", str(_PAGE_ROWS))
    if not asked.isdigit() or int(asked) < 1:
        raise ApiError("INVALIDJOB", f"InvalidJob : maxRecords must be a positive number: {asked}")
    return min(int(asked), _MAX_PAGE_ROWS)


def _csv(content: bytes, headers: dict[str, str] | None = None) -> Reply:
    return Reply(200, content, {**_NO_SNIFF, **(headers or {})}, "text/csv; charset=UTF-8")


def _common(job: Job, shown: str, user_id: str) -> dict[str, Any]:
    return {
        "id": job.job_id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": user_id,
        "createdDate": timestamps.rest_text(job.created_at),
        "systemModstamp": timestamps.rest_text(job.modified_at),
        "state": shown,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "lineEnding": job.dialect.line_ending,
        "columnDelimiter": job.dialect.delimiter,
    }


def _ingest_info(job: IngestJob, shown: str | None = None) -> dict[str, Any]:
    info = {**_common(job, shown or job.state, job.writer.user_id), "jobType": "V2Ingest"}
    if job.key:
        info["externalIdFieldName"] = job.key
    if job.assignment_rule_id:
        info["assignmentRuleId"] = job.assignment_rule_id
    if info["state"] == "Open":
        info["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.job_id}/batches"
        return info
    milliseconds = int(job.busy_seconds * 1000)
    info |= {
        "numberRecordsProcessed": job.processed,
        "numberRecordsFailed": job.failures,
        "retries": 0,
        "totalProcessingTime": milliseconds,
        "apiActiveProcessingTime": milliseconds,
        "apexProcessingTime": 0,
    }
    return {**info, "errorMessage": job.error} if job.error and info["state"] == "Failed" else info


def _query_info(job: QueryJob) -> dict[str, Any]:
    info = {**_common(job, job.state, job.user_id), "jobType": "V2Query"}
    if job.state in {"UploadComplete", "InProgress"}:
        return info
    return {
        **info,
        "numberRecordsProcessed": job.result.total if job.result else 0,
        "retries": 0,
        "totalProcessingTime": 0,
        "isPkChunkingSupported": True,
    }
