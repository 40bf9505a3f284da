"""Reading many records at few calls, by Bulk query jobs.

Source: Bulk API 2.0 and Bulk API Developer Guide; docs/salesforce.md §5.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import requests

from sfsync.errors import ProtocolError
from sfsync.salesforce.budget import BULK_PAGE, REST_PAGE
from sfsync.salesforce.bulk_csv import read_rows
from sfsync.salesforce.bulk_jobs import BulkJobs
from sfsync.salesforce.prefetch import Prefetch


class JobFailed(ProtocolError):
    """A query job ended without results. Salesforce often gives no reason."""


class BulkReader:
    """Queries by Bulk.

    Args:
        jobs: of ``jobs/query``.
        page_rows: rows a page of query results.
    """

    def __init__(self, jobs: BulkJobs, *, page_rows: int = BULK_PAGE) -> None:
        self._jobs = jobs
        self._page_rows = page_rows

    def query(self, statement: str, *, everything: bool) -> Iterator[list[dict[str, str]]]:
        """The rows of a query, a few thousand at a time, in no order.

        Every value is text, null is empty. The job is made and waited for before this returns; its
        pages are fetched as they are wanted.

        Raises:
            JobFailed: the job ended without results; nothing was read.
            CallRefused: this query, or this user, cannot use Bulk.

        Source: docs/salesforce.md §5.2 (no ORDER BY, so that Salesforce may split the work).
        """
        operation = "queryAll" if everything else "query"
        job_id = self._jobs.create({"operation": operation, "query": statement})
        info = self._jobs.wait(job_id)
        state = info.get("state")
        if state != "JobComplete":
            reason = info.get("errorMessage") or "Salesforce gives no reason"
            raise JobFailed(f"Bulk query job {job_id} ended as {state}: {reason}")
        return self._results(job_id, info.get("numberRecordsProcessed"))

    def _results(self, job_id: str, expected: object) -> Iterator[list[dict[str, str]]]:
        path = self._jobs.path(job_id, f"/results?maxRecords={self._page_rows}")
        response: requests.Response | None = self._jobs.whole_csv(path)
        seen = 0
        while response is not None:
            coming = self._prefetch_next(path, response)
            for rows in read_rows(response.content, REST_PAGE):
                seen += len(rows)
                yield rows
            response = coming.result() if coming else None
        if isinstance(expected, int) and seen != expected:
            raise ProtocolError(f"Bulk query job {job_id} read {expected} records and gave {seen}")

    def _prefetch_next(
        self, path: str, response: requests.Response
    ) -> Prefetch[requests.Response] | None:
        """The page after this one, on its way; ``None`` after the last."""
        locator = response.headers.get("Sforce-Locator", "null")
        if locator in {"null", ""}:
            return None
        return Prefetch(partial(self._jobs.whole_csv, f"{path}&locator={locator}"))
