"""conflicts: what both sides had changed, and deciding what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Limit
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


_CONFLICT_COLUMNS = {"record": 12, "field": 11, "local": 11, "remote": 11}


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
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror

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
                    mirror.conflicts.take(number, side)
        rows = mirror.conflicts.listed(limit=limit, open_only=open_only)

    def show(console: Console) -> None:
        from sfsync.cli.layout import cell, table

        made = table("id", "record", "field", "local", "remote", "wins", "rule")
        for row in rows:
            wins = "open" if row["state"] == "open" else row["winner"]
            cells = (cell(row[name], width=width) for name, width in _CONFLICT_COLUMNS.items())
            made.add_row(str(row["id"]), *cells, wins, row["rule"])
        console.print(made if rows else "No conflicts.")

    return Answer({"conflicts": rows}, show)
