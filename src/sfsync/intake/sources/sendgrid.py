"""Twilio SendGrid's Event Webhook: a list of events, signed with an elliptic key.

The secret is the verification key, which is public: base64 as SendGrid shows it, or PEM. ``sg_event_id``
is the event's id.

Source: SendGrid, "Event Webhook Reference" and "Event Webhook Security Features"; sendgrid-python,
helpers/eventwebhook.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from sfsync.intake.sources.event_facts import at, event, first_label, kind_of
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import (
    ForgedError,
    Headers,
    Reception,
    expect_any,
    expect_recent,
    header,
)
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.event import EventType

SIGNATURE: Final = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP: Final = "X-Twilio-Email-Event-Webhook-Timestamp"
_TYPES: Final = {
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "bounce": EventType.BOUNCED,
    "unsubscribe": EventType.UNSUBSCRIBED,
    "group_unsubscribe": EventType.UNSUBSCRIBED,
    "spamreport": EventType.COMPLAINED,
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signature against the timestamp and the raw body.

    Raises:
        ForgedError: no key fits it, or the delivery is too old.
    """
    seconds = header(headers, TIMESTAMP)
    given = header(headers, SIGNATURE)
    expect_recent(seconds, reception.now)
    try:
        signature = base64.b64decode(given, validate=True)
    except ValueError as error:
        raise ForgedError("the signature is no base64") from error
    signed = seconds.encode() + body
    expect_any(secrets, lambda secret: _has_signed(secret, signature, signed))


def _has_signed(secret: str, signature: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    text = "".join(line for line in secret.split("\n") if not line.startswith("-----"))
    try:
        key = load_der_public_key(base64.b64decode("".join(text.split())))
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        key.verify(signature, signed, ECDSA(SHA256()))
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _item(entry: Entry, latest: str) -> Item:
    kind = kind_of(entry, "event")
    event_type = _TYPES.get(kind)
    if event_type is None:
        return Skipped(kind)
    category = at(entry, "category", 0) or entry.get("category")
    return event(
        event_type,
        source="sendgrid",
        latest=latest,
        email=entry.get("email"),
        when=entry.get("timestamp"),
        id=entry.get("sg_event_id"),
        message=entry.get("sg_message_id"),
        campaign_id=first_label(
            entry.get("campaign_id"),
            entry.get("marketing_campaign_id"),
            entry.get("singlesend_id"),
            category,
        ),
        campaign_name=first_label(
            entry.get("campaign_name"),
            entry.get("marketing_campaign_name"),
            entry.get("singlesend_name"),
            category,
        ),
        link=entry.get("url"),
        is_machine=entry.get("sg_machine_open") is True,
        bounce=_bounce(entry) if event_type is EventType.BOUNCED else "",
    )


def _bounce(entry: Entry) -> str:
    """``blocked`` is a refusal of this one message; the address may well be good."""
    return "soft" if entry.get("type") == "blocked" else "hard"


def _recognises(entry: Entry) -> bool:
    return "sg_event_id" in entry or {"sg_message_id", "event", "email"} <= entry.keys()


SOURCE: Final = Source(
    name="sendgrid",
    title="SendGrid",
    signature_headers=(SIGNATURE, TIMESTAMP),
    verify=verify,
    item=_item,
    recognises=_recognises,
)
