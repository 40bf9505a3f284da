"""How far a long job is: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from sfsync.cli.invocation import Cli


class Bars:
    """A ``Progress`` (see ``engine.ports``) drawn by rich on stderr.

    Args:
        by_hand: drawn anew at each step alone, without a thread: for who forks.
    """

    def __init__(self, cli: Cli, *, by_hand: bool = False) -> None:
        self._cli = cli
        self._by_hand = by_hand
        self._rich: RichProgress | None = None
        self._task: TaskID | None = None
        self._done = self._ahead = 0

    def start(self, label: str, total: int | None) -> None:
        """A job begins."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.done()
        self._done = self._ahead = 0
        self._rich = RichProgress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self._cli.err, transient=True, auto_refresh=not self._by_hand,
        )  # fmt: skip
        self._rich.start()
        self._task = self._rich.add_task(label, total=total)

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        self._ahead = 0
        self._draw()

    def ahead(self, count: int) -> None:
        """So many more of the next that ``advance`` will count are under way and as good as done."""
        self._ahead += count
        self._draw()

    def _draw(self) -> None:
        if self._rich is not None and self._task is not None:
            done = self._done + self._ahead
            self._rich.update(self._task, completed=done, refresh=self._by_hand)

    def done(self) -> None:
        """The job is over."""
        if self._rich is not None:
            self._rich.stop()
            self._rich = self._task = None
