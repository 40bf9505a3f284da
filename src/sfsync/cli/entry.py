"""Where the installed command starts. It answers ``sfsync --help`` without loading anything else.

The text is made from the commands themselves (``make docs``) and a test holds the two together:
importing the command line library alone would take longer than people like to wait for a help page.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sfsync.cli.streams import complain, settle, stand_ready

COMPLETION = "_SFSYNC_COMPLETE"
"""Set by a shell that asks what may be typed next, with nothing on the command line."""

HELP_FILE = Path(__file__).with_name("help.txt")


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    stand_ready()
    try:
        code = _answer()
    except KeyboardInterrupt:
        complain("interrupted")
        code = 130
    sys.exit(settle(code))


def _answer() -> int:
    asked_for_help = sys.argv[1:] in ([], ["--help"], ["-h"])
    if asked_for_help and COMPLETION not in os.environ and HELP_FILE.exists():  # noqa: TID251  before all else
        return _print_help()
    return _run_command()


def _print_help() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        sys.stdout.write(HELP_FILE.read_text(encoding="utf-8"))
        sys.stdout.flush()
    except OSError as error:
        complain(f"it could not be written to standard output: {error.strerror}")
        return 1
    return 0


def _run_command() -> int:
    from sfsync.cli.app import run

    return run()
