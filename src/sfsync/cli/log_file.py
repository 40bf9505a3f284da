"""The file that ``--log-file`` names: its owner's alone, gone on with, and begun anew where it was rotated away."""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sfsync.errors import UsageError


def check_log(path: Path) -> None:
    """Look whether lines may be added to this file: to a new one, an empty one, or a log.

    Raises:
        UsageError: it cannot be written, or holds something else, which lines of a log would spoil.
    """
    try:
        with open(os.open(path, _FLAGS, 0o600), "ab"):  # noqa: PTH123
            pass
        holds_a_file = stat.S_ISREG(path.stat().st_mode)
        begins = _first_byte(path) if holds_a_file else b""
    except OSError as error:
        raise UsageError(
            f"--log-file {path}: {error.strerror}",
            hint="Name a file in a folder that is there and yours.",
        ) from error
    if begins not in (b"", b"{"):
        raise UsageError(f"--log-file {path} is no log of JSON lines", hint="Name another file.")


_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1)


class LogFile(logging.handlers.WatchedFileHandler):
    """Adds lines to a file that logrotate may move away at any time.

    Args:
        tell: told once, where the file can no longer be written; the command goes on.
    """

    def __init__(self, path: Path, tell: Callable[[str], object]) -> None:
        self._tell: Callable[[str], object] | None = tell
        super().__init__(path, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> io.TextIOWrapper:
        handle = os.open(self.baseFilename, _FLAGS, 0o600)
        return open(handle, "a", encoding=self.encoding, errors=self.errors)  # noqa: PTH123

    def emit(self, record: logging.LogRecord) -> None:
        """Add a line; where the file's folder has gone, that is told, too."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's own name
        """Tell once that the log has ended."""
        if self._tell is None:
            return
        tell, self._tell = self._tell, None
        error = sys.exception()
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        tell(f"the log cannot be written ({reason}); the command goes on without it")

    def close(self) -> None:
        """Close it; what could not be written has been told."""
        with suppress(OSError):
            super().close()
