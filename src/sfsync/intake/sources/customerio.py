"""Customer.io's reporting webhooks: one event a delivery, named by ``object_type`` and ``metric``.

Campaigns, broadcasts, newsletters and transactional messages are numbered apart, so that all but
campaigns carry their kind in the campaign id: ``newsletter-7``.

Source: Customer.io, "Reporting webhooks" and its API reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sfsync.intake.sources.event_facts import at, event, kind_of, label
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import Headers, Reception, expect_hmac, expect_recent, header
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.event import EventType

SIGNATURE: Final = "X-CIO-Signature"
TIMESTAMP: Final = "X-CIO-Timestamp"
_TYPES: Final = {
    ("email", "sent"): EventType.SENT,
    ("email", "opened"): EventType.OPENED,
    ("email", "clicked"): EventType.CLICKED,
    ("email", "bounced"): EventType.BOUNCED,
    ("email", "unsubscribed"): EventType.UNSUBSCRIBED,
    ("customer", "unsubscribed"): EventType.UNSUBSCRIBED,
    ("email", "spammed"): EventType.COMPLAINED,
}
_CAMPAIGNS: Final = {
    "campaign_id": "",
    "broadcast_id": "broadcast-",
    "newsletter_id": "newsletter-",
    "transactional_message_id": "transactional-",
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signature against the timestamp and the raw body.

    Raises:
        ForgedError: it is that of no secret, or the delivery is too old.
    """
    seconds = header(headers, TIMESTAMP)
    given = header(headers, SIGNATURE)
    expect_recent(seconds, reception.now)
    expect_hmac(secrets, b"v0:" + seconds.encode() + b":" + body, given, "sha256 hex")


def _item(entry: Entry, latest: str) -> Item:
    subject, metric = label(entry.get("object_type")), kind_of(entry, "metric")
    event_type = _TYPES.get((subject, metric))
    if event_type is None:
        return Skipped(f"{subject}_{metric}")
    data = entry.get("data")
    return event(
        event_type,
        source="customerio",
        latest=latest,
        email=_address(data),
        when=entry.get("timestamp"),
        id=entry.get("event_id"),
        message=at(data, "delivery_id"),
        campaign_id=_campaign(data),
        link=at(data, "href"),
    )


def _address(data: Any) -> Any:
    """Whom it went to; of a person as such, the address they are known by."""
    return (
        at(data, "recipient")
        or at(data, "identifiers", "email")
        or at(data, "email_address")
        or None
    )


def _campaign(data: Any) -> str:
    return next(
        (f"{kind}{text}" for key, kind in _CAMPAIGNS.items() if (text := label(at(data, key)))), ""
    )


def _recognises(entry: Entry) -> bool:
    return {"event_id", "object_type", "metric"} <= entry.keys()


SOURCE: Final = Source(
    name="customerio",
    title="Customer.io",
    signature_headers=(SIGNATURE, TIMESTAMP),
    verify=verify,
    item=_item,
    recognises=_recognises,
)
