"""profile use: choose the profile of every command from now on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.profile_list import profile_names
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config


def use_profile(
    cli: Cli,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The profile; default for the top of the file.")
    ],
    *,
    dry_run: DryRun = False,
) -> Answer:
    """Choose the profile of every command from now on, for this configuration.

    Kept beside the configuration, in a file that ends in .profile. $SFSYNC_PROFILE and --profile
    win over it.

    Examples:
      sfsync profile use sandbox
    """
    from sfsync.cli.wiring import configuration
    from sfsync.config.profiles import DEFAULT_PROFILE, profile_file

    before = cli.profile
    cli.profile = name
    config = configuration(cli)
    refuse_unknown(cli, config, name)
    file = profile_file(config.source)
    if not dry_run:
        choose(file, "" if name == DEFAULT_PROFILE else name)
    winner = cli.origins.get("profile") if before not in (None, name) else None
    warnings = (
        (f"{winner} says {before}, and wins over it",) if winner and winner.startswith("$") else ()
    )

    def show(console: Console) -> None:
        console.print(
            f"{'Would use' if dry_run else 'Using'} profile {name}: {config.org.login_url}, {config.mirror_path}.",
            soft_wrap=True,
        )

    return Answer({"profile": name, "file": str(file), "dry_run": dry_run}, show, warnings=warnings)


def refuse_unknown(cli: Cli, config: Config, name: str) -> None:
    """Stop at a profile that nothing knows: it is a slip more often than a wish."""
    from sfsync.document.problems import suggestion

    known = profile_names(cli, replace(config, profile="default"))
    if name not in known and not config.mirror_path.exists():
        raise UsageError(
            f"there is no profile {name!r}{suggestion(name, known)}",
            hint="Give it a section under `profiles:` in sfsync.yaml, or log in with --profile first.",
        )


def choose(file: Path, name: str) -> None:
    """Whole or not at all: a half-written name could be another profile's."""
    try:
        if not name:
            file.unlink(missing_ok=True)
            return
        new = file.with_name(f"{file.name}.new")
        new.write_text(name + "\n", encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}", hint="Set SFSYNC_PROFILE instead."
        ) from error
