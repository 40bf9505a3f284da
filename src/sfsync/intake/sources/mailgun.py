"""Mailgun: one event a delivery; the proof lies in the body and does not cover the event.

Mailgun signs a timestamp and a token, nothing more. So whoever has seen one delivery could put
another event beside its signature, for as long as that is believed. It is believed for as long as
Mailgun repeats a delivery, because nothing says that a repetition is signed anew.

An event's id is unique within a day only, so the day is made part of it.

Source: Mailgun user manual, "Securing Webhooks", "Webhook Payloads", "Event Structure", "Tracking
Opens" (bots).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sfsync.intake.event_values import BadValueError
from sfsync.intake.sources.event_facts import at, day_of, event, first_label, kind_of, label
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import ForgedError, Headers, Reception, expect_hmac, expect_recent
from sfsync.intake.sources.source import Entry, Source, json_of
from sfsync.intake.strict_json import NotJsonError
from sfsync.model.event import EventType

BELIEVED_SECONDS: Final = 9 * 3600
"""Mailgun repeats a delivery for eight hours."""

_TYPES: Final = {
    "opened": EventType.OPENED,
    "clicked": EventType.CLICKED,
    "failed": EventType.BOUNCED,
    "unsubscribed": EventType.UNSUBSCRIBED,
    "complained": EventType.COMPLAINED,
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the body's signature against its timestamp and token.

    Raises:
        ForgedError: it is that of no secret, or too old.
    """
    del headers  # all of it is in the body
    try:
        block = at(json_of(body), "signature")
    except NotJsonError as error:
        raise ForgedError("the body holds no signature") from error
    seconds, token, given = (at(block, name) for name in ("timestamp", "token", "signature"))
    if not (isinstance(token, str) and token and isinstance(given, str)):
        raise ForgedError("the body holds no signature")
    seconds = str(seconds)
    expect_recent(seconds, reception.now, past=BELIEVED_SECONDS)
    signed = (seconds + token).encode("utf-8", "surrogatepass")
    expect_hmac(secrets, signed, given, "sha256 hex")


def _item(entry: Entry, latest: str) -> Item:
    told = entry.get("event-data", entry)
    if not isinstance(told, Mapping):
        raise BadValueError("event-data", "expected an object")
    kind = kind_of(told, "event")
    event_type = _TYPES.get(kind)
    if event_type is None or _says_nothing_new(kind, told):
        return Skipped(kind)
    variables = told.get("user-variables")
    bounce = "soft" if at(told, "delivery-status", "bounce-type") == "soft" else "hard"
    return event(
        event_type,
        source="mailgun",
        latest=latest,
        email=told.get("recipient"),
        when=told.get("timestamp"),
        id=_id(told, latest),
        message=at(told, "message", "headers", "message-id"),
        campaign_id=first_label(
            at(variables, "campaign_id"), at(told, "campaigns", 0, "id"), at(told, "tags", 0)
        ),
        campaign_name=first_label(
            at(variables, "campaign_name"), at(told, "campaigns", 0, "name"), at(told, "tags", 0)
        ),
        link=told.get("url"),
        is_machine=bool(label(at(told, "client-info", "bot"))),
        bounce=bounce if event_type is EventType.BOUNCED else "",
    )


def _says_nothing_new(kind: str, told: Entry) -> bool:
    """A failure that is tried again, or one that Mailgun foresaw because of an earlier event."""
    if kind != "failed":
        return False
    return told.get("severity") != "permanent" or label(told.get("reason")).startswith("suppress-")


def _id(told: Entry, latest: str) -> str:
    stated = label(told.get("id"))
    return f"{stated}@{day_of(told.get('timestamp'), latest)}" if stated else ""


def _recognises(entry: Entry) -> bool:
    return "event-data" in entry or {"event", "recipient", "log-level"} <= entry.keys()


SOURCE: Final = Source(
    name="mailgun",
    title="Mailgun",
    signature_headers=(),
    verify=verify,
    item=_item,
    recognises=_recognises,
)
