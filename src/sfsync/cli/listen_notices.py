"""A listener tells whoever watches that it has trouble, and that this is over; not every tick."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from sfsync.planning.ticks import Work

if TYPE_CHECKING:
    from sfsync.cli.invocation import Cli
    from sfsync.cli.listen_work import Done
    from sfsync.cli.notices import Facts
    from sfsync.errors import SfsyncError

AGAIN_SECONDS: Final = 60.0
"""After so long, a target that took nothing is asked again."""

LASTING_SECONDS: Final = 3600.0
"""How often trouble that lasts is looked at: whether it is to be told again."""


class ListenNotices:
    """What one listener tells, in a thread of its own, so that no tick waits for anybody."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._state = ""
        self._told_at = float("-inf")
        self._is_taken = True
        self._thread: threading.Thread | None = None

    def saw(self, work: Work, done: Done, trouble: str) -> None:
        """A tick was done; one that leaves some records in quarantine is no trouble of the listener's.

        Args:
            trouble: what keeps ticks from their work, also from earlier; empty where nothing does.
        """
        from sfsync.cli.notices import Facts, numbers_of
        from sfsync.model.outcome import GOOD_RUN, PARTIAL_RUN

        ending = done.report.ending
        if done.held_back is not None:
            self.failed(done.held_back)
        elif ending not in (GOOD_RUN, PARTIAL_RUN):
            self._look("failed", Facts(1, ending))
        elif not trouble:
            run = numbers_of(done.report.as_dict())
            self._look("ok", Facts(0, run=run), is_due=work is Work.BATCH)

    def failed(self, error: SfsyncError) -> None:
        """A tick failed."""
        from sfsync.cli.notices import facts_of

        self._look("failed", facts_of(error, error.exit_code))

    def _look(self, state: str, facts: Facts, *, is_due: bool = False) -> None:
        """Tell it where it is another state than before, and now and then."""
        passed = time.monotonic() - self._told_at
        is_due = is_due or passed >= (LASTING_SECONDS if self._is_taken else AGAIN_SECONDS)
        is_busy = self._thread is not None and self._thread.is_alive()
        if is_busy or not (is_due or state != self._state):
            return
        self._state, self._told_at = state, time.monotonic()
        self._thread = threading.Thread(target=self._tell, args=(state, facts), daemon=True)
        self._thread.start()

    def _tell(self, state: str, facts: Facts) -> None:
        from sfsync.cli.notices import tell_of

        self._is_taken = tell_of(self._cli, state, facts)
