"""purge: remove a person from the mirror for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Yes
from sfsync.cli.pause import refuse_if_paused
from sfsync.cli.text import counted
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror


def purge(
    cli: Cli,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whom to forget.")],
    *,
    yes: Yes = False,
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

    if not (yes or dry_run or readmit or cli.can_ask):
        raise UsageError(
            "this removes a person for good, and there is nobody to ask",
            hint="Look at it with --dry-run, then say --yes.",
        )
    run_id = new_run_id()
    config = configuration(cli)
    with (
        open_mirror(config) as mirror,
        nullcontext() if dry_run else mirror.lock(run_id, cli.command),
    ):
        if not dry_run:
            refuse_if_paused(mirror)
        if readmit:
            return _readmitted(was_purged=mirror.purge.readmit(email, dry_run=dry_run))
        _refuse_while_waiting(config, email)
        if not lose_opt_out:
            _check_opt_out_sent(mirror, email)
        found = mirror.purge.person(email, dry_run=True)
        if dry_run:
            return _purged(found, dry_run=True, warnings=_left_elsewhere(found))
        if not yes and not _agreed(cli, found):
            return _declined(found)
        mirror.runs.begin(run_id, cli.command)
        cli.run_id = run_id
        found = mirror.purge.person(email)
        _forget_deliveries(config, email)
        mirror.runs.finish(run_id, "ok", {})
    backups = "backups of the mirror, and plan files, are yours to delete"
    return _purged(found, dry_run=False, warnings=[*_left_elsewhere(found), backups])


def _refuse_while_waiting(config: Config, email: str) -> None:
    """Stop where something of the person waits in the inbox: it would come in after the purge.

    Raises:
        UsageError: something does.
    """
    from sfsync.cli.arrivals import open_inbox

    with open_inbox(config) as inbox:
        waiting = inbox.count_waiting_with(email)
    if waiting:
        raise UsageError(
            f"nothing was removed: the inbox holds something of {email} that no run has taken in yet",
            hint="Let `sfsync push-activity` take them in first.",
        )


def _forget_deliveries(config: Config, email: str) -> None:
    from sfsync.cli.arrivals import open_inbox

    with open_inbox(config) as inbox:
        inbox.forget(email)


def _check_opt_out_sent(mirror: SqliteMirror, email: str) -> None:
    """Stop where an opt-out is known to the mirror alone: purging would lose it."""
    unsent = mirror.purge.unsent_consent(email)
    if unsent:
        raise UsageError(
            f"nothing was removed: {'; '.join(unsent)}",
            hint="Let it reach Salesforce with `sfsync sync`; or say --lose-opt-out.",
        )


def _agreed(cli: Cli, found: Mapping[str, Any]) -> bool:
    cli.to_stderr(_counts(found) or "the mirror holds nothing of this person")
    return typer.confirm("Remove all of this from the mirror, for good?", err=True)


def _counts(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found["removed"].items())


# -- answers ---------------------------------------------------------------------------------------
def _readmitted(*, was_purged: bool) -> Answer:
    sentence = "This address was not purged."
    if was_purged:
        sentence = "This address may come in again."
    return Answer({"readmitted": was_purged}, lambda console: console.print(sentence))


def _declined(found: Mapping[str, Any]) -> Answer:
    return Answer(
        {**found, "dry_run": False},
        lambda console: console.print("Nothing was removed."),
        exit_code=1,
        warnings=tuple(_left_elsewhere(found)),
        reason="declined: nothing was removed",
        outcome="declined",
    )


def _purged(found: Mapping[str, Any], *, dry_run: bool, warnings: Sequence[str]) -> Answer:
    does = "Would remove" if dry_run else "Removed"
    counts = _counts(found) or "nothing; the mirror held nothing of this person"
    return Answer(
        {**found, "dry_run": dry_run},
        lambda console: console.print(f"{does}: {counts}."),
        warnings=tuple(warnings),
    )


def _left_elsewhere(found: Mapping[str, Any]) -> list[str]:
    """Where the person stands besides: records in Salesforce, texts of other people's rows."""
    warnings = []
    if found["records"]:
        names = ", ".join(found["records"])
        warnings.append(f"still in Salesforce, to be deleted there: {names}")
    if found["mentions"]:
        rows = counted(found["mentions"], "row")
        warnings.append(f"{rows} of other people hold the address in a text of theirs")
    return warnings
