"""Where the installed command starts. It answers ``sfsync --help`` without loading anything else.

The text is made from the commands themselves (``make docs``) and a test holds the two together: importing
the command line library alone would take longer than people like to wait for a help page.
"""

from __future__ import annotations

import sys
from pathlib import Path

HELP_FILE = Path(__file__).with_name("help.txt")


def main() -> None:
    """Run the command line given in ``sys.argv``."""
    if sys.argv[1:] in ([], ["--help"], ["-h"]) and HELP_FILE.exists():
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
        sys.stdout.write(HELP_FILE.read_text(encoding="utf-8"))
        return
    from sfsync.cli.app import run

    run()
