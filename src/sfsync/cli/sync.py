"""pull, push, push-activity, sync, diff: the verbs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.errors import InputError, MirrorBusy, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.wiring import Session
    from sfsync.engine.apply import Applied
    from sfsync.intake.lines import BadLine
    from sfsync.model.event import EmailEvent
    from sfsync.planning.planfile import Header, Planned

PANEL = "Sync"
PARTIAL = 3

Objects = Annotated[
    list[str] | None,
    typer.Option(
        "--object", metavar="NAME", help="Only this object (contact, lead); may be repeated."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done and stop.")]
MassChange = Annotated[
    bool,
    typer.Option(
        "--allow-mass-change",
        help="Let this run delete, blank or change more than the limits allow.",
    ),
]
SkipIfLocked = Annotated[
    bool, typer.Option("--skip-if-locked", help="Exit 0 where another run is at work: for cron.")
]


@contextmanager
def _unless_locked(*, skip: bool) -> Iterator[list[Answer]]:
    """Collect a polite answer where another run holds the lock and the caller does not mind."""
    answers: list[Answer] = []
    try:
        yield answers
    except MirrorBusy as busy:
        if not skip:
            raise
        answers.append(Answer({"skipped": True}, warnings=(busy.message,)))


def counted(number: int, noun: str) -> str:
    """``1 write``, ``2 writes``, ``3 entries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def reported(session: Session) -> Answer:
    """A finished run as an answer: exit code 3 where something went to quarantine."""
    from sfsync.cli.render import show_report

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


def pull(
    cli: Cli,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="From this time instead of the watermark: 2026-01-20, 7d, 12h, yesterday.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything, and look for records that are gone.")
    ] = False,
    objects: Objects = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Bring what changed in Salesforce into the mirror.

    Without --since it goes on from where the last pull got to, and reads a little before that
    again, so that records committed late are not missed.

    Examples:
      sfsync pull
      sfsync pull --since 7d --object contact
      sfsync pull --full --dry-run
    """
    from sfsync.cli.when import parse_when
    from sfsync.cli.wiring import local_now, working
    from sfsync.engine.pull import pull as run_pull

    if since and full:
        raise UsageError("--since and --full do not go together")
    start = parse_when(since, local_now()) if since else None
    with _unless_locked(skip=skip_if_locked) as answers:
        with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
            run_pull(session.run, objects or (), since=start, full=full)
        answers.append(reported(session))
    return answers[0]


def push(
    cli: Cli,
    *,
    objects: Objects = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Send what was edited in the mirror to Salesforce: the changed fields, nothing else.

    Examples:
      sfsync push --dry-run
      sfsync push --object contact
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.push import push as run_push

    with _unless_locked(skip=skip_if_locked) as answers:
        with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
            run_push(session.run, objects or ())
        answers.append(reported(session))
    return answers[0]


def sync(
    cli: Cli,
    *,
    objects: Objects = None,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Pull, then push, then log the activity that is queued: the line for cron.

    Examples:
      sfsync sync
      sfsync sync --skip-if-locked --quiet
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.sync import sync as run_sync

    with _unless_locked(skip=skip_if_locked) as answers:
        with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
            run_sync(session.run, objects or ())
        answers.append(reported(session))
    return answers[0]


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
    with _unless_locked(skip=skip_if_locked) as answers:
        with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
            if events is not None:
                source = "flags" if file is None else "stdin" if str(file) == "-" else file.name
                keep(session.run, _good(session, events, source), source=source)
            run_push_activity(session.run)
        answers.append(reported(session))
    return answers[0]


def _events(file: Path | None, flags: dict[str, str]) -> Iterator[EmailEvent | BadLine] | None:
    from sfsync.cli.when import parse_when
    from sfsync.cli.wiring import local_now, now
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
            session.mirror.quarantine(
                kind="input",
                code="UNREADABLE_LINE",
                message=f"{source}, {event}",
                hint="Correct the line and hand the file in again: events that are known are not counted twice.",
                payload=event.raw,
            )


def diff(
    cli: Cli,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Only these rows: local or Salesforce ids."),
    ] = None,
    *,
    objects: Objects = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many records.")] = 100,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 where anything differs.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Keep the whole plan, for `sfsync apply`."),
    ] = None,
) -> Answer:
    """Show, field by field, what a sync would change: local, base, remote, who wins, and by which rule.

    Then what applying it would cost in API calls and storage. Nothing is written on either side.

    Examples:
      sfsync diff
      sfsync diff --out plan.json
      sfsync diff --object contact 42
      sfsync diff --exit-code --quiet
    """
    from sfsync.cli.render import plan_document, show_plans
    from sfsync.cli.wiring import working
    from sfsync.engine.diff import Cost, differences

    cost = Cost()
    with working(cli, lock=False, dry_run=True) as session:
        planned = differences(session.run, objects or (), ids=ids or (), cost=cost)
        with nullcontext(planned) if out is None else kept_in(out, session, planned) as kept:
            shown = [plan for _, plan in islice(kept, limit)]
            more = sum(1 for _ in kept)
    report = session.run.report
    data: dict[str, Any] = {
        "records": [plan_document(plan) for plan in shown],
        "not_shown": more,
        "cost": {name: getattr(cost, name) for name in cost.__slots__},
        "api_calls": report.api_calls,
    } | ({"plan": str(out)} if out else {})

    def show(console: Console) -> None:
        if out:
            console.print(f"The plan is kept in {out}: sfsync apply {out}", soft_wrap=True)
        if not show_plans(console, shown):
            console.print("No differences.")
        if more:
            console.print(f"… and {more} more; see --limit.", style="dim")
        console.print(
            f"To apply: {counted(cost.mirror_writes, 'row')} here, {counted(cost.org_writes, 'write')} to Salesforce"
            f" ({cost.tasks} of them Tasks), {counted(cost.api_calls, 'API call')}, {cost.storage_bytes / 1024:,.0f} KB of storage there.",
            style="dim",
        )

    differs = bool(shown)
    return Answer(
        data, show, exit_code=int(differs and exit_code), run_id=report.run_id,
        warnings=tuple(report.warnings), outcome="different" if differs else "ok",
    )  # fmt: skip


@contextmanager
def kept_in(
    path: Path, session: Session, planned: Iterator[Planned]
) -> Iterator[Iterator[Planned]]:
    """The same, and each one written into a file on its way; the file is there when all of them are in it."""
    from sfsync.cli.wiring import now
    from sfsync.planning.planfile import Header, lines

    mirror, mapping = session.mirror, session.config.mapping
    header = Header(session.org_id, mirror.key, mapping.fingerprint, now())
    passed: list[Planned] = []
    part = path.with_name(f"{path.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123
            os.fchmod(file.fileno(), 0o600)

            def told() -> Iterator[Planned]:
                for line in lines(header, _noting(planned, passed)):
                    file.write(line)
                    yield from passed
                    passed.clear()

            kept = told()
            yield kept
            for _ in kept:
                pass
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _noting(planned: Iterator[Planned], passed: list[Planned]) -> Iterator[Planned]:
    for each in planned:
        passed.append(each)
        yield each


def apply(
    cli: Cli,
    plan: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `sfsync diff --out FILE` wrote.")
    ],
    *,
    dry_run: DryRun = False,
    allow_mass_change: MassChange = False,
    skip_if_locked: SkipIfLocked = False,
) -> Answer:
    """Do what a kept plan says and nothing else.

    A record that moved since, on either side, is left and told, field by field: exit code 3.
    Applying a plan twice writes nothing the second time.

    Examples:
      sfsync diff --out plan.json
      sfsync apply plan.json --dry-run
      sfsync apply plan.json
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.apply import apply as run_apply
    from sfsync.planning.planfile import header_of, records

    with _plan_file(plan) as file:
        header = header_of(file.readline(), str(plan))
        with _unless_locked(skip=skip_if_locked) as answers:
            with working(cli, dry_run=dry_run, allow_mass_change=allow_mass_change) as session:
                _refuse_other(header, session, plan)
                applied = run_apply(session.run, lambda: records(_from_the_start(file), str(plan)))
            answers.append(_applied(session, applied))
    return answers[0]


