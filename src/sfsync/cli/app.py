"""The application: all commands together, and how a wrong command line is answered."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from sfsync.cli import (
    data,
    demo,
    login,
    org,
    past,
    person,
    profiles,
    review,
    schedule,
    selftest,
    settings,
    sync,
)
from sfsync.cli.command import Cli, Commands, short, write_document

app = typer.Typer(
    name="sfsync",
    cls=Commands,
    help="Keep the PenguinMails email platform and a Salesforce org in step.",
    epilog="Try it without any account: sfsync demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from sfsync import __version__

        typer.echo(f"sfsync {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Keep the PenguinMails email platform and a Salesforce org in step."""


for module in (
    data,
    settings,
    login,
    profiles,
    org,
    sync,
    review,
    past,
    person,
    schedule,
    demo,
    selftest,
):
    module.register(app)


_AFTER_THE_COMMAND = (
    "--config",
    "-c",
    "--profile",
    "--json",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "-vv",
)


def run() -> int:
    """Run the command line, and answer a wrong one as the caller asked to be answered; gives the exit code."""
    arguments = sys.argv[1:]
    try:
        code = app(args=arguments, standalone_mode=False)
    except typer.TyperException as error:
        with suppress(OSError):  # where nobody can be told, the exit code tells
            wrong_usage(error, arguments)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except OSError:  # a help page or a version that could not be written
        return 1
    return code if isinstance(code, int) else 0


def wrong_usage(error: typer.TyperException, arguments: list[str]) -> None:
    """The complaint about a command line, on stderr, or as JSON where ``--json`` is among the arguments."""
    error.message = short(error.message)
    if "--json" not in arguments and os.environ.get("SFSYNC_JSON", "").lower() not in ("1", "true"):  # noqa: TID251  as Typer reads it
        from typer.rich_utils import rich_format_error

        rich_format_error(error)  # type: ignore[arg-type]
        if arguments[0] in _AFTER_THE_COMMAND:
            sys.stderr.write(
                f"{arguments[0]} goes after the command: sfsync COMMAND {arguments[0]} …\n"
            )
        return
    message = error.format_message()
    name = next((word for word in arguments if not word.startswith("-")), "")
    write_document(
        Cli(name, as_json=True), "failed", 2, {}, errors=({"slug": "usage", "message": message},)
    )
