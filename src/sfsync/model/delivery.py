"""Outgoing webhooks as values: what is on its way, what was answered, and what becomes of both."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sfsync.model.row_change import RowChange
from sfsync.model.web_address import WebAddress

ACTIVE, PAUSED, STOPPED = "active", "paused", "stopped"
"""How an endpoint is: sent to; not, since it failed for days; not, since it asked for that."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An endpoint as it is configured.

    Attributes:
        secrets: each signs, the header holds all signatures.
        kinds: ``(object, action)`` of the changes that it is told.
    """

    name: str
    address: WebAddress = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    kinds: Collection[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is remembered of an endpoint.

    Attributes:
        state: ``active``, ``paused`` or ``stopped``.
        reason: why it is not active.
        failures: how often it could not take anything, one after the other.
        failing_since: of the first failure since it last took something; empty where there is none.
        held_until: nothing is sent before; empty for now.
    """

    name: str
    state: str = ACTIVE
    reason: str = ""
    failures: int = 0
    failing_since: str = ""
    held_until: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A line of the feed that is to be sent.

    Attributes:
        attempts: how often that has failed.
    """

    endpoint: str
    change: RowChange
    attempts: int = 0

    @property
    def number(self) -> int:
        """Of its line in the feed."""
        return self.change.cursor.number


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted; the same ``id`` is the same message, however often it comes."""

    to: Recipient
    id: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """What became of a post.

    Attributes:
        status: of HTTP; 0 where no answer came.
        retry_after: the header's text.
        trouble: why no answer came, in a few words.
    """

    status: int = 0
    retry_after: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        """For people: no address, and nothing that the receiver wrote."""
        return f"HTTP {self.status}" if self.status else self.trouble


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an answer means, for the delivery and for its endpoint.

    Attributes:
        outcome: ``delivered``, ``failed`` (tried again) or ``given_up``.
        next_at: when it is tried again; empty where it is not.
        endpoint: how the endpoint is from now on.
    """

    outcome: str
    endpoint: Endpoint
    next_at: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery that was posted.

    Attributes:
        decide: what its answer means, for the endpoint as it is when that is kept.
    """

    delivery: Delivery
    answer: PostAnswer
    decide: Callable[[Endpoint], Settlement]


@dataclass(slots=True)
class DeliveryReport:
    """What was sent, over all endpoints.

    Attributes:
        delivered: taken by the receiver.
        failed: attempts that are tried again.
        given_up: not tried any more.
        lost: lines that were forgotten before they could be sent.
        waiting: what is still to be sent.
    """

    delivered: int = 0
    failed: int = 0
    given_up: int = 0
    lost: int = 0
    waiting: int = 0

    def as_dict(self) -> dict[str, int]:
        """As JSON has it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def count(self, outcome: str, times: int = 1) -> None:
        """Add to what an outcome is counted as."""
        setattr(self, outcome, getattr(self, outcome) + times)
