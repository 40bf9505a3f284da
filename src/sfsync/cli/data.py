"""init and import: what is needed before the first sync."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.intake.lines import BadLine
    from sfsync.mirror.store import SqliteMirror

PANEL = "Start"
BATCH = 1000
"""Rows a transaction."""


def init(
    cli: Cli,
    *,
    login_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Where to log in.", show_default="https://login.salesforce.com"
        ),
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="The consumer key of your app.", show_default="$SFSYNC_CLIENT_ID"
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file that is there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Name the file and stop.")
    ] = False,
) -> Answer:
    """Write a commented sfsync.yaml, ready to use.

    Examples:
      sfsync init
      sfsync init --login-url https://test.salesforce.com --client-id 3MVG9…
    """
    from sfsync.config import example_config

    path = cli.config or Path("sfsync.yaml")
    text = example_config()
    if login_url:
        text = re.sub(
            r"(?m)^(  login_url:).*$", lambda match: f"{match[1]} {login_url}", text, count=1
        )
    if client_id:
        text = re.sub(
            r"(?m)^(  client_id:).*$", lambda match: f"{match[1]} {client_id}", text, count=1
        )
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="Edit it, or overwrite it with --force.")
    if dry_run:
        return Answer(
            {"path": str(path), "dry_run": True},
            lambda console: console.print(f"Would write {path}.", soft_wrap=True),
        )
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already", hint="Edit it, or overwrite it with --force."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error

    def show(console: Console) -> None:
        console.print(f"Wrote {path}.", soft_wrap=True)
        if not client_id and not cli.environ.get("SFSYNC_CLIENT_ID"):
            console.print(
                "Next: set SFSYNC_CLIENT_ID to the consumer key of your app, then `sfsync login`."
            )
        else:
            console.print("Next: `sfsync login`.")

    return Answer({"path": str(path)}, show)


def import_file(
    cli: Cli,
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="CSV or JSON lines; - is standard input.")
    ],
    *,
    object_name: Annotated[
        str, typer.Option("--object", metavar="NAME", help="What the records are: contact or lead.")
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
    from sfsync.cli.wiring import configuration, new_run_id, open_mirror
    from sfsync.engine.run import batched
    from sfsync.intake.files import read_records
    from sfsync.intake.lines import BadLine

    config = configuration(cli)
    known = config.mapping.objects
    if object_name not in known:
        raise UsageError(
            f"no object {object_name!r} in the configuration",
            hint=f"There are: {', '.join(known)}.",
        )
    counts = Counter({"created": 0, "updated": 0, "unchanged": 0, "quarantined": 0})
    run_id = new_run_id()
    with open_mirror(cli, config) as mirror, mirror.lock(run_id, "import"):
        records = read_records(
            sys.stdin.buffer if str(file) == "-" else file,
            known[object_name],
            ignore_unknown=ignore_unknown,
        )
        for batch in batched(records, BATCH):
            good = [record[1] for record in batch if not isinstance(record, BadLine)]
            counts["quarantined"] += len(batch) - len(good)
            if dry_run:
                counts["read"] += len(good)
                continue
            for record in batch:
                if isinstance(record, BadLine):
                    _put_aside(mirror, file.name, object_name, record)
            for name, number in mirror.import_records(
                object_name, good, source=file.name, run_id=run_id
            ).items():
                counts[name] += number

    def show(console: Console) -> None:
        console.print(", ".join(f"{number} {name}" for name, number in counts.items()))

    return Answer(
        {object_name: counts, "dry_run": dry_run}, show, exit_code=3 if counts["quarantined"] else 0,
        warnings=(f"{counts['quarantined']} lines could not be read: see `sfsync quarantine`",) if counts["quarantined"] else (),
    )  # fmt: skip


def _put_aside(mirror: SqliteMirror, name: str, object_name: str, record: BadLine) -> None:
    mirror.quarantine(
        kind="input",
        code="UNREADABLE_LINE",
        message=f"{name}, {record}",
        hint="Correct the line and import the file again: rows that are known are not doubled.",
        object_name=object_name,
        payload=record.raw,
    )


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "init", panel=PANEL)(init)
    command(app, "import", panel=PANEL)(import_file)
