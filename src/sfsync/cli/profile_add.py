"""profile add: another org, without editing the configuration by hand."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.output_file import output_file
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def add_profile(
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
    *,
    login_url: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where this org logs in.", show_default="as the top of the file"
        ),
    ] = "",
    client_id: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="The consumer key of the app there.",
            show_default="as the top of the file",
        ),
    ] = "",
    mirror: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Its mirror, relative to the configuration.",
            show_default="beside the first",
        ),
    ] = "",
    dry_run: DryRun = False,
) -> Answer:
    """Write another profile into the configuration: one more org, with a mirror and a login of its own.

    All else in the file stays as it is, comments too.

    Examples:
      sfsync profile add sandbox --login-url https://test.salesforce.com
      sfsync profile add eu --login-url https://eu.my.salesforce.com --client-id 3MVG9… --dry-run
    """
    from sfsync.cli.wiring import configuration, configuration_file
    from sfsync.config.file import config_from
    from sfsync.config.profile_text import with_profile
    from sfsync.config.profiles import DEFAULT_PROFILE, is_profile_name
    from sfsync.document.yaml_reader import decoded

    if not is_profile_name(name) or name == DEFAULT_PROFILE:
        raise UsageError(
            f"{name!r} cannot be the name of another profile",
            hint="Use letters, digits, dots and dashes.",
        )
    cli.profile = DEFAULT_PROFILE
    if name in configuration(cli).profiles:
        raise UsageError(
            f"there is a profile {name!r} already",
            hint=f"`sfsync login --profile {name}` logs in to it.",
        )
    path = configuration_file(cli)
    org = {"login_url": login_url, "client_id": client_id}
    settings = {
        "org": {key: value for key, value in org.items() if value},
        "mirror": {"path": mirror} if mirror else {},
    }
    text = with_profile(decoded(path.read_bytes(), path.name), name, settings)
    config = config_from(text.encode(), path, cli.environ, name)
    if not dry_run:
        with output_file(path, mode=stat.S_IMODE(path.stat().st_mode)) as file:
            file.write(text.encode())
    data: dict[str, Any] = {
        "profile": name,
        "file": str(path),
        "login_url": config.org.login_url,
        "mirror": str(config.mirror_path),
        "dry_run": dry_run,
    }

    def show(console: Console) -> None:
        does = "Would add" if dry_run else "Added"
        console.print(
            f"{does} profile {name}: {config.org.login_url}, {config.mirror_path}.", soft_wrap=True
        )
        if not dry_run:
            console.print(f"Next: `sfsync login --profile {name}`.")

    return Answer(data, show)
