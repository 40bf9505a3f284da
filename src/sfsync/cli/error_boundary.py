"""The one place where errors end: each becomes a message with a hint, or JSON, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import typer

from sfsync.cli.answer import Answer, respond, write_document
from sfsync.cli.invocation import Cli
from sfsync.cli.signals import Interrupted
from sfsync.cli.streams import hush
from sfsync.cli.text import short, visible
from sfsync.errors import (
    ConfigError,
    CursorGone,
    ProtocolError,
    SfsyncError,
    UsageError,
    advice_for,
)


def perform(cli: Cli, work: Callable[[], Answer]) -> int:
    """Run a command inside the error boundary.

    Returns:
        The exit code. The answer, or the error, has been written.
    """
    from sfsync.cli.notices import tell_watchers
    from sfsync.cli.telling import telling

    try:
        with telling(cli) as tell_end:
            code = _performed(cli, work)
            tell_watchers(cli, code)
            tell_end(code)
            return code
    except SfsyncError as error:  # the log file cannot be used
        return _report_error(cli, error)


def _performed(cli: Cli, work: Callable[[], Answer]) -> int:
    try:
        with cli.stop:
            return _answered(cli, work)
    except Interrupted as stopped:
        return _report_interruption(cli, stopped.exit_code)
    except BrokenPipeError:
        hush(sys.stdout)  # the reader of stdout has gone, as `| head` does: nothing to complain of
        return 1
    except OSError as error:
        return _report_broken_stdout(cli, error)


def _answered(cli: Cli, work: Callable[[], Answer]) -> int:
    """Do the work and write its answer; whatever is raised here is about stdout, or a stop."""
    try:
        answer = work()
        cli.outcome = answer
    except SfsyncError as error:
        return _report_error(cli, error)
    except BrokenPipeError:
        raise  # a command that writes while it works has lost the reader of stdout
    except OSError as error:
        return _report_error(cli, _as_sfsync_error(error))
    except (typer.Exit, typer.Abort, typer.TyperException):
        raise  # Typer's own ways to end a command
    except Exception as error:  # noqa: BLE001  the last resort: a traceback at a user is a bug
        return _report_bug(cli, error)
    try:
        code = respond(cli, answer)
        sys.stdout.flush()
    except (OSError, typer.Exit):
        raise
    except Exception as error:  # noqa: BLE001  as above
        return _report_bug(cli, error)
    return code


def _as_sfsync_error(error: OSError) -> SfsyncError:
    """What the operating system refused, in its own words, with the file's name."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno is None:  # not of the operating system: requests' errors are OSErrors too
        return ProtocolError(
            f"an answer could not be used ({type(error).__name__})",
            hint="All work done so far is kept; run it again, and look for a proxy between.",
        )
    return SfsyncError(f"{where}{error.strerror}", hint=advice_for(error))


# -- reports ---------------------------------------------------------------------------------------
def _report_error(cli: Cli, error: SfsyncError) -> int:
    """Print what happened and what to do next."""
    cli.outcome = error
    problems: tuple[str, ...] = ()
    if isinstance(error, ConfigError):
        problems = error.problems
    message = short(error.message)
    hint = cli.as_called(error.hint)
    if error.exit_code == UsageError.exit_code:
        hint = _with_variables(hint, _variables_quoted_in(cli, message))
    if cli.as_json:
        document = {
            "slug": error.slug,
            "message": message,
            "hint": hint,
            "problems": list(problems),
        }
        if isinstance(error, CursorGone):
            document["cursor"] = error.cursor
        write_document(cli, "failed", error.exit_code, {}, errors=(document,))
        _complain(cli, message)
    else:
        _complain(cli, message, hint, problems)
    _print_traceback(cli)
    return error.exit_code


def _variables_quoted_in(cli: Cli, message: str) -> list[str]:
    """The variables whose value the message quotes without naming them, as ``$SFSYNC_OBJECT``.

    A person who reads of a value that is not on the command line has to know where it came from.
    """
    from_environment = [origin for origin in cli.origins.values() if origin.startswith("$")]
    unnamed = [origin for origin in from_environment if origin not in message]
    return [origin for origin in unnamed if cli.environ.get(origin[1:], "\0") in message]


def _with_variables(hint: str, variables: list[str]) -> str:
    if not variables:
        return hint
    sentence = f"That value is from {' and '.join(variables)}."
    if not hint:
        return sentence
    return f"{hint.rstrip('.')}. {sentence}"


def _report_bug(cli: Cli, error: Exception) -> int:
    """Print that sfsync has a bug. The error's text may hold data, so it is not shown."""
    cli.outcome = error
    message = f"sfsync met something it does not understand ({type(error).__name__})"
    hint = "All work done so far is kept. Run it again with -vv and report what it prints."
    if cli.as_json:
        document = {"slug": "bug", "message": message, "hint": hint}
        write_document(cli, "failed", 1, {}, errors=(document,))
        _complain(cli, message)
    else:
        _complain(cli, message, hint)
    _print_traceback(cli)
    return 1


def _report_interruption(cli: Cli, exit_code: int) -> int:
    """Print that a person or a service manager has stopped the command."""
    message = "interrupted; what was done is kept, and the next run goes on from here"
    document: Mapping[str, Any] = {"slug": "interrupted", "message": message}
    cli.to_stderr(message)
    if not cli.as_json:
        return exit_code
    try:
        write_document(cli, "interrupted", exit_code, {}, errors=(document,))
    except OSError as error:
        return _report_broken_stdout(cli, error)
    return exit_code


def _report_broken_stdout(cli: Cli, error: OSError) -> int:
    """Print on stderr that the work is done or refused, and stdout takes no answer."""
    hush(sys.stdout)
    _complain(
        cli,
        "the answer could not be written to standard output: "
        f"{error.strerror or type(error).__name__}",
        "What was done is kept; `sfsync status` tells it again.",
    )
    return 1


def _complain(cli: Cli, message: str, hint: str = "", problems: tuple[str, ...] = ()) -> None:
    from rich.text import Text

    cli.to_stderr(Text.assemble(("error: ", "bold red"), visible(message)))
    for problem in problems:
        cli.to_stderr(Text("  " + visible(problem)))
    if hint:
        cli.to_stderr(Text.assemble(("  try: ", "bold"), visible(hint)))


def _print_traceback(cli: Cli) -> None:
    """With ``-vv``: where the error that is being handled came from."""
    if cli.verbose > 1:
        import traceback

        cli.to_stderr(visible(traceback.format_exc()))
