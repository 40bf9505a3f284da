"""profile use: choose the profile of every command from now on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.output_file import output_file
from sfsync.errors import UsageError


def use_profile(
    cli: Cli,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The profile; default for the top of the file.",
            autocompletion=completion.profiles,
        ),
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
    file = profile_file(config.source)
    if not dry_run:
        write_choice(file, "" if name == DEFAULT_PROFILE else name)
    warnings: tuple[str, ...] = ()
    origin = cli.origins.get("profile", "")
    if before not in (None, name) and origin.startswith("$"):  # it is set for later commands too
        warnings = (f"{origin} says {before}, and wins over it",)
    does = "Would use" if dry_run else "Using"
    sentence = f"{does} profile {name}: {config.org.login_url}, {config.mirror_path}."
    return Answer(
        {"profile": name, "file": str(file), "dry_run": dry_run},
        lambda console: console.print(sentence, soft_wrap=True),
        warnings=warnings,
    )


def write_choice(file: Path, name: str) -> None:
    """Keep the choice in its file; an empty name takes the file away.

    The file is replaced as a whole: a half-written name could be another profile's.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        if not name:
            file.unlink(missing_ok=True)
            return
        with output_file(file) as chosen:
            chosen.write(f"{name}\n".encode())
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}", hint="Set SFSYNC_PROFILE instead."
        ) from error
