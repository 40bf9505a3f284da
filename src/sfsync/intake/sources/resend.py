"""Resend: one event a delivery, signed as Standard Webhooks with other header names.

The id of an event stands in a header only (``svix-id``), which a file does not have, so ids are
derived: from what, who, which email, when and which link.

Source: Resend documentation, "Event types", "Verify webhooks requests"; Resend changelog, "Webhook
event visibility" (one recipient an event).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sfsync.intake.sources.event_facts import at, event, first_label, kind_of, label, missing
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import Headers, Reception, optional_header
from sfsync.intake.sources.source import Entry, Source
from sfsync.intake.sources.standard import HEADERS as STANDARD_HEADERS
from sfsync.intake.sources.standard import verify_named
from sfsync.model.event import EventType

HEADERS: Final = ("svix-id", "svix-timestamp", "svix-signature")
_Part: TypeAlias = tuple[Entry, Any]

_TYPES: Final = {
    "email.sent": EventType.SENT,
    "email.opened": EventType.OPENED,
    "email.clicked": EventType.CLICKED,
    "email.bounced": EventType.BOUNCED,
    "email.complained": EventType.COMPLAINED,
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signatures against the raw body.

    Raises:
        ForgedError: none is that of a secret, or the delivery is too old.
    """
    names = HEADERS if optional_header(headers, HEADERS[0]) else STANDARD_HEADERS
    verify_named(names, headers, body, secrets, reception.now)


def _split(entry: Entry) -> Iterable[_Part]:
    """The recipients that an event speaks of.

    Events of today have one. An older one with several does not say which of them it was: what is
    known of none of them is left out, but for a complaint, which is believed of all.
    """
    recipients = at(entry, "data", "to")
    if isinstance(recipients, list) and len(recipients) > 1:
        if label(entry.get("type")) in {"email.sent", "email.complained"}:
            return [(entry, recipient) for recipient in recipients]
        return [({"type": f"{label(entry.get('type'))} of several recipients"}, None)]
    return [(entry, at(recipients, 0) or recipients)]


def _item(part: _Part, latest: str) -> Item:
    entry, recipient = part
    kind = kind_of(entry, "type")
    data = entry.get("data")
    if kind == "contact.updated" and at(data, "unsubscribed") is True:
        event_type: EventType | None = EventType.UNSUBSCRIBED
        recipient = at(data, "email")
    else:
        event_type = _TYPES.get(kind)
    if event_type is None:
        return Skipped(kind)
    if not isinstance(data, Mapping):
        raise missing("data")
    bounce = "hard" if at(data, "bounce", "type") == "Permanent" else "soft"
    return event(
        event_type,
        source="resend",
        latest=latest,
        email=recipient,
        when=entry.get("created_at"),
        message=data.get("email_id") or data.get("id"),
        campaign_id=first_label(_tag(data, "campaign_id"), data.get("broadcast_id")),
        campaign_name=first_label(_tag(data, "campaign_name"), _tag(data, "category")),
        link=at(data, "click", "link"),
        bounce=bounce if event_type is EventType.BOUNCED else "",
    )


def _tag(data: Entry, name: str) -> Any:
    """A tag's value: tags are an object in events, and a list of names and values where they are set."""
    tags = data.get("tags")
    if isinstance(tags, list):
        return next((at(tag, "value") for tag in tags if at(tag, "name") == name), None)
    return at(tags, name)


def _recognises(entry: Entry) -> bool:
    kind = entry.get("type")
    return (
        isinstance(kind, str)
        and kind.startswith(("email.", "contact.", "domain."))
        and "created_at" in entry
        and "id" not in entry
        and isinstance(entry.get("data"), Mapping)
    )


SOURCE: Final = Source(
    name="resend",
    title="Resend",
    signature_headers=HEADERS,
    verify=verify,
    split=_split,
    item=_item,
    recognises=_recognises,
)
