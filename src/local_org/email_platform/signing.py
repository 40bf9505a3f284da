"""The headers of a delivery, and its signature.

The key is the secret whole, ``whsec_`` included, and what is signed is the body, byte for byte.

Source: PenguinMails documentation, "Signature Verification"; one old example has no ``sha256=``.
"""

import hashlib
import hmac
import secrets

from local_org.email_platform.happenings import Happening

_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret in the platform's form: ``whsec_`` and 64 hexadecimal digits."""
    return f"whsec_{secrets.token_hex(_SECRET_BYTES)}"


def new_delivery_id() -> str:
    """An id for one attempt."""
    return f"del_{secrets.token_hex(12)}"


def signature(secret: str, body: bytes, *, bare: bool = False) -> str:
    """What proves the body.

    >>> signature("whsec_ab", b"{}")[:14]
    'sha256=2b84164'
    """
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return digest if bare else f"sha256={digest}"


def headers(
    secret: str, event: Happening, body: bytes, delivery_id: str, *, bare: bool = False
) -> dict[str, str]:
    """All that a delivery carries besides its body."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "PenguinMails-Webhooks/1.0",
        "X-PenguinMails-Signature": signature(secret, body, bare=bare),
        "X-PenguinMails-Event": event.type,
        "X-PenguinMails-Event-ID": event.id,
        "X-PenguinMails-Delivery-ID": delivery_id,
    }
