"""Standard Webhooks: anybody's, signed in the common form, saying what an event file says.

The payload is ``{type, timestamp, data}``; ``data`` holds the columns of an event file. The event's
id is ``id`` beside them, or in ``data``. The header ``webhook-id`` is not it: files have no headers,
and the same event in a file has to be the same event.

Source: Standard Webhooks 1.0.0, "Webhook headers", "Signature scheme". The library signs what is
compared; its own ``verify`` asks the clock itself and knows one set of header names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sfsync.intake.event_values import BadValueError, event_from, event_type_of
from sfsync.intake.sources.event_facts import kind_of
from sfsync.intake.sources.items import Item, Skipped
from sfsync.intake.sources.proof import (
    ForgedError,
    Headers,
    Reception,
    expect_any,
    expect_recent,
    header,
    is_same,
)
from sfsync.intake.sources.source import Entry, Source

HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def verify(headers: Headers, body: bytes, secrets: Sequence[str], reception: Reception) -> None:
    """Hold the signatures, of which there may be several, against the raw body.

    Raises:
        ForgedError: none is that of a secret, or the delivery is too old.
    """
    verify_named(HEADERS, headers, body, secrets, reception.now)


def verify_named(
    names: Sequence[str], headers: Headers, body: bytes, secrets: Sequence[str], now: str
) -> None:
    """The same with the headers' names as a service spells them: id, timestamp, signature.

    Raises:
        ForgedError: none is that of a secret, or the delivery is too old.
    """
    delivery, seconds, signatures = (header(headers, name) for name in names)
    sent_at = datetime.fromtimestamp(expect_recent(seconds, now), UTC)
    if seconds != str(int(seconds)):
        raise ForgedError("its time is not in seconds since 1970")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ForgedError("the body is not UTF-8") from error
    given = [one for one in signatures.split() if one.startswith("v1,")]

    def matches(secret: str) -> bool:
        expected = _signed(secret, delivery, sent_at, text)
        return bool(expected) and any([is_same(expected, one) for one in given])  # noqa: C419

    expect_any(secrets, matches)


def _signed(secret: str, delivery: str, sent_at: datetime, text: str) -> str:
    """``v1,`` and the signature; empty where the secret is none of this form."""
    from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

    try:
        return Webhook(secret.strip()).sign(delivery, sent_at, text)
    except (ValueError, EmptyWebhookSecretError):
        return ""


def _item(entry: Entry, latest: str) -> Item:
    kind = kind_of(entry, "type")
    try:
        event_type = event_type_of(kind)
    except BadValueError:
        return Skipped(kind)
    data = entry.get("data")
    told = {**entry, **data} if isinstance(data, Mapping) else dict(entry)
    told["type"] = event_type
    told["id"] = entry.get("id") or told.get("id")
    return event_from(told, latest=latest)


def _recognises(entry: Entry) -> bool:
    return {"type", "timestamp", "data"} <= entry.keys() and isinstance(entry["data"], Mapping)


SOURCE: Final = Source(
    name="standard",
    title="Standard Webhooks",
    signature_headers=HEADERS,
    verify=verify,
    item=_item,
    recognises=_recognises,
)
