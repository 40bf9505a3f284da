"""Keeps what a listener takes in, in the inbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sfsync.cli.clock import now
from sfsync.errors import SfsyncError
from sfsync.mirror.inbox import Entry, Inbox, inbox_path

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.intake.receiver import Delivery

BUSY_SECONDS = 3.0
"""How long to wait for another program that writes in the inbox; senders wait five seconds."""


class Keeper:
    """Keeps deliveries in the inbox, whose file stays open; always called by the same thread.

    Args:
        config: the configuration as it is now; it may be read again meanwhile.
    """

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._inbox: Inbox | None = None

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Keep them durably.

        Raises:
            SfsyncError: they cannot be kept.
        """
        entries = [
            Entry(0, each.source, "delivery", each.body, each.headers) for each in deliveries
        ]
        inbox = self._opened()
        try:
            inbox.keep(*entries)
        except SfsyncError:
            # whatever was wrong with the file: the next delivery opens it anew
            self._close()
            raise

    def _opened(self) -> Inbox:
        config = self._config()
        path = inbox_path(config.mirror_path)
        if self._inbox is not None and self._inbox.path != path:
            self._close()
        if self._inbox is None:
            self._inbox = Inbox(path, now=now, busy_seconds=BUSY_SECONDS)
        self._inbox.limits = config.limits
        return self._inbox

    def _close(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None
