"""Writing many records at few calls, by Bulk ingest jobs.

A job runs in the org whatever becomes of us. So its id is handed out before any data is sent, a
failure while waiting never aborts it, and what became of each row is asked for until every row has
an outcome.

Source: Bulk API 2.0 and Bulk API Developer Guide; docs/salesforce.md §5.1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sfsync.errors import SfsyncError
from sfsync.failpoints import reach
from sfsync.model.change import OrgWrite
from sfsync.model.outcome import Deferred, Outcome, Unknown
from sfsync.salesforce import bulk_csv
from sfsync.salesforce.budget import REST_PAGE, bulk_ingest_calls
from sfsync.salesforce.bulk_csv import WriteTable
from sfsync.salesforce.bulk_jobs import ENDED, BulkJobs
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.faults import CallFailed, CallRefused
from sfsync.salesforce.retry import repeat_write

log = logging.getLogger(__name__)

OnJob = Callable[[str, Sequence[OrgWrite]], None]
"""Called with the id of an ingest job, and its writes, before any data is sent."""

_CLOSE_TRIES = 3


class BulkWriter:
    """Writes by Bulk.

    Args:
        jobs: of ``jobs/ingest``.
    """

    def __init__(self, connection: Connection, jobs: BulkJobs) -> None:
        self._connection = connection
        self._jobs = jobs

    def ingest(self, writes: Sequence[OrgWrite], on_job: OnJob | None = None) -> list[Outcome]:
        """Do these writes of one kind in one job; one outcome for each.

        No assignment rule is named, so that none runs for Leads.

        Args:
            writes: of one kind, no record twice, all ``is_expressible``.

        Raises:
            AuthError, BudgetSpent, OrgUnavailable, CallRefused: before the job was closed; nothing
                was done.

        Source: docs/salesforce.md §5.1; Bulk API 2.0 Developer Guide, "Create a Job"
        (assignmentRuleId).
        """
        session = self._connection.session
        session.budget.check(bulk_ingest_calls())
        table = WriteTable.of(writes)
        with session.finishing():
            job_id = self._jobs.create(table.job)
            if on_job is not None:
                on_job(job_id, writes)
            reach("bulk.job_created")
            try:
                self._upload(job_id, table.csv())
            except SfsyncError as error:
                # A job that was never closed does nothing.
                self._abort(job_id)
                return [Deferred(write.ref, error.slug, error.message) for write in writes]
            reach("bulk.uploaded")
            if not self._close(job_id):
                message = f"no answer about Bulk job {job_id}"
                return [Unknown(write.ref, message) for write in writes]
            reach("bulk.closed")
            outcomes = self.collect(job_id, writes)
            reach("bulk.results_read")
            return outcomes

    def finish(self, job_id: str) -> None:
        """Bring a job of an earlier process to its end.

        One that never ran is given up, one that runs is waited for. Only then do the records tell
        what the job has done.

        Raises:
            OrgUnavailable: the org does not answer, or the job takes longer than patience lasts.
        """
        try:
            state = self._jobs.info(job_id).get("state")
        except CallRefused as refused:
            # Salesforce keeps a job for seven days. One it no longer knows has ended.
            if refused.code == "NOT_FOUND":
                return
            raise
        if state == "Open":
            self._jobs.set_state(job_id, "Aborted")
        elif state not in ENDED:
            self._jobs.wait(job_id)

    def collect(self, job_id: str, writes: Sequence[OrgWrite]) -> list[Outcome]:
        """What became of a closed job's writes, waiting for it where it still runs.

        Rows that the job never came to are ``Deferred``; where the org does not answer, all that is
        not known yet is ``Unknown``.
        """
        table = WriteTable.of(writes)
        outcomes: list[Outcome] = []
        try:
            info = self._jobs.wait(job_id)
            self._settle(job_id, info, table, outcomes)
        except SfsyncError as error:
            log.warning("Bulk job %s: %s", job_id, error.message)
            reason = f"{error.message} (Bulk job {job_id})"
        else:
            reason = f"Bulk job {job_id} has no result for this record"
        return [*outcomes, *(Unknown(write.ref, reason) for write in table.unsettled())]

    def _settle(
        self, job_id: str, info: Mapping[str, Any], table: WriteTable, outcomes: list[Outcome]
    ) -> None:
        """Give each row its outcome, with as few calls as the job's own counts allow."""
        is_complete = info.get("state") == "JobComplete"
        processed, failed = info.get("numberRecordsProcessed"), info.get("numberRecordsFailed")
        if not is_complete or failed != 0:
            outcomes += self._results(job_id, "failedResults", table, bulk_csv.failure)
        if not is_complete or processed != len(table.writes):
            outcomes += self._results(job_id, "unprocessedrecords", table, bulk_csv.unprocessed)
        rest = table.unsettled()
        if not rest:
            return
        if is_complete and table.knows_ids and _is_difference(len(rest), processed, failed):
            # The counts say that all of these were done, and their Ids are known: no need to ask.
            for write in rest:
                outcomes += table.accept(write)
            return
        outcomes += self._results(job_id, "successfulResults", table, bulk_csv.success)

    def _results(
        self, job_id: str, which: str, table: WriteTable, meaning: bulk_csv.Meaning
    ) -> Iterator[Outcome]:
        """The outcomes of one of the job's three lists of rows."""
        response = self._jobs.whole_csv(self._jobs.path(job_id, f"/{which}"))
        for rows in bulk_csv.read_rows(response.content, REST_PAGE):
            for row in rows:
                yield from table.settle(row, meaning)

    def _upload(self, job_id: str, content: bytes) -> None:
        """Send the data; only once, because Salesforce takes one PUT a job."""
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        path = self._jobs.path(job_id, "/batches")
        repeat_write(
            lambda: self._connection.raw("PUT", path, headers=headers, data=content),
            self._connection.patience,
        )

    def _close(self, job_id: str) -> bool:
        """Let the job run; ``False`` where it is unknown whether it does.

        Where the answer is lost, the job's state tells. Closing twice does no harm: the second is
        refused.
        """
        for _ in range(_CLOSE_TRIES):
            try:
                repeat_write(
                    lambda: self._jobs.set_state(job_id, "UploadComplete"),
                    self._connection.patience,
                )
            except CallFailed as failure:
                if not failure.may_have_acted:
                    raise
                state = self._state(job_id)
                if state == "Open":
                    continue  # the request did not arrive
                return bool(state)
            else:
                return True
        return False

    def _abort(self, job_id: str) -> None:
        """Give up a job that was never closed; one that stays open does nothing."""
        try:
            self._jobs.set_state(job_id, "Aborted")
        except SfsyncError as error:
            log.info("Bulk job %s stays open: %s", job_id, error.message)

    def _state(self, job_id: str) -> str:
        """The job's state; empty where the org does not tell."""
        try:
            return str(self._jobs.info(job_id).get("state", ""))
        except SfsyncError:
            return ""


def _is_difference(count: int, processed: object, failed: object) -> bool:
    """Whether so many rows were processed and did not fail, by the job's own counts."""
    if not isinstance(processed, int) or not isinstance(failed, int):
        return False
    return count == processed - failed
