"""Run a verb, and its report as an answer: counts per object, events, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted
from sfsync.errors import MirrorBusy

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from sfsync.cli.wiring import Session
    from sfsync.model.consent import Due
    from sfsync.model.outcome import ActivityReport, ObjectReport, RunReport


def run_verb(
    cli: Cli,
    verb: Callable[[Session], object],
    *,
    dry_run: bool,
    allow_mass_change: bool,
    skip_if_locked: bool,
) -> Answer:
    """Run a verb under the mirror's lock and answer with its report.

    Raises:
        MirrorBusy: another run holds the lock. With ``skip_if_locked`` that is an answer with exit
            code 0 instead: the next run of a schedule does the work.
    """
    from sfsync.cli.wiring import working

    try:
        with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
            verb(session)
    except MirrorBusy as busy:
        if not skip_if_locked:
            raise
        return Answer({"skipped": True}, warnings=(busy.message,))
    return report_answer(session.run.report)


def report_answer(report: RunReport) -> Answer:
    """A finished run as an answer: exit code 3 where something went to quarantine, or an opt-out is due."""
    exit_code = 0
    warnings = list(report.warnings)
    if report.quarantined:
        exit_code = PARTIAL
        warnings.append(f"{report.quarantined} in quarantine: see `sfsync quarantine`")
    if report.consent_due.count:
        exit_code = PARTIAL
        warnings.append(due_sentence(report.consent_due))
    return Answer(
        report.as_dict(),
        lambda console: show_report(console, report),
        exit_code=exit_code,
        run_id=report.run_id,
        warnings=tuple(warnings),
    )


def due_sentence(due: Due) -> str:
    """That people who opted out are still mailable in Salesforce, and what to do."""
    named = ", ".join(due.first) + (", …" if due.count > len(due.first) else "")
    return (
        f"{counted(due.count, 'record')} of people who opted out may still be mailed by Salesforce: {named}."
        " Every run tries again; what stands against it: `sfsync quarantine`, `sfsync org check`"
    )


def show_report(console: Console, report: RunReport) -> None:
    """Print what a run did: a line per verb and object with counts, events, then the cost."""
    from sfsync.cli.layout import COUNTS, table

    counts_table = table("", *COUNTS)
    for verb, reports in (("pull", report.pull), ("push", report.push)):
        for name, counts in reports.items():
            if any(counts.as_dict().values()):
                counts_table.add_row(f"{verb} {name}", *_figures(counts))
    if counts_table.row_count:
        console.print(counts_table)
    if report.activity is not None and any(report.activity.as_dict().values()):
        console.print(_activity_line(report.activity))
    elif not counts_table.row_count:
        console.print("Nothing to do: both sides are as they should be.")
    console.print(_cost_line(report), style="dim")


def _figures(counts: ObjectReport) -> list[Text]:
    from rich.text import Text

    from sfsync.cli.layout import COUNTS

    numbers = counts.as_dict()
    return [Text(str(numbers[name]), style="" if numbers[name] else "dim") for name in COUNTS]


def _activity_line(activity: ActivityReport) -> str:
    line = (
        f"activity: {activity.events} new events, {activity.tasks} tasks,"
        f" {activity.duplicates} duplicates, {activity.quarantined} quarantined"
    )
    if activity.waiting:
        line += f", {activity.waiting} waiting"
    return line


def _cost_line(report: RunReport) -> str:
    line = f"{report.api_calls} API calls"
    transports = sorted(set(report.transport.values()))
    if transports:
        line += f" by {', '.join(transports)}"
    line += f", {report.bytes_in / 1024:,.0f} KB, {report.seconds:.1f} s"
    if report.dry_run:
        line += " (dry run: nothing was written)"
    return line
