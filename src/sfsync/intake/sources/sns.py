"""Amazon SNS, which carries what SES says: the envelope, and its signature.

The certificate that the signature is held against is named in the message itself, so only an https
address of SNS is ever fetched, and only topics that are configured are believed: whoever has an AWS
account can have SNS sign a message of a topic of their own.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages", "Parsing
message formats".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sfsync.intake.sources.event_facts import at, label
from sfsync.intake.sources.proof import ForgedError, Reception
from sfsync.intake.sources.source import json_of
from sfsync.intake.strict_json import NotJsonError

NOTIFICATION: Final = "Notification"
CONFIRMATION: Final = "SubscriptionConfirmation"
UNSUBSCRIBED: Final = "UnsubscribeConfirmation"

MAX_ARN: Final = 2048
# A region by its form: "sns.s3.amazonaws.com" is whatever lies in somebody's bucket "sns".
_HOST = re.compile(r"sns\.[a-z]{2}(-[a-z]{1,20}){1,3}-[0-9]{1,2}\.amazonaws\.com(\.cn)?")
_CONFIRMED: Final = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: _CONFIRMED,
    UNSUBSCRIBED: _CONFIRMED,
}


def is_of_sns(url: object) -> bool:
    """Whether an address may be fetched: https, at SNS itself in one of its regions.

    >>> is_of_sns("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem")
    True
    >>> is_of_sns("https://sns.eu-central-1.amazonaws.com.example.net/x.pem")
    False
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and _HOST.fullmatch(parts.netloc) is not None


def verify_envelope(body: bytes, reception: Reception) -> None:
    """Hold an envelope's signature against the certificate that it names.

    Raises:
        ForgedError: it is not of a topic that is configured, or not signed by SNS.
    """
    try:
        envelope = json_of(body)
    except NotJsonError as error:
        raise ForgedError("the body is no message of SNS") from error
    fields = _SIGNED.get(label(at(envelope, "Type")))
    if fields is None or "TopicArn" not in envelope:
        raise ForgedError("the body is no message of SNS")
    if label(envelope["TopicArn"], MAX_ARN) not in reception.topics:
        raise ForgedError("it is of a topic that is not configured")
    url = at(envelope, "SigningCertURL")
    if not is_of_sns(url) or not urlsplit(url).path.endswith(".pem"):
        raise ForgedError("its certificate does not lie at SNS")
    if reception.certificate is None:
        raise ForgedError("no certificate can be fetched here")
    signed = _signed(envelope, fields)
    signature, version = _signature(envelope)
    _check(reception.certificate(url), signature, version, signed, reception.now)


def _signed(envelope: Mapping[str, Any], fields: tuple[str, ...]) -> bytes:
    """Name and value of each field on a line of its own; the subject where there is one."""
    values = {name: envelope.get(name) for name in fields}
    if values.get("Subject") is None:
        values.pop("Subject", None)
    if not all(isinstance(value, str) for value in values.values()):
        raise ForgedError("a field that is signed is missing")
    lines = "".join(f"{name}\n{value}\n" for name, value in values.items())
    return lines.encode("utf-8", "surrogatepass")


def _signature(envelope: Mapping[str, Any]) -> tuple[bytes, str]:
    given, version = envelope.get("Signature"), envelope.get("SignatureVersion")
    if not isinstance(given, str) or version not in ("1", "2"):
        raise ForgedError("there is no signature of version 1 or 2")
    try:
        return base64.b64decode(given, validate=True), version
    except ValueError as error:
        raise ForgedError("the signature is no base64") from error


def _check(pem: bytes, signature: bytes, version: str, signed: bytes, now: str) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not isinstance(key, RSAPublicKey) or not first <= datetime.fromisoformat(now) <= last:
            raise ForgedError("its certificate is not valid")
        # Version 1 is what SNS signs with unless it is told otherwise.
        digest = SHA256() if version == "2" else SHA1()  # noqa: S303
        key.verify(signature, signed, PKCS1v15(), digest)
    except InvalidSignature as error:
        raise ForgedError("the signature is not that of its certificate") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ForgedError("its certificate cannot be read") from error
