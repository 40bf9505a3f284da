"""history: past runs, and what one of them wrote, record by record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted, one_line
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.mirror.store import SqliteMirror


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

    with open_mirror(configuration(cli)) as mirror:
        if run_id is None:
            return _runs_answer([_summary(run) for run in mirror.runs.listed(limit=limit)])
        run = found_run(mirror, run_id)
        # one more than is shown, to know whether there are more
        page = mirror.outbox.history(run["run_id"], after=after, limit=limit + 1)
        tasks = mirror.tasks.logged_by(run["run_id"])
    return _writes_answer(_summary(run), page[:limit], tasks, more=len(page) > limit)


def found_run(mirror: SqliteMirror, run_id: str) -> dict[str, Any]:
    """The run of this name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    run = mirror.runs.find(run_id)
    if run is not None:
        return run
    from difflib import get_close_matches

    hint = "`sfsync history` lists the runs."
    near = get_close_matches(run_id, mirror.runs.ids(), n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {' or '.join(near)}?"
    raise UsageError(f"there is no run {run_id!r}", hint=hint)


def _summary(run: Mapping[str, Any]) -> dict[str, Any]:
    """One run of the history: what it did on both sides together."""
    report = run["report"] or {}
    totals: dict[str, int] = dict.fromkeys(_COUNTS, 0)
    for verb in ("pull", "push"):
        for counts in report.get(verb, {}).values():
            for name in _COUNTS:
                totals[name] += counts.get(name, 0)
    activity = report.get("activity") or {}
    totals["quarantined"] += activity.get("quarantined", 0)
    return {
        "run_id": run["run_id"],
        "command": run["command"],
        "started_at": run["started_at"],
        "finished_at": run["finished_at"],
        "status": run["status"],
        "seconds": report.get("seconds"),
        **totals,
        "tasks": activity.get("tasks", 0),
        "api_calls": report.get("api_calls"),
    }


def _runs_answer(runs: list[dict[str, Any]]) -> Answer:
    def show(console: Console) -> None:
        if not runs:
            console.print("No runs yet.")
        for run in runs:
            _show_run(console, run)

    return Answer({"runs": runs}, show)


def _show_run(console: Console, run: Mapping[str, Any]) -> None:
    from rich.text import Text

    head = f"{run['run_id']}  {run['command']}  {run['status']}"
    console.print(Text(one_line(head), style="bold"))
    cost = ""
    if run["seconds"] is not None:  # it came to its end
        cost = f", {run['seconds']:.1f} s, {run['api_calls']} API calls"
    counts = ", ".join(f"{run[name]} {name}" for name in (*_COUNTS, "tasks") if run[name])
    console.print(Text(f"  {run['started_at']}{cost}: {counts or 'nothing changed'}"))


def _writes_answer(
    run: dict[str, Any], writes: Sequence[Mapping[str, Any]], tasks: Sequence[str], *, more: bool
) -> Answer:
    next_after = writes[-1]["ref"] if more and writes else None

    def show(console: Console) -> None:
        _show_run(console, run)
        for write in writes:
            _show_write(console, write)
        if not writes:
            console.print("It wrote no record to Salesforce.")
        if tasks:
            console.print(f"It logged {counted(len(tasks), 'Task')}.")
        if next_after is not None:
            console.print(f"… and more: --after {next_after}", style="dim")

    return Answer(
        {"run": run, "writes": list(writes), "tasks": list(tasks), "next": next_after}, show
    )


def _show_write(console: Console, write: Mapping[str, Any]) -> None:
    from rich.text import Text

    from sfsync.cli.layout import cell, table

    record = f"{write['object']} {write['local_id']}  {write['salesforce_id'] or '(new)'}"
    result = f"{write['action']}: {write['state']} {write['error']}".rstrip()
    console.print(Text(one_line(f"{write['ref']}  {record}  {result}"), style="bold"))
    if not write["after"]:  # a deletion writes no field
        return
    fields = table("field", "before", "after")
    for column, value in write["after"].items():
        before = Text("-", style="dim")
        if column in write["before"]:
            before = cell(write["before"][column])
        fields.add_row(cell(column), before, cell(value))
    console.print(fields)
