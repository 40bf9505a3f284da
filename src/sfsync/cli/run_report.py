"""A finished run as an answer, and what a run does where another one holds the lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from sfsync.cli.answer import PARTIAL, Answer
from sfsync.errors import MirrorBusy
from sfsync.model.outcome import ObjectReport, RunReport

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.wiring import Session


@contextmanager
def unless_locked(*, skip: bool) -> Iterator[list[Answer]]:
    """Collect a polite answer where another run holds the lock and the caller does not mind."""
    answers: list[Answer] = []
    try:
        yield answers
    except MirrorBusy as busy:
        if not skip:
            raise
        answers.append(Answer({"skipped": True}, warnings=(busy.message,)))


def reported(session: Session) -> Answer:
    """A finished run as an answer: exit code 3 where something went to quarantine."""
    report = session.run.report
    return Answer(
        report.as_dict(),
        lambda console: show_report(console, report),
        exit_code=PARTIAL if report.quarantined else 0,
        run_id=report.run_id,
        warnings=tuple(report.warnings)
        + (
            (f"{report.quarantined} in quarantine: see `sfsync quarantine`",)
            if report.quarantined
            else ()
        ),
    )


def show_report(console: Console, report: RunReport) -> None:
    """What a run did: a line per verb and object that moved, events, then the cost."""
    from sfsync.cli.layout import COUNTS, table

    made = table("", *COUNTS)
    for verb, reports in (("pull", report.pull), ("push", report.push)):
        for name, counts in reports.items():
            if any(counts.as_dict().values()):
                made.add_row(f"{verb} {name}", *_figures(counts))
    if made.row_count:
        console.print(made)
    activity = report.activity
    if activity is not None and any(activity.as_dict().values()):
        console.print(
            f"activity: {activity.events} new events, {activity.tasks} tasks, {activity.duplicates} duplicates,"
            f" {activity.quarantined} quarantined"
            + (f", {activity.waiting} waiting" if activity.waiting else "")
        )
    elif not made.row_count:
        console.print("Nothing to do: both sides are as they should be.")
    how = sorted(set(report.transport.values()))
    console.print(
        f"{report.api_calls} API calls{' by ' + ', '.join(how) if how else ''},"
        f" {report.bytes_in / 1024:,.0f} KB, {report.seconds:.1f} s"
        + (" (dry run: nothing was written)" if report.dry_run else ""),
        style="dim",
    )


def _figures(counts: ObjectReport) -> list[Text]:
    from rich.text import Text

    from sfsync.cli.layout import COUNTS

    numbers = counts.as_dict()
    return [Text(str(numbers[name]), style="" if numbers[name] else "dim") for name in COUNTS]
