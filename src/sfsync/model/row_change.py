"""A change of a row, as the feed tells it, and the place of one in the feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

_CURSOR = re.compile(r"c1-([0-9a-f]{1,32})-([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """How far somebody has read the feed.

    Attributes:
        mirror_key: whose feed it is.
        number: the last line that was read; 0 before the first.
    """

    mirror_key: str
    number: int

    def __str__(self) -> str:
        """The text that a reader keeps.

        >>> str(FeedCursor("1a2b3c4d", 7))
        'c1-1a2b3c4d-7'
        """
        return f"c1-{self.mirror_key}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of ``str``.

        Raises:
            ValueError: it is no cursor.
        """
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(match.group(1), int(match.group(2)))


@dataclass(frozen=True, slots=True)
class RowChange:
    """One line of the feed.

    Attributes:
        at: when, in UTC.
        object: the configuration's name of the row's object.
        row_id: the row's number.
        salesforce_id: its record, where it had one.
        action: ``import``, ``update``, ``delete``, ``restore``, ``merge``, ``convert``, ``joined`` or ``left``.
        changed: ``{column: {"old": value, "new": value}}``, only what is different.
        origin: who wrote: ``local``, ``salesforce``, ``event``, ``import``, ``consent`` or ``purge``.
        run: the run that wrote it; empty for other programs.
        survivor: of a merge or conversion, ``{"object", "id", "salesforce_id"}`` of the row that lives on.
        segment: of ``joined`` and ``left``, which.
    """

    cursor: FeedCursor
    at: str
    object: str
    row_id: int
    salesforce_id: str | None
    action: str
    changed: Mapping[str, Mapping[str, Any]]
    origin: str
    run: str
    survivor: Mapping[str, Any] = field(default_factory=dict)
    segment: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """What a reader of the feed gets."""
        told: dict[str, Any] = {
            "cursor": str(self.cursor),
            "at": self.at,
            "object": self.object,
            "id": self.row_id,
            "salesforce_id": self.salesforce_id,
            "action": self.action,
            "changed": self.changed,
            "origin": self.origin,
            "run": self.run or None,
        }
        if self.survivor:
            told["survivor"] = self.survivor
        if self.segment is not None:
            told["segment"] = self.segment
        return told
