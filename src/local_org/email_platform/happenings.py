"""What happened at the platform, and the JSON that tells it: an envelope in one of two spellings.

The documentation writes ``email_id``; the implementation on the same pages writes ``emailId`` and a
``tenantId``. Both are made here. ``email.replied`` is in no list of PenguinMails' events: it is made
all the same, for whoever wants to try a reply.

Source: PenguinMails documentation, "Webhook Event Reference", "Technical Implementation".
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SPELLINGS: Final = ("snake", "camel")
_TENANT: Final = "7b0f6c1e-5d0e-4c8e-9a55-0d6d6a3c1f20"
_READER: Final = {
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "ip_address": "192.0.2.7",
    "location": {"city": "Longyearbyen", "region": "Svalbard", "country": "NO"},
}
_EMAIL: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "email.sent": ("sent_at", {}),
    "email.delivered": ("delivered_at", {}),
    "email.opened": ("opened_at", _READER),
    "email.clicked": (
        "clicked_at",
        {"url": "https://example.com/offer", "link_id": "link_1", **_READER},
    ),
    "email.replied": ("replied_at", {}),
    "email.bounced": (
        "bounced_at",
        {"bounce_type": "hard", "bounce_reason": "mailbox does not exist", "smtp_code": 550},
    ),
    "email.spam_reported": ("reported_at", {}),
    "email.unsubscribed": ("unsubscribed_at", {}),
}
_CAMPAIGN: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "campaign.launched": ("scheduled_at", {"audience_size": 60, "launched_by": "ida@example.com"}),
    "campaign.started": ("scheduled_at", {"audience_size": 60, "launched_by": "ida@example.com"}),
    "campaign.completed": ("completed_at", {"stats": {"sent": 60, "opened": 24, "clicked": 9}}),
    "campaign.paused": ("paused_at", {}),
}
_CONTACT: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "contact.created": ("created_at", {"source": "form", "tags": ["newsletter"]}),
    "contact.updated": ("updated_at", {"changed_fields": {"first_name": "Ada"}}),
    "contact.unsubscribed": ("unsubscribed_at", {}),
}
KINDS: Final = (*_EMAIL, *_CAMPAIGN, *_CONTACT)
"""The types of events there are."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom an event is of."""

    email: str
    first_name: str = ""
    last_name: str = ""

    @property
    def contact_id(self) -> str:
        """The platform's id of this person: the same for the same address."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email.lower()}"))


@dataclass(frozen=True, slots=True)
class Campaign:
    """What an email belongs to."""

    id: str = "c-7"
    name: str = "January"


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: it keeps its id however often it is sent.

    Attributes:
        at: seconds since 1970.
        data: in snake case.
        email: whose it is, for the log; empty for campaigns.
    """

    id: str
    type: str
    at: float
    data: Mapping[str, Any]
    email: str = ""


def happened(
    kind: str,
    *,
    id: str,  # noqa: A002  # as the event calls it
    at: float,
    person: Person | None = None,
    campaign: Campaign | None = None,
    more: Mapping[str, Any] | None = None,
) -> Happening:
    """An event of that type.

    Args:
        kind: one of ``KINDS``.
        at: seconds since 1970.
        person: needed but for campaigns.
        campaign: what the email belongs to.
        more: what ``data`` holds besides, or instead.

    Raises:
        ValueError: there is no such type, or nobody is named.
    """
    if kind not in KINDS:
        raise ValueError(f"no such type of event: {kind}; known: {', '.join(KINDS)}")
    when = iso(at)
    campaign = campaign or Campaign()
    if kind in _CAMPAIGN:
        moment, details = _CAMPAIGN[kind]
        about: dict[str, Any] = {"campaign_id": campaign.id, "name": campaign.name}
        return Happening(id, kind, at, {**about, **details, moment: when, **(more or {})})
    if person is None:
        raise ValueError(f"whose {kind} is it? Name an email")
    if kind in _CONTACT:
        moment, details = _CONTACT[kind]
        about = _contact(kind, person)
    else:
        moment, details = _EMAIL[kind]
        about = _email(person, campaign)
    return Happening(id, kind, at, {**about, **details, moment: when, **(more or {})}, person.email)


def _contact(kind: str, person: Person) -> dict[str, Any]:
    """An update names nobody's address: it has the platform's id, and what changed."""
    if kind == "contact.updated":
        return {"contact_id": person.contact_id}
    names = {"first_name": person.first_name, "last_name": person.last_name}
    return {"contact_id": person.contact_id, "email": person.email, **names}


def _email(person: Person, campaign: Campaign) -> dict[str, Any]:
    contact = {
        "id": person.contact_id,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
    }
    email_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{campaign.id}:{person.email.lower()}")
    return {"email_id": str(email_id), "campaign_id": campaign.id, "contact": contact}


def body(event: Happening, spelling: str) -> bytes:
    """The JSON of an event, in one of ``SPELLINGS``."""
    told = {"id": event.id, "type": event.type, "created_at": iso(event.at), "data": event.data}
    if spelling == "camel":
        told = _in_camel_case({**told, "tenant_id": _TENANT})
    # half a character becomes the escape that JSON has for it
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _in_camel_case(value: Any) -> Any:
    """The same with keys in the other spelling, all the way down."""
    if not isinstance(value, Mapping):
        return value
    return {
        re.sub(r"_([a-z])", lambda found: found[1].upper(), key): _in_camel_case(inner)
        for key, inner in value.items()
    }


def iso(seconds: float) -> str:
    """A moment as the platform writes it.

    >>> iso(1768903200.5)
    '2026-01-20T10:00:00.500Z'
    """
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
