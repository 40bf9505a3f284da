"""Where a pull goes on from: a time, and how far behind it the next pull reads again on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DEFAULT_OVERLAP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, order=True)
class Watermark:
    """Everything stamped before this instant has been seen, but for what was still uncommitted.

    A record is stamped when it is saved inside a transaction and appears at its commit, up to ten
    minutes later; so the next pull reads again from ``overlap`` before the watermark.

    Source: docs/salesforce.md §6.2 (stamps and late commits), §6.1 (whole seconds, compare with
    ``>=``).

    >>> Watermark.parse("2026-01-20T10:00:00Z").read_from(timedelta(minutes=15))
    '2026-01-20T09:45:00Z'
    """

    at: datetime

    @classmethod
    def parse(cls, text: str) -> Watermark:
        """From ``2026-01-20T10:00:00Z``.

        Raises:
            ValueError: for anything that is not an aware ISO time.
        """
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError(f"a watermark needs a time zone: {text}")
        return cls(at.astimezone(UTC).replace(microsecond=0))

    def __str__(self) -> str:
        return iso(self.at)

    def read_from(self, overlap: timedelta = DEFAULT_OVERLAP) -> str:
        """The instant to read from, for ``SystemModstamp >=``."""
        return iso(self.at - overlap)


def iso(at: datetime) -> str:
    """An aware time as the mirror writes it: UTC, whole seconds, ``Z``.

    >>> iso(datetime(2026, 1, 20, 11, 0, tzinfo=UTC))
    '2026-01-20T11:00:00Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
