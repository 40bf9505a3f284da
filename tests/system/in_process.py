"""sfsync's command line inside the test's own process: the same entry as the installed command, with captured streams."""

import io
import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from unittest import mock

from sfsync import failpoints
from sfsync.cli.app import run
from sfsync.cli.streams import stand_ready


def run_command_line(
    arguments: Sequence[str],
    *,
    folder: Path,
    environ: dict[str, str],
    stdin: bytes,
    browse: Callable[[str], object],
) -> tuple[int, str, str]:
    """Run a command to its end; gives its exit code, and what it wrote to stdout and stderr.

    Args:
        folder: where it runs.
        environ: its whole environment.
        browse: opens an address that the command hands to a browser, in a thread of its own.
    """
    streams = [_stream(stdin), _stream(), _stream(errors="backslashreplace")]

    def open_browser(url: str, *_: object) -> bool:
        threading.Thread(target=browse, args=(url,), name="browser", daemon=True).start()
        return True

    with (
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.multiple(
            sys, argv=["sfsync", *arguments], stdin=streams[0], stdout=streams[1], stderr=streams[2]
        ),
        mock.patch.object(webbrowser, "open", open_browser),
        chdir(folder),
    ):
        stand_ready()
        try:
            code = run()
        finally:
            failpoints.arm(None)
    out, err = (_written(stream) for stream in streams[1:])
    return code, out, err


def _stream(data: bytes = b"", *, errors: str = "strict") -> io.TextIOWrapper:
    """A standard stream as Python opens it."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors=errors)


def _written(stream: io.TextIOWrapper) -> str:
    if stream.closed:
        return ""
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()
