"""import: contacts or leads from a file into the mirror."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import UsageError

if TYPE_CHECKING:
    pass


BATCH = 1000
"""Rows a transaction."""


def import_file(
    cli: Cli,
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="CSV or JSON lines; - is standard input.")
    ],
    *,
    object_name: Annotated[
        str,
        typer.Option(
            "--object", metavar="NAME", help="What the records are: contact, lead or account."
        ),
    ] = "contact",
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Skip columns that are not mapped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Check the file and stop.")
    ] = False,
) -> Answer:
    """Bring contacts or leads from a file into the mirror, matched by the object's match key.

    Columns are the mirror's, or the Salesforce fields they are mapped to. What is new or different
    is an edit like any other: the next push sends it. Rows that cannot be read go to quarantine.

    Examples:
      sfsync import people.csv
      sfsync import leads.jsonl --object lead
    """
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.engine.run import batched
    from sfsync.intake.people_files import read_records
    from sfsync.model.arrival import Unreadable

    config = configuration(cli)
    known = config.mapping.objects
    if object_name not in known:
        raise UsageError(
            f"no object {object_name!r} in the configuration",
            hint=f"There are: {', '.join(known)}.",
        )
    source = sys.stdin.buffer if str(file) == "-" else file
    counts = Counter({"created": 0, "updated": 0, "unchanged": 0, "quarantined": 0})
    run_id = new_run_id()
    come_down = {each.column for each in known[object_name].fields if not each.pushes}
    not_sent: set[str] = set()
    with open_mirror(config) as mirror, mirror.lock(run_id, "import"):
        records = read_records(source, known[object_name], ignore_unknown=ignore_unknown)
        for batch in batched(records, BATCH):
            bad = [record for record in batch if isinstance(record, Unreadable)]
            good = [record for record in batch if not isinstance(record, Unreadable)]
            counts["quarantined"] += len(bad)
            not_sent |= {name for _, values in good for name in come_down & values.keys()}
            if dry_run:
                counts["read"] += len(good)
                continue
            stored = mirror.imports.take(object_name, good, bad, source=file.name, run_id=run_id)
            counts.update(stored)
    return _answer(object_name, counts, sorted(not_sent), dry_run=dry_run)


def _answer(
    object_name: str, counts: Counter[str], not_sent: Sequence[str], *, dry_run: bool
) -> Answer:
    exit_code = 0
    warnings: list[str] = []
    unreadable = counts["quarantined"]
    if unreadable:
        exit_code = PARTIAL
        warnings.append(f"{unreadable} lines could not be read: see `sfsync quarantine`")
    if not_sent:
        warnings.append(
            f"{', '.join(not_sent)}: only read from Salesforce (direction: pull). What the file says"
            " there is not sent, and Salesforce's own value replaces it; see `sfsync conflicts`"
        )
    sentence = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    return Answer(
        {object_name: counts, "dry_run": dry_run},
        lambda console: console.print(sentence),
        exit_code=exit_code,
        warnings=tuple(warnings),
    )
