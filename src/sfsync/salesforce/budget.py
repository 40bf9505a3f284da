"""What a job takes of the org's daily API calls (see ``model.budget``). Pure.

What a job costs is known before it starts; the cheapest way is taken by these figures.

Source: salesforce-facts §5.3, §9 (what counts as a call), §2.5 (usage header).
"""

from __future__ import annotations

import math
import re

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
