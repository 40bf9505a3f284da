"""The addresses of query jobs.

A query job runs when it is asked after often enough (``BulkSettings.in_progress_polls``).

Source: docs/salesforce.md §5.2.
"""

from typing import Any

from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError, not_found
from local_org.bulk import query_job
from local_org.bulk.csv_dialect import Dialect
from local_org.bulk.ingest_job import ENDED
from local_org.bulk.job_info import csv_reply, query_info
from local_org.bulk.jobs import Jobs, listed
from local_org.bulk.query_job import QueryJob, locator_of, start_of
from local_org.state.org import OrgState

_PAGE_ROWS = 50_000
_MAX_PAGE_ROWS = 1_000_000
_PAGES_LISTED = 5


class QueryEndpoints:
    """``/jobs/query``.

    Args:
        state: the org.
        jobs: where jobs are kept.
    """

    def __init__(self, state: OrgState, jobs: Jobs) -> None:
        self._state = state
        self._jobs = jobs

    def endpoints(self) -> list[Endpoint]:
        """The addresses."""
        return [
            endpoint("GET", "/jobs/query", self._list),
            endpoint("POST", "/jobs/query", self._create),
            endpoint("GET", "/jobs/query/{}", self._show),
            endpoint("PATCH", "/jobs/query/{}", self._change_state),
            endpoint("DELETE", "/jobs/query/{}", self._jobs.delete),
            endpoint("GET", "/jobs/query/{}/results", self._results),
            endpoint("GET", "/jobs/query/{}/resultPages", self._result_pages),
        ]

    def _create(self, call: Call) -> Reply:
        body = call.json_object()
        operation, text = body.get("operation"), str(body.get("query") or "")
        if operation not in {"query", "queryAll"}:
            raise ApiError("INVALIDJOB", f"InvalidJob : Invalid operation: {operation}")
        job = QueryJob(
            job_id=self._jobs.next_id(),
            operation=operation,
            text=text,
            sobject=query_job.check(self._state, text),
            dialect=Dialect.of(body.get("columnDelimiter"), body.get("lineEnding")),
            version=call.version,
            user_id=call.user_id,
            created_at=self._state.stamp(),
            modified_at=self._state.stamp(),
        )
        self._jobs.add(job)
        return Reply(body=query_info(job))

    def _show(self, _call: Call, job_id: str) -> Reply:
        job = self._jobs.query_job(job_id)
        if job.state in ENDED:
            return Reply(body=query_info(job))
        if job.polls >= self._jobs.settings.in_progress_polls:
            job.run(self._state)
        else:
            job.state = "InProgress"
        job.polls += 1
        return Reply(body=query_info(job))

    def _change_state(self, call: Call, job_id: str) -> Reply:
        job = self._jobs.query_job(job_id)
        wanted = call.json_object().get("state")
        if wanted != "Aborted" or job.state in ENDED:
            raise self._jobs.wrong_state(job, f"cannot be set to {wanted}")
        job.state, job.modified_at = "Aborted", self._state.stamp()
        return Reply(body=query_info(job))

    def _results(self, call: Call, job_id: str) -> Reply:
        job = self._complete(call, job_id)
        content, count, locator = job.page(_first_row(call), _page_size(call), self._state.lock)
        headers = {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator}
        return csv_reply(content, headers)

    def _result_pages(self, call: Call, job_id: str) -> Reply:
        job = self._complete(call, job_id)
        if float(call.version) < 58:
            raise not_found()
        size, first = _page_size(call), _first_row(call)
        total = job.result.total if job.result else 0
        starts = list(range(first, max(total, first + 1), size))
        base = f"/services/data/v{call.version}/jobs/query/{job.job_id}"
        urls = [f"{base}/results?maxRecords={size}&locator={locator_of(each)}" for each in starts]
        body: dict[str, Any] = {"resultPages": [{"resultUrl": url} for url in urls[:_PAGES_LISTED]]}
        if len(starts) > _PAGES_LISTED:
            following = locator_of(starts[_PAGES_LISTED])
            body["nextRecordsUrl"] = f"{base}/resultPages?maxRecords={size}&locator={following}"
        return Reply(body={**body, "done": len(starts) <= _PAGES_LISTED})

    def _complete(self, call: Call, job_id: str) -> QueryJob:
        """The job, where it has results for this caller.

        Raises:
            ApiError: where it was made with another API version, or is not complete.
        """
        job = self._jobs.query_job(job_id)
        if job.version != call.version:
            raise ApiError(
                "INVALIDJOB",
                f"InvalidJob : the job was made with API version {job.version}, not {call.version}",
                status=409,
            )
        if job.state != "JobComplete":
            raise self._jobs.wrong_state(job, "has no results")
        return job

    def _list(self, call: Call) -> Reply:
        return listed(call, "query", [query_info(job) for job in self._jobs.query_jobs()])


def _first_row(call: Call) -> int:
    locator = call.query.get("locator")
    return start_of(locator) if locator else 0


def _page_size(call: Call) -> int:
    asked = call.query.get("maxRecords", str(_PAGE_ROWS))
    if not asked.isdigit() or int(asked) < 1:
        raise ApiError("INVALIDJOB", f"InvalidJob : maxRecords must be a positive number: {asked}")
    return min(int(asked), _MAX_PAGE_ROWS)
