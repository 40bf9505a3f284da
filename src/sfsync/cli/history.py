"""history: past runs, and what one of them wrote, record by record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted, one_line
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.shown_values import Reader
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.mapping import ObjectMap


COUNTS = ("created", "updated", "deleted", "conflicts", "quarantined")


def history(
    cli: Cli,
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="This run's writes, record by record: its id, its beginning, or `last`.",
            autocompletion=completion.runs,
        ),
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
      sfsync history last
      sfsync history 20260120T100000Z-1a2b3c --limit 100
    """
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        if run_id is None:
            return _runs_answer([run_summary(run) for run in mirror.runs.listed(limit=limit)])
        run = found_run(mirror, run_id)
        # one more than is shown, to know whether there are more
        page = mirror.outbox.history(run["run_id"], after=after, limit=limit + 1)
        tasks = mirror.tasks.logged_by(run["run_id"])
    objects = config.mapping.objects
    return _writes_answer(run_summary(run), page[:limit], tasks, objects, more=len(page) > limit)


LAST = "last"
"""Stands for the latest run that wrote to Salesforce."""


def found_run(mirror: SqliteMirror, run_id: str) -> dict[str, Any]:
    """The run of this name, of this beginning of a name, or the last one that wrote to Salesforce.

    Raises:
        UsageError: there is none, or there are several; names the nearest.
    """
    if run_id == LAST:
        run_id = mirror.runs.last_that_wrote()
        if not run_id:
            raise UsageError("no run has written to Salesforce yet", hint=_LIST_HINT)
    run = mirror.runs.find(run_id)
    if run is not None:
        return run
    known = mirror.runs.ids()
    begin_so = [each for each in known if each.startswith(run_id)] if run_id else []
    if len(begin_so) == 1:
        return found_run(mirror, begin_so[0])
    if begin_so:
        several = f"{', '.join(begin_so[:3])}{' and more' if len(begin_so) > 3 else ''}"
        raise UsageError(f"{counted(len(begin_so), 'run')} begin with {run_id}", hint=several)
    from difflib import get_close_matches

    hint = _LIST_HINT
    near = get_close_matches(run_id, known, n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {' or '.join(near)}?"
    raise UsageError(f"there is no run {run_id!r}", hint=hint)


_LIST_HINT = "`sfsync history` lists the runs."


def run_summary(run: Mapping[str, Any]) -> dict[str, Any]:
    """One run of the history: what it did on both sides together."""
    report = run["report"] or {}
    totals: dict[str, int] = dict.fromkeys(COUNTS, 0)
    for verb in ("pull", "push"):
        for counts in report.get(verb, {}).values():
            for name in COUNTS:
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
    counts = ", ".join(f"{run[name]} {name}" for name in (*COUNTS, "tasks") if run[name])
    console.print(Text(f"  {run['started_at']}{cost}: {counts or 'nothing changed'}"))


def _writes_answer(
    run: dict[str, Any],
    writes: Sequence[Mapping[str, Any]],
    tasks: Sequence[str],
    objects: Mapping[str, ObjectMap],
    *,
    more: bool,
) -> Answer:
    next_after = writes[-1]["ref"] if more and writes else None

    def show(console: Console) -> None:
        from sfsync.cli.shown_values import Reader

        _show_run(console, run)
        for write in writes:
            _show_write(console, write, Reader(objects))
        if not writes:
            console.print("It wrote no record to Salesforce.")
        if tasks:
            console.print(f"It logged {counted(len(tasks), 'Task')}.")
        if next_after is not None:
            console.print(f"… and more: --after {next_after}", style="dim")

    return Answer(
        {"run": run, "writes": list(writes), "tasks": list(tasks), "next": next_after}, show
    )


def _show_write(console: Console, write: Mapping[str, Any], reader: Reader) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import stacked
    from sfsync.model.record import MISSING

    record = f"{write['object']} {write['local_id']}  {write['salesforce_id'] or '(new)'}"
    result = f"{write['action']}: {write['state']} {write['error']}".rstrip()
    console.print(Text(one_line(f"{write['ref']}  {record}  {result}"), style="bold"))
    grid = stacked()
    for column, value in write["after"].items():  # a deletion writes no field
        before = write["before"].get(column, MISSING)
        change = reader.change(write["object"], column, before, value)
        if write["action"] == "create":
            change = reader.shown(write["object"], column, value)
        grid.add_row("", one_line(column), "", change)
    console.print(grid)
