"""Mautic: one object keyed by what happened, each with a list of what it happened to.

Mautic signs the raw body, without a time, so only the ids protect against a delivery that is sent
again. It has no event ids: they are derived from who, what, which email and when. The PenguinMails
app's own form of it (``mautic.event_type``, ``mautic.event_payload``, a signature in hexadecimal) is
read as well.

Source: Mautic developer documentation, "Webhooks"; mautic/mautic, WebhookBundle/Http/Client.php and
EmailBundle/EventListener/WebhookSubscriber.php.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sfsync.intake.event_values import BadValueError
from sfsync.intake.sources.event_facts import at, event, first_label, label
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import (
    Headers,
    Reception,
    expect_hmac,
    header,
    optional_header,
)
from sfsync.intake.sources.source import Entry, Source
from sfsync.model.event import EventType

SIGNATURE: Final = "Webhook-Signature"
APP_SIGNATURE: Final = "X-Mautic-Signature"
_Part: TypeAlias = tuple[str, Any]

_TYPES: Final = {
    "email_on_send": EventType.SENT,
    "email_on_open": EventType.OPENED,
    "page_on_hit": EventType.CLICKED,
    "email_on_bounce": EventType.BOUNCED,
    "email_on_unsubscribe": EventType.UNSUBSCRIBED,
}
_NEW_STATUS: Final = {
    "unsubscribed": EventType.UNSUBSCRIBED,
    "manual": EventType.UNSUBSCRIBED,
    "bounced": EventType.BOUNCED,
}


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signature against the raw body.

    Raises:
        ForgedError: it is that of no secret. A delivery without one is refused.
    """
    del reception  # the scheme has no time
    in_hex = optional_header(headers, APP_SIGNATURE)
    if in_hex:
        expect_hmac(secrets, body, in_hex.removeprefix("sha256="), "sha256 hex")
    else:
        expect_hmac(secrets, body, header(headers, SIGNATURE), "sha256 base64")


def _split(entry: Entry) -> Iterable[_Part]:
    if "mautic.event_type" in entry:
        payload = entry.get("mautic.event_payload")
        if not isinstance(payload, Mapping):
            raise BadValueError("mautic.event_payload", "expected an object")
        return [
            (label(entry["mautic.event_type"]), {"timestamp": entry.get("timestamp"), **payload})
        ]
    parts = [
        (key, payload)
        for key, value in entry.items()
        if key.startswith("mautic.")
        for payload in (value if isinstance(value, list) else [value])
    ]
    if not parts:
        raise BadValueError("", "names no event: no key begins with mautic.")
    return parts


def _item(part: _Part, latest: str) -> Item:
    key, payload = part
    kind = key.removeprefix("mautic.")
    if not isinstance(payload, Mapping):
        raise BadValueError(label(key), "expected a list of objects")
    event_type = _event_type(kind, payload)
    if event_type is None:
        return Skipped(label(kind))
    told = at(payload, "stat") or at(payload, "hit") or payload
    bounce = label(at(payload, "bounce", "type"))
    return event(
        event_type,
        source="mautic",
        latest=latest,
        email=_address(told) or _address(payload),
        when=payload.get("timestamp") or at(told, "dateRead") or at(told, "dateHit"),
        message=first_label(
            at(told, "id"), at(told, "idHash"), at(told, "trackingHash"), at(payload, "email", "id")
        ),
        campaign_id=first_label(at(told, "email", "id"), at(told, "sourceId")),
        campaign_name=first_label(at(told, "email", "name"), at(told, "email", "subject")),
        link=at(told, "url") or at(payload, "page", "url"),
        bounce=bounce if bounce in {"hard", "soft"} else "",
    )


def _event_type(kind: str, payload: Entry) -> EventType | None:
    """What happened; ``None`` where it is nothing of an email."""
    if kind == "lead_channel_subscription_changed":
        if payload.get("channel") != "email":
            return None
        return _NEW_STATUS.get(label(payload.get("new_status")))
    if kind == "page_on_hit" and not _is_of_an_email(payload):
        return None
    return _TYPES.get(kind)


def _is_of_an_email(payload: Entry) -> bool:
    """Whether a page was visited by a link in an email, not by any other way."""
    hit = payload.get("hit") or payload
    return at(hit, "source") == "email" or bool(at(hit, "email"))


def _address(told: Any) -> Any:
    """The address: of the statistic, else of the contact, in any of its forms."""
    if stated := at(told, "emailAddress"):
        return stated
    people = (at(told, "contact"), at(told, "lead"))
    paths = (("email",), ("fields", "core", "email", "value"), ("fields", "all", "email"))
    return next(
        (found for person in people for path in paths if (found := at(person, *path))), None
    )


def _recognises(entry: Entry) -> bool:
    return any(isinstance(key, str) and key.startswith("mautic.") for key in entry)


SOURCE: Final = Source(
    name="mautic",
    title="Mautic",
    signature_headers=(SIGNATURE, APP_SIGNATURE),
    verify=verify,
    split=_split,
    item=_item,
    recognises=_recognises,
)
