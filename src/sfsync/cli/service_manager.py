"""What a service manager is told, and the sockets that it hands over.

sd_notify is a datagram of text to the socket that ``NOTIFY_SOCKET`` names. Source: sd_notify(3), sd_listen_fds(3).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FIRST_FD: Final = 3


@dataclass(slots=True)
class ServiceManager:
    """systemd, where it started this process; silent elsewhere."""

    environ: Mapping[str, str]
    _told_at: float = field(default=float("-inf"))

    def ready(self) -> None:
        """All sockets are open."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The configuration is read again; ``ready`` says when that is over."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """No more is taken in."""
        self._tell("STOPPING=1")

    def status(self, sentence: str) -> None:
        """What ``systemctl status`` shows."""
        self._tell(f"STATUS={sentence}")

    def alive(self) -> None:
        """The loop that does the work turns; told twice as often as systemd expects it."""
        expected = int(self.environ.get("WATCHDOG_USEC", "0") or 0) / 1e6
        now = time.monotonic()
        if expected and now - self._told_at >= expected / 2:
            self._told_at = now
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        path = self.environ.get("NOTIFY_SOCKET", "")
        if not path:
            return
        # "@" stands for the zero byte with which an abstract socket's name begins
        name = f"\0{path[1:]}" if path.startswith("@") else path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(name)
            sender.sendall(text.encode())


def handed_over(environ: Mapping[str, str]) -> list[socket.socket]:
    """The listening sockets that a service manager opened for this process; usually none."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environ.get("LISTEN_FDS", "0") or 0)
    return [socket.socket(fileno=number) for number in range(FIRST_FD, FIRST_FD + count)]
