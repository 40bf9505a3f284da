"""Email events: what somebody did with an email."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from sfsync.model.address import folded


class EventType(StrEnum):
    """The kinds of email event: five activities, and what people say of their consent."""

    SENT = "email_sent"
    OPENED = "email_opened"
    CLICKED = "email_clicked"
    REPLIED = "email_replied"
    BOUNCED = "email_bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    RESUBSCRIBED = "resubscribed"

    @property
    def is_about_consent(self) -> bool:
        """Whether it says that a person does or does not want emails."""
        return self in {EventType.UNSUBSCRIBED, EventType.COMPLAINED, EventType.RESUBSCRIBED}

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
        link: what was clicked.
        is_machine: a privacy proxy or a bot opened it, not a person, as far as the sender knows.
        bounce: ``hard``, ``soft``, or empty where nobody said.
        contact_id: who the sender says it is, as ``service:id``; what it says of others later may name nothing else.
    """

    id: str
    type: EventType
    email: str
    timestamp: str
    campaign_id: str = ""
    campaign_name: str = ""
    link: str = ""
    is_machine: bool = False
    bounce: str = ""
    contact_id: str = field(default="", compare=False)


def derived_id(
    event_type: str,
    email: str,
    campaign_id: str,
    timestamp: str,
    *,
    campaign_name: str = "",
    link: str = "",
    milliseconds: int = 0,
) -> str:
    """The key of an event that came without one: the same facts give the same key, always.

    A name, a link and milliseconds count where they are given. Where they are not, the key is the
    one that the first four facts have always had, so that a mirror knows its old events.

    >>> derived_id("email_sent", "Ada@Example.com", "c-7", "2026-01-20T10:00:00Z")[:8]
    'auto-856'
    """
    facts = [event_type, folded(email), campaign_id, timestamp]
    if campaign_name or link or milliseconds:
        facts += [campaign_name, link, str(milliseconds)]
    digest = hashlib.sha256("\x1f".join(facts).encode()).hexdigest()
    return f"auto-{digest[:32]}"


def is_derived(event_id: str) -> bool:
    """Whether an id has the form of ``derived_id``."""
    return event_id.startswith("auto-") and len(event_id) == 37
