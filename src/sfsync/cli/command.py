"""Turning a function into a command: its options, the common ones, its help page, its environment variables.

A command is a function of ``Cli`` and its own options that returns an ``Answer``. It never prints
the answer itself: ``error_boundary.perform`` does.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sfsync.cli.answer import Answer
from sfsync.cli.error_boundary import perform
from sfsync.cli.invocation import Cli
from sfsync.cli.options import COMMON, COMMON_PANEL, DEFAULTS
from sfsync.cli.variables import is_from_environment, long_name, variable


def _plain(parameters: list[Any]) -> list[Any]:
    """The same parameters, whose help says FILE or N, not Python's types; and nothing for a mere switch."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.metavar is None:
            is_switch = parameter.is_flag or parameter.count
            parameter.metavar = "" if is_switch else _WORDS.get(parameter.bare_type(), "TEXT")
    return parameters


_WORDS = {"int": "N", "float": "N", "Path": "FILE"}


class Command(TyperCommand):
    """A command with a help page for people, each of whose options may come from the environment."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        parameters = _plain(super().get_params(ctx))
        words = " ".join(_words(ctx))
        for parameter in parameters:
            if (
                isinstance(parameter, TyperOption)
                and parameter.envvar is None
                and not parameter.is_eager
            ):
                is_common = parameter.rich_help_panel == COMMON_PANEL
                parameter.envvar = variable("" if is_common else words, long_name(parameter))
                parameter.show_envvar = False  # the rule is told once, not at each option
        return parameters

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line and the environment; what is wrong in the environment is told by its name."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            parameter = getattr(error, "param", None)
            if parameter is not None and is_from_environment(ctx, parameter):
                error.message = f"{error.message} (from ${parameter.envvar})"
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help page, with the rule of the variables at its end."""
        options = [
            one for one in self.get_params(ctx) if isinstance(one, TyperOption) and one.envvar
        ]
        named = f"{long_name(options[0])} is ${options[0].envvar}"
        self.epilog = f"Each option can be set by an environment variable too: {named}."
        super().format_help(ctx, formatter)


def _words(ctx: Any) -> list[str]:
    """The command as people type it, without the program's own name."""
    return [*_words(ctx.parent), ctx.info_name] if ctx.parent else []


class Commands(TyperGroup):
    """All commands, with the same kind of help page."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Their common parameters."""
        return _plain(super().get_params(ctx))


_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def _origins(context: Any) -> dict[str, str]:
    """For each option that was given where: by its name, or by its variable."""
    origins = {}
    for parameter in context.command.get_params(context):
        source = context.get_parameter_source(parameter.name)
        if isinstance(parameter, TyperOption) and source is not None:
            names = {"COMMANDLINE": long_name(parameter), "ENVIRONMENT": f"${parameter.envvar}"}
            if source.name in names:
                origins[parameter.name] = names[source.name]
    return origins


def command(
    app: typer.Typer, name: str, *, panel: str, full_name: str = "", **settings: Any
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Register a function of ``(Cli, own options...)`` as a command with the common options.

    Args:
        full_name: its name as people type it, where that is more than ``name``: ``org check``.
    """

    def register(function: Callable[..., Answer]) -> Callable[..., None]:
        hints = typing.get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]
        common = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS[key], annotation=annotation
            )
            for key, annotation in COMMON.items()
        ]

        @functools.wraps(function)
        def wrapped(context: typer.Context, **given: Any) -> None:
            common_ones = {key: given.pop(key) for key in COMMON}
            cli = Cli(full_name or name, origins=_origins(context), **common_ones)
            raise typer.Exit(perform(cli, lambda: function(cli, **given)))

        parameters = [_CONTEXT, *own, *common]
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del wrapped.__wrapped__
        text = help_text(function.__doc__ or "")
        app.command(name, cls=Command, help=text, rich_help_panel=panel, **settings)(wrapped)
        return wrapped

    return register


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
