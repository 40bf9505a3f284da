"""profile remove: end a profile's login; its mirror is deleted only on request."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli import completion
from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.profile_use import write_choice
from sfsync.errors import NotLoggedIn, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config


_SIDECARS = (
    *("", "-journal", "-wal", "-shm", ".lock", ".login.lock", ".webhooks.lock"),
    *(".inbox", ".inbox-journal", ".inbox-wal", ".inbox-shm"),
)


def remove_profile(
    cli: Cli,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The profile.", autocompletion=completion.profiles)
    ],
    *,
    delete_mirror: Annotated[
        bool,
        typer.Option(
            "--delete-mirror", help="Delete its mirror too, with every edit that was not sent."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """End a profile's login at Salesforce and forget it here; its mirror is deleted only on request.

    Examples:
      sfsync profile remove sandbox
      sfsync profile remove sandbox --delete-mirror
    """
    from sfsync.cli.wiring import configuration
    from sfsync.config.profiles import chosen_profile, profile_file

    cli.profile = name
    config = configuration(cli)
    files = [path for path in _mirror_files(config.mirror_path) if path.exists()]
    if not delete_mirror:
        files = []
    if files and not (yes or dry_run):
        _ask(cli, config.mirror_path)
    revoked: bool | None = None
    if config.mirror_path.exists() and not dry_run:
        revoked = _end_login(cli, config)
        if delete_mirror:  # all names anew: ending the login may have made files beside it
            for path in _mirror_files(config.mirror_path):
                path.unlink(missing_ok=True)
    if not dry_run and chosen_profile(config.source) == name:
        write_choice(profile_file(config.source), "")
    data = {
        "profile": name,
        "revoked": revoked,
        "deleted": [str(path) for path in files],
        "dry_run": dry_run,
    }

    def show(console: Console) -> None:
        if dry_run:
            console.print(f"Would log out {name}.")
        elif revoked is None:
            console.print(f"There was no login of {name}.")
        else:
            console.print(f"Logged out of {name}.")
        for path in files:
            console.print(f"{'would delete' if dry_run else 'deleted'} {path}", soft_wrap=True)
        if not delete_mirror and config.mirror_path.exists():
            console.print(f"Its mirror stays: {config.mirror_path}", soft_wrap=True)

    return Answer(
        data,
        show,
        exit_code=PARTIAL if revoked is False else 0,
        warnings=tuple(_warnings(config, name, revoked=revoked)),
    )


def _end_login(cli: Cli, config: Config) -> bool | None:
    """End the login; returns whether Salesforce confirmed, and ``None`` where there was none."""
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.logout import end_login
    from sfsync.cli.wiring import open_mirror

    with open_mirror(config) as mirror, mirror.lock(new_run_id(), cli.command):
        try:
            return end_login(cli, config, mirror)
        except NotLoggedIn:
            return None


def _warnings(config: Config, name: str, *, revoked: bool | None) -> Iterator[str]:
    if revoked is False:
        yield "the login may live on at Salesforce until it expires: it could not be asked"
    if name in config.profiles:
        yield f"sfsync.yaml still has a section for {name}; take it out there"


def _mirror_files(mirror: Path) -> list[Path]:
    """The mirror, and the files that SQLite and sfsync keep beside it, there or not."""
    return [mirror.with_name(mirror.name + beside) for beside in _SIDECARS]


def _ask(cli: Cli, mirror: Path) -> None:
    """Ask before the mirror is deleted.

    Raises:
        UsageError: the answer was not yes, or there is nobody to ask.
    """
    if not cli.can_ask:
        raise UsageError(
            "--delete-mirror needs a yes, and nobody can be asked here", hint="Add --yes."
        )
    cli.to_stderr(f"Delete {mirror} with all that is in it, edits that were not sent too? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was deleted, and the login stays", hint="Answer y to do it.")
