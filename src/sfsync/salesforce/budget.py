"""The org's daily API calls: what is left, what a job needs, when to stop. Pure.

The calls are shared by everybody who works with the org, so a share of them is never touched. What a job costs
is known before it starts; the cheapest way is taken by these figures.

Source: salesforce-facts §5.3, §9 (what counts as a call), §2.5 (usage header).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sfsync.errors import BudgetSpent

REST_PAGE = 2_000
"""Records a page of a REST query. Source: salesforce-facts §3."""

BULK_PAGE = 50_000
"""Records a page of Bulk query results that sfsync asks for. Source: salesforce-facts §5.2."""

COLLECTION = 200
"""Writes in one sObject Collections request. Source: salesforce-facts §4."""

COMPOSITE_COLLECTIONS = 5
"""Collections or queries inside one ``/composite`` call. Source: salesforce-facts §4."""

COMPOSITE_WRITES = COLLECTION * COMPOSITE_COLLECTIONS

EXPECTED_POLLS = 5
"""How often a Bulk job of ordinary size is asked for its state, with growing gaps."""

_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Budget:
    """The org's own count.

    Attributes:
        used: calls of everybody in the running 24 hours; ``None`` until the org has told.
        limit: the ceiling.
        reserve: the share of the ceiling, 0..1, that is left for everyone else.
    """

    used: int | None = None
    limit: int | None = None
    reserve: float = 0.20

    @property
    def left(self) -> int | None:
        """Calls that may still be made before the reserve is touched; ``None`` where the org has not told.

        >>> Budget(used=11_990, limit=15_000).left
        10
        """
        if self.used is None or self.limit is None:
            return None
        return max(0, math.floor(self.limit * (1 - self.reserve)) - self.used)

    def check(self, needed: int = 1) -> None:
        """Whether so many calls may be made.

        Raises:
            BudgetSpent: where they would touch the reserve.
        """
        left = self.left
        if left is None or needed <= left:
            return
        kept = f"{self.reserve:.0%} of them are left for everyone else"
        wanted = "" if needed == 1 else f"; this would take about {needed} more"
        raise BudgetSpent(
            f"the org has used {self.used} of its {self.limit} API calls in the last 24 hours, and {kept}{wanted}",
            hint="wait for the 24 hours to move on, or lower limits.api_reserve; the next run goes on from here",
        )


def usage(header: str) -> tuple[int, int] | None:
    """``(used, limit)`` from an ``Sforce-Limit-Info`` header.

    >>> usage("api-usage=10018/100000; api-bursts=1/750")
    (10018, 100000)
    >>> usage("per-app-api-usage=17/250(appName=x)") is None
    True
    """
    found = _USAGE.search(header)
    return (int(found[1]), int(found[2])) if found else None


def rest_query_calls(rows: int) -> int:
    """Calls that reading so many rows takes page by page."""
    return max(1, math.ceil(rows / REST_PAGE))


def bulk_query_calls(rows: int) -> int:
    """Calls that reading so many rows takes by one Bulk job: create, polls, result pages."""
    return 1 + EXPECTED_POLLS + max(1, math.ceil(rows / BULK_PAGE))


def collection_calls(writes: int) -> int:
    """Calls that so many writes of one kind take through ``/composite``."""
    return math.ceil(writes / COMPOSITE_WRITES)


def bulk_ingest_calls() -> int:
    """Calls that one Bulk ingest job takes whatever its size: create, upload, close, polls, three results."""
    return 3 + EXPECTED_POLLS + 3
