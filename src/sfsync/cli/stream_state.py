"""How the process that listens follows the org's changes: told to people, probes and Prometheus alike."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class StreamMode(StrEnum):
    """How changes of the org become known at the moment."""

    OFF = "off"  # switched off, or no object asks for it
    CONNECTING = "connecting"
    STREAMING = "streaming"
    POLLING = "polling"


@dataclass(slots=True)
class StreamState:
    """Written by the thread that follows the stream, read by all others.

    Attributes:
        reason: why it polls, in a sentence; empty while it streams.
        hint: what a person can do about that.
        objects: what is followed, by the configuration's names.
        last_message_at: when a message last came, an empty one too; likewise ``position_at``.
        counts: what was met, by kind of hint.
        oddities: what should not have come, by its name.
        ends: of the stream, by their codes.
        share: of the day's deliverable events, how much is used; ``None`` where that is not known.
    """

    mode: StreamMode = StreamMode.OFF
    reason: str = ""
    hint: str = ""
    objects: tuple[str, ...] = ()
    last_message_at: str = ""
    position_at: str = ""
    messages: int = 0
    events: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    oddities: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    share: float | None = None
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_streaming(self) -> bool:
        """Whether changes come by the stream, so that nobody has to look for them."""
        return self.mode is StreamMode.STREAMING

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        with self.guard:
            return {
                "mode": self.mode.value,
                "reason": self.reason or None,
                "hint": self.hint or None,
                "objects": list(self.objects),
                "last_message_at": self.last_message_at or None,
                "position_at": self.position_at or None,
                "messages": self.messages,
                "events": self.events,
                "hints": dict(self.counts),
                "oddities": dict(self.oddities),
                "ends": dict(self.ends),
                "delivered_share": None if self.share is None else round(self.share, 4),
            }
