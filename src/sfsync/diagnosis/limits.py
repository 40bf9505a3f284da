"""When API calls or storage run short."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from sfsync.diagnosis.catalogue import finding
from sfsync.diagnosis.facts import MachineFacts, Wanted
from sfsync.diagnosis.finding import Finding
from sfsync.model.facts import OrgFacts
from sfsync.model.limits import Limits

RECORDS_PER_MB: Final = 512
"""A Contact, Lead or Task takes 2 KB of data storage. Source: docs/salesforce.md §9."""

_LOW_STORAGE: Final = 0.1
"""Share that is left."""


def limit_findings(org: OrgFacts, wanted: Wanted, machine: MachineFacts) -> Iterator[Finding]:
    """What to say of what the org has left."""
    if org.api_left:
        yield from _call_findings(*org.api_left, wanted.limits, machine.usual_calls)
    if org.storage_mb and org.storage_mb[1]:
        yield from _storage_findings(*org.storage_mb)


def _storage_findings(left: int, most: int) -> Iterator[Finding]:
    if left <= 0:
        yield finding("storage.full")
    elif left < most * _LOW_STORAGE:
        yield finding("storage.low", left=left, most=most, records=left * RECORDS_PER_MB)


def _call_findings(left: int, most: int, limits: Limits, usual: int | None) -> Iterator[Finding]:
    """Of calls: what is left today, the org's daily number, and what a usual run takes."""
    reserve = most - math.floor(most * (1 - limits.api_reserve))
    ours = left - reserve
    if ours <= 0:
        yield finding("api.spent", left=left, most=most, reserve=limits.api_reserve)
    elif usual and ours < usual:
        yield finding("api.low", left=left, most=most, usual=usual, ours=ours)
    if usual and usual > most * limits.api_per_run:
        allowed = math.floor(most * limits.api_per_run)
        yield finding("api.per-run", usual=usual, allowed=allowed)
