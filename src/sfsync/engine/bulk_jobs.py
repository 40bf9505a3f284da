"""The Bulk jobs of this process, kept so that the next one can bring them to their end.

A Bulk job goes on when the process that made it is gone. Until it has ended, its records do not
show what it does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sfsync.engine.run import Run
from sfsync.model.change import OrgWrite

_JOBS = "bulk_jobs"


def note_job(run: Run, job_id: str, _writes: Sequence[OrgWrite]) -> None:
    """Keep a Bulk job's id durably, before it holds any data."""
    run.mirror.state.keep_note(_JOBS, json.dumps([*_jobs(run), job_id]))


def finish_jobs(run: Run) -> None:
    """Bring the Bulk jobs of an earlier process to their end.

    Raises:
        OrgUnavailable: that cannot be known now; the next run tries again.
    """
    for job_id in _jobs(run):
        run.org.finish_job(job_id)
    forget_jobs(run)


def forget_jobs(run: Run) -> None:
    """Forget them: all their outcomes are settled."""
    if _jobs(run):
        run.mirror.state.keep_note(_JOBS, "")


def _jobs(run: Run) -> list[str]:
    return list(json.loads(run.mirror.state.note(_JOBS) or "[]"))
