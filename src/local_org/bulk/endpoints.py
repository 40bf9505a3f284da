"""Bulk API 2.0 of one org: all its addresses, and what tests ask of its jobs."""

from local_org.api.router import Endpoint
from local_org.bulk.ingest_endpoints import IngestEndpoints
from local_org.bulk.jobs import BulkSettings, Jobs
from local_org.bulk.query_endpoints import QueryEndpoints
from local_org.state.org import OrgState


class Bulk:
    """The Bulk API of one org.

    Args:
        state: the org.
        settings: how jobs run; may be changed at any time.
    """

    def __init__(self, state: OrgState, settings: BulkSettings | None = None) -> None:
        self.settings = settings or BulkSettings()
        self._jobs = Jobs(state, self.settings)
        self._ingest = IngestEndpoints(state, self._jobs)
        self._query = QueryEndpoints(state, self._jobs)

    def endpoints(self) -> list[Endpoint]:
        """The addresses, for ``Api.extend``."""
        return [*self._ingest.endpoints(), *self._query.endpoints()]

    def wait(self, job_id: str, timeout_seconds: float = 30.0) -> bool:
        """Wait until a closed ingest job has ended; False where it has not in time."""
        return self._jobs.ingest_job(job_id).finished.wait(timeout_seconds)

    def wait_for_all(self, timeout_seconds: float = 30.0) -> None:
        """Wait until every closed ingest job has ended."""
        for job in self._jobs.ingest_jobs():
            if job.state != "Open":
                job.finished.wait(timeout_seconds)

    def forget_jobs(self) -> None:
        """Begin anew, as if there had never been a job."""
        self.wait_for_all()
        self._jobs.clear()
