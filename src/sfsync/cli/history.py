"""history: past runs, and what one of them wrote, record by record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted
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

    with open_mirror(cli, configuration(cli)) as mirror:
        if run_id is None:
            return _runs([_summary(run) for run in mirror.runs.listed(limit=limit)])
        run = found_run(mirror, run_id)
        page = mirror.outbox.history(run["run_id"], after=after, limit=limit + 1)
        tasks = mirror.tasks.logged_by(run["run_id"])
    return _writes(_summary(run), page[:limit], tasks, more=len(page) > limit)


def found_run(mirror: SqliteMirror, run_id: str) -> dict[str, Any]:
    """The run of this name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    run = mirror.runs.find(run_id)
    if run is not None:
        return run
    from difflib import get_close_matches

    near = get_close_matches(run_id, mirror.runs.ids(), n=3, cutoff=0.6)
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

        from sfsync.cli.text import one_line

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

        from sfsync.cli.layout import cell, table
        from sfsync.cli.text import one_line

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
