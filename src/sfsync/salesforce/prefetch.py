"""Prefetching: the next page is on its way while this one is being handled.

The thread is a daemon and is never waited for unless its result is wanted, so that a run that
stops, stops. A login is never renewed in it: what keeps logins belongs to the run's own thread. A
call that was refused for its login is made again where its result is wanted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


_THREAD_NAME = "sfsync-prefetch"


class RenewalNeededError(Exception):
    """A prefetch was refused because the login has ended: the run's own thread must renew it."""


def is_prefetching() -> bool:
    """Whether the present thread is a prefetch's."""
    return threading.current_thread().name == _THREAD_NAME


class Prefetch(Generic[T]):
    """Starts a call at once, in a thread of its own.

    >>> Prefetch(lambda: 1 + 1).result()
    2
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=_THREAD_NAME, daemon=True)
        self._thread.start()

    def result(self) -> T:
        """What the call gave, waiting for it; what it raised is raised here."""
        self._thread.join()
        if isinstance(self._error, RenewalNeededError):
            return self._call()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is wanted
            self._error = error
