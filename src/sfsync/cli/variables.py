"""The environment variables that sfsync reads: one for each option, and a few others."""

from __future__ import annotations

from collections.abc import Iterator
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
    words = ["SFSYNC", *command_words.split(), option.strip("-")]
    return "_".join(words).replace("-", "_").upper()


def is_from_environment(ctx: Any, parameter: Any) -> bool:
    """Whether this parameter's value came from its variable."""
    source = ctx.get_parameter_source(parameter.name)
    return source is not None and source.name == "ENVIRONMENT"


def long_name(option: TyperOption) -> str:
    """The option as it is typed in full: ``--dry-run``."""
    for name in option.opts:
        if name.startswith("--"):
            return name
    return str(option.name)


OTHER_VARIABLES = {
    "SFSYNC_CLIENT_ID": "what the example file takes for `org.client_id`",
    "SFSYNC_CLIENT_SECRET": "the app's secret, where the app has one",
    "SFSYNC_CLIENT_SECRET_FILE": "a file that holds this secret, readable by you alone",
    "SFSYNC_TOKEN_KEY": "the key that encrypts a login kept in the database:"
    " 32 bytes in base64, or a passphrase",
    "SFSYNC_TOKEN_KEY_FILE": "a file that holds this key, readable by you alone;"
    " else `~/.config/sfsync/token.key` is looked for",
}
"""What is read from the environment besides options."""

NOTICE_PREFIX = "SFSYNC_NOTICE_"
"""What a program of ``notify.command`` finds in its environment, and so does an sfsync that it calls."""

_FOR_TESTS = ("SFSYNC_FAILPOINTS",)


def strange_variables(cli: Cli) -> list[str]:
    """Warnings of variables that begin with ``SFSYNC_`` and mean nothing.

    A slip in a variable's name would otherwise never be noticed.
    """
    from sfsync.document.problems import nearest

    known = [*option_variables(), *OTHER_VARIABLES, *_FOR_TESTS]
    warnings = []
    for name in sorted(cli.environ):
        if not name.startswith("SFSYNC_") or name in known or name.startswith(NOTICE_PREFIX):
            continue
        warning = f"{name} is set, and is no variable of sfsync"
        near = nearest(name, known)
        if near:
            warning += f"; did you mean {near}?"
        warnings.append(warning)
    return warnings


def option_variables() -> dict[str, str]:
    """Variable -> the command and the option it stands for, as people type them.

    A variable of several commands, as ``SFSYNC_JSON``, is listed with the first.
    """
    from typer.main import get_command

    from sfsync.cli.app import app

    top: Any = get_command(app)
    found: dict[str, str] = {}
    for words, command, context in _commands(
        top, top.make_context("sfsync", [], resilient_parsing=True), ()
    ):
        for parameter in command.get_params(context):
            if isinstance(parameter, TyperOption) and parameter.envvar:
                typed = f"{' '.join(words)} {max(parameter.opts, key=len)}"
                found.setdefault(str(parameter.envvar), typed)
    return found


def _commands(
    group: Any, context: Any, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each command with its words and its context, those of groups included."""
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        inner = found.make_context(name, [], parent=context, resilient_parsing=True)
        if isinstance(found, TyperGroup):
            yield from _commands(found, inner, (*words, name))
        else:
            yield (*words, name), found, inner
