"""What is to change: a decision for each field, a plan for each record, writes to the org."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sfsync.model.record import LocalId, Missing, SalesforceId, Value


class Side(StrEnum):
    """Who won a field."""

    LOCAL = "local"
    REMOTE = "remote"
    BOTH = "both"  # the value holds something of each: a sum, a later time, an opt-out
    HELD = "held"  # neither yet: a person decides


DELETED_THERE = "deleted in Salesforce"
"""The rule of an edit whose record is deleted: it waits in the row for the record to be restored."""


@dataclass(frozen=True, slots=True)
class FieldDecision:
    """What becomes of one field.

    Attributes:
        value: what both sides should hold; for ``Side.HELD`` the local value, which stays where it
        is.
        rule: the reason in a word: ``changed here``, ``changed there``, or the merge's name.
        conflict: both sides had changed it, to different values (or never agreed on any).
    """

    column: str
    base: Value | Missing
    local: Value | Missing
    remote: Value | Missing
    value: Value
    winner: Side
    rule: str
    conflict: bool = False


class LocalAction(StrEnum):
    """What becomes of the mirror's row."""

    NONE = "none"
    INSERT = "insert"
    UPDATE = "update"
    SOFT_DELETE = "soft_delete"
    RESTORE = "restore"


class OrgAction(StrEnum):
    """What becomes of the org's record."""

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class RowPlan:
    """Everything that is to happen to one record, on both sides, and why.

    Attributes:
        decisions: one for each field where something moves or is held; nothing for fields at rest.
        to_local: column -> value the mirror's row should take.
        to_org: column -> value the org's record should take; only changed, writable fields.
        new_base: column -> value both sides agree on once this plan is applied to the mirror alone
        (a pull).
        skip: why nothing is done although something differs; empty where the plan is to be applied.
        successor_id: the survivor of a merge, or what a converted record became.
        to_successor, add_to_successor: what it inherits from the row: column -> value, column ->
            amount; they are edits of the survivor's row, to be pushed like any other.
        is_part: sent by itself because the whole was refused; what is left of the row stays in
            quarantine.
        edited_at, modified_at: when the row was edited here, and the record's stamp when it was
            read.
    """

    object: str
    local_id: LocalId | None
    salesforce_id: SalesforceId | None
    local_action: LocalAction = LocalAction.NONE
    org_action: OrgAction = OrgAction.NONE
    decisions: tuple[FieldDecision, ...] = ()
    to_local: Mapping[str, Value] = field(default_factory=dict)
    to_org: Mapping[str, Value] = field(default_factory=dict)
    new_base: Mapping[str, Value] = field(default_factory=dict)
    skip: str = ""
    reason: str = ""
    successor_id: SalesforceId | None = None
    successor_object: str = ""
    to_successor: Mapping[str, Value] = field(default_factory=dict)
    add_to_successor: Mapping[str, Value] = field(default_factory=dict)
    edited_at: str = ""
    modified_at: str = ""
    is_part: bool = False

    @property
    def conflicts(self) -> tuple[FieldDecision, ...]:
        """The fields that both sides had changed."""
        return tuple(decision for decision in self.decisions if decision.conflict)

    @property
    def is_empty(self) -> bool:
        """Whether applying this plan would write nothing anywhere."""
        return self.local_action is LocalAction.NONE and self.org_action is OrgAction.NONE


@dataclass(frozen=True, slots=True)
class OrgWrite:
    """One record's write to the org, in the org's own terms.

    Attributes:
        ref: the caller's own number for this write; the outcome carries it back.
        fields: ``{sf_field: JSON value}``; ``None`` clears the field.
        key_field: the external id to upsert by; empty for a plain create, update or delete.
        key_value: its value.
        if_unmodified_since: an update is to be done only while the record's stamp is no later than
            this, ``2026-01-20T10:00:00Z``; empty for one that is to be done in any case.
    """

    ref: int
    action: OrgAction
    sobject: str
    fields: Mapping[str, Any]
    salesforce_id: SalesforceId | None = None
    key_field: str = ""
    key_value: str = ""
    if_unmodified_since: str = ""
