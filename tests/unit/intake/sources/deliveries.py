"""Deliveries as each service makes them: signed by its own library where it publishes one, else by its description."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from sfsync.intake.sources.proof import Reception
from sfsync.intake.sources.registry import SOURCES

NOW = "2026-01-20T10:00:00Z"
AT = int(datetime.fromisoformat(NOW).timestamp())
PUBLIC_URL = "https://hooks.example.com/webhooks/mandrill?account=7"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:email-events"
CERTIFICATE_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123.pem"

SECRETS = {
    "penguinmails": ("whsec_" + "0123456789abcdef" * 4, "whsec_" + "fedcba9876543210" * 4),
    "standard": (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ),
    "resend": ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    "mautic": ("one mautic secret", "another mautic secret"),
    "mailgun": ("key-0123456789", "key-9876543210"),
    "postmark": ("sfsync:correct horse", "sfsync:battery staple"),
    "brevo": ("a-token-of-brevo", "sfsync:battery staple"),
    "mandrill": ("3yWHqVbvWo0fQ", "0kTq1Zz9m3bXA"),
    "customerio": ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
}


@dataclass(frozen=True)
class Delivery:
    """One request of a service, and whoever receives it."""

    source: str
    headers: Mapping[str, str]
    body: bytes
    secrets: tuple[str, ...]
    reception: Reception = field(
        default_factory=lambda: Reception(
            now=NOW,
            public_url=PUBLIC_URL,
            topics={TOPIC},
            certificate=lambda _url: sns_identity()[1],
        )
    )

    def verify(self) -> None:
        SOURCES[self.source].verify(self.headers, self.body, self.secrets, self.reception)

    def with_(self, **changes: Any) -> Delivery:
        return replace(self, **changes)

    def received(self, **changes: Any) -> Delivery:
        return replace(self, reception=replace(self.reception, **changes))


def delivery(source: str, value: Any, *, at: int = AT, second: bool = False) -> Delivery:
    """A good delivery of a JSON value, ``at`` seconds since 1970; signed by the second of two secrets, or the first."""
    body = json.dumps(value).encode()
    if source == "ses":
        return Delivery(source, *_by_sns(value), ())
    if source == "sendgrid":
        keys = sendgrid_key(1), sendgrid_key(2)
        secrets = tuple(_shown(key) for key in keys)
        return Delivery(source, _by_sendgrid(body, at, keys[second]), body, secrets)
    secrets = SECRETS[source]
    headers, body = SIGNERS[source](body, secrets[second], at)
    return Delivery(source, headers, body, secrets)


def _mac(secret: str, signed: bytes, digest: Any = hashlib.sha256) -> bytes:
    return hmac.new(secret.encode(), signed, digest).digest()


Signer = Callable[[bytes, str, int], tuple[dict[str, str], bytes]]


def _by_penguinmails(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    signature = "sha256=" + _mac(secret, body).hex()
    return {"X-PenguinMails-Signature": signature, "X-PenguinMails-Delivery-ID": f"del_{at}"}, body


def _by_standard(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    from standardwebhooks import Webhook

    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signature,
    }, body


def _by_resend(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    from svix.webhooks import Webhook

    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body.decode())
    return {"svix-id": "msg_1", "svix-timestamp": str(at), "svix-signature": signature}, body


def _by_mautic(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    return {"Webhook-Signature": base64.b64encode(_mac(secret, body)).decode()}, body


def _by_mailgun(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    token = "c" * 50
    block = {
        "timestamp": str(at),
        "token": token,
        "signature": _mac(secret, f"{at}{token}".encode()).hex(),
    }
    return {}, json.dumps({"signature": block, "event-data": json.loads(body)}).encode()


def _by_password(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    if ":" in secret:
        return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}, body
    return {"Authorization": f"Bearer {secret}"}, body


def _by_mandrill(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    fields = {"mandrill_events": body.decode(), "another": "field"}
    signed = PUBLIC_URL + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(_mac(secret, signed.encode(), hashlib.sha1)).decode()
    return {"X-Mandrill-Signature": signature}, urlencode(fields).encode()


def _by_customerio(body: bytes, secret: str, at: int) -> tuple[dict[str, str], bytes]:
    signature = _mac(secret, f"v0:{at}:".encode() + body).hex()
    return {"X-CIO-Timestamp": str(at), "X-CIO-Signature": signature}, body


SIGNERS: dict[str, Signer] = {
    "penguinmails": _by_penguinmails,
    "standard": _by_standard,
    "resend": _by_resend,
    "mautic": _by_mautic,
    "mailgun": _by_mailgun,
    "postmark": _by_password,
    "brevo": _by_password,
    "mandrill": _by_mandrill,
    "customerio": _by_customerio,
}


# -- SendGrid: its library only verifies, so what it accepts is what we have to accept ---------------
@cache
def sendgrid_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1_000_003 * number, ec.SECP256R1())


def _shown(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key as SendGrid shows it."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _by_sendgrid(body: bytes, at: int, key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    signature = key.sign(str(at).encode() + body, ec.ECDSA(SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(at),
    }


# -- Amazon SNS --------------------------------------------------------------------------------------
@cache
def sns_identity(days: int = 365) -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key, and a certificate of it as PEM, valid from a day before now for ``days``."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key, certificate_of(key, days)


def certificate_of(key: rsa.RSAPrivateKey, days: int) -> bytes:
    """A certificate of that key, as PEM, valid from a day before now for ``days``."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    first = datetime.fromtimestamp(AT, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(first)
        .not_valid_after(first + timedelta(days=days))
        .sign(key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def envelope(value: Any, **changes: Any) -> dict[str, Any]:
    """A signed message of SNS around a value; ``changes`` are made before it is signed."""
    told: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": json.dumps(value),
        "Timestamp": "2026-01-20T10:00:00.123Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
    } | changes
    names = [
        "Message",
        "MessageId",
        "Subject",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ]
    if told["Type"] == "Notification":
        names = [name for name in names if name not in {"SubscribeURL", "Token"}]
    signed = "".join(f"{name}\n{told[name]}\n" for name in names if name in told)
    digest = SHA256() if told["SignatureVersion"] == "2" else SHA1()
    signature = sns_identity()[0].sign(signed.encode(), padding.PKCS1v15(), digest)
    return told | {"Signature": base64.b64encode(signature).decode()}


def _by_sns(value: Any) -> tuple[dict[str, str], bytes]:
    headers = {
        "x-amz-sns-message-type": "Notification",
        "Content-Type": "text/plain; charset=UTF-8",
    }
    return headers, json.dumps(envelope(value)).encode()
