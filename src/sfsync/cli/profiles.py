"""profile list, use, remove: several orgs from one configuration, each with a mirror and a login of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, Commands, command, one_line
from sfsync.cli.sync import DryRun
from sfsync.errors import NotLoggedIn, SfsyncError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config import Config

PANEL = "Login"
_SIDECARS = ("", "-journal", "-wal", "-shm", ".lock", ".login.lock")


def list_profiles(cli: Cli) -> Answer:
    """Show every profile: its org, how it is logged in, its mirror, and which one is in use.

    A profile is there where sfsync.yaml has a section for it, or a mirror of its name. Asks no org.

    Examples:
      sfsync profile list
    """
    from sfsync.cli.wiring import configuration

    config = configuration(cli)
    rows = [_row(cli, config, name) for name in _names(cli, config)]
    shared = [
        org
        for org, count in Counter(row["org_id"] for row in rows if row["org_id"]).items()
        if count > 1
    ]
    warnings = tuple(
        f"profiles {' and '.join(row['name'] for row in rows if row['org_id'] == org)} are for the same org, {org}: "
        "each would log the same emails; one mirror for each org is enough"
        for org in shared
    )

    def show(console: Console) -> None:
        for row in rows:
            console.print(one_line(f"{'*' if row['current'] else ' '} {row['name']}"), style="bold")
            for line in _told(row):
                console.print(f"    {one_line(line)}", soft_wrap=True)

    return Answer({"profiles": rows, "current": config.profile}, show, warnings=warnings)


def _told(row: dict[str, Any]) -> Iterator[str]:
    org = f"org {row['org_id']}" if row["org_id"] else "never logged in"
    yield f"{org} at {row['instance_url'] or row['login_url'] or '-'}"
    if row["login"]:
        yield f"login: {row['login']}, kept in the {row['token_store']}"
    elif row["org_id"]:
        yield "logged out"
    yield f"last good run: {row['last_good_run'] or 'none yet'}"
    state = "" if row["mirror_exists"] else " (not made yet)"
    yield f"trouble: {row['trouble']}" if row["trouble"] else f"mirror: {row['mirror']}{state}"


def _names(cli: Cli, config: Config) -> list[str]:
    """The default one, those of the file, those that have a mirror beside the configured one."""
    from sfsync.config import DEFAULT_PROFILE, is_profile_name

    base = _default_mirror(cli, config)
    beside = [
        path.stem.removeprefix(f"{base.stem}-")
        for path in sorted(base.parent.glob(f"{base.stem}-*{base.suffix}"))
    ]
    names = [DEFAULT_PROFILE, *config.profiles, *beside, config.profile]
    return [name for name in dict.fromkeys(names) if is_profile_name(name)]


def _default_mirror(cli: Cli, config: Config) -> Path:
    from sfsync.config import DEFAULT_PROFILE, load_config

    try:
        return load_config(config.source, cli.environ, DEFAULT_PROFILE).mirror_path
    except SfsyncError:
        return config.mirror_path


def _row(cli: Cli, config: Config, name: str) -> dict[str, Any]:
    from sfsync.auth.unattended import Way
    from sfsync.cli.wiring import LOGIN_WAY, TOKEN_STORE
    from sfsync.config import load_config
    from sfsync.mirror.overview import Glance, glance

    row: dict[str, Any] = {
        "name": name,
        "current": name == config.profile,
        "in_file": name in config.profiles,
    }
    try:
        own = load_config(config.source, cli.environ, name)
    except SfsyncError as error:  # a variable of its own that is not set, say
        problems = getattr(error, "problems", ())
        own, trouble = config, "; ".join(problems) or error.message
        seen = None
    else:
        trouble = ""
        seen = glance(own.mirror_path)
    look = seen or Glance()
    way = Way.from_note(look.notes.get(LOGIN_WAY, ""))
    is_in = LOGIN_WAY in look.notes
    return row | {
        "org_id": look.org_id or None,
        "login_url": None if trouble else own.org.login_url,
        "instance_url": way.instance_url or None,
        "login": way.kind.value if is_in else None,
        "token_store": look.notes.get(TOKEN_STORE) if is_in else None,
        "mirror": None if trouble else str(own.mirror_path),
        "mirror_exists": seen is not None,
        "last_good_run": look.last_good_run or None,
        "trouble": trouble or look.trouble or None,
    }


# -- use
def use(
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
    from sfsync.config import DEFAULT_PROFILE, profile_file

    before = cli.profile
    cli.profile = name
    config = configuration(cli)
    _refuse_strange(cli, config, name)
    file = profile_file(config.source)
    if not dry_run:
        _choose(file, "" if name == DEFAULT_PROFILE else name)
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


def _refuse_strange(cli: Cli, config: Config, name: str) -> None:
    """Stop at a profile that nothing knows: it is a slip more often than a wish."""
    from sfsync.document.problems import suggestion

    known = _names(cli, replace(config, profile="default"))
    if name not in known and not config.mirror_path.exists():
        raise UsageError(
            f"there is no profile {name!r}{suggestion(name, known)}",
            hint="Give it a section under `profiles:` in sfsync.yaml, or log in with --profile first.",
        )


def _choose(file: Path, name: str) -> None:
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


# -- remove
def remove(
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile.")],
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
    from sfsync.cli.login import ended
    from sfsync.cli.wiring import configuration, new_run_id, open_mirror
    from sfsync.config import chosen_profile, profile_file

    cli.profile = name
    config = configuration(cli)
    _refuse_strange(cli, config, name)
    files = [path for path in _files(config.mirror_path) if path.exists()] if delete_mirror else []
    if files and not (yes or dry_run):
        _ask(cli, config.mirror_path)
    revoked: bool | None = None
    if config.mirror_path.exists() and not dry_run:
        with open_mirror(cli, config) as mirror, mirror.lock(new_run_id(), cli.command):
            try:
                revoked = ended(cli, config, mirror)
            except NotLoggedIn:
                revoked = None
        for path in _files(config.mirror_path) if delete_mirror else ():
            path.unlink(missing_ok=True)
    if not dry_run and chosen_profile(config.source) == name:
        _choose(profile_file(config.source), "")
    told = "the login may live on at Salesforce until it expires: it could not be asked"
    stays = f"sfsync.yaml still has a section for {name}; take it out there"
    warnings = ((told,) if revoked is False else ()) + ((stays,) if name in config.profiles else ())
    data = {
        "profile": name,
        "revoked": revoked,
        "deleted": [str(path) for path in files],
        "dry_run": dry_run,
    }

    def show(console: Console) -> None:
        ended_login = "Logged out" if revoked is not None else "There was no login"
        console.print(f"Would log out {name}." if dry_run else f"{ended_login} of {name}.")
        for path in files:
            console.print(f"{'would delete' if dry_run else 'deleted'} {path}", soft_wrap=True)
        if not delete_mirror and config.mirror_path.exists():
            console.print(f"Its mirror stays: {config.mirror_path}", soft_wrap=True)

    return Answer(data, show, warnings=warnings)


def _files(mirror: Path) -> list[Path]:
    """The mirror and what lies beside it."""
    return [mirror.with_name(mirror.name + beside) for beside in _SIDECARS]


def _ask(cli: Cli, mirror: Path) -> None:
    """Nothing is deleted that a person has not said yes to."""
    import sys

    if cli.as_json or not sys.stdin.isatty():
        raise UsageError(
            "--delete-mirror needs a yes, and nobody can be asked here", hint="Add --yes."
        )
    cli.tell(f"Delete {mirror} with all that is in it, edits that were not sent too? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was deleted, and the login stays", hint="Answer y to do it.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        name="profile",
        cls=Commands,
        help="Several orgs from one configuration.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, function in (("list", list_profiles), ("use", use), ("remove", remove)):
        command(group, name, panel=PANEL, told_as=f"profile {name}")(function)
    app.add_typer(group, rich_help_panel=PANEL)
