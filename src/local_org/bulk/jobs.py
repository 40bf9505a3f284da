"""The Bulk jobs that an org knows, and the state that a poll shows of each.

Source: docs/salesforce.md §5. Unconfirmed: the codes of calls that do not fit a job's state.
"""

from dataclasses import dataclass
from typing import Any

from local_org import ids
from local_org.api.call import Call, Reply
from local_org.api_error import ApiError, not_found
from local_org.bulk.ingest_job import ENDED, IngestJob
from local_org.bulk.query_job import QueryJob, locator_of, start_of
from local_org.state.org import OrgState

_KEY_PREFIX = "750"
_KEPT_SECONDS = 7 * 86_400
_JOBS_LISTED = 1_000
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


class Jobs:
    """The jobs of one org; a week after it was made a job is forgotten.

    Args:
        state: the org.
        settings: how jobs run; may be changed at any time.
    """

    def __init__(self, state: OrgState, settings: BulkSettings) -> None:
        self.settings = settings
        self._state = state
        self._jobs: dict[str, Job] = {}
        self._ids_given = 0

    def next_id(self) -> str:
        """A fresh job id."""
        with self._state.lock:
            self._ids_given += 1
            return ids.make(_KEY_PREFIX, self._ids_given)

    def add(self, job: Job) -> None:
        """Know a job from now on."""
        self._jobs[job.job_id] = job

    def all(self) -> list[Job]:
        """All jobs not yet forgotten."""
        oldest = self._state.stamp() - _KEPT_SECONDS
        for job_id in [key for key, job in self._jobs.items() if job.created_at < oldest]:
            del self._jobs[job_id]
        return list(self._jobs.values())

    def ingest_jobs(self) -> list[IngestJob]:
        """All ingest jobs not yet forgotten."""
        return [job for job in self.all() if isinstance(job, IngestJob)]

    def query_jobs(self) -> list[QueryJob]:
        """All query jobs not yet forgotten."""
        return [job for job in self.all() if isinstance(job, QueryJob)]

    def ingest_job(self, job_id: str) -> IngestJob:
        """The ingest job of that id.

        Raises:
            ApiError: 404 where there is none.
        """
        job = self._job(job_id)
        if not isinstance(job, IngestJob):
            raise not_found()
        return job

    def query_job(self, job_id: str) -> QueryJob:
        """The query job of that id.

        Raises:
            ApiError: 404 where there is none.
        """
        job = self._job(job_id)
        if not isinstance(job, QueryJob):
            raise not_found()
        return job

    def _job(self, job_id: str) -> Job:
        self.all()
        job = self._jobs.get(ids.canonical(job_id))
        if job is None:
            raise not_found()
        return job

    def delete(self, _call: Call, job_id: str) -> Reply:
        """Answer ``DELETE``: forget a job that has ended."""
        job = self._job(job_id)
        if self.shown_state(job) not in ENDED:
            raise self.wrong_state(job, "cannot be deleted")
        del self._jobs[job.job_id]
        return Reply(204)

    def clear(self) -> None:
        """Begin anew, as if there had never been a job."""
        self._jobs.clear()
        self._ids_given = 0

    def shown_state(self, job: Job) -> str:
        """The state as a poll answers it; an ingest job itself may be further.

        It shows InProgress at least as often as the settings say, so that no client gets used to
        jobs that are done at once.
        """
        if isinstance(job, QueryJob) or job.state == "Open":
            return job.state
        if job.polls < self.settings.in_progress_polls or not job.finished.is_set():
            return "InProgress"
        return job.state

    def wrong_state(self, job: Job, complaint: str) -> ApiError:
        """The error of a call that does not fit the job's state."""
        shown = self.shown_state(job)
        return ApiError("INVALIDJOBSTATE", f"InvalidJobState : a job that is {shown} {complaint}")


def listed(call: Call, which: str, infos: list[dict[str, Any]]) -> Reply:
    """One page of a list of jobs.

    Args:
        call: the request, which may name the page by its locator.
        which: ``ingest`` or ``query``.
        infos: all jobs, as a poll would answer each.
    """
    locator = call.query.get("queryLocator")
    start = start_of(locator) if locator else 0
    end = start + _JOBS_LISTED
    following = None
    if end < len(infos):
        following = f"/services/data/v{call.version}/jobs/{which}?queryLocator={locator_of(end)}"
    return Reply(
        body={
            "done": following is None,
            "records": infos[start:end],
            "nextRecordsUrl": following,
        }
    )
