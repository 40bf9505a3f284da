"""purge: remove a person from the mirror for good."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.text import counted
from sfsync.errors import Paused, UsageError


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
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.wiring import configuration, open_mirror

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
        since = mirror.state.note("paused")
        if since and not dry_run:
            raise Paused(
                f"sfsync is paused since {since}: nothing is written", hint="sfsync resume"
            )
        if readmit:
            return _readmitted(there=mirror.purge.readmit(email, dry_run=dry_run))
        unsent = mirror.purge.unsent_consent(email)
        if unsent and not lose_opt_out:
            raise UsageError(
                f"nothing was removed: {'; '.join(unsent)}",
                hint="Let it reach Salesforce with `sfsync sync`; or say --lose-opt-out.",
            )
        told = mirror.purge.person(email, dry_run=True)
        agreed = dry_run or yes or _asked(cli, told)
        if agreed and not dry_run:
            mirror.runs.begin(run_id, cli.command)
            told = mirror.purge.person(email)
            mirror.runs.finish(run_id, "ok", {})
    return _purged(told, dry_run=dry_run, agreed=agreed)


def _asked(cli: Cli, told: Mapping[str, Any]) -> bool:
    cli.to_stderr(_counts(told) or "the mirror holds nothing of this person")
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
