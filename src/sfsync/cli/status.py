"""status: watermarks, what waits, what was refused, the last runs. No API call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.mapping import ObjectMap

STALE = 1
"""The exit code of ``--max-age`` where the last good run is older, and of ``--max-…`` beyond its number."""


def status(
    cli: Cli,
    *,
    max_age: Annotated[
        str | None,
        typer.Option(
            "--max-age", metavar="AGE", help="Exit 1 where the last good run is older: 2h, 1d."
        ),
    ] = None,
    max_quarantine: Annotated[
        int | None,
        typer.Option(
            "--max-quarantine", min=0, metavar="N", help="Exit 1 where more is in quarantine."
        ),
    ] = None,
    max_conflicts: Annotated[
        int | None,
        typer.Option(
            "--max-conflicts", min=0, metavar="N", help="Exit 1 where more conflicts are open."
        ),
    ] = None,
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics", help="Print the numbers as Prometheus reads them, and nothing else."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="With --metrics: replace this file as a whole, for a textfile collector."
        ),
    ] = None,
) -> Answer:
    """Show watermarks, what waits, open conflicts, quarantine, the last runs and where the login is kept.

    Asks nobody but the mirror: no API call.

    Examples:
      sfsync status
      sfsync status --max-age 2h --max-quarantine 100 --quiet
      sfsync status --metrics --out /var/lib/node_exporter/sfsync.prom
    """
    from sfsync.cli.arrivals import inbox_state
    from sfsync.cli.clock import local_now
    from sfsync.cli.notices import count_waiting
    from sfsync.cli.outgoing import kinds, troubles
    from sfsync.cli.since import parse_when
    from sfsync.cli.stored_login import TOKEN_STORE, login_facts
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.planning.consent import sent_opt_outs

    _check_options(cli, metrics=metrics, out=out)
    config = configuration(cli)
    oldest = parse_when(max_age, local_now()) if max_age else ""
    with open_mirror(config) as mirror:
        sendable = sendable_objects(config, mirror)
        state = mirror.diagnostics.status(sendable)
        state["consent_due"] = mirror.consent.due(sent_opt_outs(config.mapping, sendable)).count
        state["token_store"] = mirror.state.note(TOKEN_STORE) or None
        state["mirror"] = str(mirror.path)
        state["inbox"] = inbox_state(config)
        state["notices_waiting"] = count_waiting(config)
        state["tasks_held"], state["tasks_held_until"] = _held(config, mirror)
        oldest_line, latest = mirror.changes.oldest(), mirror.changes.latest()
        state["changes"] = {"oldest": str(oldest_line), "latest": str(latest)}
        state["webhooks"] = mirror.deliveries.overview(partial(kinds, config))
        warnings: list[str] = list(troubles(state["webhooks"]))
        if state["token_store"]:  # there is a login
            facts, of_login = login_facts(mirror)
            state |= facts
            warnings += of_login
        text = _metrics_text(config, mirror, state) if metrics else ""
    if out is not None:
        _write(out, text)
    last_good_run = state["last_good_run"]
    exit_code, outcome = 0, ""
    if oldest and (last_good_run or "") < oldest:
        exit_code, outcome = STALE, "stale"
        warnings.append(
            f"the last good run is older than {max_age}: {last_good_run or 'there was none'}"
        )
    too_many = [
        f"{state[what]} {words}, {most} at most: see `{command}`"
        for what, most, words, command in (
            ("quarantined", max_quarantine, "in quarantine", "sfsync quarantine"),
            ("conflicts_open", max_conflicts, "conflicts open", "sfsync conflicts --open"),
        )
        if most is not None and state[what] > most
    ]
    if too_many:
        exit_code, outcome = STALE, outcome or "too many"
        warnings += too_many
    return Answer(
        state,
        _shown_metrics(text, out) if metrics else lambda console: _show(console, state),
        exit_code=exit_code,
        outcome=outcome,
        warnings=tuple(warnings),
    )


def _check_options(cli: Cli, *, metrics: bool, out: Path | None) -> None:
    """Stop where options contradict one another.

    Raises:
        UsageError: they do.
    """
    from sfsync.errors import UsageError

    if out is not None and not metrics:
        raise UsageError("--out is for --metrics", hint="sfsync status --metrics --out FILE")
    if metrics and cli.as_json and out is None:
        raise UsageError(
            "--metrics and --json both want stdout",
            hint="Leave one of them out, or add --out FILE.",
        )


def _metrics_text(config: Config, mirror: SqliteMirror, state: Mapping[str, Any]) -> str:
    from sfsync.cli.status_metrics import metrics_of

    ended = [run for run in mirror.runs.listed() if run["finished_at"]]
    codes = mirror.quarantine.count_by_code()
    return metrics_of({**state, "profile": config.profile}, codes, next(iter(ended), None))


def _write(out: Path, text: str) -> None:
    """Replace the file; the collector runs as somebody else, and there is nothing of a person in it."""
    from sfsync.cli.output_file import output_file

    with output_file(out, mode=0o644) as file:
        file.write(text.encode())


def _shown_metrics(text: str, out: Path | None) -> Callable[[Console], None]:
    def show(console: Console) -> None:
        if out is None:
            console.print(text, end="", soft_wrap=True)
        else:
            console.print(f"written: {out}", soft_wrap=True)

    return show


def _show(console: Console, state: Mapping[str, Any]) -> None:
    from sfsync.cli.layout import rows_table
    from sfsync.cli.whoami import login_sentence

    objects = [{**row, "to send": row["edited"]} for row in state["objects"]]
    console.print(rows_table(objects, ["object", "rows", "to send", "watermark"]))
    console.print(
        f"{state['events_waiting']} events and {state['tasks_waiting']} Tasks wait,"
        f" {state['conflicts_open']} conflicts are open, {state['quarantined']} in quarantine,"
        f" {state['in_doubt']} writes in doubt"
    )
    if state["tasks_held"]:
        console.print(
            f"{counted(state['tasks_held'], 'Task')} of these wait for the name of their campaign,"
            f" until {state['tasks_held_until']} at most"
        )
    if state["inbox"]["events"]:
        console.print(
            f"{counted(state['inbox']['events'], 'event')} in the inbox since {state['inbox']['oldest_at']}:"
            " the next run takes them in"
        )
    if state["notices_waiting"]:
        console.print(
            f"{counted(state['notices_waiting'], 'notice')} of trouble could not be told yet:"
            " `sfsync notify test` shows why"
        )
    listener = state["inbox"]["listener"]
    if listener is not None:
        console.print(_listener_sentence(listener))
    if state["consent_due"]:
        console.print(
            f"{counted(state['consent_due'], 'record')} of people who opted out may still be mailed by Salesforce",
            style="bold",
        )
    if state["edits_of_deleted"]:
        console.print(
            f"{state['edits_of_deleted']} rows whose record is deleted in Salesforce hold edits;"
            " they are sent once it is restored: `sfsync conflicts`"
        )
    if state["runs"]:
        console.print(rows_table(state["runs"], ["run_id", "command", "started_at", "status"]))
    console.print(
        f"last good run: {state['last_good_run'] or 'none yet'};"
        f" login kept in: {state['token_store'] or '-'}"
    )
    if state.get("login_renewed_at"):
        console.print(login_sentence(state))
    console.print(f"mirror: {state['mirror']}", soft_wrap=True)


def _held(config: Config, mirror: SqliteMirror) -> tuple[int, str | None]:
    """How many Tasks wait for their campaign's name, and when the first of them goes without."""
    from sfsync.cli.clock import now
    from sfsync.planning.campaign_names import due_at, names_campaigns, waited_for

    if not names_campaigns(config.mapping.activities):
        return 0, None
    unnamed = mirror.campaign_names.waited_for(*waited_for(now()))
    count, since = mirror.campaign_names.held(unnamed)
    return count, due_at(since) or None


