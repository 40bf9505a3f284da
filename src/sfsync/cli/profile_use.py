"""profile use: choose the profile of every command from now on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.output_file import output_file
from sfsync.cli.profile_list import profile_names
from sfsync.errors import UsageError

if TYPE_CHECKING:
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
    check_known(cli, config, name)
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


def check_known(cli: Cli, config: Config, name: str) -> None:
    """Stop at a profile with neither a section nor a mirror: it is a slip more often than a wish.

    Raises:
        UsageError: it is unknown; names the nearest that is known.
    """
    from sfsync.document.problems import suggestion

    known = profile_names(cli, replace(config, profile="default"))
    if name not in known and not config.mirror_path.exists():
        raise UsageError(
            f"there is no profile {name!r}{suggestion(name, known)}",
            hint="Give it a section under `profiles:` in sfsync.yaml,"
            " or log in with --profile first.",
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
