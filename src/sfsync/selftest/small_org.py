"""The org as sfsync sees it, with so small batches that a handful of people is several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sfsync.model.traffic import Batching
from sfsync.salesforce.bulk_jobs import Polling
from sfsync.salesforce.connect import Connection
from sfsync.salesforce.org import SalesforceOrg
from sfsync.salesforce.retry import Patience
from sfsync.salesforce.transport import OrgSession
from sfsync.selftest.scene_start import example_configuration

NEVER = 10**9
"""So many records are never there."""


class SmallBatches(SalesforceOrg):
    """Three writes at a time, so that a handful of people is several batches."""

    def batching(self, action_count: int, *, creating: bool = False) -> Batching:
        """As ever, but small."""
        return replace(super().batching(action_count, creating=creating), size=3)


def small_org(
    session: OrgSession, *, by_bulk: bool, sleep: Callable[[float], None]
) -> SalesforceOrg:
    """The org of a session.

    Args:
        by_bulk: take Bulk jobs for whatever can travel by them; else never.
        sleep: called instead of waiting between two questions about a job.
    """
    session.headers["Sforce-Query-Options"] = "batchSize=200"
    connection = Connection(
        session,
        api_version=example_configuration().org.api_version,
        patience=Patience(first_wait_seconds=0),
    )
    jobs_from = 1 if by_bulk else NEVER
    return SmallBatches(
        connection,
        bulk_query_from=jobs_from,
        bulk_write_from=jobs_from,
        polling=Polling(1.0, 2.0, 30.0, 120.0),
        sleep=sleep,
    )
