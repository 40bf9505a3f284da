"""verify: whether mirror and org agree, record by record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import MassChange, Objects

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.engine.verify import Findings


DIFFERENT = 1
"""The exit code where mirror and org disagree and nothing was repaired."""

_LISTED = ("missing_here", "different", "ended", "invisible")
"""Kinds of findings whose records are listed."""

_KINDS = ("equal", *_LISTED, "waiting")


def verify(
    cli: Cli,
    *,
    objects: Objects = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take what differs into the mirror.")
    ] = False,
    allow_mass_change: MassChange = False,
) -> Answer:
    """Prove that mirror and org agree: every record, every row, every field, beyond the watermark.

    Records that are gone are told from records that this user may not see any more; only the first
    are followed. Exits 1 where they disagree and nothing was repaired.

    Examples:
      sfsync verify
      sfsync verify --object contact --repair
    """
    from sfsync.cli.wiring import working
    from sfsync.engine.verify import verify as run_verify

    with working(
        cli, lock=repair, dry_run=not repair, allow_mass_change=allow_mass_change
    ) as session:
        found = run_verify(session.run, objects or (), repair=repair)
    report = session.run.report
    exit_code, outcome = 0, "ok"
    differ = any(findings.disagreements for findings in found.values())
    if not differ:
        verdict = "Mirror and org agree."
    elif repair:
        verdict = "Repaired."
    else:
        verdict = "Mirror and org disagree: `sfsync verify --repair` takes it into the mirror."
        exit_code, outcome = DIFFERENT, "different"

    def show(console: Console) -> None:
        _show(console, found)
        console.print(verdict)

    return Answer(
        {name: findings.as_dict() for name, findings in found.items()},
        show,
        exit_code=exit_code,
        run_id=report.run_id,
        warnings=tuple(report.warnings),
        reason=verdict,
        outcome=outcome,
    )


def _show(console: Console, found: Mapping[str, Findings]) -> None:
    from sfsync.cli.layout import table

    counts_table = table("", *(_words(kind) for kind in _KINDS))
    for name, findings in found.items():
        counts_table.add_row(name, *(str(getattr(findings, kind)) for kind in _KINDS))
    console.print(counts_table)
    for name, findings in found.items():
        for kind in _LISTED:
            records = findings.named.get(kind)
            if records:
                console.print(f"{name}, {_words(kind)}: {', '.join(records)}", soft_wrap=True)


def _words(kind: str) -> str:
    return kind.replace("_", " ")
