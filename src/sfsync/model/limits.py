"""The brakes and the budget of a run, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sfsync.model.cursor import DEFAULT_OVERLAP


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a run may go.

    Attributes:
        max_delete: the share of rows (0..1) that one run may delete or blank.
        max_delete_rows: so many are always allowed.
        max_change: the share of an object's rows (0..1) that one run may change on one side; 1 lets
        everything pass.
        overlap: how far behind its watermark a pull reads again.
        api_reserve: the share (0..1) of the org's daily calls that is left for everyone else.
        api_per_run: the share (0..1) of them that one run may take.
        keep_changes_rows: so many lines of the feed of changes are kept,
        keep_changes_days: and for so long.
        inbox_events: so many events may be in the inbox at once.
        inbox_bytes: so much all of its entries may hold.
        keep_deliveries_days: so long a delivery stays in the inbox once it was taken.
    """

    max_delete: float = 0.10
    max_delete_rows: int = 20
    overlap: timedelta = DEFAULT_OVERLAP
    api_reserve: float = 0.20
    api_per_run: float = 0.25
    max_change: float = 1.0
    keep_changes_rows: int = 1_000_000
    keep_changes_days: int = 30
    inbox_events: int = 1_000_000
    inbox_bytes: int = 1 << 30
    keep_deliveries_days: int = 30
