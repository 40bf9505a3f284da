"""import: contacts or leads from a file into the mirror."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli import completion
from sfsync.cli.answer import PARTIAL, Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from sfsync.intake.headings import Heading
    from sfsync.intake.people_files import HowToRead
    from sfsync.model.arrival import UnreadableKinds
    from sfsync.model.mapping import ObjectMap


BATCH = 1000
"""Rows a transaction."""


@dataclass
class _Outcome:
    """What became of the file."""

    heading: Heading
    unreadable: UnreadableKinds
    counts: Counter[str] = field(
        default_factory=lambda: Counter(
            {"created": 0, "updated": 0, "unchanged": 0, "quarantined": 0}
        )
    )
    not_sent: set[str] = field(default_factory=set)


def import_file(
    cli: Cli,
    file: Annotated[
        Path, typer.Argument(metavar="FILE|-", help="CSV or JSON lines; - is standard input.")
    ],
    *,
    object_name: Annotated[
        str,
        typer.Option(
            "--object",
            metavar="NAME",
            help="What the records are: contact, lead or account.",
            autocompletion=completion.objects,
        ),
    ] = "contact",
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="'FILE COLUMN=COLUMN'",
            help="What a column of the file is: the mirror's column or the Salesforce field; may be repeated.",
        ),
    ] = None,
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="How the file is text: cp1252, utf-16, …")
    ] = "utf-8",
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help="Of times that state none: Europe/Berlin.", show_default="UTC"
        ),
    ] = None,
    true: Annotated[
        list[str] | None,
        typer.Option(
            "--true",
            metavar="WORD",
            help="A word for true, beside true, yes, ja, 1 and x; may be repeated.",
        ),
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Skip columns that are not mapped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Check the file and stop.")
    ] = False,
) -> Answer:
    """Bring contacts or leads from a file into the mirror, matched by the object's match key.

    Columns are the mirror's, or the Salesforce fields they are mapped to; exports of Mailchimp, HubSpot, Google Contacts,
    Salesforce reports and lists in German are known by their headers. What is new or different is an edit like any other:
    the next push sends it. Rows that cannot be read go to quarantine.

    Examples:
      sfsync import people.csv
      sfsync import leads.jsonl --object lead
      sfsync import list.csv --map 'Work address=email' --encoding cp1252 --dry-run
    """
    from sfsync.cli.wiring import configuration
    from sfsync.intake.encodings import encoding_named
    from sfsync.intake.headings import stated_columns
    from sfsync.intake.people_files import HowToRead
    from sfsync.intake.written_values import Spelling, true_words, zone_named

    config = configuration(cli)
    known = config.mapping.objects
    if object_name not in known:
        raise UsageError(
            f"no object {object_name!r} in the configuration",
            hint=f"There are: {', '.join(known)}.",
        )
    how = HowToRead(
        encoding=encoding_named(encoding),
        columns=stated_columns(map_ or [], known[object_name]),
        spelling=Spelling(true_words(true or []), zone_named(timezone) if timezone else None),
        ignore_unknown=ignore_unknown,
        refuse_foreign=True,
        command="import" if object_name == "contact" else f"import --object {object_name}",
    )
    outcome = _taken_in(cli, file, known[object_name], how, dry_run=dry_run)
    _tell_columns(cli, outcome.heading)
    return _answer(object_name, outcome, dry_run=dry_run)


def _taken_in(
    cli: Cli, file: Path, object_map: ObjectMap, how: HowToRead, *, dry_run: bool
) -> _Outcome:
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.engine.run import batched
    from sfsync.intake.people_files import read_records
    from sfsync.model.arrival import Unreadable, UnreadableKinds

    run_id = new_run_id()
    come_down = {each.column for each in object_map.fields if not each.pushes}
    source = sys.stdin.buffer if str(file) == "-" else file
    with open_mirror(configuration(cli)) as mirror, mirror.lock(run_id, "import"):
        records = read_records(source, object_map, how)
        outcome = _Outcome(records.heading, UnreadableKinds())
        for batch in batched(records, BATCH):
            bad = [record for record in batch if isinstance(record, Unreadable)]
            good = [record for record in batch if not isinstance(record, Unreadable)]
            for line in bad:
                outcome.unreadable.note(file.name, line)
            outcome.counts["quarantined"] += len(bad)
            outcome.not_sent |= {name for _, values in good for name in come_down & values.keys()}
            if dry_run:
                outcome.counts["read"] += len(good)
                continue
            stored = mirror.imports.take(
                object_map.name, good, bad, source=file.name, run_id=run_id
            )
            outcome.counts.update(stored)
    return outcome


def _tell_columns(cli: Cli, heading: Heading) -> None:
    """What the file was recognised as, and what of it is not taken in."""
    if heading.title:
        cli.inform(f"This is {heading.title}: {counted(len(heading.taken), 'column')} taken in")
    if heading.passed_over:
        cli.inform(f"Passed over: {', '.join(heading.passed_over)}")


def _answer(object_name: str, outcome: _Outcome, *, dry_run: bool) -> Answer:
    counts, exit_code = outcome.counts, 0
    warnings = [*map(str, outcome.unreadable)] if dry_run else []
    unreadable = counts["quarantined"]
    if unreadable:
        exit_code = PARTIAL
        where = "nothing was taken in" if dry_run else "see `sfsync quarantine`"
        warnings.append(f"{counted(unreadable, 'line')} could not be read: {where}")
    if outcome.not_sent:
        warnings.append(_not_sent_sentence(sorted(outcome.not_sent)))
    sentence = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    told = {"unreadable": outcome.unreadable.as_list()} if dry_run and outcome.unreadable else {}
    heading = outcome.heading
    return Answer(
        {
            object_name: {**counts, **told},
            "dry_run": dry_run,
            "export": heading.title or None,
            "columns": heading.taken,
            "passed_over": heading.passed_over,
        },
        lambda console: console.print(sentence),
        exit_code=exit_code,
        warnings=tuple(warnings),
    )


def _not_sent_sentence(columns: Sequence[str]) -> str:
    return (
        f"{', '.join(columns)}: only read from Salesforce (direction: pull). What the file says"
        " there is not sent, and Salesforce's own value replaces it; see `sfsync conflicts`"
    )
