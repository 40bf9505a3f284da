"""config show: every setting that counts, and where it came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import one_line
from sfsync.cli.variables import OTHER_VARIABLES, strange_variables

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.config.settings import Setting


_HIDDEN = "[hidden]"

_SECRET = re.compile(r"SECRET|PASSW|TOKEN_KEY\Z|PRIVATE", re.IGNORECASE)


def show_config(
    cli: Cli,
    *,
    origin: Annotated[
        bool, typer.Option("--origin", help="Also where each value came from.")
    ] = False,
) -> Answer:
    """Show every setting that counts, for the profile in use; never a secret.

    Examples:
      sfsync config show --origin
      sfsync config show --profile sandbox --json
    """
    from sfsync.cli.wiring import configuration
    from sfsync.config.settings import settings

    config = configuration(cli)
    rows = [
        *_of_this_call(cli, config),
        *(_row(config, cli, setting) for setting in settings(config)),
    ]

    def show(console: Console) -> None:
        for row in rows:
            line = f"{row['key']}: {_text(row['value'])}"
            if origin:
                line += f"  <- {row['origin']}"
            console.print(one_line(line), soft_wrap=True)

    return Answer({"settings": rows}, show, warnings=tuple(strange_variables(cli)))


def _of_this_call(cli: Cli, config: Config) -> list[dict[str, Any]]:
    """What the command line and the environment decide before the file does."""
    from sfsync.config.profiles import profile_file

    profile_origin = "default"
    if "profile" in cli.origins:
        profile_origin = cli.origins["profile"]
    elif profile_file(config.source).exists():  # `sfsync profile use` has written it
        profile_origin = profile_file(config.source).name
    rows = [
        ("config", str(config.source), cli.origins.get("config", "found")),
        ("profile", config.profile, profile_origin),
    ]
    store = cli.environ.get("SFSYNC_TOKEN_STORE")
    if store:
        rows.append(("token_store", store, "$SFSYNC_TOKEN_STORE"))
    else:
        rows.append(("token_store", "the one that was used at login", "default"))
    for name in OTHER_VARIABLES:
        value = cli.environ.get(name)
        if value:
            rows.append((name, _HIDDEN if _SECRET.search(name) else value, "environment"))
    return [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]


def _row(config: Config, cli: Cli, setting: Setting) -> dict[str, Any]:
    value = _expanded(setting, cli)
    origin = f"{config.source.name}:{setting.line}" if setting.line else "default"
    if setting.profile:
        origin += f" (profile {setting.profile})"
    if setting.variables:
        origin += f", {', '.join(f'${name}' for name in setting.variables)}"
    return {"key": setting.key, "value": value, "origin": origin}


def _expanded(setting: Setting, cli: Cli) -> Any:
    """The value with its variables filled in; hidden where one of them sounds like a secret."""
    if any(_SECRET.search(name) for name in setting.variables):
        return _HIDDEN
    value = setting.value
    if isinstance(value, str):
        for name in setting.variables:
            value = value.replace(f"${{{name}}}", cli.environ.get(name, ""))
    return value


def _text(value: Any) -> str:
    """As it would be written in the file."""
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
