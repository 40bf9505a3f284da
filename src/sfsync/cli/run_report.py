"""Run a verb, and its report as an answer: counts per object, events, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfsync.cli.answer import FAILED, PARTIAL, Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted
from sfsync.errors import MirrorBusy

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from sfsync.cli.wiring import Session
    from sfsync.config.sections import Config
    from sfsync.model.consent import Due
    from sfsync.model.outcome import ActivityReport, ObjectReport, RunReport


def run_verb(
    cli: Cli,
    verb: Callable[[Session], object],
    *,
    dry_run: bool,
    allow_mass_change: bool,
    skip_if_locked: bool,
    config: Config | None = None,
) -> Answer:
    """Run a verb under the mirror's lock and answer with its report.

    Args:
        config: the configuration, where it has been read already.

    Raises:
        MirrorBusy: another run holds the lock. With ``skip_if_locked`` that is an answer with exit
            code 0 instead: the next run of a schedule does the work.
    """
    from sfsync.cli.wiring import working

    try:
        with working(
            cli, dry_run=dry_run, allow_mass_change=allow_mass_change, config=config
        ) as session:
            verb(session)
    except MirrorBusy as busy:
        if not skip_if_locked:
            raise
        return Answer({"skipped": True}, warnings=(busy.message,))
    return report_answer(session.run.report)


def report_answer(report: RunReport) -> Answer:
    """A finished run as an answer: its exit code, and what a person has to know of it."""
    shortfalls = tuple(_shortfalls(report))
    return Answer(
        report.as_dict(),
        lambda console: show_report(console, report),
        exit_code=exit_code_of(report),
        run_id=report.run_id,
        warnings=(*report.warnings, *shortfalls),
        errors=_errors(report, shortfalls),
        reason="; ".join(shortfalls),
    )


def exit_code_of(report: RunReport) -> int:
    """0; 3 where it was done in part; 1 where not one of its writes was done."""
    from sfsync.model.outcome import GOOD_RUN, PARTIAL_RUN

    return {GOOD_RUN: 0, PARTIAL_RUN: PARTIAL}.get(report.ending, FAILED)


def _errors(report: RunReport, shortfalls: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
    """The failure that a run amounts to, as the JSON document tells it."""
    if exit_code_of(report) != FAILED:
        return ()
    message = "; ".join(shortfalls)
    return ({"slug": report.ending, "message": message, "hint": "sfsync status", "problems": []},)


def _shortfalls(report: RunReport) -> Iterator[str]:
    """What keeps the sides apart once the run is over, a sentence each, with what shows more."""
    if report.activity is not None and report.dry_run:
        yield from map(str, report.activity.unreadable)
    if report.unanswered:
        yield (
            f"{_of_the_writes(report.unanswered, report)} had no answer; the next run asks what"
            " became of them before it repeats any: `sfsync status`"
        )
    if report.postponed:
        yield (
            f"{_of_the_writes(report.postponed, report)} could not be done now; the next run tries"
            " again: `sfsync status`"
        )
    if report.quarantined or report.quarantine_open:
        yield _quarantine_sentence(report.quarantined, report.quarantine_open)
    if report.consent_due.count:
        yield due_sentence(report.consent_due)


def _of_the_writes(some: int, report: RunReport) -> str:
    return f"{some} of {counted(report.answered + report.unanswered + report.postponed, 'write')}"


def _quarantine_sentence(new: int, total: int) -> str:
    """How much is in quarantine, and how much of it is new; a dry run puts nothing there.

    >>> _quarantine_sentence(2, 5)
    '5 in quarantine, 2 of them new: see `sfsync quarantine`'
    >>> _quarantine_sentence(2, 2)
    '2 in quarantine: see `sfsync quarantine`'
    """
    if new and total > new:
        return f"{total} in quarantine, {new} of them new: see `sfsync quarantine`"
    return f"{new or total} in quarantine: see `sfsync quarantine`"


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
    if report.activity is not None and any(report.activity.counts.values()):
        console.print(_activity_line(report.activity))
    elif not counts_table.row_count:
        console.print(_idle_sentence(report))
    console.print(_cost_line(report), style="dim")


def _idle_sentence(report: RunReport) -> str:
    """What a run says that found nothing to do: all is well only where nothing is held back."""
    if report.quarantine_open or report.unanswered or report.postponed or report.consent_due.count:
        return "Nothing new to do; what is held back stays so, see below."
    return "Nothing to do: both sides are as they should be."


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
    if activity.held:
        line += f" ({activity.held} of them for their campaign's name)"
    if activity.skipped:
        line += f", {activity.skipped} skipped (they say nothing of a person)"
    if activity.contacts:
        line += f", {activity.contacts} people of the email platform"
    if activity.left_out:
        line += f", {activity.left_out} left out (machines')"
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
