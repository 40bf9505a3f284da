"""report: one HTML page for people who use no terminal. No API call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import Objects
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from sfsync.cli.shown_values import Reader
    from sfsync.config.sections import Config
    from sfsync.mirror.report_figures import Period
    from sfsync.mirror.store import SqliteMirror
    from sfsync.report.page import Piece
    from sfsync.report.periods import Steps

STDOUT = Path("-")
PAGE = Path("sfsync-report.html")
DAYS = 30
CAMPAIGNS = 10
"""So many one by one, the biggest; the rest together."""

RUNS = 20


def report(
    cli: Cli,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write the page; - for stdout. With --json nowhere, where this is not given.",
            show_default=str(PAGE),
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=36_500,
            metavar="N",
            show_default=str(DAYS),
            help="The last N days, those of UTC, today included.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="From then on, instead: 2026-01-20, 12h, 4w, yesterday."),
    ] = None,
    objects: Objects = None,
    no_people: Annotated[
        bool,
        typer.Option("--no-people", help="Leave out names, addresses and values of people."),
    ] = False,
    limit: Annotated[
        int,
        typer.Option(min=1, help="List at most so many conflicts, and so much of quarantine."),
    ] = 100,
) -> Answer:
    """Write one HTML page: runs, engagement by campaign, conflicts, quarantine, consent, API calls.

    The page loads nothing and runs nothing, follows light and dark, and prints. It names people; --no-people
    leaves them out. Asks nobody but the mirror: no API call.

    Examples:
      sfsync report
      sfsync report --days 90 --no-people --out january.html
      sfsync report --json --since yesterday
    """
    from sfsync.cli.changes import refuse_unknown
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    refuse_unknown(config, objects or ())
    if cli.as_json and out == STDOUT:
        raise UsageError(
            "--json and --out - both want stdout", hint="Name a file: --out report.html"
        )
    period = _period(days, since, tuple(objects or ()))
    with open_mirror(config) as mirror:
        data = _data(cli, config, mirror, period, limit=limit, people=not no_people)
    target = out or (None if cli.as_json else PAGE)
    if target is None:
        return Answer(data)
    _write(target, _page(config, data))
    if target == STDOUT:
        return Answer(is_written=True)
    return Answer(data | {"file": str(target)}, lambda console: _show(console, target, data))


# -- what is asked for -----------------------------------------------------------------------------
def _period(days: int | None, since: str | None, objects: tuple[str, ...]) -> Period:
    from datetime import UTC, timedelta

    from sfsync.cli.clock import local_now
    from sfsync.cli.since import parse_when
    from sfsync.mirror.report_figures import Period
    from sfsync.model.cursor import iso

    if days is not None and since is not None:
        raise UsageError("--days and --since both say where to begin", hint="Give one of them.")
    now = local_now()
    until = iso(now)
    if since is not None:
        return Period(parse_when(since, now), until, objects)
    first = (now.astimezone(UTC) - timedelta(days=(days or DAYS) - 1)).date()
    return Period(f"{first.isoformat()}T00:00:00Z", until, objects)


# -- figures ---------------------------------------------------------------------------------------
def _data(
    cli: Cli, config: Config, mirror: SqliteMirror, period: Period, *, limit: int, people: bool
) -> dict[str, Any]:
    from sfsync.cli.history import COUNTS, run_summary
    from sfsync.report.figures import api_data, engagement_data
    from sfsync.report.periods import steps

    figures = mirror.report_figures
    cut = steps(period.since[:10], period.until[:10])
    limits = config.limits
    return {
        "period": _period_data(period, cut),
        "profile": cli.profile,
        "org_id": mirror.state.pinned_org() or None,
        "people": people,
        "last_good_run": mirror.runs.last_good(),
        "engagement": engagement_data(figures.engagement(period, most=CAMPAIGNS), cut),
        "conflicts": _conflicts(mirror, period, limit, people=people),
        "quarantine": _quarantine(mirror, period, limit, people=people),
        "consent": figures.consent(period) | {"due_in_salesforce": _opt_outs_due(config, mirror)},
        "api": api_data(figures.calls_by_day(period), cut)
        | {"reserve": limits.api_reserve, "per_run": limits.api_per_run},
        "run_counts": [*COUNTS, "tasks"],
        "runs": [run_summary(run) for run in mirror.runs.listed(limit=RUNS)],
    }


def _period_data(period: Period, cut: Steps) -> dict[str, Any]:
    return {
        "since": period.since,
        "until": period.until,
        "objects": list(period.objects),
        "unit": cut.unit,
        "labels": list(cut.labels),
    }


_PERSONAL = ("person", "record", "salesforce_id", "base", "local", "remote", "value")


def _conflicts(mirror: SqliteMirror, period: Period, limit: int, *, people: bool) -> dict[str, Any]:
    numbers, is_open, total = mirror.report_figures.conflicts(period, limit=limit)
    rows = {row["id"]: row for row in mirror.conflicts.listed(ids=numbers)}
    listed = [rows[number] for number in numbers]
    if not people:
        listed = [_without(row, _PERSONAL) for row in listed]
    return {"open": is_open, "total": total, "rows": listed}


_PERSONAL_IN_QUARANTINE = ("person", "record", "salesforce_id", "event_id", "message", "payload")


def _quarantine(
    mirror: SqliteMirror, period: Period, limit: int, *, people: bool
) -> dict[str, Any]:
    from sfsync.cli.shown_values import person_line

    causes = mirror.report_figures.quarantine_causes(period)
    numbers = mirror.report_figures.quarantined(period, limit=limit)
    entries = mirror.quarantine.listed(ids=numbers, limit=limit)
    if people:
        entries = [entry | {"who": person_line(entry)} for entry in entries]
    else:
        entries = [_without(entry, _PERSONAL_IN_QUARANTINE) for entry in entries]
    return {
        "open": sum(cause["entries"] for cause in causes),
        "causes": causes,
        "entries": entries,
    }


def _without(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _opt_outs_due(config: Config, mirror: SqliteMirror) -> int:
    from sfsync.cli.status import sendable_objects
    from sfsync.planning.consent import sent_opt_outs

    sent = sent_opt_outs(config.mapping, sendable_objects(config, mirror))
    return mirror.consent.due(sent).count


# -- the page --------------------------------------------------------------------------------------
def _page(config: Config, data: Mapping[str, Any]) -> str:
    from sfsync.cli.shown_values import Reader, time_here
    from sfsync.cli.text import visible
    from sfsync.report.page import page

    reader = Reader(config.mapping.objects)
    return page(
        data,
        conflicts=[_shown_conflict(row, reader, data) for row in data["conflicts"]["rows"]],
        harmless=visible,
        time_here=time_here,
    )


def _shown_conflict(
    row: Mapping[str, Any], reader: Reader, data: Mapping[str, Any]
) -> dict[str, Any]:
    from sfsync.cli.conflicts import outcome
    from sfsync.cli.shown_values import person_line

    return {
        "number": row["id"],
        "title": person_line(row) if data["people"] else row["object"],
        "field": row["field"],
        "values": list(_shown_values(row, reader)) if data["people"] else [],
        "outcome": outcome(row),
        "found": row["found_at"],
    }


def _shown_values(row: Mapping[str, Any], reader: Reader) -> Iterator[tuple[str, list[Piece]]]:
    from sfsync.cli.shown_values import marked

    here, before, there = (
        reader.shown(row["object"], row["field"], row[side]) for side in ("local", "base", "remote")
    )
    yield "here", _pieces(marked(here, there)[0])
    yield "before", _pieces(before)
    yield "Salesforce", _pieces(marked(there, here)[0])


def _pieces(text: Text) -> list[Piece]:
    """The text, cut where what differs begins and ends."""
    spans = [(span.start, span.end) for span in text.spans if span.start < span.end]
    start, end = spans[0] if spans else (0, 0)
    pieces = [
        (text.plain[:start], False),
        (text.plain[start:end], True),
        (text.plain[end:], False),
    ]
    return [piece for piece in pieces if piece[0]]


def _write(target: Path, text: str) -> None:
    content = text.encode(errors="backslashreplace")
    if target == STDOUT:
        import sys

        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    from sfsync.cli.output_file import output_file

    with output_file(target) as file:
        file.write(content)


def _show(console: Console, target: Path, data: Mapping[str, Any]) -> None:
    from sfsync.cli.text import one_line

    campaigns = counted(data["engagement"]["campaign_count"], "campaign")
    first, last = data["period"]["since"][:10], data["period"]["until"][:10]
    people = (
        "it names people: keep it as you keep the mirror" if data["people"] else "without people"
    )
    console.print(
        one_line(f"{target}: {first} to {last}, {campaigns}; {people}"),
        soft_wrap=True,
        markup=False,
    )
