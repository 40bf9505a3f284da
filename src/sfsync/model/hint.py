"""What the org's stream of changes says: which records to read. A hint, never data.

An event of the stream can come twice, late, without its fields, or not at all, so that nothing of it is kept but Ids;
what the records hold is read by the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from sfsync.model.record import SalesforceId


class HintKind(StrEnum):
    """Why records are to be read."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNDELETE = "undelete"
    GAP = "gap"  # changed, and the org does not say how
    OVERFLOW = "overflow"  # too many changes to name
    WILDCARD = "wildcard"  # every record of the object, by a change of its fields
    UNKNOWN = "unknown"  # a type of change that sfsync does not know
    UNDECODABLE = "undecodable"
    START = "start"  # what came before the stream began was not told by it
    EXPIRED = "expired"  # the stored position is dead: the stream has a gap before this


FULL_KINDS = frozenset({HintKind.WILDCARD, HintKind.EXPIRED})
"""Kinds after which everything is read: stamps do not show what changed, or nobody knows since when."""


OWN_CLIENT = "sfsync"
"""How sfsync names itself in its calls (``Sforce-Call-Options``), and so in the events of its own writes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a change.

    Attributes:
        client: as the program named itself; empty for people and for programs that did not.
        user_id: whose login it was.
    """

    client: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """Records of one object that are to be read.

    Attributes:
        object: the configuration's name, ``contact``.
        ids: empty: the whole object.
        changed: ``{field: fingerprint}`` of what an update changed; ``None`` where that is not known.
    """

    object: str
    ids: tuple[SalesforceId, ...]
    kind: HintKind
    origin: Origin = Origin()
    changed: Mapping[str, str] | None = None

    @property
    def is_full(self) -> bool:
        """Whether every record is to be read, not only those stamped since the watermark."""
        return not self.ids and self.kind in FULL_KINDS


@dataclass(frozen=True, slots=True)
class Batch:
    """One message of the stream.

    Attributes:
        position: where to go on after it; opaque.
        hints: in the order of their changes.
        events: how many were delivered.
        oddities: what was met that should not be there, each named as it is counted.
    """

    position: bytes
    hints: tuple[Hint, ...] = ()
    events: int = 0
    oddities: tuple[str, ...] = ()


SILENT, CLOSED = "silent", "closed"
"""Codes of our own: no message for too long, and an end that nobody explained."""


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """Why the stream ended.

    Attributes:
        code: Salesforce's, less what all have in common (``topic.not.found``), or one of ours; empty where there is
            none.
        status: gRPC's, ``UNAVAILABLE``.
        rpc_id: what Salesforce's support asks for.
    """

    code: str
    status: str = ""
    rpc_id: str = ""

    @property
    def name(self) -> str:
        """What it is counted and told as."""
        return self.code or self.status.lower() or CLOSED


@dataclass(frozen=True, slots=True)
class DueRead:
    """What is to be read of one object.

    Attributes:
        ids: each with the fingerprints of what was changed by a login like ours; ``None``: read it whatever.
        whole: everything since the watermark; ``full``: everything there is.
        up_to: the number of the last hint it covers.
    """

    object: str
    ids: Mapping[SalesforceId, Mapping[str, str] | None] = field(default_factory=dict)
    whole: bool = False
    full: bool = False
    up_to: int = 0

    def __bool__(self) -> bool:
        return bool(self.ids or self.whole)


def fingerprint(value: Any) -> str:
    """A short mark by which two equal values of a field are known, without keeping either.

    Args:
        value: as JSON has it; an instant also as a ``datetime``.

    >>> fingerprint(5) == fingerprint(5.0), fingerprint("5") == fingerprint(5)
    (True, False)
    >>> fingerprint("2026-01-20T10:00:00.000+0000") == fingerprint("2026-01-20T10:00:00Z")
    True
    """
    return blake2b(_canonical(value).encode(), digest_size=8).hexdigest()


def _canonical(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return f"{value}"
    if isinstance(value, int | float):
        return f"number {float(value)!r}"
    moment = value if isinstance(value, datetime) else _moment(str(value))
    if moment is not None:
        return f"at {moment.astimezone(UTC).isoformat()}"
    return f"text {value}"


def _moment(text: str) -> datetime | None:
    """An instant; ``None`` for other text, dates too."""
    if len(text) < 20 or text[10] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
