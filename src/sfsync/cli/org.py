"""org check (and doctor), org setup: what is missing in an org, and making it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.command import Answer, Cli, Commands, command, one_line
from sfsync.cli.sync import DryRun, counted
from sfsync.errors import OrgRefused, SfsyncError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.cli.checkup import Checkup
    from sfsync.config import Config
    from sfsync.diagnosis.findings import Finding
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.facts import SObjectFacts
    from sfsync.provisioning.blueprint import Blueprint, ByHand, Found, Step
    from sfsync.salesforce.org import SalesforceOrg
    from sfsync.salesforce.setup import OrgSetup, Result

PANEL = "Org"
_INDENT = 9
_WIDEST = 96
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


# -- check -----------------------------------------------------------------------------------------
def check(
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
    from sfsync.cli.checkup import check_up, repair
    from sfsync.cli.wiring import local_now
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
        _show(
            console,
            Text(f"{kind:<{_INDENT}}", style=_STYLES[kind]),
            f"{what}{f'; {finding.why}' if finding.why else ''}",
        )
        following = told[number + 1] if number + 1 < len(told) else None
        shared = following is not None and (following.area, following.severity, following.remedy, following.who) == (
            finding.area, finding.severity, finding.remedy, finding.who,
        )  # fmt: skip
        if finding.remedy and not shared:
            first, *lines = finding.remedy.splitlines()
            _show(console, Text(" " * _INDENT), f"-> {finding.who}: {first}", style="dim")
            for line in lines:  # commands to copy, as they are
                console.print(Text(" " * _INDENT + one_line(line), style="dim"), soft_wrap=True)
    console.print()


def _show(console: Console, head: Any, sentence: str, *, style: str = "") -> None:
    """A sentence beside its head, wrapped under itself."""
    from rich.text import Text

    width = max(min(console.width, _WIDEST) - _INDENT, 30)
    lines = Text(one_line(sentence)).wrap(console, width)
    for number, line in enumerate(lines):
        line.rstrip()
        console.print(
            Text.assemble(head if number == 0 else " " * _INDENT, (line.plain, style)),
            soft_wrap=True,
        )


# -- setup -----------------------------------------------------------------------------------------
def setup(
    cli: Cli,
    *,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    user: Annotated[
        str, typer.Option("--user", metavar="USERNAME", help="Who gets the permission set.", show_default="whose login it is")
    ] = "",
    sfdx: Annotated[
        Path | None, typer.Option("--sfdx", metavar="DIR", help="Write an SFDX project for an admin to deploy, instead; needs no login.")
    ] = None,
    package: Annotated[
        Path | None, typer.Option("--package", metavar="FILE.zip", help="Write a package for the Metadata API, instead; needs no login.")
    ] = None,
) -> Answer:  # fmt: skip
    """Make what the mapping needs in the org: the PenguinMails fields and a permission set for sfsync's user.

    It shows its plan and asks. What is there is kept; a field of another type is told and never
    changed; a second run changes nothing. It takes a login that may customize the application: for
    one that may not, --sfdx and --package write the same for an admin.

    Examples:
      sfsync org setup --dry-run
      sfsync org setup --user sync@example.com
      sfsync org setup --sfdx salesforce
    """
    from sfsync.cli.wiring import configuration

    if sfdx and package:
        raise UsageError("--sfdx and --package are two forms of the same", hint="Choose one.")
    config = configuration(cli)
    if sfdx or package:
        return _written(config, sfdx, package, dry_run=dry_run, replace=yes)
    return _made(cli, config, user, dry_run=dry_run, yes=yes)


# -- setup as files
def _written(
    config: Config, sfdx: Path | None, package: Path | None, *, dry_run: bool, replace: bool
) -> Answer:
    from sfsync.provisioning.blueprint import blueprint, by_hand
    from sfsync.salesforce.metadata import PROJECT_FILE, package_files, source_files, zipped

    wanted, version = blueprint(config.mapping), config.org.api_version
    if package:
        files = {package: zipped(package_files(wanted, version))}
        deploy = f"sf project deploy start --metadata-dir {package} --single-package"
    else:
        folder = sfdx or Path()
        files = {folder / name: content for name, content in source_files(wanted, version).items()}
        if (folder / PROJECT_FILE).exists():
            del files[folder / PROJECT_FILE]  # an admin's own project: it keeps its own settings
        deploy = "sf project deploy start --source-dir force-app"
    changed = _changed(files, replace=replace)
    if not dry_run:
        for path in changed:
            _write(path, files[path])
    left = by_hand(config.mapping, app=True)
    data = {
        "written": [str(path) for path in changed],
        "unchanged": [str(path) for path in files if path not in changed],
        "deploy": deploy,
        "assign": "sf org assign permset --name PenguinMails_Sync",
        "by_hand": [each.as_dict() for each in left],
        "dry_run": dry_run,
    }

    def show(console: Console) -> None:
        for path in changed:
            console.print(f"{'would write' if dry_run else 'wrote'} {path}", soft_wrap=True)
        if not changed:
            console.print("The files are there already, as they should be.")
        console.print("An admin deploys it, and gives the permission set to sfsync's user:")
        console.print(f"  {deploy}", soft_wrap=True)
        console.print(f"  {data['assign']} --on-behalf-of USERNAME", soft_wrap=True)
        _show_by_hand(console, left)

    return Answer(data, show)


def _changed(files: Mapping[Path, bytes], *, replace: bool) -> list[Path]:
    """Those that are not there yet, or differ.

    Raises:
        UsageError: one differs, and nobody said that it may be replaced.
    """
    changed = []
    for path, content in files.items():
        try:
            there = path.read_bytes() if path.exists() else None
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        if there is not None and there != content and not replace:
            raise UsageError(
                f"{path} is there, and says something else", hint="Replace it with --yes."
            )
        if there != content:
            changed.append(path)
    return changed


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


# -- setup in the org
def _made(cli: Cli, config: Config, user: str, *, dry_run: bool, yes: bool) -> Answer:
    from sfsync.cli.wiring import connect, login, new_run_id, open_mirror, token_store
    from sfsync.provisioning.blueprint import (
        blueprint,
        by_hand,
        custom_fields,
        objects_of,
        steps,
        todo,
    )
    from sfsync.salesforce.setup import OrgSetup

    with open_mirror(cli, config) as mirror:
        token = login(cli, config, mirror, token_store(cli, mirror)).current()
        org, _org_id = connect(cli, config, mirror)
        names = objects_of(config.mapping)
        described = _described(org, names)
        at_work = OrgSetup(org.connection)
        with _for_admins_only():
            existing = at_work.existing(custom_fields(config.mapping))
            wanted = blueprint(config.mapping, described, existing)
            found = at_work.found(wanted, described, existing, username=user, user_id=token.user_id)
        planned = steps(wanted, found)
        results: list[Result] = []
        agreed = True
        if todo(planned) and not dry_run:
            agreed = yes or _agreed(cli, planned, wanted, token.instance_url)
        if agreed and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                results = _carried_out(cli, at_work, planned, found)
                described = _described(org, names) if results else described
                _remember(mirror, described)
        calls = org.usage().api_calls
    left = by_hand(config.mapping, described)
    return _answer(
        planned,
        wanted,
        results,
        left,
        dry_run=dry_run,
        agreed=agreed,
        calls=calls,
        username=found.username,
    )


def _described(org: SalesforceOrg, names: Sequence[str]) -> dict[str, SObjectFacts]:
    """The org's objects, but for those that this user may not see."""
    told = {}
    for name in names:
        with suppress(OrgRefused):
            told[name] = org.describe(name)
    return told


