"""profile list: several orgs from one configuration, each with a mirror and a login of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import one_line
from sfsync.errors import SfsyncError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config


def list_profiles(cli: Cli) -> Answer:
    """Show every profile: its org, how it is logged in, its mirror, and which one is in use.

    A profile is there where sfsync.yaml has a section for it, or a mirror of its name. Asks no org.

    Examples:
      sfsync profile list
    """
    from sfsync.cli.wiring import configuration

    config = configuration(cli)
    rows = [_row(cli, config, name) for name in profile_names(cli, config)]

    def show(console: Console) -> None:
        for row in rows:
            mark = "*" if row["current"] else " "
            console.print(one_line(f"{mark} {row['name']}"), style="bold")
            for line in _lines(row):
                console.print(f"    {one_line(line)}", soft_wrap=True)

    return Answer(
        {"profiles": rows, "current": config.profile}, show, warnings=tuple(_shared_orgs(rows))
    )


def _shared_orgs(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Warnings of profiles that are for the same org."""
    names_by_org: dict[str, list[str]] = {}
    for row in rows:
        if row["org_id"]:
            names_by_org.setdefault(row["org_id"], []).append(row["name"])
    for org, names in names_by_org.items():
        if len(names) > 1:
            yield (
                f"profiles {' and '.join(names)} are for the same org, {org}: "
                "each would log the same emails; one mirror for each org is enough"
            )


def _lines(row: Mapping[str, Any]) -> Iterator[str]:
    """A profile for people, without its name."""
    org = f"org {row['org_id']}" if row["org_id"] else "never logged in"
    yield f"{org} at {row['instance_url'] or row['login_url'] or '-'}"
    if row["login"]:
        yield f"login: {row['login']}, kept in the {row['token_store']}"
    elif row["org_id"]:
        yield "logged out"
    yield f"last good run: {row['last_good_run'] or 'none yet'}"
    if row["trouble"]:
        yield f"trouble: {row['trouble']}"
    elif row["mirror_exists"]:
        yield f"mirror: {row['mirror']}"
    else:
        yield f"mirror: {row['mirror']} (not made yet)"


def profile_names(cli: Cli, config: Config) -> list[str]:
    """Names of profiles: the default, those of the file, those with a mirror beside its mirror."""
    from sfsync.config.profiles import DEFAULT_PROFILE, is_profile_name

    base = _default_mirror(cli, config)
    beside = [
        path.stem.removeprefix(f"{base.stem}-")
        for path in sorted(base.parent.glob(f"{base.stem}-*{base.suffix}"))
    ]
    names = [DEFAULT_PROFILE, *config.profiles, *beside, config.profile]
    return [name for name in dict.fromkeys(names) if is_profile_name(name)]


def _default_mirror(cli: Cli, config: Config) -> Path:
    from sfsync.config.file import load_config
    from sfsync.config.profiles import DEFAULT_PROFILE

    try:
        return load_config(config.source, cli.environ, DEFAULT_PROFILE).mirror_path
    except SfsyncError:
        return config.mirror_path


def _row(cli: Cli, config: Config, name: str) -> dict[str, Any]:
    from sfsync.auth.unattended import Way
    from sfsync.cli.stored_login import LOGIN_WAY, TOKEN_STORE
    from sfsync.config.file import load_config
    from sfsync.mirror.overview import Overview, read_overview

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
        seen = read_overview(own.mirror_path)
    look = seen or Overview()
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
