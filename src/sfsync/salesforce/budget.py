"""What a job takes of the org's daily API calls (see ``model.budget``). Pure.

What a job costs is known before it starts; the cheapest way is taken by these figures.

Source: docs/salesforce.md §5.3, §9 (what counts as a call), §2.5 (usage header).
"""

from __future__ import annotations

import math
import re

REST_PAGE = 2_000
"""Records a page of a REST query. Source: docs/salesforce.md §3."""

BULK_PAGE = 50_000
"""Records a page of Bulk query results that sfsync asks for. Source: docs/salesforce.md §5.2."""

COLLECTION = 200
"""Writes in one sObject Collections request. Source: docs/salesforce.md §4."""

COMPOSITE_COLLECTIONS = 5
"""Collections or queries inside one ``/composite`` call. Source: docs/salesforce.md §4."""

COMPOSITE_WRITES = COLLECTION * COMPOSITE_COLLECTIONS
"""Creates and deletes in one call."""

GUARDED_WRITES = COLLECTION * (COMPOSITE_COLLECTIONS - 1)
"""Updates in one call, which begins with the query whether their records have changed."""

REREAD_CALL = 2_000
"""Records a call, where they are read once more before a Bulk job updates them.

Five queries of about 400 Ids.
"""

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


def collection_calls(writes: int, *, guarded: bool = False) -> int:
    """Calls that so many writes of one kind take through ``/composite``."""
    writes_per_call = GUARDED_WRITES if guarded else COMPOSITE_WRITES
    return math.ceil(writes / writes_per_call)


def bulk_ingest_calls(reread: int = 0) -> int:
    """Calls that one Bulk ingest job takes.

    Create, upload and close, polls, three results; and reading so many records first.
    """
    return 3 + EXPECTED_POLLS + 3 + math.ceil(reread / REREAD_CALL)
