"""org check (and doctor): what is wrong with the login, the org, the mapping or this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.layout import INDENT, print_beside
from sfsync.cli.options import DryRun
from sfsync.cli.text import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.org_check_facts import Checkup
    from sfsync.diagnosis.finding import Finding
    from sfsync.mirror.store import SqliteMirror


_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check_org(
    cli: Cli,
    *,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Mend what is sfsync's own: file modes, what it remembers of the org."
        ),
    ] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Look at the login, the org, the mapping and this machine, and tell what is missing and who can mend it.

    Takes about five API calls and changes nothing. Exits 1 where something has to be mended before
    a sync works.

    Examples:
      sfsync org check
      sfsync doctor --fix --dry-run
    """
    from sfsync.cli.clock import local_now
    from sfsync.cli.org_check_facts import check_up, repair
    from sfsync.diagnosis.findings import errors_in

    mended: list[str] = []

    def repairs(found: Checkup, mirror: SqliteMirror | None) -> None:
        mended.extend(repair(cli, found, mirror, dry_run=dry_run))

    found = check_up(cli, repairs if fix else None)
    told = found.findings(local_now())
    counts = {
        kind: sum(each.severity == kind for each in told) for kind in ("error", "warning", "note")
    }
    data = {
        "findings": [finding.as_dict() for finding in told],
        "counts": counts,
        "mended": [] if dry_run else mended,
        "would_mend": mended if dry_run else [],
        "org": _org_document(found),
        "api_calls": found.calls,
    }

    def show(console: Console) -> None:
        _show_head(console, found)
        _show_findings(console, told)
        for sentence in mended:
            console.print(one_line(f"{'would have ' if dry_run else ''}{sentence}"), soft_wrap=True)
        numbers = ", ".join(counted(number, kind) for kind, number in counts.items() if number)
        console.print(
            f"{numbers or 'Everything is as it should be'}; {counted(found.calls, 'API call')}."
        )

    failed = bool(errors_in(told))
    return Answer(data, show, exit_code=1 if failed else 0, outcome="problems" if failed else "ok")


def _org_document(found: Checkup) -> dict[str, Any]:
    from sfsync.model.cursor import iso

    org, login = found.org, found.login
    return {
        "org_id": login.org_id or None,
        "name": org.name or None,
        "edition": org.edition or None,
        "is_sandbox": org.is_sandbox,
        "username": org.user.username if org.user else None,
        "api_version": found.wanted.api_version,
        "newest_api_version": org.versions[-1] if org.versions else None,
        "token_store": login.store or None,
        "login": login.way or None,
        "login_renewed_at": iso(login.renewed_at) if login.renewed_at else None,
        "api_calls_left": org.api_left[0] if org.api_left else None,
        "storage_mb_left": org.storage_mb[0] if org.storage_mb else None,
    }


def _show_head(console: Console, found: Checkup) -> None:
    org, login = found.org, found.login
    if login.trouble is None and login.store:
        who = org.user.username if org.user and org.user.username else login.user_id
        console.print(
            one_line(
                f"{who} at {login.instance_url}, login by {login.way}, kept in the {login.store}"
            ),
            soft_wrap=True,
        )
    if org.name:
        kind = f"{org.edition}{', sandbox' if org.is_sandbox else ''}"
        console.print(
            one_line(f"{org.name} ({kind}), API version {found.wanted.api_version}"), soft_wrap=True
        )
    left = [f"{org.api_left[0]:,} of {org.api_left[1]:,} API calls"] if org.api_left else []
    left += (
        [f"{org.storage_mb[0]:,} of {org.storage_mb[1]:,} MB of data storage"]
        if org.storage_mb
        else []
    )
    if left:
        console.print(f"left: {' and '.join(left)}")


def _show_findings(console: Console, told: Sequence[Finding]) -> None:
    """By area; a remedy that several in a row share is said once, after the last."""
    from rich.text import Text

    area = ""
    for number, finding in enumerate(told):
        if finding.area != area:
            area = finding.area
            console.print()
            console.print(Text(area, style="bold"))
        kind = finding.severity.value
        what = f"{finding.subject}: {finding.what}" if finding.subject else finding.what
        print_beside(
            console,
            Text(f"{kind:<{INDENT}}", style=_STYLES[kind]),
            f"{what}{f'; {finding.why}' if finding.why else ''}",
        )
        following = told[number + 1] if number + 1 < len(told) else None
        shared = following is not None and (following.area, following.severity, following.remedy, following.who) == (
            finding.area, finding.severity, finding.remedy, finding.who,
        )  # fmt: skip
        if finding.remedy and not shared:
            first, *lines = finding.remedy.splitlines()
            print_beside(console, Text(" " * INDENT), f"-> {finding.who}: {first}", style="dim")
            for line in lines:  # commands to copy, as they are
                console.print(Text(" " * INDENT + one_line(line), style="dim"), soft_wrap=True)
    console.print()
