"""What a command tells of its work while it works: requests, waits and their reasons, by Python's ``logging``.

With ``-v`` on stderr, with ``--log-file`` as lines of JSON. Without either, a person at a terminal is told why it waits. Whoever
logs names methods, paths, codes and counts; neither values of records nor tokens nor addresses.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sfsync.cli.invocation import Cli
from sfsync.cli.text import visible

FACTS = (
    "method", "host", "path", "target", "status", "milliseconds", "error", "wait_seconds", "exit_code", "seconds"
)  # fmt: skip
"""What a line of the log may hold besides its sentence."""

TOLD_FROM_SECONDS = 1.0
"""A shorter wait is no reason to wonder."""

_log = logging.getLogger("sfsync")


@contextmanager
def telling(cli: Cli) -> Iterator[Callable[[int], None]]:
    """Inside, what the command does is told as its options ask.

    Yields:
        Tells the exit code that the command ended with.

    Raises:
        UsageError: the log file cannot be used.
    """
    handlers = [*_at_the_terminal(cli), *_in_the_file(cli)]
    before = _log.level
    began = time.monotonic()
    if handlers:
        _log.setLevel(_level(cli))
    for handler in handlers:
        _log.addHandler(handler)
    try:
        yield lambda code: _tell_end(cli, code, time.monotonic() - began)
    finally:
        _log.setLevel(before)
        for handler in handlers:
            _log.removeHandler(handler)
            handler.close()


def _level(cli: Cli) -> int:
    return logging.DEBUG if cli.verbose > 1 else logging.INFO


def _tell_end(cli: Cli, code: int, seconds: float) -> None:
    facts = {"exit_code": code, "seconds": round(seconds, 3)}
    _log.info("%s ended with exit code %d", cli.command, code, extra=facts)


def say(cli: Cli, sentence: str, *, logged: str = "") -> None:
    """Tell people on stderr, with the time, and the log.

    Args:
        logged: what the log says instead, where the sentence may quote a record.
    """
    from sfsync.cli.clock import now

    if not cli.quiet:
        cli.to_stderr(visible(f"{now()} {cli.as_called(sentence)}"))
    _log.info(logged or sentence, extra={"is_said": True})


# -- at the terminal -------------------------------------------------------------------------------
def _at_the_terminal(cli: Cli) -> Iterator[logging.Handler]:
    if cli.quiet:
        return
    handler = _ToStderr(cli)
    if not cli.verbose:
        someone_waits = sys.stderr.isatty() and not cli.as_json
        handler.addFilter(_is_a_reason_to_wait if someone_waits else _is_a_warning)
    yield handler


def _is_a_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _is_a_reason_to_wait(record: logging.LogRecord) -> bool:
    return _is_a_warning(record) or getattr(record, "wait_seconds", 0.0) >= TOLD_FROM_SECONDS


class _ToStderr(logging.Handler):
    """A line for people, beside the bars."""

    def __init__(self, cli: Cli) -> None:
        super().__init__()
        self._cli = cli

    def emit(self, record: logging.LogRecord) -> None:
        from rich.text import Text

        if getattr(record, "is_said", False):
            return  # the command itself has said it to people
        line = record.getMessage()
        if self._cli.verbose:
            line = f"{_time(record):%H:%M:%SZ} {line}"
        self._cli.to_stderr(Text(visible(line), style="dim"))


# -- in the file -----------------------------------------------------------------------------------
def _in_the_file(cli: Cli) -> Iterator[logging.Handler]:
    if cli.log_file is None:
        return
    from sfsync.cli.log_file import LogFile, check_log

    path = Path(cli.log_file).expanduser()
    check_log(path)
    handler = LogFile(path, lambda reason: cli.inform(f"warning: {reason}", style="yellow"))
    handler.setFormatter(_JsonLines(cli))
    yield handler


class _JsonLines(logging.Formatter):
    """One JSON object a line: when, how grave, who says it, of which command and run, and what."""

    def __init__(self, cli: Cli) -> None:
        super().__init__()
        self._cli = cli

    def format(self, record: logging.LogRecord) -> str:
        at = _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "command": self._cli.command,
            "profile": self._cli.profile,
            "run_id": self._cli.run_id,
            "message": record.getMessage(),
        }
        facts = {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        return json.dumps(line | facts, default=str)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
