"""undo: put back what a run wrote to Salesforce."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.history import found_run
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, Objects
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.engine.undo import Undoing
    from sfsync.planning.undo import Left


SHOWN = 20
"""Records of an undo that are shown before it asks."""


def undo(
    cli: Cli,
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="Which run; `sfsync history` lists them.")
    ],
    *,
    objects: Objects = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
) -> Answer:
    """Put back what a run wrote to Salesforce, field by field, where nobody has changed it since.

    The mirror's rows take the old values too, unless they were edited after the run. What somebody
    has changed since is left and listed. Records that the run made, and Tasks it logged, stay; so
    does an opt-out. It shows its plan and asks. It is a run itself, and can be undone.

    Examples:
      sfsync undo 20260120T100000Z-1a2b3c --dry-run
      sfsync undo 20260120T100000Z-1a2b3c --object contact --yes
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.undo import carry_out, plan_undo

    _refuse_unasked(cli, yes=yes or dry_run)
    with (
        working(
            cli,
            dry_run=dry_run,
            allow_mass_change=allow_mass_change,
            wanted=lambda it: found_run(it, run_id),
        ) as session,
        plan_undo(session.run, run_id, objects or ()) as undoing,
    ):
        agreed = dry_run or yes or not undoing.count or _asked(cli, undoing)
        if agreed:
            carry_out(session.run, undoing)
        shown = [] if agreed and not dry_run else undoing.shown(SHOWN)
    return _undone(session.run.report, undoing, shown, agreed=agreed)


def _refuse_unasked(cli: Cli, *, yes: bool) -> None:
    if not yes and (cli.as_json or not sys.stdin.isatty()):
        raise UsageError(
            "this writes to Salesforce, and there is nobody to ask",
            hint="Look at it with --dry-run, then say --yes.",
        )


def _asked(cli: Cli, undoing: Undoing) -> bool:
    from sfsync.cli.plan_view import show_plans

    show_plans(cli.err, undoing.shown(SHOWN))
    for sentence in _left_standing(undoing):
        cli.to_stderr(sentence)
    more = f" (the first {SHOWN} are shown)" if undoing.count > SHOWN else ""
    return typer.confirm(
        f"Put {counted(undoing.count, 'record')} back{more}, in {counted(undoing.calls, 'API call')}?",
        err=True,
    )


def _undone(report: Any, undoing: Undoing, shown: Sequence[Any], *, agreed: bool) -> Answer:
    from sfsync.cli.plan_view import plan_document

    data = report.as_dict() | {
        "undone": undoing.run_id,
        "records": undoing.count,
        "calls": undoing.calls,
        "left": [_left_document(left) for left in undoing.left],
        "left_count": undoing.left_count,
        "created": [{"object": name, "salesforce_id": record} for name, record in undoing.created],
        "deleted": [{"object": name, "salesforce_id": record} for name, record in undoing.deleted],
        "tasks": list(undoing.tasks),
        "plans": [plan_document(plan) for plan in shown],
    }

    def show(console: Console) -> None:
        from sfsync.cli.plan_view import show_plans
        from sfsync.cli.run_report import show_report

        if not agreed:
            console.print("Nothing was written.")
            return
        show_plans(console, shown)
        if undoing.count > len(shown) > 0:
            console.print(f"… and {undoing.count - len(shown)} more.", style="dim")
        _show_left(console, undoing)
        show_report(console, report)

    exit_code = PARTIAL if undoing.left_count or report.quarantined else 0
    return Answer(
        data, show, exit_code=exit_code if agreed else 1, run_id=report.run_id,
        warnings=(*report.warnings, *_left_standing(undoing)), outcome="" if agreed else "declined",
    )  # fmt: skip


def _left_standing(undoing: Undoing) -> Iterator[str]:
    if undoing.left_count:
        yield f"{counted(undoing.left_count, 'field')} left as they are: see the list"
    if undoing.created:
        yield f"{counted(len(undoing.created), 'record')} that the run made stay in Salesforce"
    if undoing.deleted:
        yield (
            f"{counted(len(undoing.deleted), 'record')} that the run deleted stay so: restore them from the recycle bin"
            " in Salesforce"
        )
    if undoing.tasks:
        yield f"{counted(len(undoing.tasks), 'Task')} that the run logged stay in Salesforce"


def _left_document(left: Left) -> dict[str, Any]:
    from sfsync.model.record import MISSING

    told = {name: getattr(left, name) for name in left.__slots__}
    return {name: None if value is MISSING else value for name, value in told.items()}


def _show_left(console: Console, undoing: Undoing) -> None:
    from sfsync.cli.layout import cell, table

    if not undoing.left:
        return
    made = table("left as it is", "field", "was", "run wrote", "now", "why")
    for left in undoing.left:
        made.add_row(
            cell(left.salesforce_id, width=18),
            cell(left.column, width=12),
            cell(left.was, width=9),
            cell(left.wrote, width=9),
            cell(left.now, width=9),
            cell(left.why, width=17),
        )
    console.print(made)
