"""diff: what a sync would change, and the plan file that ``apply`` reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import Objects
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.wiring import Session
    from sfsync.planning.planfile import Planned


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
    from sfsync.cli.plan_view import plan_document, show_plans
    from sfsync.cli.wiring import working
    from sfsync.engine.diff import Cost, differences

    cost = Cost()
    with working(cli, lock=False, dry_run=True) as session:
        planned = differences(session.run, objects or (), ids=ids or (), cost=cost)
        with nullcontext(planned) if out is None else kept_in(out, session, planned) as kept:
            shown = [plan for _, plan in islice(kept, limit)]
            more = sum(1 for _ in kept)
    report = session.run.report
    data: dict[str, Any] = {
        "records": [plan_document(plan) for plan in shown],
        "not_shown": more,
        "cost": {name: getattr(cost, name) for name in cost.__slots__},
        "api_calls": report.api_calls,
    } | ({"plan": str(out)} if out else {})

    def show(console: Console) -> None:
        if out:
            console.print(f"The plan is kept in {out}: sfsync apply {out}", soft_wrap=True)
        if not show_plans(console, shown):
            console.print("No differences.")
        if more:
            console.print(f"… and {more} more; see --limit.", style="dim")
        console.print(
            f"To apply: {counted(cost.mirror_writes, 'row')} here, {counted(cost.org_writes, 'write')} to Salesforce"
            f" ({cost.tasks} of them Tasks), {counted(cost.api_calls, 'API call')}, {cost.storage_bytes / 1024:,.0f} KB of storage there.",
            style="dim",
        )

    differs = bool(shown)
    return Answer(
        data, show, exit_code=int(differs and exit_code), run_id=report.run_id,
        warnings=tuple(report.warnings), outcome="different" if differs else "ok",
    )  # fmt: skip


@contextmanager
def kept_in(
    path: Path, session: Session, planned: Iterator[Planned]
) -> Iterator[Iterator[Planned]]:
    """The same, and each one written into a file on its way; the file is there when all of them are in it."""
    from sfsync.cli.clock import now
    from sfsync.planning.planfile import Header, lines

    mirror, mapping = session.mirror, session.config.mapping
    header = Header(session.org_id, mirror.state.mirror_key, mapping.fingerprint, now())
    passed: list[Planned] = []
    part = path.with_name(f"{path.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123
            os.fchmod(file.fileno(), 0o600)

            def told() -> Iterator[Planned]:
                for line in lines(header, _noting(planned, passed)):
                    file.write(line)
                    yield from passed
                    passed.clear()

            kept = told()
            yield kept
            for _ in kept:
                pass
        part.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _noting(planned: Iterator[Planned], passed: list[Planned]) -> Iterator[Planned]:
    for each in planned:
        passed.append(each)
        yield each
