"""Signs a message the way Standard Webhooks says, with every secret of its recipient.

Source: Standard Webhooks 1.0.0, "Webhook headers", "Signature scheme".
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Final

from sfsync.model.delivery import Message

PREFIX: Final = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret. Source: Standard Webhooks 1.0.0, "Signature scheme"."""


def is_secret(text: str) -> bool:
    """Whether a text is a secret of the form ``whsec_`` and base64; the prefix may be missing.

    >>> is_secret("whsec_" + "a" * 32), is_secret("whsec_short"), is_secret("no secret at all!")
    (True, False, False)
    """
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        return False
    return SHORTEST <= len(key) <= LONGEST


def signed_headers(message: Message, now: str) -> dict[str, str]:
    """The three headers of an attempt.

    Args:
        now: of the attempt, ``2026-01-20T10:00:00Z``.
    """
    from standardwebhooks import Webhook

    at = datetime.fromisoformat(now)
    signatures = (Webhook(each).sign(message.id, at, message.body) for each in message.to.secrets)
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
