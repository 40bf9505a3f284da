"""What became of a write, and of a whole run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sfsync.errors import OutcomeUnknown, RetriableError
from sfsync.model.arrival import UnreadableKinds
from sfsync.model.change import FieldDecision
from sfsync.model.consent import Due
from sfsync.model.record import SalesforceId


@dataclass(frozen=True, slots=True)
class Accepted:
    """The org did it.

    Attributes:
        seen: for an update, ``{sf_field: JSON value}`` as the org held it just before the write,
            the written fields and ``SystemModstamp``; ``None`` where that is unknown.
        lost_updates: what became of values that another user or program wrote between our reading
            and our writing, decided anew.
    """

    ref: int
    salesforce_id: SalesforceId
    created: bool = False
    seen: Mapping[str, Any] | None = field(default=None, compare=False)
    lost_updates: tuple[FieldDecision, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The org refused this record, for a reason that trying again does not mend.

    Attributes:
        code: the org's error code, ``REQUIRED_FIELD_MISSING``.
        message: the org's own words.
        fields: the fields it named.
        matched_id: the record it said is already there, for a duplicate.
    """

    ref: int
    code: str
    message: str
    fields: tuple[str, ...] = ()
    matched_id: SalesforceId | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not done: a lock, a limit, a record that was changed. It stays pending."""

    ref: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, and no reply came: look it up before repeating it."""

    ref: int
    message: str


NOT_FOUND = "NOT_FOUND"
"""The code of a row whose record the org does not return."""

UNREADABLE_VALUE = "UNREADABLE_VALUE"
"""The code of a row with a value that is nothing of its type."""

MALFORMED_ID = "MALFORMED_ID"
"""The code of a row whose Id Salesforce cannot have given."""

RECORD_CHANGED = "MOVED"
"""The code of a ``Deferred`` update whose record was changed, or deleted, since it was read."""

_FOLLOWED = frozenset({RECORD_CHANGED, "ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD"})
"""Codes of a ``Deferred`` write whose record is no more what it was when it was read."""

GOOD_RUN = "ok"
PARTIAL_RUN = "partial"

Outcome: TypeAlias = Accepted | Rejected | Deferred | Unknown


@dataclass(slots=True)
class ObjectReport:
    """What one verb did to one object, in records."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    conflicts: int = 0
    quarantined: int = 0
    skipped: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counts, in the order people read them."""
        return {name: getattr(self, name) for name in self.__slots__}

    def add(self, other: ObjectReport) -> None:
        """Add another verb's counts to these."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class ActivityReport:
    """What became of the events handed in and of their Tasks.

    Attributes:
        skipped: events that say nothing of a person.
        left_out: events of machines that do nothing, as the rules say.
        contacts: rows of people that the email platform added or changed.
        held: how many of those that wait do so for their campaign's name.
        due_at: when the first of these goes without it, ``2026-01-20T10:10:00Z``; empty where none waits.
        unreadable: what could not be read, by kind of reason, in the order of its first lines.
    """

    events: int = 0
    tasks: int = 0
    duplicates: int = 0
    quarantined: int = 0
    waiting: int = 0
    skipped: int = 0
    left_out: int = 0
    held: int = 0
    contacts: int = 0
    due_at: str = ""
    unreadable: UnreadableKinds = field(default_factory=UnreadableKinds)

    @property
    def counts(self) -> dict[str, int]:
        """In the order people read them."""
        names = (
            "events",
            "tasks",
            "duplicates",
            "quarantined",
            "waiting",
            "skipped",
            "left_out",
            "held",
            "contacts",
        )
        return {name: getattr(self, name) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """The counts, and of a file with lines that cannot be read the first of each kind."""
        if not self.unreadable:
            return self.counts
        return {**self.counts, "unreadable": self.unreadable.as_list()}


@dataclass(slots=True)
class RunReport:
    """What one run did. It is filled while the run goes on and rendered at its end.

    Attributes:
        pull, push: by object name.
        consent_due: opt-outs that Salesforce does not have yet, after a verb that sends.
        answered: writes that the org took or refused.
        unanswered: writes that were sent, and nobody knows whether they were done.
        postponed: writes that were certainly not done, and are tried again by the next run.
        quarantine_open: what is in quarantine once the run is over, from earlier runs too.
        transport: by verb and object, ``{"pull contact": "rest"}``.
        warnings: sentences for people, each once.
    """

    run_id: str
    command: str
    pull: dict[str, ObjectReport] = field(default_factory=dict)
    push: dict[str, ObjectReport] = field(default_factory=dict)
    activity: ActivityReport | None = None
    consent_due: Due = field(default_factory=Due)
    answered: int = 0
    unanswered: int = 0
    postponed: int = 0
    quarantine_open: int = 0
    transport: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    api_calls: int = 0
    bytes_in: int = 0
    seconds: float = 0.0
    dry_run: bool = False

    def warn(self, sentence: str) -> None:
        """Keep a warning, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    @property
    def quarantined(self) -> int:
        """How many records and events this run put in quarantine."""
        rows = sum(report.quarantined for report in (*self.pull.values(), *self.push.values()))
        return rows + (self.activity.quarantined if self.activity else 0)

    def count_answer(self, outcome: Outcome) -> None:
        """Count what became of one write, for how the run ends.

        A record that was changed or has ended since it was read is planned anew, or followed by the
        next pull: that is neither.
        """
        match outcome:
            case Accepted() | Rejected():
                self.answered += 1
            case Unknown():
                self.unanswered += 1
            case Deferred() if outcome.code not in _FOLLOWED:
                self.postponed += 1

    @property
    def ending(self) -> str:
        """How the run ended: ``ok``, ``partial``, or the slug of the error that it amounts to.

        A run of which not one write was done has failed, whatever else it read.
        """
        if self.unanswered and not self.answered:
            return OutcomeUnknown.slug
        if self.postponed and not self.answered:
            return RetriableError.slug
        if self.unanswered or self.postponed or self.quarantined or self.consent_due.count:
            return PARTIAL_RUN
        return GOOD_RUN

    @property
    def is_idle(self) -> bool:
        """Whether the run found nothing to do, on either side."""
        changed = (
            count
            for reports in (self.pull, self.push)
            for report in reports.values()
            for name, count in report.as_dict().items()
            if name != "unchanged"
        )
        activity = self.activity.counts if self.activity is not None else {}
        handled = (count for name, count in activity.items() if name not in {"waiting", "held"})
        return self.ending == GOOD_RUN and not any(changed) and not any(handled)

    def totals(self) -> dict[str, dict[str, int]]:
        """Counts per object over all verbs of the run."""
        merged: dict[str, Counter[str]] = {}
        for reports in (self.pull, self.push):
            for name, report in reports.items():
                merged.setdefault(name, Counter()).update(report.as_dict())
        return {name: dict(counts) for name, counts in merged.items()}

    def as_dict(self) -> dict[str, Any]:
        """The run as the ``data`` of the JSON document."""
        document: dict[str, Any] = {"objects": self.totals()}
        document["pull"] = {name: report.as_dict() for name, report in self.pull.items()}
        document["push"] = {name: report.as_dict() for name, report in self.push.items()}
        if self.activity is not None:
            document["activity"] = self.activity.as_dict()
        if self.consent_due.count:
            document["consent_due"] = self.consent_due.count
        for name in ("unanswered", "postponed", "quarantine_open"):
            if getattr(self, name):
                document[name] = getattr(self, name)
        return document | {
            "api_calls": self.api_calls,
            "bytes_in": self.bytes_in,
            "seconds": round(self.seconds, 3),
            "transport": self.transport,
            "dry_run": self.dry_run,
        }
