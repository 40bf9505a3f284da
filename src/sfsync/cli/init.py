"""init: write a commented configuration file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.output_file import output_file
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
            metavar="KEY",
            help="The consumer key of your app.",
            show_default="$SFSYNC_CLIENT_ID, else asked for",
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

    The consumer key of your app is asked for once, or taken from $SFSYNC_CLIENT_ID, and stands in the file from then on. It is no
    secret.

    Examples:
      sfsync init
      sfsync init --login-url https://test.salesforce.com --client-id 3MVG9…
    """
    from sfsync.config.file import example_config

    path = cli.config or Path("sfsync.yaml")
    text = example_config()
    if login_url:
        text = _with_value(text, "login_url", login_url)
    if path.exists() and not force:
        raise _exists_already(path)
    known = client_id or cli.environ.get("SFSYNC_CLIENT_ID", "").strip()
    if not (known or dry_run) and cli.can_ask:
        known = _asked()
    if known:
        text = _with_value(text, "client_id", known)
    if dry_run:
        return Answer(
            {"path": str(path), "dry_run": True},
            lambda console: console.print(f"Would write {path}.", soft_wrap=True),
        )
    _write(path, text, overwrite=force)

    def show(console: Console) -> None:
        console.print(f"Wrote {path}.", soft_wrap=True)
        if known:
            console.print("Next: `sfsync login`.")
        else:
            console.print(
                "Next: write the consumer key of your app as org.client_id, or set SFSYNC_CLIENT_ID to it;"
                " then `sfsync login`.",
                soft_wrap=True,
            )

    return Answer({"path": str(path)}, show)


def _with_value(text: str, key: str, value: str) -> str:
    """The file's text with another value for a key of the section ``org``."""
    from sfsync.config.profile_text import scalar

    written = scalar(value)
    return re.sub(rf"(?m)^(  {key}:).*$", lambda match: f"{match[1]} {written}", text, count=1)


def _asked() -> str:
    """The consumer key, from a person who may not have it yet."""
    prompt = "The consumer key of your app, where you have it already (Enter to leave it for later)"
    return str(typer.prompt(prompt, default="", show_default=False, err=True)).strip()


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    if overwrite:
        with output_file(path) as existing:
            existing.write(text.encode())
        return
    try:
        # O_EXCL: a file that another program has made since we looked is not overwritten either
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _exists_already(path) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _exists_already(path: Path) -> UsageError:
    return UsageError(f"{path} is there already", hint="Edit it, or overwrite it with --force.")
