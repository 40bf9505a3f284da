"""diff: what a sync would change, and the plan file that ``apply`` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import Objects
from sfsync.cli.output_file import output_file
from sfsync.cli.text import counted
from sfsync.errors import UsageError
from sfsync.model.record import LocalId, SalesforceId

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.wiring import Session
    from sfsync.engine.diff import Cost
    from sfsync.model.change import RowPlan
    from sfsync.planning.planfile import Header, Planned


DIFFERENT = 1
"""The exit code of ``--exit-code`` where anything differs."""


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
    from sfsync.cli.plan_view import named, plan_document, show_plans
    from sfsync.cli.shown_values import Reader
    from sfsync.cli.wiring import working
    from sfsync.engine.diff import Cost, differences, quarantined_rows

    cost = Cost()
    with working(cli, lock=False, dry_run=True) as session:
        planned = differences(session.run, objects or (), ids=ids or (), cost=cost)
        saved: AbstractContextManager[Iterator[Planned]] = nullcontext(planned)
        if out is not None:
            saved = saved_in(out, session, planned)
        with saved as plans:
            shown = [plan for _, plan in islice(plans, limit)]
            more = sum(1 for _ in plans)
        held = quarantined_rows(session.run, objects or (), ids=ids or ())
        _refuse_unknown(session, ids or (), shown)
        mapped = session.config.mapping.objects
        people = named(shown, session.mirror.rows, mapped)
    report = session.run.report
    warnings = list(report.warnings)
    if held:
        warnings.append(
            f"{counted(held, 'row')} in quarantine {'differs' if held == 1 else 'differ'} as well:"
            " see `sfsync quarantine`"
        )
    data: dict[str, Any] = {
        "records": [plan_document(plan) for plan in shown],
        "not_shown": more,
        "quarantined": held,
        "cost": {name: getattr(cost, name) for name in cost.__slots__},
        "api_calls": report.api_calls,
    }
    if out:
        data["plan"] = str(out)

    def show(console: Console) -> None:
        if out:
            console.print(f"The plan is kept in {out}: `sfsync apply {out}`", soft_wrap=True)
        if not show_plans(console, people, Reader(mapped)):
            console.print("No differences but those in quarantine." if held else "No differences.")
        if more:
            console.print(f"… and {more} more; see --limit.", style="dim")
        console.print(_cost_line(cost), style="dim")

    return Answer(
        data,
        show,
        exit_code=DIFFERENT if (shown or held) and exit_code else 0,
        run_id=report.run_id,
        warnings=tuple(warnings),
        reason=_reason(len(shown) + more, held),
        outcome="different" if shown or held else "ok",
    )


def _refuse_unknown(session: Session, ids: Sequence[str], shown: Sequence[RowPlan]) -> None:
    """Stop at an id that is of no row and of no record that is new there: nothing was compared.

    Raises:
        UsageError: there is one; names all of them.
    """
    planned = {str(each) for plan in shown for each in (plan.local_id, plan.salesforce_id)}
    unknown = [one for one in ids if one not in planned and not _is_row(session, one)]
    if unknown:
        raise UsageError(
            f"there is no row {', '.join(map(repr, unknown))}",
            hint="Name rows by their id in the mirror, or by their Salesforce Id.",
        )


def _is_row(session: Session, one: str) -> bool:
    rows, names = session.mirror.rows, list(session.config.mapping.objects)
    if one.isascii() and one.isdecimal():
        return any(rows.by_local_id(name, LocalId(int(one))) for name in names)
    return any(rows.by_salesforce_id(name, SalesforceId(one)) for name in names)


def _reason(planned: int, held: int) -> str:
    parts = [f"{counted(planned, 'record')} to sync: `sfsync diff`"] if planned else []
    if held:
        parts.append(f"{counted(held, 'row')} in quarantine: `sfsync quarantine`")
    return f"the two sides differ: {', '.join(parts)}"


def _cost_line(cost: Cost) -> str:
    return (
        f"To apply: {counted(cost.mirror_writes, 'row')} here,"
        f" {counted(cost.org_writes, 'write')} to Salesforce"
        f" ({cost.tasks} of them Tasks), {counted(cost.api_calls, 'API call')} to look and to write,"
        f" {cost.storage_bytes / 1024:,.0f} KB of storage there."
    )


@contextmanager
def saved_in(
    path: Path, session: Session, planned: Iterator[Planned]
) -> Iterator[Iterator[Planned]]:
    """The same plans, each written into a file as it is taken.

    The rest is written at the end of the block. The file gets its name only when it is complete, so
    that ``apply`` never reads half a plan.

    Raises:
        UsageError: the file cannot be written.
    """
    from sfsync.cli.clock import now
    from sfsync.planning.planfile import Header

    mirror, mapping = session.mirror, session.config.mapping
    header = Header(session.org_id, mirror.state.mirror_key, mapping.fingerprint, now())
    with output_file(path) as raw, TextIOWrapper(raw, encoding="utf-8") as file:
        plans = _written(file, header, planned)
        yield plans
        for _ in plans:  # those that the block did not take
            pass


def _written(file: TextIO, header: Header, planned: Iterator[Planned]) -> Iterator[Planned]:
    """Each plan, after its line is in the file."""
    from sfsync.planning.planfile import lines

    taken: list[Planned] = []

    def noting() -> Iterator[Planned]:
        for plan in planned:
            taken.append(plan)
            yield plan

    for line in lines(header, noting()):  # the first and the last line hold no plan
        file.write(line)
        yield from taken
        taken.clear()
