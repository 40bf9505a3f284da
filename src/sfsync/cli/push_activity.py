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
from sfsync.cli.run_report import reported, unless_locked
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
    from sfsync.cli.wiring import working
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
    events = _events(file, {name: value for name, value in flags.items() if value is not None})
    with unless_locked(skip=skip_if_locked) as answers:
        with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
            if events is not None:
                source = "flags" if file is None else "stdin" if str(file) == "-" else file.name
                keep(session.run, _good(session, events, source), source=source)
            run_push_activity(session.run)
        answers.append(reported(session))
    return answers[0]


def _events(file: Path | None, flags: dict[str, str]) -> Iterator[EmailEvent | BadLine] | None:
    from sfsync.cli.clock import local_now, now
    from sfsync.cli.since import parse_when
    from sfsync.intake.files import BadValueError, event_from, read_events

    if file is not None and flags:
        raise UsageError("give a FILE or one event by flags, not both")
    if file is not None:
        return read_events(sys.stdin.buffer if str(file) == "-" else file, now=now())
    if not flags:
        return None
    if "type" not in flags or "email" not in flags:
        raise UsageError("one event needs --type and --email")
    at = flags.pop("at", None)
    moment = now()
    flags["timestamp"] = parse_when(at, local_now()) if at else moment
    try:
        return iter([event_from(flags, latest=moment)])
    except BadValueError as error:
        raise UsageError(f"--{error.column or 'type'}: {error.reason}") from error


def _good(
    session: Session, events: Iterator[EmailEvent | BadLine], source: str
) -> Iterator[EmailEvent]:
    """The events; what cannot be read goes to quarantine with its place."""
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
                hint="Correct the line and hand the file in again: events that are known are not counted twice.",
                payload=event.raw,
            )
