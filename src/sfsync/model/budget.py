"""The org's daily API calls: how many may still be made.

They are shared by everybody who works with the org. So a share of them is never touched, and one
run takes no more than its own share, however much is left.

Source: docs/salesforce.md §9 (what counts as a call), §2.5 (usage header).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sfsync.errors import BudgetSpent


@dataclass(frozen=True, slots=True)
class Budget:
    """The org's own count, and this run's.

    Attributes:
        used: calls of everybody in the running 24 hours; ``None`` until the org has told.
        limit: the ceiling.
        reserve: the share of the ceiling, 0..1, that is left for everyone else.
        per_run: the share of the ceiling that one run may take.
        spent: this run's calls so far.
    """

    used: int | None = None
    limit: int | None = None
    reserve: float = 0.20
    per_run: float = 1.0
    spent: int = 0

    @property
    def left(self) -> int | None:
        """Calls that may still be made; ``None`` where the org has not told.

        >>> Budget(used=11_990, limit=15_000).left
        10
        >>> Budget(used=900, limit=15_000, per_run=0.25, spent=3_700).left
        50
        """
        if self.used is None or self.limit is None:
            return None
        shared = math.floor(self.limit * (1 - self.reserve)) - self.used
        return max(0, min(shared, math.floor(self.limit * self.per_run) - self.spent))

    def check(self, needed: int = 1) -> None:
        """Whether so many calls may be made.

        Raises:
            BudgetSpent: where they would touch the reserve, or take this run beyond its share.
        """
        left = self.left
        if left is None or self.limit is None or needed <= left:
            return
        wanted = "" if needed == 1 else f"; this would take about {needed} more"
        own = math.floor(self.limit * self.per_run) - self.spent
        if needed > own:
            raise BudgetSpent(
                f"this run has made {self.spent} API calls, and may make {self.per_run * 100:g}% of the org's {self.limit}"
                f" a day{wanted}",
                hint="the next run goes on from here; for a large first run, raise limits.api_per_run",
            )
        raise BudgetSpent(
            f"the org has used {self.used} of its {self.limit} API calls in the last 24 hours, and"
            f" {self.reserve * 100:g}% of them are left for everyone else{wanted}",
            hint="wait for the 24 hours to move on, or lower limits.api_reserve; the next run goes on from here",
        )
