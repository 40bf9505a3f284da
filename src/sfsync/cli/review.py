"""status, conflicts, quarantine, retry: what was decided, what was refused, what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

PANEL = "Review"
