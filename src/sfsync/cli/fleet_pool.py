"""Many command lines, a bounded number at once, each in a process of its own.

The modules are loaded once, and where the system can (Linux) each process is forked from the one that has
them: a start costs some milliseconds instead of half a second, and yet nothing of one org, neither a login nor
a crash nor memory, reaches another one. Elsewhere each loads them itself.

A process sends what it has written once it has ended by itself. One that ends without that has died.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from sfsync.cli.signals import DRAIN_SECONDS, Interrupted

TIMED_OUT = 124
"""As timeout(1) tells it."""

_LOOK_AROUND_SECONDS = 0.2
_LAST_SECONDS = 5.0
"""What is waited for a process that has answered, or was asked twice."""

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HELD = (*_STOPS, signal.SIGALRM)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command line ended.

    Attributes:
        exit_code: its own; 128 and the signal's number where it died of one.
        out, err: what it has written, unless it died.
        died_of: the signal that ended it; 0 where it ended by itself.
    """

    exit_code: int
    seconds: float
    out: str = ""
    err: str = ""
    died_of: int = 0
    timed_out: bool = False


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    answer: Connection
    began: float
    asked_at: float | None = None

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has gone."""
        if self.process.is_alive() and self.process.pid:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def ended(self) -> Ended:
        """How it ended; waits until the process is gone."""
        sent = self._received()
        died_of = max(0, -(self.process.exitcode or 0))
        seconds = time.monotonic() - self.began
        if self.asked_at is not None and (sent is None or sent[0]):
            return Ended(TIMED_OUT, seconds, timed_out=True)
        if sent is None:
            return Ended(128 + died_of if died_of else 1, seconds, died_of=died_of)
        return Ended(sent[0], seconds, *sent[1:])

    def _received(self) -> tuple[int, str, str] | None:
        """What it sent; ``None`` where it died before."""
        try:
            code, out, err = self.answer.recv()
        except (EOFError, OSError):
            return None
        else:
            return code, out, err
        finally:
            self.process.join(_LAST_SECONDS)
            self.signal(signal.SIGKILL)
            self.process.join()
            self.answer.close()


class Pool:
    """Runs command lines of sfsync, at most ``jobs`` at once.

    Args:
        timeout_seconds: after so long one is asked to stop, and ended where it does not; ``None`` for never.
        checkpoint: raises ``Interrupted`` where the whole is to stop.
    """

    def __init__(
        self, jobs: int, timeout_seconds: float | None, checkpoint: Callable[[], None]
    ) -> None:
        self._jobs = jobs
        self._timeout = timeout_seconds
        self._checkpoint = checkpoint
        self._context = multiprocessing.get_context(_start_method())
        self._at_work: dict[Connection, tuple[int, _Worker]] = {}

    def run(
        self, command_lines: Sequence[Sequence[str]], on_end: Callable[[int, Ended], None]
    ) -> None:
        """Run them all.

        Args:
            on_end: takes the place of a command line in the sequence, and how it ended.

        Raises:
            Interrupted: asked to stop: those at work have ended and been told, the rest was not begun.
        """
        left = iter(enumerate(command_lines))
        try:
            self._checkpoint()
            while self._begin_more(left):
                self._checkpoint()
                self._end_overdue()
                self._collect(on_end, _LOOK_AROUND_SECONDS)
        except BaseException:
            self._end_all(on_end)
            raise

    def _begin_more(self, left: Iterator[tuple[int, Sequence[str]]]) -> bool:
        """Fill the places that are free; gives whether any is at work."""
        while len(self._at_work) < self._jobs:
            place, words = next(left, (-1, ()))
            if place < 0:
                break
            worker = _begin(self._context, words)
            self._at_work[worker.answer] = place, worker
        return bool(self._at_work)

    def _collect(self, on_end: Callable[[int, Ended], None], timeout: float) -> None:
        answered = wait(list(self._at_work), timeout)
        for connection in [each for each in self._at_work if each in answered]:
            with _signals_held():
                place, worker = self._at_work.pop(connection)
                on_end(place, worker.ended())

    def _end_overdue(self) -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for _, worker in self._at_work.values():
            if worker.asked_at is None and now - worker.began >= self._timeout:
                worker.asked_at = now
                worker.signal(signal.SIGTERM)
            elif (
                worker.asked_at is not None
                and now - worker.asked_at >= DRAIN_SECONDS + _LAST_SECONDS
            ):
                worker.signal(signal.SIGKILL)

    def _end_all(self, on_end: Callable[[int, Ended], None]) -> None:
        """Ask those at work to stop, and give them time; asked again, a command ends where it is."""
        for number, seconds in (
            (signal.SIGTERM, DRAIN_SECONDS + _LAST_SECONDS),
            (signal.SIGTERM, _LAST_SECONDS),
            (signal.SIGKILL, _LAST_SECONDS),
        ):
            for _, worker in self._at_work.values():
                worker.signal(number)
            until = time.monotonic() + seconds
            with suppress(Interrupted):  # a second request: do not wait for this one
                while self._at_work and time.monotonic() < until:
                    self._collect(on_end, _LOOK_AROUND_SECONDS)


def _start_method() -> str:
    """Neither threads nor all libraries of macOS survive a fork."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return "fork"
    return "spawn"


def _begin(context: BaseContext, words: Sequence[str]) -> _Worker:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(list(words), theirs))  # type: ignore[attr-defined]
    with _signals_held():
        process.start()
    theirs.close()
    return _Worker(process, ours, time.monotonic())


@contextmanager
def _signals_held() -> Iterator[None]:
    """A signal that comes meanwhile is handled afterwards: by the parent alone, or as the child wants it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- in the process --------------------------------------------------------------------------------
def _work(words: list[str], answer: Connection) -> None:
    """Be ``sfsync WORDS``, and send how it ended."""
    os.setpgid(0, 0)  # Ctrl-C at the terminal is for the parent, which hands it on once
    for number in _STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    logging.getLogger("sfsync").handlers.clear()  # the parent's
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    sys.argv, sys.stdout, sys.stderr = ["sfsync", *words], out, err
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
    with suppress(BrokenPipeError):  # nobody is there any more to tell
        answer.send((_exit_code(), _written(out), _written(err)))


def _exit_code() -> int:
    from sfsync.cli.entry import main

    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    return buffer.getvalue().decode() if isinstance(buffer, io.BytesIO) else ""
