"""Brevo: one event a delivery, or up to 500 in its batched mode; nothing is signed, and there are no ids.

Brevo proves itself by the user name and password in the webhook's address, by a bearer token or by a
header of one's own. Of its many times only ``ts_epoch`` and ``ts_event`` are in UTC.

Source: Brevo developer documentation, "Transactional webhooks", "Marketing webhooks", "Secured
webhook calls".
"""

from __future__ import annotations

from typing import Final

from sfsync.intake.sources.event_facts import at, event, first_label, kind_of
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import SECRET_HEADERS, verify_password
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.event import EventType

_TYPES: Final = {
    "request": EventType.SENT,
    "opened": EventType.OPENED,
    "unique_opened": EventType.OPENED,
    "proxy_open": EventType.OPENED,
    "unique_proxy_open": EventType.OPENED,
    "click": EventType.CLICKED,
    "hard_bounce": EventType.BOUNCED,
    "soft_bounce": EventType.BOUNCED,
    "invalid_email": EventType.BOUNCED,
    "unsubscribe": EventType.UNSUBSCRIBED,
    "unsubscribed": EventType.UNSUBSCRIBED,
    "spam": EventType.COMPLAINED,
    "complaint": EventType.COMPLAINED,
}


def _item(entry: Entry, latest: str) -> Item:
    kind = kind_of(entry, "event")
    event_type = _TYPES.get(kind)
    if event_type is None:
        return Skipped(kind)
    tag = at(entry, "tags", 0) or entry.get("tag")
    bounce = "soft" if kind == "soft_bounce" else "hard"
    return event(
        event_type,
        source="brevo",
        latest=latest,
        email=entry.get("email"),
        when=entry.get("ts_epoch") or entry.get("ts_event"),
        message=entry.get("message-id") or entry.get("camp_id"),
        campaign_id=first_label(entry.get("camp_id"), tag),
        campaign_name=first_label(entry.get("campaign name"), tag),
        link=entry.get("link") or entry.get("URL"),
        is_machine=kind.endswith("proxy_open"),
        bounce=bounce if event_type is EventType.BOUNCED else "",
    )


def _recognises(entry: Entry) -> bool:
    return {"event", "email"} <= entry.keys() and not entry.keys().isdisjoint(
        {"message-id", "camp_id", "ts_epoch", "ts_event"}
    )


SOURCE: Final = Source(
    name="brevo",
    title="Brevo",
    signature_headers=SECRET_HEADERS,
    verify=verify_password,
    item=_item,
    recognises=_recognises,
)
