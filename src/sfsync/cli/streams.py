"""Standard streams that may be closed, full or gone: no reason to undo or to repeat work."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO


def stand_ready() -> None:
    """Give each closed stream somewhere to go, and let no character of data make stdout fail."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # closed by the process that started this one, as `sfsync status >&-` does
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  for the whole process
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def complain(sentence: str) -> None:
    """Say on stderr why the exit code is not 0, where nothing else has."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()


def settle(code: int) -> int:
    """Write out what is buffered, before Python does it and complains in its own words.

    Returns:
        The exit code: 1 instead of 0 where the answer could not be written. Messages that
        could not be written change nothing.
    """
    if not _flushed(sys.stdout):
        code = code or 1
    _flushed(sys.stderr)
    return code


def _flushed(stream: TextIO) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError):
        hush(stream)
        return False
    return True


def hush(stream: TextIO) -> None:
    """Let what is left in the stream's buffer, and all that follows, go nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
