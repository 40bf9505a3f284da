"""Deliveries as a service would sign them, for trying the own listener: of services whose secret both sides have."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

from sfsync.intake.sources.penguinmails import SIGNATURE
from sfsync.intake.sources.standard import HEADERS

SIGNED: Final = ("penguinmails", "standard")
"""The services that a sample can be made for."""


def sample(source: str, *, event_id: str, kind: str, email: str, now: str) -> bytes:
    """The body of a delivery that says this.

    Args:
        kind: ``email.opened``.
        now: when it happened, ``2026-01-20T10:00:00Z``.
    """
    facts = {"campaign_id": "sample", "campaign_name": "Sample"}
    if source == "penguinmails":
        data = {**facts, "email_id": event_id, "contact": {"email": email}}
        told = {"id": event_id, "type": kind, "created_at": now, "data": data}
    else:
        data = {**facts, "email": email}
        told = {"id": event_id, "type": kind, "timestamp": now, "data": data}
    return json.dumps(told).encode()


def signed(source: str, body: bytes, secret: str, *, delivery_id: str, now: str) -> dict[str, str]:
    """The headers that prove a body.

    Raises:
        ValueError: the secret is none of this service's form.
    """
    headers = _SIGNERS[source](body, secret, delivery_id, now)
    return {"Content-Type": "application/json", **headers}


def _penguinmails(body: bytes, secret: str, delivery_id: str, _now: str) -> Mapping[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {SIGNATURE: f"sha256={digest}", "X-PenguinMails-Delivery-ID": delivery_id}


def _standard(body: bytes, secret: str, delivery_id: str, now: str) -> Mapping[str, str]:
    base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    at = datetime.fromisoformat(now)
    signature = Webhook(secret).sign(delivery_id, at, body.decode())
    values = (delivery_id, str(int(at.timestamp())), signature)
    return dict(zip(HEADERS, values, strict=True))


_SIGNERS: Final[Mapping[str, Callable[[bytes, str, str, str], Mapping[str, str]]]] = {
    "penguinmails": _penguinmails,
    "standard": _standard,
}
