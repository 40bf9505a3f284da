"""What is on its way, as values: counted stages, journaled writes, queued Tasks.

Between the verbs that send and the mirror that remembers; neither imports the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sfsync.model.change import OrgWrite, RowPlan
from sfsync.model.record import LocalId, SalesforceId, Value


@dataclass(frozen=True, slots=True)
class WriteIntent:
    """A write about to leave: what is sent, and what it was judged against.

    Attributes:
        write: what the org gets; ``ref`` is given by ``Mirror.journal``.
        plan: the decisions behind it, to be settled when it is accepted.
    """

    write: OrgWrite
    plan: RowPlan


@dataclass(frozen=True, slots=True)
class JournaledWrite:
    """A journaled write whose outcome was never settled: a crash, or a lost reply.

    Attributes:
        before: column -> the org's value that the plan was judged against.
        after: column -> the value that was sent.
    """

    ref: int
    object: str
    local_id: LocalId
    salesforce_id: SalesforceId | None
    action: str
    before: dict[str, Value]
    after: dict[str, Value]
    sent_at: str


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """An activity waiting to become a Task.

    Attributes:
        activity_id: the row in ``activities``, used as the write's ``ref``.
        key: the idempotency key, never used twice.
        who_id: the person's Salesforce Id; ``None`` while the person is still to be created.
        fields: the Task's fields without WhoId.
        unanswered: it was sent before and no outcome was settled.
        sent_at: when, for such a one.
    """

    activity_id: int
    key: str
    object: str
    local_id: LocalId
    who_id: SalesforceId | None
    fields: dict[str, Any]
    unanswered: bool
    sent_at: str
