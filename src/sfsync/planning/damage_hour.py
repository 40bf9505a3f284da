"""What was deleted and blanked within the last hour, so that a brake sees many small ticks as one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from sfsync.model.cursor import Watermark, iso
from sfsync.planning.safety import Damage

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DamageHour:
    """Entries ``(when, deleted, blanked)``, oldest first."""

    entries: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def of(cls, kept: Sequence[Sequence[object]], now: str) -> Self:
        """What of the kept entries is younger than an hour.

        >>> DamageHour.of([["2026-01-20T09:00:00Z", 5, 0], ["2026-01-20T09:30:00Z", 2, 1]], "2026-01-20T10:00:00Z").damage
        Damage(deleted=2, blanked=1)
        """
        since = iso(Watermark.parse(now).at - HOUR)
        return cls(
            tuple(
                (str(at), int(str(deleted)), int(str(blanked)))
                for at, deleted, blanked in kept
                if since < str(at) <= now
            )
        )

    @property
    def damage(self) -> Damage:
        """All of it together."""
        return sum((Damage(deleted, blanked) for _, deleted, blanked in self.entries), Damage())

    def with_more(self, found: Damage, now: str) -> DamageHour:
        """And what was done just now."""
        if not found.rows:
            return self
        return DamageHour((*self.entries, (now, found.deleted, found.blanked)))
