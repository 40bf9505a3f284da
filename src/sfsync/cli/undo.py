"""undo: put back what a run wrote to Salesforce."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli import completion
from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.history import found_run
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, Objects, Yes
from sfsync.cli.run_report import report_answer
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.plan_view import Named
    from sfsync.cli.shown_values import Reader
    from sfsync.engine.undo import Undoing
    from sfsync.model.outcome import RunReport
    from sfsync.planning.undo import Left


SHOWN = 20
"""Records of an undo that are shown before it asks."""


def undo(
    cli: Cli,
    run_id: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Which run: its id, its beginning, or `last`; `sfsync history` lists them.",
            autocompletion=completion.runs,
        ),
    ],
    *,
    objects: Objects = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
) -> Answer:
    """Put back what a run wrote to Salesforce, field by field, where nobody has changed it since.

    The mirror's rows take the old values too, unless they were edited after the run. What somebody
    has changed since is left and listed. Records that the run made, and Tasks it logged, stay; so
    does an opt-out. It shows its plan and asks. It is a run itself, and can be undone.

    Examples:
      sfsync undo last --dry-run
      sfsync undo 20260120T100000Z-1a2b3c --object contact --yes
    """
    from sfsync.cli.plan_view import named
    from sfsync.cli.shown_values import Reader
    from sfsync.cli.wiring import working
    from sfsync.engine.undo import carry_out, plan_undo

    if not (yes or dry_run or cli.can_ask):
        raise UsageError(
            "this writes to Salesforce, and there is nobody to ask",
            hint="Look at it with --dry-run, then say --yes.",
        )
    found: list[str] = []
    with (
        working(
            cli,
            dry_run=dry_run,
            allow_mass_change=allow_mass_change,
            check=lambda mirror: found.append(found_run(mirror, run_id)["run_id"]),
        ) as session,
        plan_undo(session.run, found[0], objects or ()) as undoing,
    ):
        mapped = session.config.mapping.objects
        reader = Reader(mapped)
        first = named(undoing.shown(SHOWN), session.mirror.rows, mapped)
        agreed = dry_run or yes or not undoing.count or _agreed(cli, undoing, first, reader)
        if agreed:
            carry_out(session.run, undoing)
        # what was done is in the report; what was not done is shown as a plan
        plans = [] if agreed and not dry_run else first
    return _undo_answer(session.run.report, undoing, plans, reader, agreed=agreed)


def _agreed(cli: Cli, undoing: Undoing, first: Sequence[Named], reader: Reader) -> bool:
    """Show the plan and ask."""
    from sfsync.cli.plan_view import show_plans

    show_plans(cli.err, first, reader)
    for sentence in _left_standing(undoing):
        cli.to_stderr(sentence)
    records = counted(undoing.count, "record")
    more = f" (the first {SHOWN} are shown)" if undoing.count > SHOWN else ""
    calls = counted(undoing.calls, "API call")
    return typer.confirm(f"Put {records} back{more}, in {calls}?", err=True)


def _undo_answer(
    report: RunReport,
    undoing: Undoing,
    plans: Sequence[Named],
    reader: Reader,
    *,
    agreed: bool,
) -> Answer:
    answer = report_answer(report)
    exit_code, outcome = answer.exit_code, ""
    if not agreed:
        exit_code, outcome = 1, "declined"
    elif undoing.left_count:
        exit_code = exit_code or PARTIAL

    def show(console: Console) -> None:
        if agreed:
            _show(console, report, undoing, plans, reader)
        else:
            console.print("Nothing was written.")

    return Answer(
        _document(report, undoing, plans),
        show,
        exit_code=exit_code,
        run_id=report.run_id,
        warnings=(*answer.warnings, *_left_standing(undoing)),
        errors=answer.errors,
        reason="" if agreed else "declined: nothing was written",
        outcome=outcome,
    )


def _document(report: RunReport, undoing: Undoing, plans: Sequence[Named]) -> dict[str, Any]:
    from sfsync.cli.plan_view import plan_document

    return report.as_dict() | {
        "undone": undoing.run_id,
        "records": undoing.count,
        "calls": undoing.calls,
        "left": [_left_document(left) for left in undoing.left],
        "left_count": undoing.left_count,
        "created": [{"object": name, "salesforce_id": record} for name, record in undoing.created],
        "deleted": [{"object": name, "salesforce_id": record} for name, record in undoing.deleted],
        "tasks": list(undoing.tasks),
        "plans": [plan_document(plan) for _, plan in plans],
    }


def _show(
    console: Console,
    report: RunReport,
    undoing: Undoing,
    plans: Sequence[Named],
    reader: Reader,
) -> None:
    from sfsync.cli.plan_view import show_plans
    from sfsync.cli.run_report import show_report

    show_plans(console, plans, reader)
    if undoing.count > len(plans) > 0:
        console.print(f"… and {undoing.count - len(plans)} more.", style="dim")
    if undoing.left:
        _show_left(console, undoing, reader)
    show_report(console, report)


def _left_standing(undoing: Undoing) -> Iterator[str]:
    """What the run did that is not undone, a sentence each."""
    if undoing.left_count:
        yield f"{counted(undoing.left_count, 'field')} left as they are: see the list"
    if undoing.created:
        yield f"{counted(len(undoing.created), 'record')} that the run made stay in Salesforce"
    if undoing.deleted:
        yield (
            f"{counted(len(undoing.deleted), 'record')} that the run deleted stay so:"
            " restore them from the recycle bin in Salesforce"
        )
    if undoing.tasks:
        yield f"{counted(len(undoing.tasks), 'Task')} that the run logged stay in Salesforce"


def _left_document(left: Left) -> dict[str, Any]:
    from sfsync.model.record import MISSING

    values = {name: getattr(left, name) for name in left.__slots__}
    return {name: None if value is MISSING else value for name, value in values.items()}


def _show_left(console: Console, undoing: Undoing, reader: Reader) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import add_values, stacked
    from sfsync.cli.text import one_line

    console.print(Text("Left as it is:", style="bold"))
    for left in undoing.left:
        record = f"{left.object} {left.local_id}  {left.salesforce_id}  {left.why}"
        console.print(Text(one_line(record)))
        values = {"now": left.now, "the run wrote": left.wrote, "before": left.was}
        grid = stacked()
        add_values(
            grid,
            left.column,
            [
                (label, reader.shown(left.object, left.column, value))
                for label, value in values.items()
            ],
        )
        console.print(grid)
