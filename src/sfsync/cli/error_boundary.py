"""The one place where errors end: each becomes a message with a hint, or a JSON document, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from sfsync.cli.answer import Answer, respond, write_document
from sfsync.cli.invocation import Cli
from sfsync.cli.signals import Interrupted
from sfsync.cli.streams import hush
from sfsync.cli.text import short, visible
from sfsync.errors import ConfigError, SfsyncError


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
