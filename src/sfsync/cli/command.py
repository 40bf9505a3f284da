"""What all commands share: the common options, one error boundary, one way to answer.

A command is a function of ``Cli`` and its own options that returns an ``Answer``. It never prints
the answer itself: here it becomes text on stdout, or the one JSON document of contract §2, also
where it fails.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
import sys
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sfsync.cli.signals import Interrupted, Stop
from sfsync.cli.streams import hush
from sfsync.errors import ConfigError, SfsyncError

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "sfsync/1"
PANEL = "Options of every command"


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
                is_common = parameter.rich_help_panel == PANEL
                parameter.envvar = variable("" if is_common else words, _long_name(parameter))
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
        named = f"{_long_name(options[0])} is ${options[0].envvar}"
        self.epilog = f"Each option can be set by an environment variable too: {named}."
        super().format_help(ctx, formatter)


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


def _words(ctx: Any) -> list[str]:
    """The command as people type it, without the program's own name."""
    return [*_words(ctx.parent), ctx.info_name] if ctx.parent else []


def _long_name(option: TyperOption) -> str:
    return next((name for name in option.opts if name.startswith("--")), option.name)


class Commands(TyperGroup):
    """All commands, with the same kind of help page."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Their common parameters."""
        return _plain(super().get_params(ctx))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say.

    Attributes:
        data: for ``--json``.
        show: draws the same for people.
        exit_code: 0, or what contract §2 says for this outcome.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    show: Callable[[Console], None] = lambda _console: None
    exit_code: int = 0
    run_id: str | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()
    outcome: str = ""

    @property
    def status(self) -> str:
        """The outcome in a word; from the exit code where the command says no other."""
        return self.outcome or {0: "ok", 3: "partial"}.get(self.exit_code, "failed")


@dataclass(slots=True)
class Cli:
    """The options that every command takes, and the ways to speak to people.

    Attributes:
        profile: as asked for; once the configuration is read, the one that counts.
        origins: for each option that was given where: ``--json``, or ``$SFSYNC_JSON``.
    """

    command: str
    config: Path | None = None
    profile: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: int = 0
    origins: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)  # noqa: TID251  the top reads it, once
    open_browser: Callable[[str], bool] | None = None
    stop: Stop = field(default_factory=Stop)
    _out: Any = None
    _err: Any = None

    @property
    def out(self) -> Console:
        """stdout: data."""
        if self._out is None:
            self._out = _console(stderr=False)
        return typing.cast("Console", self._out)

    @property
    def err(self) -> Console:
        """stderr: messages and progress."""
        if self._err is None:
            self._err = _console(stderr=True)
        return typing.cast("Console", self._err)

    def say(self, message: str, *, style: str = "") -> None:
        """A line for people on stderr; silent with ``--quiet`` and ``--json``."""
        if not (self.quiet or self.as_json):
            from rich.text import Text

            self.tell(Text(visible(message), style=style), soft_wrap=False)

    def tell(self, text: object, *, soft_wrap: bool = True) -> None:
        """Something on stderr, where anybody can be told: a full or broken stderr never ends a run."""
        with suppress(OSError):
            self.err.print(text, soft_wrap=soft_wrap)

    @property
    def interactive(self) -> bool:
        """Whether somebody watches who wants bars: on a terminal, and without NO_COLOR."""
        return not (self.quiet or self.as_json) and self.err.is_terminal and not self.err.no_color


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


