"""Postmark: one event a delivery, told apart by ``RecordType``; nothing is signed.

Postmark proves itself by the user name and password in the webhook's address, or by a header of
one's own. Only bounces and complaints have an id; the others' ids are derived. It does not say which
opens are those of a privacy proxy.

Source: Postmark developer documentation, "Webhooks overview", "Bounce webhook", "Open tracking
webhook", "Subscription change webhook", "Bounce types".
"""

from __future__ import annotations

from typing import Final

from sfsync.intake.sources.event_facts import at, event, first_label, kind_of, label
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import SECRET_HEADERS, verify_password
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.event import EventType

_TYPES: Final = {"Open": EventType.OPENED, "Click": EventType.CLICKED}
_BOUNCES: Final = {
    "HardBounce": "hard",
    "BadEmailAddress": "hard",
    "SoftBounce": "soft",
    "Blocked": "soft",
    "SpamNotification": "soft",
    "DMARCPolicy": "soft",
    "VirusNotification": "soft",
}
"""The others are temporary, automatic replies, or trouble before anything was sent."""

TRANSACTIONAL_STREAM: Final = "outbound"
"""The stream that every server has. It has bounce webhooks of its own."""


def _item(entry: Entry, latest: str) -> Item:
    kind = kind_of(entry, "RecordType")
    event_type, bounce = _meaning(kind, entry)
    if event_type is None:
        detail = first_label(entry.get("Type"), entry.get("SuppressionReason"))
        return Skipped(f"{kind} {detail}".strip())
    number = label(entry.get("ID"))
    return event(
        event_type,
        source="postmark",
        latest=latest,
        email=entry.get("Email") or entry.get("Recipient"),
        when=entry.get("BouncedAt") or entry.get("ReceivedAt") or entry.get("ChangedAt"),
        id=f"postmark-{number}" if number and kind in {"Bounce", "SpamComplaint"} else "",
        message=entry.get("MessageID"),
        campaign_id=first_label(at(entry, "Metadata", "campaign_id"), entry.get("Tag")),
        campaign_name=first_label(at(entry, "Metadata", "campaign_name"), entry.get("Tag")),
        link=entry.get("OriginalLink"),
        bounce=bounce,
    )


def _meaning(kind: str, entry: Entry) -> tuple[EventType | None, str]:
    """What happened, and the kind of bounce; ``None`` where it says nothing of a person."""
    if kind == "SubscriptionChange":
        return _subscription(entry)
    detail = label(entry.get("Type"))
    if kind == "SpamComplaint" or detail == "SpamComplaint":
        return EventType.COMPLAINED, ""
    if kind != "Bounce":
        return _TYPES.get(kind), ""
    if detail == "Unsubscribe":
        return EventType.UNSUBSCRIBED, ""
    bounce = _BOUNCES.get(detail, "")
    return (EventType.BOUNCED if bounce else None), bounce


def _subscription(entry: Entry) -> tuple[EventType | None, str]:
    """What a change of the list of suppressed addresses says.

    Nothing that Postmark says lifts an opt-out: a reactivation is as often done by the customer.
    """
    if entry.get("SuppressSending") is not True:
        return None, ""
    reason = entry.get("SuppressionReason")
    if reason == "SpamComplaint":
        return EventType.COMPLAINED, ""
    if reason != "HardBounce":
        return EventType.UNSUBSCRIBED, ""
    # There the bounce itself comes as well, and would be counted twice.
    if entry.get("MessageStream") == TRANSACTIONAL_STREAM:
        return None, ""
    return EventType.BOUNCED, "hard"


def _recognises(entry: Entry) -> bool:
    return "RecordType" in entry


SOURCE: Final = Source(
    name="postmark",
    title="Postmark",
    signature_headers=SECRET_HEADERS,
    verify=verify_password,
    item=_item,
    recognises=_recognises,
)
