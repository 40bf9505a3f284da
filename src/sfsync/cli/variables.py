"""The environment variables that sfsync reads: one for each option, and a few others."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup, TyperOption

from sfsync.cli.invocation import Cli


def variable(command_words: str, option: str) -> str:
    """The environment variable of an option.

    Args:
        command_words: the command as people type it; empty for an option that every command has.
        option: its long name.

    >>> variable("push-activity", "--dry-run"), variable("", "--json")
    ('SFSYNC_PUSH_ACTIVITY_DRY_RUN', 'SFSYNC_JSON')
    """
    return "_".join(["SFSYNC", *command_words.split(), option.strip("-")]).replace("-", "_").upper()


def is_from_environment(ctx: Any, parameter: Any) -> bool:
    """Whether this parameter's value came from its variable."""
    source = ctx.get_parameter_source(parameter.name)
    return source is not None and source.name == "ENVIRONMENT"


def long_name(option: TyperOption) -> str:
    """The option as it is typed in full: ``--dry-run``."""
    return next((name for name in option.opts if name.startswith("--")), option.name)


OTHER_VARIABLES = {
    "SFSYNC_CLIENT_ID": "what the example file takes for `org.client_id`",
    "SFSYNC_CLIENT_SECRET": "the app's secret, where the app has one",
    "SFSYNC_CLIENT_SECRET_FILE": "a file that holds this secret, readable by you alone",
    "SFSYNC_TOKEN_KEY": "the key that encrypts a login kept in the database: 32 bytes in base64, or a passphrase",
    "SFSYNC_TOKEN_KEY_FILE": "a file that holds this key, readable by you alone",
}
"""What is read from the environment besides options."""

_FOR_TESTS = ("SFSYNC_FAILPOINTS",)


def strange_variables(cli: Cli) -> list[str]:
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
