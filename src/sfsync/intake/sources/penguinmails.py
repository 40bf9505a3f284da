"""PenguinMails: one event a delivery, in either of its two spellings.

Keys come as ``email_id`` or as ``emailId``; both are read. Events state a campaign's id only: its
name is learned from ``campaign.launched`` and ``campaign.completed``.

Its signature has no timestamp, so only the event's id protects against one that is sent again. The
secret is the key as it stands, ``whsec_`` included: it is no base64.

Source: PenguinMails documentation, "Webhook Event Reference", "Signature Verification".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sfsync.intake.event_values import checked_address, needed
from sfsync.intake.sources.event_facts import at, event, first_label, kind_of, label
from sfsync.intake.sources.items import CampaignName, ContactEdit, Item, Skipped
from sfsync.intake.sources.proof import Headers, Reception, expect_hmac, header
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.event import EventType

SIGNATURE: Final = "X-PenguinMails-Signature"
_TYPES: Final = {
    "email.sent": EventType.SENT,
    "email.opened": EventType.OPENED,
    "email.clicked": EventType.CLICKED,
    "email.replied": EventType.REPLIED,
    "email.bounced": EventType.BOUNCED,
    "email.unsubscribed": EventType.UNSUBSCRIBED,
    "contact.unsubscribed": EventType.UNSUBSCRIBED,
    "email.spam_reported": EventType.COMPLAINED,
}
_TIMES: Final = {
    EventType.SENT: "sent_at",
    EventType.OPENED: "opened_at",
    EventType.CLICKED: "clicked_at",
    EventType.REPLIED: "replied_at",
    EventType.BOUNCED: "bounced_at",
    EventType.UNSUBSCRIBED: "unsubscribed_at",
    EventType.COMPLAINED: "reported_at",
}
_NO_COLUMNS: Final = {"contact_id", "email", "created_at", "updated_at", "tenant_id"}
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signature against the raw body.

    Raises:
        ForgedError: it is that of no secret.
    """
    del reception  # the scheme has no time
    expect_hmac(secrets, body, header(headers, SIGNATURE).removeprefix("sha256="), "sha256 hex")


def _item(entry: Entry, latest: str) -> Item:
    told = _in_snake_case(entry)
    kind = kind_of(told, "type")
    data = told.get("data")
    if kind.startswith("campaign."):
        return _campaign(data, kind)
    if kind in {"contact.created", "contact.updated"}:
        return _contact(data, kind)
    event_type = _TYPES.get(kind)
    if event_type is None:
        return Skipped(kind)
    bounce = label(at(data, "bounce_type"))
    return event(
        event_type,
        source="penguinmails",
        latest=latest,
        email=at(data, "contact", "email") or at(data, "email") or at(data, "recipient"),
        when=at(data, _TIMES[event_type]) or told.get("created_at"),
        id=told.get("id"),
        message=at(data, "email_id"),
        campaign_id=label(at(data, "campaign_id")),
        campaign_name=label(at(data, "campaign_name")),
        link=at(data, "url"),
        bounce=bounce if event_type is EventType.BOUNCED and bounce in {"hard", "soft"} else "",
    )


def _campaign(data: Any, kind: str) -> Item:
    campaign_id = label(at(data, "campaign_id"))
    name = first_label(at(data, "name"), at(data, "campaign_name"))
    return CampaignName(campaign_id, name) if campaign_id and name else Skipped(kind)


def _contact(data: Any, kind: str) -> Item:
    """What changed. An update that names no address says nothing that could be used."""
    email = at(data, "email") or at(data, "contact", "email")
    if not email:
        return Skipped(kind)
    changed = at(data, "changed_fields")
    fields = {**data, **changed} if isinstance(changed, Mapping) else data
    columns = {
        name: text
        for name, value in fields.items()
        if name not in _NO_COLUMNS and (text := label(value))
    }
    return ContactEdit(checked_address(needed({"email": email}, "email")), columns)


def _in_snake_case(value: Any) -> Any:
    """The same with keys in one spelling, three levels deep: event, data, contact."""
    return _renamed(value, 3)


def _renamed(value: Any, levels: int) -> Any:
    if not levels or not isinstance(value, Mapping):
        return value
    return {
        _CAPITAL.sub(r"_\1", key).lower(): _renamed(inner, levels - 1)
        for key, inner in value.items()
    }


def _recognises(entry: Entry) -> bool:
    kind = entry.get("type")
    return (
        isinstance(kind, str)
        and kind.startswith(("email.", "campaign.", "contact."))
        and isinstance(entry.get("data"), Mapping)
        and "id" in entry
        and ("created_at" in entry or "createdAt" in entry)
    )


SOURCE: Final = Source(
    name="penguinmails",
    title="PenguinMails",
    signature_headers=(SIGNATURE,),
    verify=verify,
    item=_item,
    recognises=_recognises,
    names_campaigns_apart=True,
)
