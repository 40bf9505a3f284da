"""verify: whether mirror and org agree, record by record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import MassChange, Objects

if TYPE_CHECKING:
    from rich.console import Console


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
    disagree = any(findings.disagreements for findings in found.values())

    def show(console: Console) -> None:
        from sfsync.cli.layout import table

        kinds = ("equal", "missing_here", "different", "ended", "invisible", "waiting")
        made = table("", *(kind.replace("_", " ") for kind in kinds))
        for name, findings in found.items():
            made.add_row(name, *(str(getattr(findings, kind)) for kind in kinds))
        console.print(made)
        for name, findings in found.items():
            for kind in ("missing_here", "different", "ended", "invisible"):
                if findings.named.get(kind):
                    console.print(
                        f"{name}, {kind.replace('_', ' ')}: {', '.join(findings.named[kind])}",
                        soft_wrap=True,
                    )
        if not disagree:
            console.print("Mirror and org agree.")
        else:
            console.print(
                "Repaired."
                if repair
                else "They disagree: `sfsync verify --repair` takes it into the mirror."
            )

    data = {name: findings.as_dict() for name, findings in found.items()}
    return Answer(
        data, show, exit_code=1 if disagree and not repair else 0, run_id=report.run_id,
        warnings=tuple(report.warnings), outcome="different" if disagree and not repair else "ok",
    )  # fmt: skip
