"""What one delivery or one line of a service can hold, besides email events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sfsync.model.arrival import ContactEdit
from sfsync.model.event import EmailEvent


@dataclass(frozen=True, slots=True)
class CampaignName:
    """What a campaign is called, for services whose events state its id only."""

    campaign_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Says nothing of what a person did: delivered, processed, deferred, or unknown.

    Attributes:
        type: in the service's own word.
    """

    type: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One event, or a whole body, that cannot be understood.

    Attributes:
        reason: a sentence for people.
        column: which value is wrong, where it is one.
        raw: its beginning.
    """

    reason: str
    column: str = ""
    raw: str = ""

    def __str__(self) -> str:
        return f"{self.column}: {self.reason}" if self.column else self.reason


@dataclass(frozen=True, slots=True)
class ConfirmSubscription:
    """The service asks to fetch ``url`` before it sends anything of ``topic``."""

    topic: str
    url: str


Item: TypeAlias = (
    EmailEvent | CampaignName | ContactEdit | Skipped | Unreadable | ConfirmSubscription
)
