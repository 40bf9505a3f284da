"""Where the installed command starts. It answers ``sfsync --help`` without loading anything else.

The text is made from the commands themselves (``make docs``) and a test holds the two together:
importing the command line library alone would take longer than people like to wait for a help page.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sfsync.cli.streams import settle, stand_ready

HELP_FILE = Path(__file__).with_name("help.txt")


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    stand_ready()
    try:
        code = (
            _helped() if sys.argv[1:] in ([], ["--help"], ["-h"]) and HELP_FILE.exists() else _ran()
        )
    except KeyboardInterrupt:
        code = 130
    sys.exit(settle(code))


def _helped() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        sys.stdout.write(HELP_FILE.read_text(encoding="utf-8"))
        sys.stdout.flush()
    except OSError:
        return 1
    return 0


def _ran() -> int:
    from sfsync.cli.app import run

    return run()
