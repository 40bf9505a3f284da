"""org setup: make the fields and the permission set that the mapping needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.layout import INDENT, print_beside
from sfsync.cli.options import DryRun
from sfsync.cli.text import counted, one_line
from sfsync.errors import OrgRefused, SfsyncError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.facts import SObjectFacts
    from sfsync.provisioning.blueprint import Blueprint
    from sfsync.provisioning.by_hand import ByHand
    from sfsync.provisioning.existing import Existing
    from sfsync.provisioning.steps import SetupStep
    from sfsync.salesforce.connect import Connection
    from sfsync.salesforce.org import SalesforceOrg
    from sfsync.salesforce.setup import Result


def set_up_org(
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
    from sfsync.cli.org_setup_files import written
    from sfsync.cli.wiring import configuration

    if sfdx and package:
        raise UsageError("--sfdx and --package are two forms of the same", hint="Choose one.")
    config = configuration(cli)
    if sfdx or package:
        return written(config, sfdx, package, dry_run=dry_run, replace=yes)
    return _made(cli, config, user, dry_run=dry_run, yes=yes)


def _made(cli: Cli, config: Config, user: str, *, dry_run: bool, yes: bool) -> Answer:
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.stored_login import login, token_store
    from sfsync.cli.wiring import connect, open_mirror
    from sfsync.provisioning.blueprint import blueprint, custom_fields, objects_of
    from sfsync.provisioning.by_hand import by_hand
    from sfsync.provisioning.steps import setup_steps, todo
    from sfsync.salesforce.setup_lookup import SetupLookup

    with open_mirror(cli, config) as mirror:
        token = login(cli, config, mirror, token_store(cli, mirror)).current()
        org, _org_id = connect(cli, config, mirror)
        names = objects_of(config.mapping)
        described = _described(org, names)
        lookup = SetupLookup(org.connection)
        with _for_admins_only():
            field_ids = lookup.custom_field_ids(custom_fields(config.mapping))
            wanted = blueprint(config.mapping, described, field_ids)
            found = lookup.existing(
                wanted, described, field_ids, username=user, user_id=token.user_id
            )
        planned = setup_steps(wanted, found)
        results: list[Result] = []
        agreed = True
        if todo(planned) and not dry_run:
            agreed = yes or _agreed(cli, planned, wanted, token.instance_url)
        if agreed and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                results = _carried_out(cli, org.connection, planned, found)
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


def _agreed(cli: Cli, planned: Sequence[SetupStep], wanted: Blueprint, instance_url: str) -> bool:
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
    cli: Cli, connection: Connection, planned: Sequence[SetupStep], found: Existing
) -> list[Result]:
    """Field permissions travel together, and are told together."""
    from sfsync.provisioning.steps import Part
    from sfsync.salesforce.setup import Status, carry_out

    def tell(result: Result) -> None:
        failed = result.status is Status.FAILED
        if failed or (result.status is Status.DONE and result.step.part is not Part.GRANT):
            words = f": {result.message}" if result.message else ""
            line = one_line(f"{result.status.value}: {_title(result.step)}{words}")
            cli.inform(line, style="red" if failed else "")

    results = carry_out(connection, planned, found, tell)
    opened = sum(each.step.part is Part.GRANT and each.status is Status.DONE for each in results)
    if opened:
        cli.inform(f"done: {counted(opened, 'field permission')}")
    return results


def _remember(mirror: SqliteMirror, described: Mapping[str, SObjectFacts]) -> None:
    for facts in described.values():
        if mirror.state.facts(facts.name) != facts:
            mirror.state.keep_facts(facts)


def _answer(
    planned: Sequence[SetupStep],
    wanted: Blueprint,
    results: Sequence[Result],
    left: Sequence[ByHand],
    *,
    dry_run: bool,
    agreed: bool,
    calls: int,
    username: str,
) -> Answer:
    from sfsync.provisioning.steps import Act
    from sfsync.salesforce.setup import Status

    done = [each for each in results if each.status is Status.DONE]
    undone = [each for each in results if each.status is not Status.DONE]
    differs = [step for step in planned if step.act is Act.DIFFERS]
    warnings = [f"{step.name}: {step.detail}. {step.remedy}" for step in differs]
    warnings += [
        f"{name}: this org has no such field, and its name is not one of the platform's: sfsync does not make it"
        for name in wanted.unknown_fields
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
        show_by_hand(console, left)
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


def _title(step: SetupStep) -> str:
    return f"{step.part.value} {step.name}"


def _show_plan(console: Console, planned: Sequence[SetupStep], wanted: Blueprint) -> None:
    """What is to be made, part by part; what is there already is counted."""
    from rich.text import Text

    from sfsync.provisioning.steps import Act, Part

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
        print_beside(console, Text(f"{_VERBS[step.act]:<{INDENT}}"), f"{step.name}: {step.detail}")
    if planned[-1].act is Act.KEEP:
        _show_grants(console, planned)
    kept = sum(step.act is Act.KEEP for step in planned)
    if kept:
        console.print(f"{kept} of {len(planned)} parts are there already and stay as they are.")
    for name in wanted.unknown_fields:
        console.print(
            f"{name} is not one of the platform's fields and not in this org: not made",
            soft_wrap=True,
        )


def _show_grants(console: Console, planned: Sequence[SetupStep]) -> None:
    """Field permissions, an object a line for each right."""
    from rich.text import Text

    from sfsync.provisioning.steps import Part, todo

    lines: dict[tuple[str, str], list[str]] = {}
    for step in todo(planned):
        if step.part is Part.GRANT:
            sobject, _, name = step.name.partition(".")
            lines.setdefault((sobject, step.detail), []).append(name)
    if lines:
        console.print(Text("field permissions", style="bold"))
    for (sobject, right), names in lines.items():
        print_beside(
            console, Text(f"{'open':<{INDENT}}"), f"{sobject}, {right}: {', '.join(names)}"
        )


def show_by_hand(console: Console, left: Sequence[ByHand]) -> None:
    """What only an admin can do, each with where and why."""
    from rich.text import Text

    if left:
        console.print("Left for an admin, in Salesforce's own pages:")
    for each in left:
        print_beside(
            console, Text(f"{'-':>{INDENT - 1}} "), f"{each.what}: {each.where} ({each.why})"
        )