@contextmanager
def _plan_file(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8") as file:
            yield file
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: this is no plan of sfsync's", hint="Make it with `sfsync diff --out`."
        ) from None
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file", hint="Make it with `sfsync diff --out`."
        ) from None
    except IsADirectoryError:
        raise InputError(
            f"{path} is a folder", hint="Name the file that `sfsync diff --out` wrote."
        ) from None


def _from_the_start(file: TextIO) -> TextIO:
    file.seek(0)
    return file


def _refuse_other(header: Header, session: Session, path: Path) -> None:
    """Stop where the plan was made for something else.

    Raises:
        InputError: another org, another mirror, or another mapping.
    """
    for what, meant, here in (
        ("org", header.org_id, session.org_id),
        ("mirror", header.mirror, session.mirror.key),
        ("mapping", header.mapping, session.config.mapping.fingerprint),
    ):
        if meant != here:
            raise InputError(
                f"{path}: the plan was made for another {what} ({meant}; here it is {here})",
                hint="Make it anew with `sfsync diff --out`.",
            )


def _applied(session: Session, applied: Applied) -> Answer:
    from dataclasses import asdict

    answer = reported(session)
    data = {**answer.data, "plan": asdict(applied)}

    def show(console: Console) -> None:
        from sfsync.cli.render import cell, table

        made = table("left as it is", "side", "what", "was", "now")
        for each in applied.fields:
            who = each.salesforce_id or f"{each.object} {each.local_id}"
            made.add_row(
                cell(who, width=18),
                each.side,
                cell(each.what, width=14),
                cell(each.was, width=15),
                cell(each.now, width=15),
            )
        if applied.fields:
            console.print(made)
        if applied.done:
            console.print(
                f"{counted(applied.done, 'record')} of the plan are as it wants them already."
            )
        answer.show(console)

    told = (
        (f"{counted(applied.moved, 'record')} moved since the plan was made, and left",)
        if applied.moved
        else ()
    )
    return Answer(
        data, show, exit_code=PARTIAL if applied.moved else answer.exit_code, run_id=answer.run_id,
        warnings=(*answer.warnings, *told),
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "sync", panel=PANEL)(sync)
    command(app, "pull", panel=PANEL)(pull)
    command(app, "push", panel=PANEL)(push)
    command(app, "push-activity", panel=PANEL)(push_activity)
    command(app, "diff", panel=PANEL)(diff)
    command(app, "apply", panel=PANEL)(apply)
