"""Options that several commands share; those of every command stand in ``COMMON``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sfsync.cli import completion

COMMON_PANEL = "Options of every command"

COMMON: dict[str, Any] = {
    "config": Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="PATH", envvar="SFSYNC_CONFIG", rich_help_panel=COMMON_PANEL,
            help="The configuration file.", show_default="./sfsync.yaml, else the user's config folder",
        ),
    ],
    "profile": Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", envvar="SFSYNC_PROFILE", autocompletion=completion.profiles, rich_help_panel=COMMON_PANEL,
            help="Which org and mirror, where there are several.", show_default="what `sfsync profile use` said",
        ),
    ],
    "as_json": Annotated[
        bool, typer.Option("--json", rich_help_panel=COMMON_PANEL, help="One JSON document on stdout, also on failure.")
    ],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=COMMON_PANEL, help="No messages, no progress.")],
    "verbose": Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, show_default=False, rich_help_panel=COMMON_PANEL, help="Tell each request and each wait. Twice (-vv): also where a failure came from."),
    ],
    "log_file": Annotated[
        Path | None,
        typer.Option(
            "--log-file", metavar="FILE", show_default=False, rich_help_panel=COMMON_PANEL,
            help="Add lines of JSON to this file: each request, each wait, how it ended; no values, no addresses.",
        ),
    ],
}  # fmt: skip

DEFAULTS: dict[str, Any] = {
    "config": None,
    "profile": None,
    "as_json": False,
    "quiet": False,
    "verbose": 0,
    "log_file": None,
}

Objects = Annotated[
    list[str] | None,
    typer.Option(
        "--object",
        metavar="NAME",
        help="Only this object (contact, lead, account); may be repeated.",
        autocompletion=completion.objects,
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done and stop.")]

MassChange = Annotated[
    bool,
    typer.Option(
        "--allow-mass-change",
        help="Let this run delete, blank or change more than the limits allow.",
    ),
]

SkipIfLocked = Annotated[
    bool, typer.Option("--skip-if-locked", help="Exit 0 where another run is at work: for cron.")
]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]

Limit = Annotated[int, typer.Option(min=1, help="Show at most so many.")]
