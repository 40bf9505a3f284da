"""Ports for servers that tests start: none that the system gives to others, and none of another worker's."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

FIRST, LAST = 15_000, 30_000
"""Below the ports that the system hands out where any will do (32,768 on Linux, 49,152 by RFC 6335)."""

EACH = 1_000
"""Ports of one worker."""


def _ports() -> Iterator[int]:
    """The worker's own, over and over; another run of the tests begins somewhere else."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    lanes = (LAST - FIRST) // EACH
    begin = FIRST + worker % lanes * EACH
    offset = os.getpid() % EACH
    return itertools.cycle(begin + (offset + step) % EACH for step in range(EACH))


_NEXT = _ports()


def free_port() -> int:
    """A port of the loopback interface that nothing listens at, and that nobody else is given meanwhile."""
    for port in itertools.islice(_NEXT, EACH):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
