"""status, conflicts, quarantine, retry: what was decided, what was refused, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.cli.sync import DryRun, MassChange, Objects, counted, reported
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.mirror.store import SqliteMirror

PANEL = "Review"
STALE = 1
_ALL = 1_000_000
_CONFLICT_COLUMNS = {"record": 12, "field": 11, "local": 11, "remote": 11}

Limit = Annotated[int, typer.Option(min=1, help="Show at most so many.")]


def status(
    cli: Cli,
    *,
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age", metavar="AGE", help="Exit 1 where the last good run is older: 2h, 1d."
        ),
    ] = None,
) -> Answer:
    """Show watermarks, what waits, open conflicts, quarantine, the last runs and where the login is kept.

    Asks nobody but the mirror: no API call.

    Examples:
      sfsync status
      sfsync status --max-age 2h --quiet
    """
    from sfsync.cli.login import told_login
    from sfsync.cli.when import parse_when
    from sfsync.cli.wiring import TOKEN_STORE, configuration, local_now, login_facts, open_mirror

    config = configuration(cli)
    oldest = parse_when(max_age, local_now()) if max_age else ""
    with open_mirror(cli, config) as mirror:
        told = mirror.status()
        told["token_store"] = mirror.note(TOKEN_STORE) or None
        told["mirror"] = str(mirror.path)
        facts, warnings = login_facts(mirror) if told["token_store"] else ({}, ())
        told |= facts
    stale = bool(oldest) and (told["last_good_run"] or "") < oldest

    def show(console: Console) -> None:
        from sfsync.cli.render import rows_table

        console.print(rows_table(told["objects"], ["object", "rows", "edited", "watermark"]))
        console.print(
            f"{told['events_waiting']} events and {told['tasks_waiting']} Tasks wait,"
            f" {told['conflicts_open']} conflicts are open, {told['quarantined']} in quarantine,"
            f" {told['in_doubt']} writes in doubt"
        )
        if told["runs"]:
            console.print(rows_table(told["runs"], ["run_id", "command", "started_at", "status"]))
        console.print(
            f"last good run: {told['last_good_run'] or 'none yet'}; login kept in: {told['token_store'] or '-'}"
        )
        if facts.get("login_renewed_at"):
            console.print(told_login(facts))
        console.print(f"mirror: {told['mirror']}", soft_wrap=True)

    warning = (
        f"the last good run is older than {max_age}: {told['last_good_run'] or 'there was none'}"
    )
    return Answer(
        told, show, exit_code=STALE if stale else 0, warnings=(*warnings, *((warning,) if stale else ())),
        outcome="stale" if stale else "",
    )  # fmt: skip


def conflicts(
    cli: Cli,
    *,
    open_only: Annotated[
        bool, typer.Option("--open", help="Only those that wait for a person.")
    ] = False,
    take: Annotated[
        tuple[int, str] | None,
        typer.Option(
            "--take", metavar="ID SIDE", help="Decide an open one: its number, and local or remote."
        ),
    ] = None,
    limit: Limit = 50,
    dry_run: DryRun = False,
) -> Answer:
    """Show what both sides had changed, both values, who won and by which rule.

    A field that merges `manual` is held until a person decides; the next sync does the rest.

    Examples:
      sfsync conflicts --open
      sfsync conflicts --take 12 local
    """
    from sfsync.cli.wiring import configuration, new_run_id, open_mirror

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        if take:
            number, side = take
            if side not in ("local", "remote"):
                raise UsageError(
                    f"{side!r} is no side", hint="Use: sfsync conflicts --take ID local, or remote."
                )
            if not dry_run:
                with mirror.lock(new_run_id(), cli.command):
                    mirror.take(number, side)
        rows = mirror.conflicts(limit=limit, open_only=open_only)

    def show(console: Console) -> None:
        from sfsync.cli.render import cell, table

        made = table("id", "record", "field", "local", "remote", "wins", "rule")
        for row in rows:
            wins = "open" if row["state"] == "open" else row["winner"]
            cells = (cell(row[name], width=width) for name, width in _CONFLICT_COLUMNS.items())
            made.add_row(str(row["id"]), *cells, wins, row["rule"])
        console.print(made if rows else "No conflicts.")

    return Answer({"conflicts": rows}, show)


def quarantine(
    cli: Cli,
    *,
    ignore: Annotated[
        list[int] | None,
        typer.Option("--ignore", metavar="ID", help="Leave this one for good; may be repeated."),
    ] = None,
    limit: Limit = 50,
    dry_run: DryRun = False,
) -> Answer:
    """Show what was refused and why, in Salesforce's own words, with a hint.

    Examples:
      sfsync quarantine
      sfsync quarantine --ignore 3
    """
    from sfsync.cli.wiring import configuration, new_run_id, open_mirror

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        if ignore and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                _refuse_strange(mirror, ignore)
                mirror.ignore(ignore)
        rows = mirror.quarantined(limit=limit)

    def show(console: Console) -> None:
        from rich.text import Text

        from sfsync.cli.command import one_line

        if not rows:
            console.print("Nothing is in quarantine.")
        for row in rows:
            what = " ".join(
                str(row[name]) for name in ("kind", "object", "record", "event_id") if row.get(name)
            )
            console.print(
                Text.assemble((f"{row['id']:>4}  ", "bold"), one_line(f"{what}  {row['code']}"))
            )
            console.print(Text(one_line(f"      {row['message']}")))
            console.print(Text(one_line(f"      {row['hint']}"), style="dim"))

    return Answer({"quarantine": rows}, show)


def _refuse_strange(mirror: SqliteMirror, ids: Sequence[int]) -> None:
    """Stop where a number is none of an entry that is open."""
    there = {row["id"] for row in mirror.quarantined(limit=_ALL)} if ids else set()
    strange = sorted(set(ids) - there)
    if strange:
        raise UsageError(
            f"not in quarantine: {', '.join(map(str, strange))}",
            hint="`sfsync quarantine` lists the entries.",
        )


def retry(
    cli: Cli,
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", help="Only these; all where none is given."),
    ] = None,
    *,
    dry_run: DryRun = False,
) -> Answer:
    """Try again what is in quarantine: the rows are pushed, the events handled, the Tasks sent.

    Examples:
      sfsync retry
      sfsync retry 3 4
    """
    from sfsync.cli.wiring import configuration, open_mirror, working
    from sfsync.engine.push import push
    from sfsync.engine.push_activity import push_activity

    if dry_run:
        with open_mirror(cli, configuration(cli)) as mirror:
            entries = [row for row in mirror.quarantined(limit=_ALL) if not ids or row["id"] in ids]
        return Answer(
            {"retried": 0, "would_retry": [row["id"] for row in entries]},
            lambda console: console.print(
                f"{counted(len(entries), 'entry')} would be tried again."
            ),
        )
    with working(cli) as session:
        _refuse_strange(session.mirror, ids or [])
        count = session.mirror.retry(ids or [])
        push(session.run)
        push_activity(session.run)
    answer = reported(session)
    return Answer(
        {**answer.data, "retried": count}, answer.show, exit_code=answer.exit_code, run_id=answer.run_id,
        warnings=answer.warnings,
    )  # fmt: skip


def pause(cli: Cli, *, dry_run: DryRun = False) -> Answer:
    """Switch every writing command off, for this mirror, until `sfsync resume`."""
    from sfsync.cli.wiring import configuration, now, open_mirror

    with open_mirror(cli, configuration(cli)) as mirror:
        there = mirror.note("paused")
        since = there or now()
        if not dry_run:
            mirror.keep_note("paused", since)
    told = f"Paused since {since}." if there or not dry_run else "It would be paused from now on."
    return Answer(
        {"paused_since": since if there or not dry_run else None, "dry_run": dry_run},
        lambda console: console.print(told),
    )


def resume(cli: Cli, *, dry_run: DryRun = False) -> Answer:
    """Switch writing on again after `sfsync pause`."""
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(cli, configuration(cli)) as mirror:
        since = mirror.note("paused")
        if not dry_run:
            mirror.keep_note("paused", "")
    does = "It would be resumed" if dry_run else "Resumed"
    told = f"{does}; it was paused since {since}." if since else "It was not paused."
    return Answer(
        {"was_paused_since": since or None, "dry_run": dry_run}, lambda console: console.print(told)
    )


def verify(
    cli: Cli,
    *,
    objects: Objects = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take what differs into the mirror.")
    ] = False,
    allow_mass_change: MassChange = False,
) -> Answer:
    """Prove that mirror and org agree: every record, every row, every field, beyond the watermark.

    Records that are gone are told from records that this user may not see any more; only the first
    are followed. Exits 1 where they disagree and nothing was repaired.

    Examples:
      sfsync verify
      sfsync verify --object contact --repair
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.verify import verify as run_verify

    with working(
        cli, lock=repair, dry_run=not repair, allow_mass_change=allow_mass_change
    ) as session:
        found = run_verify(session.run, objects or (), repair=repair)
    report = session.run.report
    disagree = any(findings.disagreements for findings in found.values())

    def show(console: Console) -> None:
        from sfsync.cli.render import table

        kinds = ("equal", "missing_here", "different", "ended", "invisible", "waiting")
        made = table("", *(kind.replace("_", " ") for kind in kinds))
        for name, findings in found.items():
            made.add_row(name, *(str(getattr(findings, kind)) for kind in kinds))
        console.print(made)
        for name, findings in found.items():
            for kind in ("missing_here", "different", "ended", "invisible"):
                if findings.named.get(kind):
                    console.print(
                        f"{name}, {kind.replace('_', ' ')}: {', '.join(findings.named[kind])}",
                        soft_wrap=True,
                    )
        if not disagree:
            console.print("Mirror and org agree.")
        else:
            console.print(
                "Repaired."
                if repair
                else "They disagree: `sfsync verify --repair` takes it into the mirror."
            )

    data = {name: findings.as_dict() for name, findings in found.items()}
    return Answer(
        data, show, exit_code=1 if disagree and not repair else 0, run_id=report.run_id,
        warnings=tuple(report.warnings), outcome="different" if disagree and not repair else "ok",
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "status", panel=PANEL)(status)
    command(app, "conflicts", panel=PANEL)(conflicts)
    command(app, "quarantine", panel=PANEL)(quarantine)
    command(app, "retry", panel=PANEL)(retry)
    command(app, "verify", panel=PANEL)(verify)
    command(app, "pause", panel=PANEL)(pause)
    command(app, "resume", panel=PANEL)(resume)
