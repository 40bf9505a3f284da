"""Email events: what somebody did with an email."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class EventType(StrEnum):
    """The kinds of email event; five activity types, and the opt-out."""

    SENT = "email_sent"
    OPENED = "email_opened"
    CLICKED = "email_clicked"
    REPLIED = "email_replied"
    BOUNCED = "email_bounced"
    UNSUBSCRIBED = "unsubscribed"

    @property
    def action(self) -> str:
        """The word for a sentence: ``opened``."""
        return self.value.removeprefix("email_")

    @property
    def label(self) -> str:
        """The activity type's name in the configuration: ``Email Opened``; ``Unsubscribed``."""
        return self.value.replace("_", " ").title()


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """One thing that happened to one email.

    Attributes:
        id: the idempotency key. The same id twice is one event, for ever.
        email: as handed in, trimmed.
        timestamp: when it happened, ``2026-01-20T10:00:00Z``, always UTC.
    """

    id: str
    type: EventType
    email: str
    timestamp: str
    campaign_id: str = ""
    campaign_name: str = ""


def derived_id(event_type: str, email: str, campaign_id: str, timestamp: str) -> str:
    """The key of an event that came without one: the same four facts give the same key, always.

    >>> derived_id("email_sent", "Ada@Example.com", "c-7", "2026-01-20T10:00:00Z")[:8]
    'auto-856'
    """
    facts = "\x1f".join((event_type, match_key(email), campaign_id, timestamp))
    return f"auto-{hashlib.sha256(facts.encode()).hexdigest()[:32]}"


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def match_key(email: str) -> str:
    """The form in which two addresses are the same: trimmed, ASCII letters in lower case, nothing else.

    The same as SQLite's ``lower(trim(email))``, so that SQL and Python agree; dots and tags are
    kept, for they mean something to most mail servers.

    >>> match_key("  Ada.L+news@Example.COM ")
    'ada.l+news@example.com'
    """
    return email.strip(" ").translate(_ASCII_LOWER)