class _for_admins_only:  # noqa: N801  reads as a sentence where it is used
    """Says what to do where this login may not look into the org's setup at all."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from sfsync.salesforce.setup import NO_RIGHTS

        if isinstance(error, OrgRefused) and error.code != "MALFORMED_QUERY":
            raise SfsyncError(f"{NO_RIGHTS}. {error.message}", hint=_OTHERWISE) from error


_OTHERWISE = (
    "Let an admin log in (`sfsync login --profile admin`, then `sfsync org setup --profile admin --user USERNAME`),"
    " or hand over files: `sfsync org setup --sfdx DIR`, or --package FILE.zip."
)


def _agreed(cli: Cli, planned: Sequence[Step], wanted: Blueprint, instance_url: str) -> bool:
    """Show the plan and ask.

    Raises:
        UsageError: there is nobody to ask.
    """
    if cli.as_json or not sys.stdin.isatty():
        raise UsageError(
            "this changes the org's setup, and there is nobody to ask",
            hint="Look at it with --dry-run, then say --yes.",
        )
    _show_plan(cli.err, planned, wanted)
    return typer.confirm(f"Make these changes in {instance_url}?", err=True)


def _carried_out(
    cli: Cli, at_work: OrgSetup, planned: Sequence[Step], found: Found
) -> list[Result]:
    """Field permissions travel together, and are told together."""
    from sfsync.provisioning.blueprint import Part
    from sfsync.salesforce.setup import Status

    def tell(result: Result) -> None:
        failed = result.status is Status.FAILED
        if failed or (result.status is Status.DONE and result.step.part is not Part.GRANT):
            words = f": {result.message}" if result.message else ""
            line = one_line(f"{result.status.value}: {_title(result.step)}{words}")
            cli.say(line, style="red" if failed else "")

    results = at_work.carry_out(planned, found, tell)
    opened = sum(each.step.part is Part.GRANT and each.status is Status.DONE for each in results)
    if opened:
        cli.say(f"done: {counted(opened, 'field permission')}")
    return results


def _remember(mirror: SqliteMirror, described: Mapping[str, SObjectFacts]) -> None:
    for facts in described.values():
        if mirror.facts(facts.name) != facts:
            mirror.keep_facts(facts)


def _answer(
    planned: Sequence[Step],
    wanted: Blueprint,
    results: Sequence[Result],
    left: Sequence[ByHand],
    *,
    dry_run: bool,
    agreed: bool,
    calls: int,
    username: str,
) -> Answer:
    from sfsync.provisioning.blueprint import Act
    from sfsync.salesforce.setup import Status

    done = [each for each in results if each.status is Status.DONE]
    undone = [each for each in results if each.status is not Status.DONE]
    differs = [step for step in planned if step.act is Act.DIFFERS]
    warnings = [f"{step.name}: {step.told}. {step.remedy}" for step in differs]
    warnings += [
        f"{name}: this org has no such field, and its name is not one of the platform's: sfsync does not make it"
        for name in wanted.strange
    ]
    data = {
        "plan": [step.as_dict() for step in planned],
        "results": [result.as_dict() for result in results],
        "changed": len(done),
        "username": username,
        "by_hand": [each.as_dict() for each in left],
        "dry_run": dry_run,
        "api_calls": calls,
    }
    errors = [
        {"slug": each.status.value, "message": f"{_title(each.step)}: {each.message}", "hint": ""}
        for each in undone
    ]
    if any(each.denied for each in undone):
        errors.append(
            {
                "slug": "no-rights",
                "message": "some of it takes an administrator",
                "hint": _OTHERWISE,
            }
        )

    def show(console: Console) -> None:
        if dry_run:
            _show_plan(console, planned, wanted)
        elif not agreed:
            console.print("Nothing was changed.")
        elif not results:
            console.print("Everything is there already: nothing was changed.")
        else:
            _show_results(console, done, undone, username)
        _show_by_hand(console, left)
        if results:
            console.print(
                "Then `sfsync org check`; in another profile's mirror: `sfsync org check --fix`.",
                soft_wrap=True,
            )

    failed = bool(undone) or not agreed
    return Answer(
        data, show, exit_code=1 if failed else 0, warnings=tuple(warnings), errors=tuple(errors),
        outcome="declined" if not agreed else "",
    )  # fmt: skip


def _show_results(
    console: Console, done: Sequence[Result], undone: Sequence[Result], username: str
) -> None:
    from sfsync.salesforce.setup import Status

    if not undone:
        console.print(f"{len(done)} done; {username} has the permission set.")
        return
    failed = [each for each in undone if each.status is Status.FAILED]
    console.print(
        f"{len(done)} done, {len(failed)} failed, {len(undone) - len(failed)} left out because of that."
    )
    for each in failed:
        console.print(one_line(f"failed: {_title(each.step)}: {each.message}"), soft_wrap=True)
    if any(each.denied for each in failed):
        console.print(f"try: {_OTHERWISE}", soft_wrap=True)


_VERBS = {"create": "make", "update": "open", "keep": "keep", "differs": "leave"}


def _title(step: Step) -> str:
    return f"{step.part.value} {step.name}"


def _show_plan(console: Console, planned: Sequence[Step], wanted: Blueprint) -> None:
    """What is to be made, part by part; what is there already is counted."""
    from rich.text import Text

    from sfsync.provisioning.blueprint import Act, Part

    part = ""
    for step in planned:
        if step.act is Act.KEEP or step.part is Part.GRANT:
            continue
        if step.part is Part.ASSIGNMENT:
            _show_grants(console, planned)
        if step.part != part:
            part = step.part
            console.print(
                Text(
                    f"{part}{'' if part in ('permission set', 'assignment') else 's'}", style="bold"
                )
            )
        _show(console, Text(f"{_VERBS[step.act]:<{_INDENT}}"), f"{step.name}: {step.told}")
    if planned[-1].act is Act.KEEP:
        _show_grants(console, planned)
    kept = sum(step.act is Act.KEEP for step in planned)
    if kept:
        console.print(f"{kept} of {len(planned)} parts are there already and stay as they are.")
    for name in wanted.strange:
        console.print(
            f"{name} is not one of the platform's fields and not in this org: not made",
            soft_wrap=True,
        )


def _show_grants(console: Console, planned: Sequence[Step]) -> None:
    """Field permissions, an object a line for each right."""
    from rich.text import Text

    from sfsync.provisioning.blueprint import Part, todo

    lines: dict[tuple[str, str], list[str]] = {}
    for step in todo(planned):
        if step.part is Part.GRANT:
            sobject, _, name = step.name.partition(".")
            lines.setdefault((sobject, step.told), []).append(name)
    if lines:
        console.print(Text("field permissions", style="bold"))
    for (sobject, right), names in lines.items():
        _show(console, Text(f"{'open':<{_INDENT}}"), f"{sobject}, {right}: {', '.join(names)}")


def _show_by_hand(console: Console, left: Sequence[ByHand]) -> None:
    from rich.text import Text

    if left:
        console.print("Left for an admin, in Salesforce's own pages:")
    for each in left:
        _show(console, Text(f"{'-':>{_INDENT - 1}} "), f"{each.what}: {each.where} ({each.why})")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        name="org",
        cls=Commands,
        help="See what an org lacks for this mapping, and make it.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    command(group, "check", panel=PANEL, told_as="org check")(check)
    command(group, "setup", panel=PANEL, told_as="org setup")(setup)
    app.add_typer(group, rich_help_panel=PANEL)
    command(app, "doctor", panel=PANEL)(check)
