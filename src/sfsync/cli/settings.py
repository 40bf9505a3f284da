"""config show, path, check: which settings count, and where each came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, Commands, command, one_line
from sfsync.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config import Config, Setting

PANEL = "Start"
_HIDDEN = "[hidden]"
_SECRET = re.compile(r"SECRET|PASSW|TOKEN_KEY\Z|PRIVATE", re.IGNORECASE)
OTHER_VARIABLES = {
    "SFSYNC_CLIENT_ID": "what the example file takes for `org.client_id`",
    "SFSYNC_CLIENT_SECRET": "the app's secret, where the app has one",
    "SFSYNC_CLIENT_SECRET_FILE": "a file that holds this secret, readable by you alone",
    "SFSYNC_TOKEN_KEY": "the key that encrypts a login kept in the database: 32 bytes in base64, or a passphrase",
    "SFSYNC_TOKEN_KEY_FILE": "a file that holds this key, readable by you alone",
}
"""What is read from the environment besides options."""
_FOR_TESTS = ("SFSYNC_FAILPOINTS",)


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
    from sfsync.config import settings

    config = configuration(cli)
    rows = [
        *_of_this_call(cli, config),
        *(_row(config, cli, setting) for setting in settings(config)),
    ]

    def show(console: Console) -> None:
        for row in rows:
            told = f"{row['key']}: {_text(row['value'])}"
            console.print(
                one_line(f"{told}  <- {row['origin']}" if origin else told), soft_wrap=True
            )

    return Answer({"settings": rows}, show, warnings=tuple(_strange_variables(cli)))


def _of_this_call(cli: Cli, config: Config) -> list[dict[str, Any]]:
    """What the command line and the environment decide before the file does."""
    from sfsync.config import profile_file

    is_chosen = profile_file(config.source).exists()
    profile = cli.origins.get("profile") or (
        profile_file(config.source).name if is_chosen else "default"
    )
    store = cli.environ.get("SFSYNC_TOKEN_STORE")
    rows = [
        ("config", str(config.source), cli.origins.get("config") or "found"),
        ("profile", config.profile, profile),
        (
            "token_store",
            store or "the one that was used at login",
            "$SFSYNC_TOKEN_STORE" if store else "default",
        ),
    ]
    rows += [
        (name, _HIDDEN if _SECRET.search(name) else cli.environ[name], "environment")
        for name in OTHER_VARIABLES
        if cli.environ.get(name)
    ]
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
    """The value as it counts; hidden where a variable of it sounds like a secret."""
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
    if value is None or isinstance(value, bool):
        return {None: "-", True: "true", False: "false"}[value]
    return str(value)


def path(cli: Cli) -> Answer:
    """Show which configuration file is read.

    Examples:
      sfsync config path
    """
    from sfsync.cli.wiring import configuration_file

    found = configuration_file(cli)
    return Answer({"path": str(found)}, lambda console: console.print(str(found), soft_wrap=True))


def check(cli: Cli) -> Answer:
    """Read the whole configuration, every profile's too, and tell every mistake with its place.

    Asks no org: `sfsync org check` holds it against one.

    Examples:
      sfsync config check
    """
    from sfsync.cli.wiring import configuration
    from sfsync.config import load_config

    config = configuration(cli)
    problems: list[str] = []
    for name in config.profiles:
        try:
            load_config(config.source, cli.environ, name)
        except ConfigError as error:
            problems += [
                f"profile {name}: {problem}" for problem in error.problems or (error.message,)
            ]
    if problems:
        raise ConfigError(
            f"{config.source} does not hold for every profile", problems=tuple(problems)
        )
    objects = {name: len(object_map.fields) for name, object_map in config.mapping.objects.items()}
    data = {
        "path": str(config.source),
        "objects": objects,
        "profiles": ["default", *config.profiles],
    }

    def show(console: Console) -> None:
        told = ", ".join(f"{name} with {count} fields" for name, count in objects.items())
        console.print(
            f"{config.source} is right: {told}; profiles: {', '.join(data['profiles'])}.",
            soft_wrap=True,
        )

    return Answer(data, show, warnings=tuple(_strange_variables(cli)))


def _strange_variables(cli: Cli) -> list[str]:
    """Variables that begin as ours do and mean nothing: a slip in a name would else never be noticed."""
    from sfsync.document.problems import nearest

    known = [*option_variables(), *OTHER_VARIABLES, *_FOR_TESTS]
    strange = sorted(
        name for name in cli.environ if name.startswith("SFSYNC_") and name not in known
    )
    near = {name: nearest(name, known) for name in strange}
    return [
        f"{name} is set, and is no variable of sfsync{f'; did you mean {near[name]}?' if near[name] else ''}"
        for name in strange
    ]


def option_variables() -> dict[str, str]:
    """For each variable of an option: the command it is for and the option, as people type them."""
    from typer.core import TyperGroup, TyperOption
    from typer.main import get_command

    from sfsync.cli.app import app

    found: dict[str, str] = {}

    def walk(group: Any, context: Any, words: tuple[str, ...]) -> None:
        for name in group.list_commands(context):
            one = group.get_command(context, name)
            inner = one.make_context(name, [], parent=context, resilient_parsing=True)
            if isinstance(one, TyperGroup):
                walk(one, inner, (*words, name))
                continue
            for parameter in one.get_params(inner):
                if isinstance(parameter, TyperOption) and parameter.envvar:
                    told = f"{' '.join((*words, name))} {max(parameter.opts, key=len)}"
                    found.setdefault(str(parameter.envvar), told)

    top: Any = get_command(app)
    walk(top, top.make_context("sfsync", [], resilient_parsing=True), ())
    return found


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        name="config",
        cls=Commands,
        help="Which settings count, and where each came from.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, function in (("show", show_config), ("path", path), ("check", check)):
        command(group, name, panel=PANEL, told_as=f"config {name}")(function)
    app.add_typer(group, rich_help_panel=PANEL)
