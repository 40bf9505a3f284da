"""Bulk API 2.0 jobs of either kind: made, asked for their state, waited for, their CSV fetched.

Talked to directly on our session: simple-salesforce's own handler polls every two seconds at the
cost of a call, takes null for "leave alone", and aborts a running job when one poll fails.

Reading by query jobs is ``bulk_read``, writing by ingest jobs ``bulk_write``.

Source: Bulk API 2.0 and Bulk API Developer Guide; docs/salesforce.md §5, §10.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from sfsync.errors import ProtocolError
from sfsync.model.record import salesforce_id
from sfsync.salesforce.bulk_csv import count_records
from sfsync.salesforce.connect import Connection, answer_of
from sfsync.salesforce.faults import CallFailed
from sfsync.salesforce.retry import repeat_read, tell_wait

ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
"""The states that a job stays in."""


@dataclass(frozen=True, slots=True)
class Polling:
    """How often a job is asked for its state, in seconds.

    The gaps grow, because each question is a call.

    Attributes:
        patience_seconds: after so long the job is left to itself.
    """

    first_gap_seconds: float = 0.25
    growth: float = 2.0
    longest_gap_seconds: float = 30.0
    patience_seconds: float = 3_600.0

    def gaps(self) -> Iterator[float]:
        """The gaps, as long as patience lasts."""
        gap, waited = self.first_gap_seconds, 0.0
        while waited < self.patience_seconds:
            yield gap
            waited += gap
            gap = min(gap * self.growth, self.longest_gap_seconds)


class BulkJobs:
    """Jobs of one resource, ``jobs/query`` or ``jobs/ingest``.

    Args:
        sleep: waits so many seconds between two questions.

    Attributes:
        on_processed: hears, while a job is waited for, of how many more records it has come to.
    """

    def __init__(
        self,
        connection: Connection,
        resource: str,
        *,
        polling: Polling | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._resource = resource
        self._polling = polling or Polling()
        self._sleep = sleep
        self.on_processed: Callable[[int], None] | None = None

    def path(self, job_id: str, rest: str = "") -> str:
        """Where a job is, or what belongs to it: ``jobs/ingest/750.../batches``."""
        return f"{self._resource}/{job_id}{rest}"

    def create(self, job: Mapping[str, Any]) -> str:
        """Make a job; its id.

        A job whose reply was lost holds no data and does nothing, so this may be repeated.
        """
        answer = repeat_read(
            lambda: self._json("POST", self._resource, job), self._connection.patience
        )
        job_id = answer.get("id")
        if not isinstance(job_id, str) or not job_id:
            raise ProtocolError("the org made a Bulk job and did not say which")
        return salesforce_id(job_id)

    def info(self, job_id: str) -> Mapping[str, Any]:
        """The job's description: ``state``, counts, ``errorMessage``."""
        info = repeat_read(lambda: self._json("GET", self.path(job_id)), self._connection.patience)
        if not isinstance(info.get("state"), str):
            raise ProtocolError(f"the org does not say in which state Bulk job {job_id} is")
        return info

    def set_state(self, job_id: str, state: str) -> None:
        """Move a job to another state, once: ``UploadComplete`` or ``Aborted``."""
        self._json("PATCH", self.path(job_id), {"state": state})

    def wait(self, job_id: str) -> Mapping[str, Any]:
        """The job's description once it has ended.

        Raises:
            CallFailed: it has not, for longer than patience lasts.
        """
        processed = 0
        for gap in self._polling.gaps():
            tell_wait(f"Bulk job {job_id} is under way", gap)
            self._sleep(gap)
            info = self.info(job_id)
            processed = self._tell(processed, info.get("numberRecordsProcessed"))
            if info.get("state") in ENDED:
                return info
        raise CallFailed(f"Bulk job {job_id} is still running", repeatable=False)

    def _tell(self, before: int, processed: object) -> int:
        if not isinstance(processed, int) or processed <= before:
            return before
        if self.on_processed is not None:
            self.on_processed(processed - before)
        return processed

    def whole_csv(self, path: str) -> requests.Response:
        """A page of results that is certainly whole; fetched again where it is not."""

        def once() -> requests.Response:
            response = self._connection.raw("GET", path, headers={"Accept": "text/csv"})
            announced = response.headers.get("Sforce-NumberOfRecords", "")
            counted = count_records(response.content)
            if announced.isdecimal() and int(announced) != counted:
                raise CallFailed(f"the org announced {announced} records and sent {counted}")
            return response

        return repeat_read(once, self._connection.patience)

    def _json(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        response = self._connection.raw(method, path, body=body)
        answer = answer_of(response.json)
        if not isinstance(answer, Mapping):
            raise ProtocolError("the org's answer about a Bulk job has not the shape of one")
        return answer
