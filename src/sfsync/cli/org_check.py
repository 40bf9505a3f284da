"""org check (and doctor): what is wrong with the login, the org, the mapping or this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.indented import INDENT, print_beside
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.text import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.org_check_facts import Checkup
    from sfsync.diagnosis.finding import Finding
    from sfsync.mirror.store import SqliteMirror


PROBLEMS = 1
"""The exit code where something has to be mended before a sync works."""

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
"""Severity -> how it is printed; the worst first."""


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

    repairs: list[str] = []

    def repair_now(checkup: Checkup, mirror: SqliteMirror | None) -> None:
        repairs.extend(repair(cli, checkup, mirror, dry_run=dry_run))

    checkup = check_up(cli, repair_now if fix else None)
    found = [
        replace(each, remedy=cli.as_called(each.remedy)) for each in checkup.findings(local_now())
    ]
    counts = {severity: sum(each.severity == severity for each in found) for severity in _STYLES}
    data = {
        "findings": [finding.as_dict() for finding in found],
        "counts": counts,
        "mended": [] if dry_run else repairs,
        "would_mend": repairs if dry_run else [],
        "org": _org_document(checkup),
        "api_calls": checkup.calls,
    }

    def show(console: Console) -> None:
        _show_login(console, checkup)
        _show_org(console, checkup)
        _show_findings(console, found)
        for sentence in repairs:
            console.print(one_line(f"{'would have ' if dry_run else ''}{sentence}"), soft_wrap=True)
        numbers = ", ".join(counted(number, name) for name, number in counts.items() if number)
        calls = counted(checkup.calls, "API call")
        console.print(f"{numbers or 'Everything is as it should be'}; {calls}.")

    if errors_in(found):
        reason = _reason(errors_in(found))
        return Answer(data, show, exit_code=PROBLEMS, reason=reason, outcome="problems")
    return Answer(data, show, outcome="ok")


def _reason(errors: Sequence[Finding]) -> str:
    """How many errors there are, and the first of them."""
    return one_line(f"{counted(len(errors), 'error')}: {errors[0].what}")


def _org_document(checkup: Checkup) -> dict[str, Any]:
    from sfsync.model.cursor import iso

    org, login = checkup.org, checkup.login
    return {
        "org_id": login.org_id or None,
        "name": org.name or None,
        "edition": org.edition or None,
        "is_sandbox": org.is_sandbox,
        "username": org.user.username if org.user else None,
        "api_version": checkup.wanted.api_version,
        "newest_api_version": org.versions[-1] if org.versions else None,
        "token_store": login.store or None,
        "login": login.way or None,
        "login_renewed_at": iso(login.renewed_at) if login.renewed_at else None,
        "api_calls_left": org.api_left[0] if org.api_left else None,
        "storage_mb_left": org.storage_mb[0] if org.storage_mb else None,
    }


def _show_login(console: Console, checkup: Checkup) -> None:
    org, login = checkup.org, checkup.login
    if login.trouble is not None or not login.store:  # not logged in: a finding says so
        return
    username = login.user_id
    if org.user and org.user.username:
        username = org.user.username
    sentence = (
        f"{username} at {login.instance_url}, login by {login.way}, kept in the {login.store}"
    )
    console.print(one_line(sentence), soft_wrap=True)


def _show_org(console: Console, checkup: Checkup) -> None:
    org = checkup.org
    if org.name:
        kind = f"{org.edition}, sandbox" if org.is_sandbox else org.edition
        sentence = f"{org.name} ({kind}), API version {checkup.wanted.api_version}"
        console.print(one_line(sentence), soft_wrap=True)
    left = []
    if org.api_left:
        left.append(f"{org.api_left[0]:,} of {org.api_left[1]:,} API calls")
    if org.storage_mb:
        left.append(f"{org.storage_mb[0]:,} of {org.storage_mb[1]:,} MB of data storage")
    if left:
        console.print(f"left: {' and '.join(left)}")


def _show_findings(console: Console, found: Sequence[Finding]) -> None:
    """Print findings by area. A remedy that several in a row share stands once, after the last."""
    from rich.text import Text

    area = ""
    for finding, following in zip_longest(found, found[1:]):
        if finding.area != area:
            area = finding.area
            console.print()
            console.print(Text(area, style="bold"))
        _show_finding(console, finding)
        if finding.remedy and not _same_remedy(finding, following):
            _show_remedy(console, finding)
    console.print()


def _show_finding(console: Console, finding: Finding) -> None:
    from rich.text import Text

    severity = finding.severity.value
    sentence = finding.what
    if finding.subject:
        sentence = f"{finding.subject}: {sentence}"
    if finding.why:
        sentence = f"{sentence}; {finding.why}"
    print_beside(console, Text(f"{severity:<{INDENT}}", style=_STYLES[severity]), sentence)


def _same_remedy(finding: Finding, following: Finding | None) -> bool:
    if following is None:
        return False
    return (following.area, following.severity, following.remedy, following.who) == (
        finding.area, finding.severity, finding.remedy, finding.who,
    )  # fmt: skip


def _show_remedy(console: Console, finding: Finding) -> None:
    from rich.text import Text

    first, *commands = finding.remedy.splitlines()
    print_beside(console, Text(" " * INDENT), f"-> {finding.who}: {first}", style="dim")
    for line in commands:  # to be copied: never wrapped
        console.print(Text(" " * INDENT + one_line(line), style="dim"), soft_wrap=True)
