"""One bounce as each email service tells it: for tests that are about any service, and about no kind of event."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from tests.unit.intake.sources.deliveries import Delivery, delivery


def bounce(source: str, number: int, email: str, at: int) -> Delivery:
    """A delivery that is signed now.

    Args:
        number: tells it apart from others of the same source.
        at: when it bounced, in seconds since 1970.
    """
    iso = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    return delivery(source, _TOLD[source](number, email, at, iso), at=int(time.time()))


def _penguinmails(number: int, email: str, _at: int, iso: str) -> Any:
    data = {"contact": {"email": email}, "bounced_at": iso, "bounce_type": "hard"}
    return {"id": f"evt_{number}", "type": "email.bounced", "created_at": iso, "data": data}


def _standard(number: int, email: str, _at: int, iso: str) -> Any:
    data = {"id": f"standard-{number}", "email": email}
    return {"type": "email.bounced", "timestamp": iso, "data": data}


def _mautic(number: int, email: str, _at: int, iso: str) -> Any:
    told = {"contact": {"email": email}, "idHash": f"hash-{number}", "timestamp": iso}
    return {"mautic.email_on_bounce": [told]}


def _sendgrid(number: int, email: str, at: int, _iso: str) -> Any:
    return [{"email": email, "timestamp": at, "event": "bounce", "sg_event_id": f"sg-{number}"}]


def _mailgun(number: int, email: str, at: int, _iso: str) -> Any:
    told = {"event": "failed", "severity": "permanent", "reason": "bounce", "recipient": email}
    return told | {"id": f"mg-{number}", "timestamp": at}


def _postmark(number: int, email: str, _at: int, iso: str) -> Any:
    told = {"RecordType": "Bounce", "Type": "HardBounce", "Email": email, "BouncedAt": iso}
    return told | {"ID": number, "MessageID": f"message-{number}"}


def _ses(number: int, email: str, _at: int, iso: str) -> Any:
    detail = {"timestamp": iso, "bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": email}]}  # fmt: skip
    mail = {"timestamp": iso, "messageId": f"ses-{number}", "destination": [email]}
    return {"eventType": "Bounce", "mail": mail, "bounce": detail}


def _brevo(number: int, email: str, at: int, _iso: str) -> Any:
    told = {"event": "hard_bounce", "email": email, "ts_epoch": at * 1000, "ts_event": at}
    return told | {"message-id": f"<{number}@example.com>"}


def _resend(number: int, email: str, _at: int, iso: str) -> Any:
    data = {"email_id": f"resend-{number}", "to": [email], "bounce": {"type": "Permanent"}}
    return {"type": "email.bounced", "created_at": iso, "data": data}


def _mandrill(number: int, email: str, at: int, _iso: str) -> Any:
    message = {"_id": f"md-{number}", "email": email, "ts": at}
    return [{"event": "hard_bounce", "ts": at, "_id": f"md-{number}", "msg": message}]


def _customerio(number: int, email: str, at: int, _iso: str) -> Any:
    told = {"event_id": f"cio-{number}", "object_type": "email", "metric": "bounced"}
    return told | {"timestamp": at, "data": {"recipient": email}}


_TOLD = {
    "penguinmails": _penguinmails, "standard": _standard, "mautic": _mautic, "sendgrid": _sendgrid, "mailgun": _mailgun,
    "postmark": _postmark, "ses": _ses, "brevo": _brevo, "resend": _resend, "mandrill": _mandrill, "customerio": _customerio,
}  # fmt: skip
