"""conflicts: what both sides had changed, and deciding what is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Limit
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


_WIDTHS = {"record": 12, "field": 11, "local": 11, "remote": 11}


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
    with open_mirror(config) as mirror:
        if take:
            number, side = take
            _check_side(side)
            if not dry_run:
                with mirror.lock(new_run_id(), cli.command):
                    mirror.conflicts.take(number, side)
        rows = mirror.conflicts.listed(limit=limit, open_only=open_only)

    return Answer({"conflicts": rows}, lambda console: _show(console, rows))


def _check_side(side: str) -> None:
    if side not in ("local", "remote"):
        raise UsageError(
            f"{side!r} is no side", hint="Use: sfsync conflicts --take ID local, or remote."
        )


def _show(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    from sfsync.cli.layout import cell, table

    if not rows:
        console.print("No conflicts.")
        return
    conflicts_table = table("id", "record", "field", "local", "remote", "wins", "rule")
    for row in rows:
        wins = row["winner"]
        if row["state"] == "open":  # nobody has decided yet
            wins = "open"
        cells = (cell(row[name], width=width) for name, width in _WIDTHS.items())
        conflicts_table.add_row(str(row["id"]), *cells, wins, row["rule"])
    console.print(conflicts_table)
