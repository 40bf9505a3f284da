"""push-activity: email events become Tasks, counters and flags."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.arrivals import LINES_PER_ENTRY, hand_in, open_inbox
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, MassChange, SkipIfLocked
from sfsync.cli.run_report import run_verb
from sfsync.cli.text import counted
from sfsync.errors import SfsyncError, UsageError

if TYPE_CHECKING:
    from sfsync.cli.wiring import Session
    from sfsync.config.sections import Config
    from sfsync.model.arrival import Arrival
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
        typer.Option(
            "--type",
            metavar="TYPE",
            help="One event: email_sent, email_opened, …",
            autocompletion=completion.event_types,
        ),
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
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="FILE holds what this email service sends, as it sends it.",
            autocompletion=completion.sources,
        ),
    ] = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Turn email events into completed Tasks, counters and flags; each event once, for ever.

    Without FILE and flags it sends what is queued. Lines that cannot be read go to quarantine. What is handed in while
    another run is under way is kept, and the next run takes it in.

    Examples:
      sfsync push-activity events.jsonl
      cat events.csv | sfsync push-activity -
      sfsync push-activity --type email_replied --email ada@example.com
      sfsync push-activity --from sendgrid dump.json
    """
    from sfsync.cli.wiring import configuration
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
    if from_ is not None and file is None:
        raise UsageError("--from says what FILE holds, and there is no FILE")
    config = configuration(cli)
    arrivals = _arrivals(file, given, from_)
    kept = 0 if dry_run else hand_in(config, arrivals)

    def verb(session: Session) -> None:
        if dry_run:
            session.run.arrivals = partial(chain, session.run.arrivals(), arrivals)
        run_push_activity(session.run)

    try:
        answer = run_verb(
            cli,
            verb,
            dry_run=dry_run,
            allow_mass_change=allow_mass_change,
            skip_if_locked=skip_if_locked,
            config=config,
        )
    except SfsyncError as error:
        if kept and _were_not_taken(config):
            error.message += f". {_kept(kept)}"
        raise
    if not answer.data.get("skipped"):
        return answer
    warnings = (*answer.warnings, _kept(kept)) if kept else answer.warnings
    return replace(answer, data={**answer.data, "kept": kept}, warnings=warnings)


def _were_not_taken(config: Config) -> bool:
    with open_inbox(config) as inbox:
        return inbox.state().waiting > 0


def _kept(count: int) -> str:
    verb, they = ("is", "it") if count == 1 else ("are", "them")
    return f"{counted(count, 'event')} {verb} kept in the inbox, and the next run takes {they} in"


def _arrivals(file: Path | None, flags: dict[str, str], service: str | None) -> Iterator[Arrival]:
    """What is handed in, some lines at a time; nothing where nothing is."""
    from sfsync.cli.clock import now
    from sfsync.engine.run import batched
    from sfsync.intake.event_files import read_events
    from sfsync.intake.packed_lines import arrival_of
    from sfsync.model.arrival import Arrival

    if flags:
        return iter([Arrival("flags", [_event_from_flags(flags)], [0])])
    if file is None:
        return iter(())
    source, origin = (sys.stdin.buffer, "stdin") if str(file) == "-" else (file, file.name)
    if service is not None:
        return _of_service(source, origin, service)
    events = read_events(source, now=now(), refuse_foreign=True)
    return (arrival_of(batch, origin) for batch in batched(events, LINES_PER_ENTRY))


def _of_service(source: Path | BinaryIO, origin: str, service: str) -> Iterator[Arrival]:
    """What an email service sends.

    Raises:
        UsageError: nobody knows the service.
    """
    from sfsync.cli.clock import now
    from sfsync.document.problems import suggestion
    from sfsync.engine.run import batched
    from sfsync.intake.service_files import arrival_of_items, read_service
    from sfsync.intake.sources.registry import NAMES, SOURCES

    if service not in NAMES:
        raise UsageError(
            f"--from {service}: no such service{suggestion(service, NAMES)}",
            hint=f"There are: {', '.join(NAMES)}.",
        )
    items = read_service(source, SOURCES[service], now=now(), refuse_foreign=True)
    return (arrival_of_items(batch, origin) for batch in batched(items, LINES_PER_ENTRY))


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
