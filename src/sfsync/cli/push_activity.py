"""push-activity: email events become Tasks, counters and flags."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, SkipIfLocked
from sfsync.cli.run_report import run_verb
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from sfsync.cli.wiring import Session
    from sfsync.intake.lines import BadLine
    from sfsync.model.event import EmailEvent


def push_activity(
    cli: Cli,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|-]", help="Events as JSON lines or CSV; - is standard input."
        ),
    ] = None,
    *,
    type_: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="One event: email_sent, email_opened, …"),
    ] = None,
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="One event: whose.")] = None,
    campaign: Annotated[
        str | None, typer.Option(metavar="NAME", help="One event: the campaign's name.")
    ] = None,
    campaign_id: Annotated[
        str | None, typer.Option(metavar="ID", help="One event: the campaign's id.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="WHEN", help="One event: when; now if not given.")
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="One event: its id. The same id is the same event, for ever."
        ),
    ] = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Turn email events into completed Tasks, counters and flags; each event once, for ever.

    Without FILE and flags it sends what is queued. Lines that cannot be read go to quarantine.

    Examples:
      sfsync push-activity events.jsonl
      cat events.csv | sfsync push-activity -
      sfsync push-activity --type email_replied --email ada@example.com
    """
    from sfsync.engine.push_activity import keep
    from sfsync.engine.push_activity import push_activity as run_push_activity

    flags = {
        "type": type_,
        "email": email,
        "campaign_name": campaign,
        "campaign_id": campaign_id,
        "at": at,
        "id": event_id,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    if file is not None and given:
        raise UsageError("give a FILE or one event by flags, not both")
    source, events = _events(file, given)

    def verb(session: Session) -> None:
        if events is not None:
            keep(session.run, _readable(session, events, source), source=source)
        run_push_activity(session.run)

    return run_verb(
        cli,
        verb,
        dry_run=dry_run,
        allow_mass_change=allow_mass_change,
        skip_if_locked=skip_if_locked,
    )


def _events(
    file: Path | None, flags: dict[str, str]
) -> tuple[str, Iterator[EmailEvent | BadLine] | None]:
    """Where events come from, and the events; ``None`` where none are handed in."""
    from sfsync.cli.clock import now
    from sfsync.intake.files import read_events

    if file is None and not flags:
        return "", None
    if file is None:
        return "flags", iter([_event_from_flags(flags)])
    if str(file) == "-":
        return "stdin", read_events(sys.stdin.buffer, now=now())
    return file.name, read_events(file, now=now())


def _event_from_flags(flags: dict[str, str]) -> EmailEvent:
    from sfsync.cli.clock import local_now, now
    from sfsync.cli.since import parse_when
    from sfsync.intake.event_values import BadValueError, event_from

    if "type" not in flags or "email" not in flags:
        raise UsageError("one event needs --type and --email")
    latest = now()
    values = {name: value for name, value in flags.items() if name != "at"}
    values["timestamp"] = latest
    if flags.get("at"):
        values["timestamp"] = parse_when(flags["at"], local_now())
    try:
        return event_from(values, latest=latest)
    except BadValueError as error:
        raise UsageError(f"--{error.column or 'type'}: {error.reason}") from error


def _readable(
    session: Session, events: Iterator[EmailEvent | BadLine], source: str
) -> Iterator[EmailEvent]:
    """The events. A line that cannot be read goes to quarantine with its number."""
    from sfsync.model.event import EmailEvent
    from sfsync.model.outcome import ActivityReport

    report = session.run.report
    report.activity = report.activity or ActivityReport()
    for event in events:
        if isinstance(event, EmailEvent):
            yield event
            continue
        report.activity.quarantined += 1
        if not report.dry_run:
            session.mirror.quarantine.put(
                kind="input",
                code="UNREADABLE_LINE",
                message=f"{source}, {event}",
                hint="Correct the line and hand the file in again:"
                " events that are known are not counted twice.",
                payload=event.raw,
            )
