"""What travels between an org and the verbs, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfsync.model.cursor import Watermark


@dataclass(frozen=True, slots=True)
class Stretch:
    """Stamps of one object that were read whole, and what shows whether anything came late.

    Attributes:
        start: the first instant of it, ``2026-01-20T10:00:00Z``.
        end: the first instant after it.
        measure: what the org said of it just before it was read, to be compared.
        reread_to: stamp and Id of the record up to which it was read once more; empty: not begun.
    """

    start: str
    end: str
    measure: str
    reread_to: tuple[str, str] | tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Records that changed in the org, streaming.

    Attributes:
        pages: lists of raw records, ``{field: JSON value}`` with parents under dotted names; each
            page is a few thousand records at most, so that memory does not grow with their number.
        as_of: the org's own clock just before it was asked: the next watermark.
        total: how many there are, where the org said so; for the progress bar.
        transport: ``rest`` or ``bulk``.
        stretch: what the next reading within the overlap need not read again; ``None``: nothing.
    """

    pages: Iterable[Sequence[Mapping[str, Any]]]
    as_of: Watermark
    total: int | None
    transport: str
    stretch: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What this process has cost the org so far.

    Attributes:
        used: the org's count of calls in the running 24 hours, and ``limit`` its ceiling; ``None``
            until told.
    """

    api_calls: int
    bytes_in: int
    used: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Batching:
    """How a number of writes would travel.

    Attributes:
        transport: ``collections`` or ``bulk``.
        size: writes in one batch.
        calls: API calls that a batch takes.
        reread: writes a call, where the records are read once more before they are written.
    """

    transport: str
    size: int
    calls: int = 1
    reread: int = 0

    def calls_for(self, writes: int) -> int:
        """API calls that so many writes take.

        >>> Batching("bulk", 50_000, 11, reread=2_000).calls_for(120_000)
        93
        """
        reading = -(-writes // self.reread) if self.reread else 0
        return -(-writes // self.size) * self.calls + reading