_CONTROL = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
} | {
    code: f"\\u{code:04x}"
    for code in (0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
"""C0 and C1 controls; marks that turn the direction of writing, and with it what a line seems to say."""


def visible(text: str) -> str:
    r"""Data made harmless for a terminal: control characters are shown, not obeyed.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return text.translate(_CONTROL)


def one_line(text: str) -> str:
    r"""As ``visible``, and a line end in it begins no new line of ours.

    >>> one_line("a\nerror: b")
    'a⏎error: b'
    """
    return visible(text).replace("\n", "⏎")


COMMON: dict[str, Any] = {
    "config": Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="PATH", envvar="SFSYNC_CONFIG", rich_help_panel=PANEL,
            help="The configuration file.", show_default="./sfsync.yaml, else the user's config folder",
        ),
    ],
    "profile": Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", envvar="SFSYNC_PROFILE", rich_help_panel=PANEL,
            help="Which org and mirror, where there are several.", show_default="what `sfsync profile use` said",
        ),
    ],
    "as_json": Annotated[
        bool, typer.Option("--json", rich_help_panel=PANEL, help="One JSON document on stdout, also on failure.")
    ],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=PANEL, help="No messages, no progress.")],
    "verbose": Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, show_default=False, rich_help_panel=PANEL, help="Twice (-vv): show where a failure came from."),
    ],
}  # fmt: skip
DEFAULTS: dict[str, Any] = {
    "config": None,
    "profile": None,
    "as_json": False,
    "quiet": False,
    "verbose": 0,
}


_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def _origins(context: Any) -> dict[str, str]:
    """For each option that was given where: by its name, or by its variable."""
    origins = {}
    for parameter in context.command.get_params(context):
        source = context.get_parameter_source(parameter.name)
        if isinstance(parameter, TyperOption) and source is not None:
            names = {"COMMANDLINE": _long_name(parameter), "ENVIRONMENT": f"${parameter.envvar}"}
            if source.name in names:
                origins[parameter.name] = names[source.name]
    return origins


def command(
    app: typer.Typer, name: str, *, panel: str, told_as: str = "", **settings: Any
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Register a function of ``(Cli, own options...)`` as a command with the common options.

    Args:
        told_as: its name as people type it, where that is more than ``name``: ``org check``.
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
            cli = Cli(told_as or name, origins=_origins(context), **common_ones)
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


def perform(cli: Cli, work: Callable[[], Answer]) -> int:
    """Do it inside the one error boundary; returns the exit code."""
    try:
        with cli.stop:
            return _performed(cli, work)
    except Interrupted as stopped:
        code = stopped.exit_code
        return _unless_unheard(cli, lambda: interrupted(cli, code))
    except BrokenPipeError:
        hush(sys.stdout)  # nobody listens any more
        return 1
    except OSError as error:
        return unheard(cli, error)


def _performed(cli: Cli, work: Callable[[], Answer]) -> int:
    try:
        answer = work()
    except SfsyncError as error:
        return fail(cli, error)
    except BrokenPipeError:
        raise
    except OSError as error:
        return fail(cli, broken(error))
    except (typer.Exit, typer.Abort, typer.TyperException):
        raise
    except Exception as error:  # noqa: BLE001  the last resort: a traceback at a user is a bug
        return unexpected(cli, error)
    try:
        code = respond(cli, answer)
        sys.stdout.flush()
    except (OSError, typer.Exit):
        raise
    except Exception as error:  # noqa: BLE001  as above
        return unexpected(cli, error)
    return code


def _unless_unheard(cli: Cli, answer: Callable[[], int]) -> int:
    try:
        return answer()
    except OSError as error:
        return unheard(cli, error)


def unheard(cli: Cli, error: OSError) -> int:
    """The work is done or refused, and stdout takes no answer: say so on stderr."""
    hush(sys.stdout)
    _complain(
        cli,
        f"the answer could not be written to standard output: {error.strerror or type(error).__name__}",
        "What was done is kept; `sfsync status` tells it again.",
    )
    return 1


def broken(error: OSError) -> SfsyncError:
    """The operating system said no: to which file, in its own words."""
    where = f"{error.filename}: " if error.filename else ""
    return SfsyncError(
        f"{where}{error.strerror or type(error).__name__}",
        hint="All work done so far is kept; look at space and permissions, then run it again.",
    )


def respond(cli: Cli, answer: Answer) -> int:
    """Print the answer."""
    if cli.as_json:
        write_document(
            cli, answer.status, answer.exit_code, answer.data, run_id=answer.run_id,
            warnings=answer.warnings, errors=answer.errors,
        )  # fmt: skip
        return answer.exit_code
    if not cli.quiet:
        answer.show(cli.out)
    for warning in answer.warnings:
        cli.say(f"warning: {warning}", style="yellow")
    return answer.exit_code


def write_document(
    cli: Cli,
    status: str,
    exit_code: int,
    data: Mapping[str, Any],
    *,
    run_id: str | None = None,
    warnings: tuple[str, ...] = (),
    errors: tuple[Mapping[str, Any], ...] = (),
) -> None:
    """The one JSON document of a command, on stdout."""
    document = {
        "schema": SCHEMA,
        "command": cli.command,
        "status": status,
        "exit_code": exit_code,
        "run_id": run_id,
        "data": data,
        "warnings": list(warnings),
        "errors": list(errors),
    }
    sys.stdout.write(json.dumps(document, ensure_ascii=True, default=str) + "\n")
    sys.stdout.flush()


LONGEST_MESSAGE = 2000


def short(text: str) -> str:
    """What was typed may be quoted in a message, but not 100 KB of it."""
    return (
        text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE // 2]} … {text[-200:]}"
    )


def fail(cli: Cli, error: SfsyncError) -> int:
    """Say what happened and what to do next."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    message = short(error.message)
    hint = error.hint
    guilty = _variables_in(cli, message) if error.exit_code == _WRONG else ()
    if guilty:
        hint = f"{hint.rstrip('.')}{'. ' if hint else ''}That value is from {' and '.join(guilty)}."
    if cli.as_json:
        told = {"slug": error.slug, "message": message, "hint": hint, "problems": list(problems)}
        write_document(cli, "failed", error.exit_code, {}, errors=(told,))
    else:
        _complain(cli, message, hint, problems)
    if cli.verbose > 1:
        _trace(cli)
    return error.exit_code


_WRONG = 2


def _variables_in(cli: Cli, message: str) -> tuple[str, ...]:
    """The variables that an option was taken from, and whose value is what this message is about."""
    named = [
        origin
        for origin in cli.origins.values()
        if origin.startswith("$") and origin not in message
    ]
    return tuple(name for name in named if cli.environ.get(name[1:], "\0") in message)


def _complain(cli: Cli, message: str, hint: str, problems: tuple[str, ...] = ()) -> None:
    from rich.text import Text

    cli.tell(Text.assemble(("error: ", "bold red"), visible(message)))
    for problem in problems:
        cli.tell(Text("  " + visible(problem)))
    if hint:
        cli.tell(Text.assemble(("  try: ", "bold"), visible(hint)))


def unexpected(cli: Cli, error: Exception) -> int:
    """A bug of ours: say so without a wall of text. The text of a foreign error may hold data: not shown."""
    message = f"sfsync met something it does not understand ({type(error).__name__})"
    hint = "All work done so far is kept. Run it again with -vv and report what it prints."
    if cli.as_json:
        write_document(
            cli, "failed", 1, {}, errors=({"slug": "bug", "message": message, "hint": hint},)
        )
    else:
        _complain(cli, message, hint)
    if cli.verbose > 1:
        _trace(cli)
    return 1


def _trace(cli: Cli) -> None:
    import traceback

    cli.tell(visible(traceback.format_exc()))


def interrupted(cli: Cli, exit_code: int) -> int:
    """Stopped by a person or a service manager."""
    message = "interrupted; what was done is kept, and the next run goes on from here"
    if cli.as_json:
        write_document(
            cli, "interrupted", exit_code, {}, errors=({"slug": "interrupted", "message": message},)
        )
    else:
        cli.tell(message)
    return exit_code
