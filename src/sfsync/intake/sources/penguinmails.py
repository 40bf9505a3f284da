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

from sfsync.intake.event_values import MAX_TEXT
from sfsync.intake.sources.event_facts import at, event, first_label, kind_of, label
from sfsync.intake.sources.items import CampaignName, Item, Skipped
from sfsync.intake.sources.proof import Headers, Reception, expect_hmac, header
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.arrival import ContactEdit
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
_NO_COLUMNS: Final = {"contact_id", "contact", "created_at", "updated_at", "tenant_id"}
MAX_ADDRESS: Final = 255
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
        return _contact(told, kind)
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
        contact_id=_contact_id(data),
    )


def _campaign(data: Any, kind: str) -> Item:
    campaign_id = label(at(data, "campaign_id"))
    name = first_label(at(data, "name"), at(data, "campaign_name"))
    return CampaignName(campaign_id, name) if campaign_id and name else Skipped(kind)


def _contact(told: Mapping[str, Any], kind: str) -> Item:
    """Who was added or changed, and what is said of them; what names nobody, or no value, says nothing."""
    data = told.get("data")
    if not isinstance(data, Mapping):
        return Skipped(kind)
    is_new = kind == "contact.created"
    fields = data if is_new else _changed(data)
    email = label(at(data, "email") or at(data, "contact", "email"), MAX_ADDRESS)
    contact_id = _contact_id(data)
    columns = {
        name: _text(value)
        for name, value in fields.items()
        if name not in _NO_COLUMNS and not isinstance(value, list | Mapping)
    }
    if is_new:  # what it does not know, it does not blank
        columns = {name: text for name, text in columns.items() if text and name != "email"}
    unclear = tuple(name for name, value in fields.items() if isinstance(value, Mapping))
    if not (email or contact_id) or not (is_new or columns or unclear):
        return Skipped(kind)
    return ContactEdit(
        email,
        columns,
        id=label(told.get("id")),
        at=label(told.get("created_at")),
        contact_id=contact_id,
        is_new=is_new,
        unclear=() if is_new else unclear,
    )


def _changed(data: Any) -> Mapping[str, Any]:
    """What has changed: fields with their values, or names of fields whose values stand beside."""
    changed = at(data, "changed_fields")
    if isinstance(changed, Mapping):
        return changed
    names = changed if isinstance(changed, list) else []
    named = {_snake(name) for name in names if isinstance(name, str)}
    return {name: data[name] for name in sorted(named) if name in data}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else label(value, MAX_TEXT)


def _contact_id(data: Any) -> str:
    """PenguinMails' own id of a person; empty where nothing states it."""
    stated = first_label(at(data, "contact_id"), at(data, "contact", "id"))
    return f"penguinmails:{stated}" if stated else ""


def _in_snake_case(value: Any) -> Any:
    """The same with keys in one spelling, three levels deep: event, data, contact."""
    return _renamed(value, 3)


def _renamed(value: Any, levels: int) -> Any:
    if not levels or not isinstance(value, Mapping):
        return value
    return {_snake(key): _renamed(inner, levels - 1) for key, inner in value.items()}


def _snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower()


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
