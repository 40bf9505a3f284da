"""quarantine and retry: what was refused, and trying it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Limit
from sfsync.cli.run_report import report_answer
from sfsync.cli.text import counted, one_line
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.mirror.store import SqliteMirror


_ALL = 1_000_000
"""More entries than a quarantine holds."""


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
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        if ignore and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                _check_ids(mirror, ignore)
                mirror.quarantine.ignore(ignore)
        entries = mirror.quarantine.listed(limit=limit)

    return Answer({"quarantine": entries}, lambda console: _show(console, entries))


def _show(console: Console, entries: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    if not entries:
        console.print("Nothing is in quarantine.")
    for entry in entries:
        names = ("kind", "object", "record", "event_id")
        subject = " ".join(str(entry[name]) for name in names if entry.get(name))
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
