"""Turn a function into a command: its options, its help page, its environment variables.

A command is a function of ``Cli`` and its own options that returns an ``Answer``. It never prints
the answer itself: ``error_boundary.perform`` does.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sfsync.cli.answer import Answer
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.cli.options import COMMON, COMMON_PANEL, DEFAULTS
from sfsync.cli.variables import is_from_environment, long_name, variable

_METAVARS = {"int": "N", "float": "N", "Path": "FILE"}
"""Python's type -> the word that stands for a value on the help page; TEXT for all others."""


def _name_values(parameters: list[Any]) -> list[Any]:
    """The same parameters, each with a word for its value; a switch takes no value."""
    for parameter in parameters:
        if not isinstance(parameter, TyperOption) or parameter.metavar is not None:
            continue
        if parameter.is_flag or parameter.count:
            parameter.metavar = ""
        else:
            parameter.metavar = _METAVARS.get(parameter.bare_type(), "TEXT")
    return parameters


_SEVERAL_WORDS = re.compile("[A-Z]+( [A-Z]+)+")
"""The name of a value that is several words on the command line: ``ID SIDE``."""


class Command(TyperCommand):
    """A command with a help page for people; each option may come from the environment."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, each option with its environment variable."""
        parameters = _name_values(super().get_params(ctx))
        for parameter in parameters:
            if isinstance(parameter, TyperOption):
                _add_variable(ctx, parameter)
        return parameters

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line and the environment.

        Raises:
            TyperException: a value is wrong; names the variable, where it came from one.
        """
        several = {
            long_name(one): len(one.metavar.split())
            for one in self.get_params(ctx)
            if isinstance(one, TyperOption)
            and one.metavar
            and _SEVERAL_WORDS.fullmatch(one.metavar)
        }
        try:
            return super().parse_args(ctx, words_together(args, several))
        except typer.TyperException as error:
            parameter = getattr(error, "param", None)
            if parameter is not None and is_from_environment(ctx, parameter):
                error.message = f"{error.message} (from ${parameter.envvar})"
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page, with the rule for variables at its end."""
        options = [
            one for one in self.get_params(ctx) if isinstance(one, TyperOption) and one.envvar
        ]
        example = options[0]
        named = f"{long_name(example)} is ${example.envvar}"
        self.epilog = f"Each option can be set by an environment variable too: {named}."
        super().format_help(ctx, formatter)


def words_together(args: list[str], several: Mapping[str, int]) -> list[str]:
    """The arguments, where the words of an option that takes several are one argument.

    Typer has no option that takes several words and may be repeated.

    >>> words_together(["--take", "5", "local", "--take", "4"], {"--take": 2})
    ['--take', '5 local', '--take', '4']
    """
    found: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        found.append(word)
        if word == "--":
            return found + rest
        if count := several.get(word):
            found += [" ".join(rest[:count])] if rest else []
            del rest[:count]
    return found


def _add_variable(ctx: Any, option: TyperOption) -> None:
    if option.is_eager:  # --help: it ends the command line at once
        return
    if option.envvar is not None:  # it has a variable of its own
        return
    if option.rich_help_panel == COMMON_PANEL:
        option.envvar = variable("", long_name(option))
    else:
        option.envvar = variable(" ".join(_command_words(ctx)), long_name(option))
    option.show_envvar = False  # the help page states the rule once, not at each option


def _command_words(ctx: Any) -> list[str]:
    """The command as people type it, without the program's own name."""
    if not ctx.parent:
        return []
    return [*_command_words(ctx.parent), ctx.info_name]


class Commands(TyperGroup):
    """All commands, with the same kind of help page."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Their common parameters."""
        return _name_values(super().get_params(ctx))


_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def _origins(context: Any) -> dict[str, str]:
    """Parameter -> where its value was given: ``--json``, or ``$SFSYNC_JSON``."""
    origins = {}
    for parameter in context.command.get_params(context):
        source = context.get_parameter_source(parameter.name)
        if not isinstance(parameter, TyperOption) or source is None:
            continue
        if source.name == "COMMANDLINE":
            origins[parameter.name] = long_name(parameter)
        if source.name == "ENVIRONMENT":
            origins[parameter.name] = f"${parameter.envvar}"
    return origins


def command(
    app: typer.Typer, name: str, *, panel: str, full_name: str = ""
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Register a function of ``(Cli, own options...)`` as a command with the common options.

    Args:
        panel: the part of the help page that lists it.
        full_name: its name as people type it, where that is more than ``name``: ``org check``.
    """

    def register(function: Callable[..., Answer]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapped(context: typer.Context, **given: Any) -> None:
            common = {key: given.pop(key) for key in COMMON}
            cli = Cli(full_name or name, origins=_origins(context), **common)
            cli.is_rehearsal = bool(given.get("dry_run"))
            raise typer.Exit(perform(cli, lambda: function(cli, **given)))

        # Typer reads options from the signature; what `functools.wraps` keeps would hide this one.
        del wrapped.__wrapped__
        parameters = [_CONTEXT, *_own_parameters(function), *_common_parameters()]
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        text = help_text(function.__doc__ or "")
        app.command(name, cls=Command, help=text, rich_help_panel=panel)(wrapped)
        return wrapped

    return register


def _own_parameters(function: Callable[..., Answer]) -> list[inspect.Parameter]:
    """All but the first, which is the ``Cli``; annotations as values, not as text."""
    hints = typing.get_type_hints(function, include_extras=True)
    _cli, *own = inspect.signature(function).parameters.values()
    return [parameter.replace(annotation=hints[parameter.name]) for parameter in own]


def _common_parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS[key], annotation=annotation
        )
        for key, annotation in COMMON.items()
    ]


def help_text(docstring: str) -> str:
    r"""A command's docstring as its help: paragraphs flow, the examples stay one to a line.

    >>> help_text("Do it.\n\n    Examples:\n      sfsync it\n      sfsync it again")
    'Do it.\n\nExamples:\n$ sfsync it\n$ sfsync it again'
    """
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(_flowing(paragraph) for paragraph in paragraphs)


def _flowing(paragraph: str) -> str:
    if not paragraph.startswith("Examples:"):
        return " ".join(paragraph.split())
    return "\n".join(re.sub(r"^ +", "$ ", line) for line in paragraph.splitlines())
