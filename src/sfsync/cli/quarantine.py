"""quarantine and retry: what was refused, and trying it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Limit
from sfsync.cli.run_report import report_answer
from sfsync.cli.text import counted, one_line
from sfsync.errors import UsageError
from sfsync.model.record import LocalId

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.mapping import ObjectMap
    from sfsync.model.record import Row


_ALL = 1_000_000
"""More entries than a quarantine holds."""


def quarantine(
    cli: Cli,
    *,
    ignore: Annotated[
        list[int] | None,
        typer.Option(
            "--ignore",
            metavar="ID",
            help="Leave this one for good; may be repeated.",
            autocompletion=completion.quarantined,
        ),
    ] = None,
    ignore_all: Annotated[
        bool, typer.Option("--ignore-all", help="Leave all lines of the file of --of for good.")
    ] = False,
    of: Annotated[
        str | None,
        typer.Option(
            "--of", metavar="FILE", help="Only lines of this file, or of this email service."
        ),
    ] = None,
    merge: Annotated[
        list[int] | None,
        typer.Option(
            "--merge",
            metavar="ID",
            help="The two rows of this entry are one person: the new one's edits go to the other.",
        ),
    ] = None,
    limit: Limit = 50,
    dry_run: DryRun = False,
) -> Answer:
    """Show what was refused and why, in Salesforce's own words, with a hint.

    Examples:
      sfsync quarantine
      sfsync quarantine --ignore 3
      sfsync quarantine --merge 4
      sfsync quarantine --ignore-all --of events.jsonl
    """
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror

    if ignore_all and not of:
        raise UsageError(
            "--ignore-all needs --of FILE", hint="Name single entries with --ignore ID."
        )
    config = configuration(cli)
    ignored = 0
    with open_mirror(config) as mirror:
        merged = _merged(mirror, config, cli, merge or [], dry_run=dry_run)
        if ignore and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                _check_ids(mirror, ignore)
                mirror.quarantine.ignore(ignore)
        if ignore_all and of:
            ignored = _ignore_lines(mirror, cli, of, dry_run=dry_run)
        listed = mirror.quarantine.listed(limit=limit, source=of)
    entries = [{**each, "hint": cli.as_called(each["hint"] or "")} for each in listed]

    def show(console: Console) -> None:
        _show_merged(console, merged, dry_run=dry_run)
        if ignore_all:
            verb = "would be" if dry_run else "is" if ignored == 1 else "are"
            console.print(f"{counted(ignored, 'entry')} of {of} {verb} left for good.")
        _show(console, entries)

    data: dict[str, Any] = {"quarantine": entries}
    if merge:
        data["merged"] = merged
    if ignore_all:
        data["ignored"] = ignored
    return Answer(data, show)


def _ignore_lines(mirror: SqliteMirror, cli: Cli, source: str, *, dry_run: bool) -> int:
    """Leave all lines of a file for good; how many."""
    from sfsync.cli.clock import new_run_id

    if dry_run:
        return mirror.quarantine.count_open(source=source)
    with mirror.lock(new_run_id(), cli.command):
        return mirror.quarantine.ignore_lines(source)


def _merged(
    mirror: SqliteMirror, config: Config, cli: Cli, ids: Sequence[int], *, dry_run: bool
) -> list[dict[str, Any]]:
    """Make the two rows of each entry one; tells which row stays and what it got.

    Raises:
        UsageError: an entry is not about two rows of one person, or one of the rows is gone; nothing
            was merged.
    """
    from sfsync.cli.clock import new_run_id

    if not ids:
        return []
    _check_ids(mirror, ids)
    known = {entry["id"]: entry for entry in mirror.quarantine.listed(limit=_ALL)}
    with mirror.lock(new_run_id(), cli.command):
        twins = [_twins(mirror, known[number]) for number in ids]
        return [
            _merge(mirror, config.mapping.objects[known[number]["object"]], *rows, dry_run=dry_run)
            | {"id": number}
            for number, rows in zip(ids, twins, strict=True)
        ]


def _twins(mirror: SqliteMirror, entry: Mapping[str, Any]) -> tuple[Row, Row]:
    """The row that stays and the one that goes."""
    from sfsync.engine.edits import SAME_PERSON

    if entry["code"] != SAME_PERSON or not entry["payload"]:
        raise UsageError(
            f"entry {entry['id']} is not about two rows of one person: {entry['code']}",
            hint=f"--merge is for entries with the code {SAME_PERSON}.",
        )
    staying_id = LocalId(int(entry["payload"].rpartition(" ")[2]))
    staying = mirror.rows.by_local_id(entry["object"], staying_id)
    going = mirror.rows.by_local_id(entry["object"], entry["local_id"])
    if staying is None or going is None:
        raise UsageError(
            f"entry {entry['id']}: one of its two rows is gone",
            hint="`sfsync retry` looks at the other one again.",
        )
    address = mirror.rows.address_of
    if going.salesforce_id is not None or address(entry["object"], staying) != address(
        entry["object"], going
    ):
        raise UsageError(
            f"entry {entry['id']}: the two rows are not one person any more",
            hint="`sfsync retry` looks at them again.",
        )
    return staying, going


def _merge(
    mirror: SqliteMirror, object_map: ObjectMap, staying: Row, going: Row, *, dry_run: bool
) -> dict[str, Any]:
    from sfsync.engine.edits import normalised_row
    from sfsync.planning.same_person import merged_rows

    rows = (normalised_row(staying, object_map), normalised_row(going, object_map))
    plan = merged_rows(*rows, object_map)
    if not dry_run:
        mirror.rows.merge(plan, going.local.local_id)
    return {
        "object": object_map.name,
        "staying": staying.local.local_id,
        "going": going.local.local_id,
        "values": dict(plan.to_local),
        "conflicts": [each.column for each in plan.conflicts],
    }


def _show_merged(console: Console, merged: Sequence[Mapping[str, Any]], *, dry_run: bool) -> None:
    from rich.text import Text

    for each in merged:
        got = ", ".join(f"{column}={value}" for column, value in each["values"].items())
        verb = "would go" if dry_run else "went"
        sentence = f"{each['object']} {each['going']} {verb} into {each['object']} {each['staying']}: {got or 'nothing new'}"
        if each["conflicts"]:
            kept = "would be kept" if dry_run else "are kept"
            sentence += (
                f"; replaced edits {kept} in `sfsync conflicts`: {', '.join(each['conflicts'])}"
            )
        console.print(Text(one_line(sentence)))


def _show(console: Console, entries: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    from sfsync.cli.shown_values import person_line

    if not entries:
        console.print("Nothing is in quarantine.")
    for entry in entries:
        who = person_line(entry) if entry["local_id"] is not None else entry["object"]
        subject = " ".join(filter(None, (entry["kind"], who, entry["event_id"])))
        number = (f"{entry['id']:>4}  ", "bold")
        console.print(Text.assemble(number, one_line(f"{subject}  {entry['code']}")))
        console.print(Text(one_line(f"      {entry['message']}")))
        console.print(Text(one_line(f"      {entry['hint']}"), style="dim"))


def _check_ids(mirror: SqliteMirror, ids: Sequence[int]) -> None:
    """Stop at a number that no open entry has.

    Raises:
        UsageError: there is one; names all of them.
    """
    if not ids:
        return
    known = {entry["id"] for entry in mirror.quarantine.listed(limit=_ALL)}
    unknown = sorted(set(ids) - known)
    if unknown:
        raise UsageError(
            f"not in quarantine: {', '.join(map(str, unknown))}",
            hint="`sfsync quarantine` lists the entries.",
        )


def retry(
    cli: Cli,
    ids: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="[ID]...",
            help="Only these; all where none is given.",
            autocompletion=completion.quarantined,
        ),
    ] = None,
    *,
    dry_run: DryRun = False,
) -> Answer:
    """Try again what is in quarantine: the rows are pushed, the events handled, the Tasks sent.

    Examples:
      sfsync retry
      sfsync retry 3 4
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.push import push
    from sfsync.engine.push_activity import push_activity

    if dry_run:
        return _would_retry(cli, ids or [])
    with working(cli) as session:
        _check_ids(session.mirror, ids or [])
        count = session.mirror.quarantine.retry(ids or [])
        push(session.run)
        push_activity(session.run)
    answer = report_answer(session.run.report)
    return replace(answer, data={**answer.data, "retried": count})


def _would_retry(cli: Cli, ids: Sequence[int]) -> Answer:
    from sfsync.cli.wiring import configuration, open_mirror

    with open_mirror(configuration(cli)) as mirror:
        entries = mirror.quarantine.listed(limit=_ALL)
    numbers = [entry["id"] for entry in entries if not ids or entry["id"] in ids]
    sentence = f"{counted(len(numbers), 'entry')} would be tried again."
    return Answer({"retried": 0, "would_retry": numbers}, lambda console: console.print(sentence))
