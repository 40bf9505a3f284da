"""Outgoing webhooks: what a line of the feed says there, when a failed one is tried again, and what an answer means.

Pure: the clock and the chance are handed in. What is counted here: an answer about one message is
that message's matter, and it alone waits. An endpoint that can take nothing at the moment (no
answer, 429, 502, 503, 504) is left alone as a whole.

Source: Standard Webhooks 1.0.0, "Payload structure", "Deliverability and reliability".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from sfsync.model.cursor import iso
from sfsync.model.delivery import (
    PAUSED,
    STOPPED,
    Delivery,
    Endpoint,
    PostAnswer,
    Settlement,
)
from sfsync.model.objects import OBJECTS, ObjectKind
from sfsync.model.row_change import RowChange

MINUTE, HOUR, DAY = 60, 3_600, 86_400
DELAYS: Final = (
    5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Seconds from each failed attempt to the next one; after the last of these a message is given up.

Source: Standard Webhooks 1.0.0, "Retry schedule".
"""

JITTER: Final = 0.2
"""By how much of itself a delay may be longer, so that not all come at once."""

LONGEST_HOLD: Final = 30 * MINUTE
"""How long an endpoint that can take nothing is left alone at most, unless it asks for longer."""

LONGEST_RETRY_AFTER: Final = DAY

_NOT_NOW: Final = frozenset({0, 429, 502, 503, 504})
_GONE: Final = 410

_WORDS: Final = {
    "import": "imported",
    "update": "updated",
    "delete": "deleted",
    "restore": "restored",
    "merge": "merged",
    "convert": "converted",
    "joined": "joined",
    "left": "left",
}
"""The last word of a type, for each action of the feed."""


def _may_happen(kind: ObjectKind, action: str) -> bool:
    if action == "convert":
        return kind.conversion is not None
    return kind.is_people or action not in ("joined", "left")


KINDS: Final = {
    f"{name}.{word}": (name, action)
    for name, kind in OBJECTS.items()
    for action, word in _WORDS.items()
    if _may_happen(kind, action)
}
"""Every type, with its object and action: ``{"contact.updated": ("contact", "update"), …}``."""

PATTERNS: Final = (*KINDS, *(f"{name}.*" for name in OBJECTS))
"""What may stand in ``types``."""


def kinds_of(patterns: Iterable[str]) -> frozenset[tuple[str, str]]:
    """The changes that these types stand for; all where there is none.

    >>> sorted(kinds_of(["lead.updated", "lead.left"]))
    [('lead', 'left'), ('lead', 'update')]
    """
    wanted = set(patterns)
    return frozenset(
        kind
        for name, kind in KINDS.items()
        if not wanted or name in wanted or f"{kind[0]}.*" in wanted
    )


def type_of(change: RowChange) -> str:
    """``contact.updated``."""
    return f"{change.object}.{_WORDS.get(change.action, change.action)}"


def body_of(change: RowChange) -> str:
    """The payload, ASCII: ``{"type", "timestamp", "data"}``, where ``data`` is the line as the feed tells it."""
    told = {"type": type_of(change), "timestamp": change.at, "data": change.as_dict()}
    return json.dumps(told, separators=(",", ":"))


def sample(now: str) -> str:
    """The payload of a message that only tries whether it arrives."""
    told = {"type": "sfsync.test", "timestamp": now, "data": {}}
    return json.dumps(told, separators=(",", ":"))


# -- when ------------------------------------------------------------------------------------------
def delay(attempts: int, jitter: float) -> int | None:
    """Seconds until the next attempt; ``None`` where there is none any more.

    Args:
        attempts: how many have failed, from 1 on.
        jitter: a chance from 0 to 1.

    >>> delay(1, 0.0), delay(9, 1.0), delay(10, 0.0)
    (5, 103680, None)
    """
    if attempts > len(DELAYS):
        return None
    return round(DELAYS[attempts - 1] * (1 + JITTER * jitter))


def hold(failures: int, jitter: float) -> int:
    """Seconds for which an endpoint that can take nothing is left alone.

    Args:
        failures: how many there were, one after the other, from 1 on.
    """
    return min(delay(min(failures, len(DELAYS)), jitter) or 0, LONGEST_HOLD)


def retry_after(text: str, now: str) -> int:
    """Seconds that ``Retry-After`` asks for, a number or a date; 0 where it asks for nothing, a day at most.

    >>> retry_after("120", ""), retry_after("soon", "2026-01-20T10:00:00Z")
    (120, 0)
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(int(text[:9]), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    seconds = (_aware(at) - datetime.fromisoformat(now)).total_seconds()
    return int(min(max(seconds, 0), LONGEST_RETRY_AFTER))


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _later(now: str, seconds: int) -> str:
    return iso(datetime.fromisoformat(now) + timedelta(seconds=seconds))


# -- what an answer means --------------------------------------------------------------------------
def settlement(
    delivery: Delivery,
    answer: PostAnswer,
    endpoint: Endpoint,
    *,
    now: str,
    jitter: float,
    pause_after_days: int,
) -> Settlement:
    """What becomes of a delivery and of its endpoint.

    Args:
        endpoint: as it is now.
        jitter: a chance from 0 to 1.
        pause_after_days: it is paused after so many days of nothing but failures.
    """
    if 200 <= answer.status < 300:
        return Settlement(
            "delivered", replace(endpoint, failures=0, failing_since="", held_until="")
        )
    if answer.status == _GONE:
        reason = "it answered 410: it wants nothing any more"
        return Settlement("failed", replace(endpoint, state=STOPPED, reason=reason), now)
    asked = retry_after(answer.retry_after, now)
    after = _failing(endpoint, answer, asked, now, jitter)
    after = _paused_if_hopeless(after, now, pause_after_days)
    wait = delay(delivery.attempts + 1, jitter)
    if wait is None:
        return Settlement("given_up", after)
    return Settlement("failed", after, _later(now, max(wait, asked)))


def _failing(
    endpoint: Endpoint, answer: PostAnswer, asked: int, now: str, jitter: float
) -> Endpoint:
    failing = replace(endpoint, failing_since=endpoint.failing_since or now)
    if answer.status not in _NOT_NOW:
        return failing
    is_held = endpoint.held_until > now
    # several that were under way together are one failure
    failures = endpoint.failures if is_held else endpoint.failures + 1
    until = _later(now, max(hold(max(failures, 1), jitter), asked))
    return replace(failing, failures=failures, held_until=max(until, endpoint.held_until))


def _paused_if_hopeless(endpoint: Endpoint, now: str, days: int) -> Endpoint:
    since = datetime.fromisoformat(endpoint.failing_since)
    if datetime.fromisoformat(now) - since < timedelta(days=days):
        return endpoint
    reason = f"nothing but failures since {endpoint.failing_since}"
    return replace(endpoint, state=PAUSED, reason=reason)
