"""What a stage of fresh records means for the mirror, counted before anything is applied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageSummary:
    """What the staged records mean for the mirror, counted by SQL before anything is applied.

    Attributes:
        new: records the mirror has no row for, and no unlinked row with their address.
        changed: rows untouched here whose record differs.
        equal: rows that are as staged.
        contested: everything that needs a decision: edited here, deleted, merged, converted,
        matched by address.
        blanked: of ``changed``, those that lose a value they had.
    """

    new: int
    changed: int
    equal: int
    contested: int
    blanked: int
