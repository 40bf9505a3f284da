"""One call of the command line: the options of every command, and its two output streams."""

from __future__ import annotations

import os
import sys
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfsync.cli.called import with_options
from sfsync.cli.signals import Stop
from sfsync.cli.text import visible

if TYPE_CHECKING:
    from threading import Thread

    from rich.console import Console

    from sfsync.config.sections import Config


UNBOUNDED = 100_000
"""The width of what is no terminal: there a line is as long as what it says, and can be searched."""


@dataclass(slots=True)
class Cli:
    """The options that every command takes, and its output streams.

    Attributes:
        command: its name as people type it: ``org check``.
        profile: as asked for; once the configuration is read, the one that is in use.
        origins: parameter -> where its value was given: ``--json``, or ``$SFSYNC_JSON``. Options
            that were not given are missing.
        run_id: the run that is under way, or was; ``None`` where none has begun.
        open_browser: opens an address; ``None`` for the system's browser.
        is_rehearsal: whether ``--dry-run`` was given.
        settings: the configuration, once it is read.
        outcome: the answer that the command gave, or the error that it ended with.
        beginning: tells whoever watches that a run begins.
    """

    command: str
    config: Path | None = None
    profile: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    log_file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)  # noqa: TID251  the top reads it, once
    open_browser: Callable[[str], bool] | None = None
    stop: Stop = field(default_factory=Stop)
    run_id: str | None = None
    is_rehearsal: bool = False
    settings: Config | None = None
    outcome: object = None
    beginning: Thread | None = None
    _out: Any = None
    _err: Any = None

    @property
    def out(self) -> Console:
        """stdout: data."""
        if self._out is None:
            self._out = _console(self.as_called, stderr=False)
        return typing.cast("Console", self._out)

    @property
    def err(self) -> Console:
        """stderr: messages and progress."""
        if self._err is None:
            self._err = _console(self.as_called, stderr=True)
        return typing.cast("Console", self._err)

    def as_called(self, text: str) -> str:
        """The text, its commands with the --config and --profile that this one was called with.

        Else whoever copies the command it names works with another mirror, or another org: a
        variable of cron's, or of a shell that is closed by then, does not reach the next command.
        What `sfsync profile use` chose holds for it, too.

        >>> Cli("pull", profile="eu", origins={"profile": "--profile"}).as_called("see `sfsync status`")
        'see `sfsync status --profile eu`'
        """
        return with_options(text, self._which)

    @property
    def _which(self) -> dict[str, str]:
        """The options that say which mirror, as far as they were given."""
        values = {"config": self.config, "profile": self.profile}
        return {
            f"--{name}": str(value)
            for name, value in values.items()
            if value and name in self.origins
        }

    def inform(self, message: str, *, style: str = "") -> None:
        """Print a line for people on stderr; silent with ``--quiet`` and ``--json``."""
        if self.quiet or self.as_json:
            return
        from rich.text import Text

        self.to_stderr(Text(visible(self.as_called(message)), style=style), soft_wrap=False)

    def to_stderr(self, text: object, *, soft_wrap: bool = True) -> None:
        """Print on stderr whatever the options; a full or broken stderr never ends a run."""
        with suppress(OSError):
            self.err.print(text, soft_wrap=soft_wrap)

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to answer a question."""
        return not self.as_json and sys.stdin.isatty()

    @property
    def interactive(self) -> bool:
        """Whether to draw progress bars: on a terminal, without NO_COLOR, --quiet and --json."""
        if self.quiet or self.as_json:
            return False
        return self.err.is_terminal and not self.err.no_color


def _console(as_called: Callable[[str], str], *, stderr: bool) -> Console:
    from sfsync.cli.console import NamingConsole

    console = NamingConsole(
        as_called, stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False
    )
    if not console.is_terminal and "COLUMNS" not in console._environ:  # noqa: SLF001
        console.width = UNBOUNDED
    return console
