"""init: write a commented configuration file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def init(
    cli: Cli,
    *,
    login_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where to log in.", show_default="https://login.salesforce.com"
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="The consumer key of your app.", show_default="$SFSYNC_CLIENT_ID"
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file that is there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Name the file and stop.")
    ] = False,
) -> Answer:
    """Write a commented sfsync.yaml, ready to use.

    Examples:
      sfsync init
      sfsync init --login-url https://test.salesforce.com --client-id 3MVG9…
    """
    from sfsync.config.file import example_config

    path = cli.config or Path("sfsync.yaml")
    text = example_config()
    if login_url:
        text = re.sub(
            r"(?m)^(  login_url:).*$", lambda match: f"{match[1]} {login_url}", text, count=1
        )
    if client_id:
        text = re.sub(
            r"(?m)^(  client_id:).*$", lambda match: f"{match[1]} {client_id}", text, count=1
        )
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="Edit it, or overwrite it with --force.")
    if dry_run:
        return Answer(
            {"path": str(path), "dry_run": True},
            lambda console: console.print(f"Would write {path}.", soft_wrap=True),
        )
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already", hint="Edit it, or overwrite it with --force."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error

    def show(console: Console) -> None:
        console.print(f"Wrote {path}.", soft_wrap=True)
        if not client_id and not cli.environ.get("SFSYNC_CLIENT_ID"):
            console.print(
                "Next: set SFSYNC_CLIENT_ID to the consumer key of your app, then `sfsync login`."
            )
        else:
            console.print("Next: `sfsync login`.")

    return Answer({"path": str(path)}, show)
