"""Mandrill (Mailchimp Transactional): a form whose field ``mandrill_events`` is a list of up to 1,000 events.

The signature covers the address of the webhook exactly as Mandrill was told it, and the form's
fields. It has no time, and events have no ids: they are derived.

Source: Mailchimp Transactional documentation, "Webhooks" and "Authenticating webhook requests";
Mandrill help, "Message Event Webhook Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from sfsync.intake.sources.event_facts import at, event, first_label, kind_of
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import ForgedError, Headers, Reception, expect_hmac, header
from sfsync.intake.sources.source import Entry, Source, json_of
from sfsync.intake.strict_json import NotJsonError, decoded
from sfsync.model.event import EventType

SIGNATURE: Final = "X-Mandrill-Signature"
MAX_FIELDS: Final = 100
_TYPES: Final = {
    "send": EventType.SENT,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "hard_bounce": EventType.BOUNCED,
    "soft_bounce": EventType.BOUNCED,
    "unsub": EventType.UNSUBSCRIBED,
    "spam": EventType.COMPLAINED,
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signature against the webhook's public address and the form's fields.

    Raises:
        ForgedError: it is that of no secret, or no public address is configured.
    """
    given = header(headers, SIGNATURE)
    if not reception.public_url:
        raise ForgedError("no public address is configured, which is part of what is signed")
    try:
        fields = _fields(body)
    except ValueError as error:
        raise ForgedError("the body is no form") from error
    signed = reception.public_url + "".join(name + fields[name] for name in sorted(fields))
    expect_hmac(secrets, signed.encode("utf-8", "surrogatepass"), given, "sha1 base64")


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form; the last of each name.

    Raises:
        ValueError: it is none.
    """
    return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))


def _decode(body: bytes) -> Any:
    """The list in a form; or a list of events as it is, which is how they are kept in files."""
    if body.lstrip()[:1] in {b"[", b"{"}:
        return json_of(body)
    try:
        events = _fields(body).get("mandrill_events")
    except ValueError as error:
        raise NotJsonError("is no form") from error
    if events is None:
        raise NotJsonError("has no field mandrill_events")
    return decoded(events)


def _item(entry: Entry, latest: str) -> Item:
    kind = kind_of(entry, "event" if "event" in entry else "type")
    event_type = _TYPES.get(kind)
    if event_type is None:
        return Skipped(kind)
    bounce = "soft" if kind == "soft_bounce" else "hard"
    agent = first_label(at(entry, "user_agent_parsed", "type"))
    return event(
        event_type,
        source="mandrill",
        latest=latest,
        email=at(entry, "msg", "email"),
        when=entry.get("ts"),
        message=entry.get("_id") or at(entry, "msg", "_id"),
        campaign_id=first_label(
            at(entry, "msg", "metadata", "campaign_id"), at(entry, "msg", "tags", 0)
        ),
        campaign_name=first_label(
            at(entry, "msg", "metadata", "campaign_name"), at(entry, "msg", "tags", 0)
        ),
        link=entry.get("url"),
        is_machine=agent.lower() == "robot",
        bounce=bounce if event_type is EventType.BOUNCED else "",
    )


def _recognises(entry: Entry) -> bool:
    return isinstance(entry.get("msg"), dict) and "event" in entry


SOURCE: Final = Source(
    name="mandrill",
    title="Mandrill",
    signature_headers=(SIGNATURE,),
    verify=verify,
    item=_item,
    recognises=_recognises,
    decode=_decode,
    needs_public_url=True,
)
