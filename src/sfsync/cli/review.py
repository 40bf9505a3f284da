"""status, conflicts, quarantine, retry: what was decided, what was refused, what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

PANEL = "Review"
