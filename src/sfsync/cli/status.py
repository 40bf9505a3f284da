"""status: watermarks, what waits, what was refused, the last runs. No API call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.mapping import ObjectMap

STALE = 1


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
    from sfsync.cli.clock import local_now
    from sfsync.cli.since import parse_when
    from sfsync.cli.stored_login import TOKEN_STORE, login_facts
    from sfsync.cli.whoami import told_login
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    oldest = parse_when(max_age, local_now()) if max_age else ""
    with open_mirror(cli, config) as mirror:
        told = mirror.diagnostics.status(_sendable(config, mirror))
        told["token_store"] = mirror.state.note(TOKEN_STORE) or None
        told["mirror"] = str(mirror.path)
        facts, warnings = login_facts(mirror) if told["token_store"] else ({}, ())
        told |= facts
    stale = bool(oldest) and (told["last_good_run"] or "") < oldest

    def show(console: Console) -> None:
        from sfsync.cli.layout import rows_table

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


def _sendable(config: Config, mirror: SqliteMirror) -> list[ObjectMap]:
    """The mapping of objects less what the org does not have, as far as it has been asked."""
    from sfsync.mapping.check import narrow

    described = [
        (object_map, mirror.state.facts(object_map.sobject))
        for object_map in config.mapping.objects.values()
    ]
    return [narrow(object_map, facts)[0] for object_map, facts in described if facts is not None]
