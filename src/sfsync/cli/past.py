"""history and undo: what was done, write by write, and taking it back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.cli.sync import PARTIAL, DryRun, MassChange, Objects, counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.engine.undo import Undoing
    from sfsync.mirror.store import SqliteMirror
    from sfsync.planning.undo import Left

PANEL = "Review"
SHOWN = 20
"""Records of an undo that are shown before it asks."""

_COUNTS = ("created", "updated", "deleted", "conflicts", "quarantined")


def history(
    cli: Cli,
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="This run's writes, record by record.")
    ] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 20,
    after: Annotated[
        int, typer.Option(min=0, metavar="N", help="With RUN: go on after this write's number.")
    ] = 0,
) -> Answer:
    """Show past runs; with RUN, what it wrote to Salesforce, record by record, field by field.

    Asks nobody but the mirror: no API call.

    Examples:
      sfsync history
      sfsync history 20260120T100000Z-1a2b3c --limit 100
    """
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(cli, configuration(cli)) as mirror:
        if run_id is None:
            return _runs([_summary(run) for run in mirror.runs(limit=limit)])
        run = found_run(mirror, run_id)
        page = mirror.writes_of(run["run_id"], after=after, limit=limit + 1)
        tasks = mirror.tasks_of(run["run_id"])
    return _writes(_summary(run), page[:limit], tasks, more=len(page) > limit)


def found_run(mirror: SqliteMirror, run_id: str) -> dict[str, Any]:
    """The run of this name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    run = mirror.run_named(run_id)
    if run is not None:
        return run
    from difflib import get_close_matches

    near = get_close_matches(run_id, mirror.run_ids(), n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`sfsync history` lists the runs."
    raise UsageError(f"there is no run {run_id!r}", hint=hint)


def _summary(run: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the history: what the run did on both sides together."""
    report = run["report"] or {}
    totals: dict[str, int] = dict.fromkeys(_COUNTS, 0)
    for verb in ("pull", "push"):
        for counts in report.get(verb, {}).values():
            for name in _COUNTS:
                totals[name] += counts.get(name, 0)
    activity = report.get("activity") or {}
    totals["quarantined"] += activity.get("quarantined", 0)
    kept = {
        name: run[name] for name in ("run_id", "command", "started_at", "finished_at", "status")
    }
    return {
        **kept,
        "seconds": report.get("seconds"),
        **totals,
        "tasks": activity.get("tasks", 0),
        "api_calls": report.get("api_calls"),
    }


def _runs(rows: list[dict[str, Any]]) -> Answer:
    def show(console: Console) -> None:
        from rich.text import Text

        from sfsync.cli.command import one_line

        for row in rows:
            console.print(
                Text(one_line(f"{row['run_id']}  {row['command']}  {row['status']}"), style="bold")
            )
            took = (
                ""
                if row["seconds"] is None
                else f", {row['seconds']:.1f} s, {row['api_calls']} API calls"
            )
            did = ", ".join(f"{row[name]} {name}" for name in (*_COUNTS, "tasks") if row[name])
            console.print(Text(f"  {row['started_at']}{took}: {did or 'nothing changed'}"))
        if not rows:
            console.print("No runs yet.")

    return Answer({"runs": rows}, show)


def _writes(
    run: dict[str, Any], page: Sequence[Mapping[str, Any]], tasks: Sequence[str], *, more: bool
) -> Answer:
    last = page[-1]["ref"] if more and page else None

    def show(console: Console) -> None:
        from rich.text import Text

        from sfsync.cli.command import one_line
        from sfsync.cli.render import cell, table

        _runs([run]).show(console)
        for write in page:
            who = f"{write['ref']}  {write['object']} {write['local_id']}  {write['salesforce_id'] or '(new)'}"
            became = f"  {write['action']}: {write['state']} {write['error']}".rstrip()
            console.print(Text(one_line(who + became), style="bold"))
            made = table("field", "before", "after")
            for column, value in write["after"].items():
                was = (
                    cell(write["before"][column])
                    if column in write["before"]
                    else Text("-", style="dim")
                )
                made.add_row(cell(column), was, cell(value))
            if write["after"]:
                console.print(made)
        if not page:
            console.print("It wrote no record to Salesforce.")
        if tasks:
            console.print(f"It logged {counted(len(tasks), 'Task')}.")
        if last is not None:
            console.print(f"… and more: --after {last}", style="dim")

    return Answer({"run": run, "writes": list(page), "tasks": list(tasks), "next": last}, show)


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
    from sfsync.cli.render import show_plans

    show_plans(cli.err, undoing.shown(SHOWN))
    for sentence in _left_standing(undoing):
        cli.tell(sentence)
    more = f" (the first {SHOWN} are shown)" if undoing.count > SHOWN else ""
    return typer.confirm(
        f"Put {counted(undoing.count, 'record')} back{more}, in {counted(undoing.calls, 'API call')}?",
        err=True,
    )


def _undone(report: Any, undoing: Undoing, shown: Sequence[Any], *, agreed: bool) -> Answer:
    from sfsync.cli.render import plan_document

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
        from sfsync.cli.render import show_plans, show_report

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
    from sfsync.cli.render import cell, table

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


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "history", panel=PANEL)(history)
    command(app, "undo", panel=PANEL)(undo)