def _listener_sentence(listener: Mapping[str, Any]) -> str:
    """How the process that listens was when it last said so."""
    if listener["pid"] is None:
        return f"`sfsync listen` ended at {listener['at']}"
    trouble = f": {listener['trouble']}" if listener["trouble"] else ", all is well"
    stream = _stream_sentence(listener.get("stream") or {})
    return f"`sfsync listen` (process {listener['pid']}) at {listener['at']}{trouble}{stream}"


def _stream_sentence(stream: Mapping[str, Any]) -> str:
    """How the listener follows changes of Salesforce; empty where it does not."""
    match stream.get("mode"):
        case "streaming":
            return f"; changes of {', '.join(stream['objects'])} as they happen, last heard {stream['last_message_at']}"
        case "polling":
            return f"; polling: {stream['reason']}"
        case "connecting":
            return "; the stream of changes is being opened"
        case _:
            return ""


def sendable_objects(config: Config, mirror: SqliteMirror) -> list[ObjectMap]:
    """The objects' mapping without what the org lacks, for the objects that it was asked about."""
    from sfsync.mapping.check import narrow

    described = [
        (object_map, mirror.state.facts(object_map.sobject))
        for object_map in config.mapping.objects.values()
    ]
    return [narrow(object_map, facts)[0] for object_map, facts in described if facts is not None]
