"""Being asked to stop: finish what is under way, keep it, and end; asked twice, end at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

INTERRUPTED, TERMINATED, HUNG_UP = 130, 143, 129
DRAIN_SECONDS = 30.0
_EXIT_CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED, signal.SIGHUP: HUNG_UP}


class Interrupted(BaseException):
    """A person or a service manager asked the run to stop; all durable work is kept."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Stop:
    """Ctrl-C, SIGTERM, and the end of the terminal (SIGHUP) inside the block.

    What nohup ignores stays ignored.

    A command that only waits or looks is interrupted where it is. Once ``draining`` is set, because
    a run is writing, the first request is noted and ``checkpoint`` raises it between two batches,
    after at most ``DRAIN_SECONDS``; a second request is not waited for. Either way what is
    committed stays.
    """

    def __init__(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        self.draining = False
        self._asked: int | None = None
        self._drain_seconds = drain_seconds
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (*_EXIT_CODES, signal.SIGALRM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def checkpoint(self) -> None:
        """Between two batches: end here if a stop was requested.

        Raises:
            Interrupted: it was.
        """
        if self._asked is not None:
            raise Interrupted(self._asked)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if self._asked is not None:  # asked again, or the time to drain is over
            raise Interrupted(self._asked)
        if number == signal.SIGALRM:
            return
        code = _EXIT_CODES[signal.Signals(number)]
        if not self.draining:
            raise Interrupted(code)
        self._asked = code
        signal.setitimer(signal.ITIMER_REAL, self._drain_seconds)
