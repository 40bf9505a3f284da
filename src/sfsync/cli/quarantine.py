"""quarantine and retry: what was refused, and trying it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Limit
from sfsync.cli.run_report import report_answer
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.mirror.store import SqliteMirror


_ALL = 1_000_000


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
    with open_mirror(cli, config) as mirror:
        if ignore and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                _refuse_strange(mirror, ignore)
                mirror.quarantine.ignore(ignore)
        rows = mirror.quarantine.listed(limit=limit)

    def show(console: Console) -> None:
        from rich.text import Text

        from sfsync.cli.text import one_line

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
    there = {row["id"] for row in mirror.quarantine.listed(limit=_ALL)} if ids else set()
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
            entries = [
                row for row in mirror.quarantine.listed(limit=_ALL) if not ids or row["id"] in ids
            ]
        return Answer(
            {"retried": 0, "would_retry": [row["id"] for row in entries]},
            lambda console: console.print(
                f"{counted(len(entries), 'entry')} would be tried again."
            ),
        )
    with working(cli) as session:
        _refuse_strange(session.mirror, ids or [])
        count = session.mirror.quarantine.retry(ids or [])
        push(session.run)
        push_activity(session.run)
    answer = report_answer(session.run.report)
    return Answer(
        {**answer.data, "retried": count}, answer.show, exit_code=answer.exit_code, run_id=answer.run_id,
        warnings=answer.warnings,
    )  # fmt: skip
