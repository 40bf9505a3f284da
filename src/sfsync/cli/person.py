"""explain and purge: one person's whole story, and forgetting it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, command
from sfsync.cli.sync import DryRun, counted
from sfsync.errors import Paused, UsageError

if TYPE_CHECKING:
    from rich.console import Console

PANEL = "Review"


def explain(
    cli: Cli,
    who: Annotated[
        str,
        typer.Argument(
            metavar="EMAIL",
            help="An address, also a former one; or an Id: Salesforce's or the row's.",
        ),
    ],
) -> Answer:
    """Tell one person's whole story: how matched, where each value came from, events, Tasks, conflicts, refusals.

    Everybody with that address is told. Asks nobody but the mirror: no API call.

    Examples:
      sfsync explain ada@example.com
      sfsync explain 003A0000001AbCd --json
    """  # fmt: skip
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.planning.provenance import matched, next_push, origins, timeline

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        told = mirror.story(who)
    for row in told["rows"]:
        object_map = config.mapping.objects[row["object"]]
        row["matched"] = matched(row, told)
        row["values"] = origins(row, told, object_map)
        row["next_push"] = next_push(row, object_map)
        row["consent"] = {column: bool(row["local"].get(column)) for column in object_map.opt_out}
    told["timeline"] = timeline(told)
    known = bool(told["rows"] or told["events"])
    warnings = () if known else (f"the mirror knows nobody by {who}",)
    return Answer(told, lambda console: _show_story(console, told), warnings=warnings)


def _show_story(console: Console, told: Mapping[str, Any]) -> None:
    from rich.text import Text

    from sfsync.cli.command import one_line
    from sfsync.cli.render import cell, table

    for row in told["rows"]:
        console.print(Text(one_line(_headline(row)), style="bold"))
        made = table("field", "value", "came")
        for column, value in row["values"].items():
            made.add_row(
                cell(column, width=20), cell(value["value"], width=22), Text(one_line(_came(value)))
            )
        console.print(made)
        if row["segments"]:
            console.print(Text(one_line(f"  segments: {', '.join(row['segments'])}")))
        opted_out = [column for column, out in row["consent"].items() if out]
        console.print(
            Text(
                f"  consent: {'opted out by ' + ', '.join(opted_out) if opted_out else 'no opt-out'}"
            )
        )
        sends = ", ".join(f"{column}={value}" for column, value in row["next_push"].items())
        console.print(Text(one_line(f"  the next push would send: {sends or 'nothing'}")))
    for one in told["timeline"]:
        console.print(Text(one_line(f"{one['at']}  {one['what']}: {one['detail']}")))
        if one["run_id"]:
            console.print(Text(f"{'':22}run {one['run_id']}", style="dim"))


def _headline(row: Mapping[str, Any]) -> str:
    words = [f"{row['object']} {row['id']}", row["salesforce_id"] or "", row["matched"]]
    if row["lives_on"]:
        on = row["lives_on"]
        words.append(f"{on['reason']}: lives on in {on['object']} {on['salesforce_id']}")
    elif row["deleted_at"]:
        words.append(f"deleted {row['deleted_at']}")
    return "  ".join(word for word in words if word)


def _came(value: Mapping[str, Any]) -> str:
    words = [value["how"]]
    words += [f"({value['source']})"] if value["source"] else []
    words += [f"in {value['run_id']}"] if value["run_id"] else []
    words += [f"sent in {value['sent_in']}"] if value.get("sent_in") else []
    return " ".join(words) + (", waits to be sent" if value["waits"] else "")


def purge(
    cli: Cli,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to forget.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    lose_opt_out: Annotated[
        bool,
        typer.Option("--lose-opt-out", help="Also where an opt-out has not reached Salesforce."),
    ] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Instead: let a purged address come in again.")
    ] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Remove a person from the mirror, its journal and its free space; the record in Salesforce stays and is told.

    Their opt-out has to be in Salesforce first: push it. A keyed hash of address and Ids is
    remembered, so that no later pull, import or event brings the person back; --readmit lets them
    in again.

    Examples:
      sfsync purge ada@example.com --dry-run
      sfsync purge ada@example.com --yes
    """
    from sfsync.cli.wiring import configuration, new_run_id, open_mirror

    if not (yes or dry_run or readmit) and (cli.as_json or not sys.stdin.isatty()):
        raise UsageError(
            "this removes a person for good, and there is nobody to ask",
            hint="Look at it with --dry-run, then say --yes.",
        )
    run_id = new_run_id()
    with (
        open_mirror(cli, configuration(cli)) as mirror,
        nullcontext() if dry_run else mirror.lock(run_id, cli.command),
    ):
        since = mirror.note("paused")
        if since and not dry_run:
            raise Paused(
                f"sfsync is paused since {since}: nothing is written", hint="sfsync resume"
            )
        if readmit:
            return _readmitted(there=mirror.readmit(email, dry_run=dry_run))
        unsent = mirror.unsent_consent(email)
        if unsent and not lose_opt_out:
            raise UsageError(
                f"nothing was removed: {'; '.join(unsent)}",
                hint="Let it reach Salesforce with `sfsync sync`; or say --lose-opt-out.",
            )
        told = mirror.purge(email, dry_run=True)
        agreed = dry_run or yes or _asked(cli, told)
        if agreed and not dry_run:
            mirror.begin_run(run_id, cli.command)
            told = mirror.purge(email)
            mirror.finish_run(run_id, "ok", {})
    return _purged(told, dry_run=dry_run, agreed=agreed)


def _asked(cli: Cli, told: Mapping[str, Any]) -> bool:
    cli.tell(_counts(told) or "the mirror holds nothing of this person")
    return typer.confirm("Remove all of this from the mirror, for good?", err=True)


def _counts(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in told["removed"].items())


def _readmitted(*, there: bool) -> Answer:
    told = "This address may come in again." if there else "This address was not purged."
    return Answer({"readmitted": there}, lambda console: console.print(told))


def _purged(told: Mapping[str, Any], *, dry_run: bool, agreed: bool) -> Answer:
    warnings = []
    if told["records"]:
        names = ", ".join(told["records"])
        warnings.append(f"still in Salesforce, to be deleted there: {names}")
    if told["mentions"]:
        warnings.append(
            f"{counted(told['mentions'], 'row')} of other people hold the address in a text of theirs"
        )
    if agreed and not dry_run:
        warnings.append("backups of the mirror, and plan files, are yours to delete")
    does = "Would remove" if dry_run else "Removed"
    text = f"{does}: {_counts(told) or 'nothing; the mirror held nothing of this person'}."
    return Answer(
        {**told, "dry_run": dry_run},
        lambda console: console.print(text if agreed else "Nothing was removed."),
        exit_code=0 if agreed else 1, warnings=tuple(warnings), outcome="" if agreed else "declined",
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "explain", panel=PANEL)(explain)
    command(app, "purge", panel=PANEL)(purge)
