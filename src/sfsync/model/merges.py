"""What may happen to a field that both sides changed; ``planning.policy`` carries it out."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Merge(StrEnum):
    """What happens where both sides changed a field since they last agreed."""

    SALESFORCE_WINS = "salesforce_wins"
    LOCAL_WINS = "local_wins"
    NEWEST = "newest"
    MANUAL = "manual"
    COUNTER = "counter"
    LATEST = "latest"
    STICKY_TRUE = "sticky_true"


GENERAL_MERGES: Final = (Merge.SALESFORCE_WINS, Merge.LOCAL_WINS, Merge.NEWEST, Merge.MANUAL)
"""The merges that suit a field of any type; each other one is named by the types it suits."""
