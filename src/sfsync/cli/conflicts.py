"""conflicts: what both sides had changed, and deciding what is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Limit, Objects
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.shown_values import Reader
    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.change import Side


def conflicts(
    cli: Cli,
    *,
    open_only: Annotated[
        bool, typer.Option("--open", help="Only those that wait for a person.")
    ] = False,
    take: Annotated[
        list[str] | None,
        typer.Option(
            "--take",
            metavar="ID SIDE",
            help="Decide one: its number, and local or remote; may be repeated.",
            autocompletion=completion.open_conflicts,
        ),
    ] = None,
    take_all: Annotated[
        str | None,
        typer.Option(
            "--take-all",
            metavar="SIDE",
            help="Decide all open ones: local or remote.",
            autocompletion=completion.sides,
        ),
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            metavar="COLUMN",
            help="With --take-all: only this column; may be repeated.",
        ),
    ] = None,
    objects: Objects = None,
    limit: Limit = 50,
    dry_run: DryRun = False,
) -> Answer:
    """Show what both sides had changed, both values whole, who won and by which rule.

    A field that merges `manual` is held until a person decides; the next sync does the rest. What
    is decided here is decided all together or not at all; --dry-run shows what would stand.

    Examples:
      sfsync conflicts --open
      sfsync conflicts --take 12 local
      sfsync conflicts --take-all remote --field job_title --dry-run
    """
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    if (fields or objects) and not take_all:
        raise UsageError(
            "--field and --object go with --take-all", hint="See `sfsync conflicts --help`."
        )
    _check_known(config, objects or (), fields or ())
    with open_mirror(config) as mirror:
        decisions = _decisions(mirror, take or [], take_all, objects or (), fields or ())
        taken: list[dict[str, Any]] = []
        if decisions:
            sides = dict(decisions)
            listed = mirror.conflicts.listed(ids=list(sides))
            taken = [row | {"side": sides[row["id"]].value} for row in listed]
            if dry_run:
                mirror.conflicts.take_all(decisions, dry_run=True)
            else:
                with mirror.lock(new_run_id(), cli.command):
                    mirror.conflicts.take_all(decisions)
        rows = mirror.conflicts.listed(limit=limit, open_only=open_only)

    def show(console: Console) -> None:
        from sfsync.cli.shown_values import Reader

        reader = Reader(config.mapping.objects)
        if take or take_all:
            _show_taken(console, taken, reader, dry_run=dry_run)
        else:
            _show(console, rows, reader)

    data: dict[str, Any] = {"conflicts": rows}
    if take or take_all:
        data["taken"] = taken
    return Answer(data, show)


def _decisions(
    mirror: SqliteMirror,
    take: Sequence[str],
    take_all: str | None,
    objects: Sequence[str],
    fields: Sequence[str],
) -> list[tuple[int, Side]]:
    words = " ".join(take).split()
    pairs = zip(words[::2], words[1::2], strict=False)
    if len(words) % 2:
        raise UsageError(f"--take {words[-1]}: its side is missing", hint=_TAKE_HINT)
    named = [(_number(number), _side(side)) for number, side in pairs]
    if take_all is None:
        return named
    side = _side(take_all)
    done = {number for number, _ in named}
    rest = mirror.conflicts.open_ones(objects=objects, fields=fields)
    return [*named, *((number, side) for number in rest if number not in done)]


_TAKE_HINT = "Use: sfsync conflicts --take ID local, or remote."


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(f"{text!r} is no number of a conflict", hint=_TAKE_HINT)
    return int(text)


def _side(text: str) -> Side:
    from sfsync.model.change import Side

    if text not in ("local", "remote"):
        raise UsageError(f"{text!r} is no side", hint=_TAKE_HINT)
    return Side(text)


def _check_known(config: Config, objects: Sequence[str], fields: Sequence[str]) -> None:
    """Stop at a column or an object that the mapping does not have; else nothing would be decided, in silence."""
    from sfsync.document.problems import suggestion
    from sfsync.model.record import DELETED_AT

    known = config.mapping.objects
    for name in objects:
        if name not in known:
            raise UsageError(f"no object {name!r} is mapped{suggestion(name, list(known))}")
    columns = {DELETED_AT, *(column for each in known.values() for column in each.by_column)}
    for name in fields:
        if name not in columns:
            raise UsageError(f"no column {name!r} is mapped{suggestion(name, sorted(columns))}")


# -- for people ------------------------------------------------------------------------------------
def _show(console: Console, rows: Sequence[Mapping[str, Any]], reader: Reader) -> None:
    if not rows:
        console.print("No conflicts.")
    for row in rows:
        _show_one(console, row, reader, outcome(row))


def _show_taken(
    console: Console, taken: Sequence[Mapping[str, Any]], reader: Reader, *, dry_run: bool
) -> None:
    for row in taken:
        side = "the value here" if row["side"] == "local" else "Salesforce's value"
        _show_one(console, row, reader, f"{side} {'would stand' if dry_run else 'stands'}")
    verb = "would be decided" if dry_run else "decided; the next sync sends them"
    console.print(f"{counted(len(taken), 'conflict')} {verb}.")


def _show_one(console: Console, row: Mapping[str, Any], reader: Reader, outcome: str) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import add_values, person_line, stacked, time_here
    from sfsync.cli.text import one_line

    console.print(Text(one_line(f"{row['id']}  {person_line(row)}"), style="bold"))
    grid = stacked()
    sides = {"here": "local", "before": "base", "Salesforce": "remote"}
    values = [
        (label, reader.shown(row["object"], row["field"], row[side]))
        for label, side in sides.items()
    ]
    add_values(grid, row["field"], values)
    found = time_here(row["found_at"], reader.zone)
    grid.add_row("", "", "", Text(one_line(outcome)))
    grid.add_row("", "", "", Text(f"found {found}", style="dim"))
    console.print(grid)


def outcome(row: Mapping[str, Any]) -> str:
    """What became of a conflict, in a sentence."""
    if row["state"] == "open":
        return f"open: sfsync conflicts --take {row['id']} local, or remote"
    who = {"local": "the value here won", "remote": "Salesforce's value won"}
    return f"{who.get(row['winner'], 'both count')}, by {row['rule']}"
