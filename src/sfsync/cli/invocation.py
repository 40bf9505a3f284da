"""One call of the command line: the options of every command, and its two output streams."""

from __future__ import annotations

import os
import re
import shlex
import sys
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfsync.cli.signals import Stop
from sfsync.cli.text import visible

if TYPE_CHECKING:
    from rich.console import Console


_COMMANDS = re.compile(
    r"\bsfsync (?:org (?:check|setup)|apply|conflicts|consent|diff|doctor|explain|history|listen|login|logout"
    r"|import|pull|purge|push-activity|push|quarantine|resume|retry|status|sync|undo|verify|webhook (?:send|verify|replay)|whoami)\b"
    r"(?! --(?:profile|config)\b)"
)
"""Commands that a hint may name, and that work with a mirror."""


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
    _out: Any = None
    _err: Any = None

    @property
    def out(self) -> Console:
        """stdout: data."""
        if self._out is None:
            self._out = _console(stderr=False)
        return typing.cast("Console", self._out)

    @property
    def err(self) -> Console:
        """stderr: messages and progress."""
        if self._err is None:
            self._err = _console(stderr=True)
        return typing.cast("Console", self._err)

    def as_called(self, text: str) -> str:
        """The text, its commands with the --config and --profile that this one was called with.

        Else whoever copies the command it names works with another mirror, or another org. What a
        variable or `sfsync profile use` chose holds for the next command, too.

        >>> Cli("pull", profile="eu", origins={"profile": "--profile"}).as_called("see `sfsync status`")
        'see `sfsync status --profile eu`'
        """
        named = [("--config", self.config), ("--profile", self.profile)]
        options = [
            f"{option} {shlex.quote(str(value))}"
            for option, value in named
            if value and self.origins.get(option.removeprefix("--")) == option
        ]
        if not options:
            return text
        return _COMMANDS.sub(lambda found: " ".join([found[0], *options]), text)

    def inform(self, message: str, *, style: str = "") -> None:
        """Print a line for people on stderr; silent with ``--quiet`` and ``--json``."""
        if self.quiet or self.as_json:
            return
        from rich.text import Text

        self.to_stderr(Text(visible(message), style=style), soft_wrap=False)

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


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:  # noqa: SLF001
        console.width = UNBOUNDED
    return console
