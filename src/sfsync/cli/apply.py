"""apply: do what a kept plan says and nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, SkipIfLocked
from sfsync.cli.run_report import run_verb
from sfsync.cli.text import counted
from sfsync.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.shown_values import Reader
    from sfsync.cli.wiring import Session
    from sfsync.engine.apply import Applied
    from sfsync.planning.planfile import Header


MAX_LINE = 64 * 1024 * 1024
"""Characters of one line that are held: a record has a few texts of 131,072 characters at most."""


def apply(
    cli: Cli,
    plan: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `sfsync diff --out FILE` wrote.")
    ],
    *,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Do what a kept plan says and nothing else.

    A record that moved since, on either side, is left and told, field by field: exit code 3.
    Applying a plan twice writes nothing the second time.

    Examples:
      sfsync diff --out plan.json
      sfsync apply plan.json --dry-run
      sfsync apply plan.json
    """
    from sfsync.cli.shown_values import Reader
    from sfsync.engine.apply import apply as run_apply
    from sfsync.planning.planfile import header_of, records

    outcomes: list[tuple[Applied, Reader]] = []
    with _plan_file(plan) as file:
        read_again = partial(_rewound, as_it_was=_state(file))
        header = header_of(file.readline(MAX_LINE), str(plan))

        def verb(session: Session) -> None:
            _refuse_other(header, session, plan)
            applied = run_apply(session.run, lambda: records(read_again(file), str(plan)))
            outcomes.append((applied, Reader(session.config.mapping.objects)))

        answer = run_verb(
            cli,
            verb,
            dry_run=dry_run,
            allow_mass_change=allow_mass_change,
            skip_if_locked=skip_if_locked,
        )
    if not outcomes:  # skipped: another run holds the lock
        return answer
    return _with_plan(answer, *outcomes[0])


@contextmanager
def _plan_file(path: Path) -> Iterator[TextIO]:
    """The plan file, open.

    Raises:
        InputError: there is none, or it holds something else.
    """
    try:
        if not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
            raise InputError(
                f"{path} is no regular file: a plan is read twice, checked first, then applied",
                hint="Name the file that `sfsync diff --out` wrote.",
            )
        with path.open(encoding="utf-8") as file:
            yield file
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: this is no plan of sfsync's", hint="Make it with `sfsync diff --out`."
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file", hint="Make it with `sfsync diff --out`."
        ) from None
    except IsADirectoryError:
        raise InputError(
            f"{path} is a folder", hint="Name the file that `sfsync diff --out` wrote."
        ) from None


def _rewound(file: TextIO, *, as_it_was: tuple[int, int]) -> Iterator[str]:
    """The lines from the first on; one that is too long comes in pieces, which no plan has.

    Raises:
        InputError: the file was written to since; what was checked is not what would be done.
    """
    if _state(file) != as_it_was:
        raise InputError(
            f"{file.name}: the plan was written to after it was checked",
            hint="Nothing was applied. Apply it again, once its file is whole.",
        )
    file.seek(0)
    return iter(lambda: file.readline(MAX_LINE), "")


def _state(file: TextIO) -> tuple[int, int]:
    """What tells whether a file was written to: its size in bytes, and when it last was, in nanoseconds."""
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _refuse_other(header: Header, session: Session, path: Path) -> None:
    """Stop where the plan was made for something else.

    Raises:
        InputError: another org, another mirror, or another mapping.
    """
    for what, meant, here in (
        ("org", header.org_id, session.org_id),
        ("mirror", header.mirror, session.mirror.state.mirror_key),
        ("mapping", header.mapping, session.config.mapping.fingerprint),
    ):
        if meant != here:
            raise InputError(
                f"{path}: the plan was made for another {what} ({meant}; here it is {here})",
                hint="Make it anew with `sfsync diff --out`.",
            )


def _with_plan(answer: Answer, applied: Applied, reader: Reader) -> Answer:
    """The run's answer, with what became of the plan."""
    exit_code = answer.exit_code
    warnings = answer.warnings
    reason = answer.reason
    if applied.moved:
        exit_code = exit_code or PARTIAL
        left = f"{counted(applied.moved, 'record')} moved since the plan was made, and left"
        warnings = (*warnings, left)
        reason = f"{left}; {reason}" if reason else left

    def show(console: Console) -> None:
        if applied.fields:
            _show_left_fields(console, applied, reader)
        if applied.done:
            records = counted(applied.done, "record")
            console.print(f"{records} of the plan are as it wants them already.")
        answer.show(console)

    return Answer(
        {**answer.data, "plan": asdict(applied)},
        show,
        exit_code=exit_code,
        run_id=answer.run_id,
        warnings=warnings,
        errors=answer.errors,
        reason=reason,
    )


_WHERE = {"mirror": "in the mirror", "salesforce": "in Salesforce", "plan": "the plan itself"}
"""A drift's side in words."""


def _show_left_fields(console: Console, applied: Applied, reader: Reader) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import stacked
    from sfsync.cli.text import one_line

    console.print(Text("Left as it is, for it moved since the plan was made:", style="bold"))
    grid = stacked()
    for each in applied.fields:
        number = f"{each.object} {each.local_id}" if each.local_id is not None else each.object
        console_line = f"{number}  {each.salesforce_id or ''}  {_WHERE[each.side]}"
        grid.add_row("", one_line(each.what), "", Text(one_line(console_line), style="dim"))
        grid.add_row("", "", "", reader.change(each.object, each.what, each.was, each.now))
    console.print(grid)
