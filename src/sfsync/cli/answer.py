"""What a command answers: text on stdout, or one JSON document, also where it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sfsync.cli.invocation import Cli
from sfsync.cli.text import visible

if TYPE_CHECKING:
    from rich.console import Console


SCHEMA = "sfsync/1"
FAILED = 1
PARTIAL = 3
"""The exit code of a run that did its work in part: some went to quarantine, or could not be done now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say.

    Attributes:
        data: for ``--json``.
        show: draws the same for people.
        exit_code: 0, or the code of ``docs/errors.md`` for this outcome.
        warnings: for people a line each on stderr.
        reason: why the exit code is not 0, in a sentence; else the warnings are.
        outcome: the ``status`` of the JSON document, where the exit code does not give it.
        is_written: the command has written its lines already, also with ``--json``.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    show: Callable[[Console], None] = lambda _console: None
    exit_code: int = 0
    run_id: str | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()
    reason: str = ""
    outcome: str = ""
    is_written: bool = False

    @property
    def status(self) -> str:
        """The outcome in a word: ``outcome``, or what the exit code means."""
        if self.outcome:
            return self.outcome
        if self.exit_code == 0:
            return "ok"
        if self.exit_code == PARTIAL:
            return "partial"
        return "failed"


def respond(cli: Cli, answer: Answer) -> int:
    """Print the answer as text or as JSON, and return its exit code."""
    if answer.is_written:
        return answer.exit_code
    warnings = tuple(map(cli.as_called, answer.warnings))
    told = "; ".join(warnings)
    reason = cli.as_called(answer.reason) or told or answer.status
    if cli.as_json:
        write_document(
            cli, answer.status, answer.exit_code, answer.data, run_id=answer.run_id,
            warnings=warnings, errors=answer.errors,
        )  # fmt: skip
        is_told = False
    else:
        if not cli.quiet:
            answer.show(cli.out)
        for warning in warnings:
            cli.inform(f"warning: {warning}", style="yellow")
        is_told = not cli.quiet and reason in told
    if answer.exit_code and not is_told:
        # whoever reads nothing but stderr, as cron's mail does, has to learn why
        cli.to_stderr(visible(reason))
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
        "run_id": run_id or cli.run_id,
        "data": data,
        "warnings": list(warnings),
        "errors": list(errors),
    }
    sys.stdout.write(json.dumps(document, ensure_ascii=True, default=str) + "\n")
    sys.stdout.flush()
