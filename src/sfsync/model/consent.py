"""What is known of a person's consent to emails, as values: statements about addresses, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConsentState(StrEnum):
    """What a statement says."""

    OPTED_OUT = "opted_out"
    CONSENTED = "consented"


class ConsentSource(StrEnum):
    """Where a statement comes from."""

    EVENT = "event"  # unsubscribed, complained, resubscribed
    IMPORT = "import"
    EDIT = "edit"  # the row was edited here
    SALESFORCE = "salesforce"  # the record was ticked there
    RECORD = "record"  # an opted-out record has this address now
    BOTH_SIDES = "both sides"  # taken back here and there
    PURGED = "purged"  # kept as a hash while the person was purged
    COMMAND = "command"  # sfsync consent --given


@dataclass(frozen=True, slots=True)
class Statement:
    """One change of consent, said for one address. Statements are only ever added.

    Attributes:
        address_key: the address in the form in which two are the same; see ``model.address.match_key``.
        since: when it was said, ``2026-01-20T10:00:00Z``.
        reason: who said it, for people: an event's id, a file's name, a record's Id, or what was typed.
    """

    address_key: str
    state: ConsentState
    since: str
    source: ConsentSource
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """Opt-outs that Salesforce does not have yet.

    Attributes:
        count: of records that are still mailable there.
        first: some of them, ``contact 003…``.
    """

    count: int = 0
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What all statements about one address add up to.

    Attributes:
        state: what holds.
        since: since when: the first opt-out that no later consent has ended, or the last consent.
        statement: the statement that decides.
    """

    state: ConsentState
    since: str
    statement: Statement
