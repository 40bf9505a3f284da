"""org setup: make the fields and the permission set that the mapping needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.indented import INDENT, print_beside
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun, Yes
from sfsync.cli.pause import refuse_if_paused
from sfsync.cli.text import counted, one_line
from sfsync.errors import OrgRefused, SfsyncError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.facts import SObjectFacts
    from sfsync.provisioning.blueprint import Blueprint
    from sfsync.provisioning.by_hand import ByHand
    from sfsync.provisioning.event_channel import EventChannel
    from sfsync.provisioning.existing import Existing
    from sfsync.provisioning.steps import Part, SetupStep
    from sfsync.salesforce.connect import Connection
    from sfsync.salesforce.org import SalesforceOrg
    from sfsync.salesforce.setup import Result


def set_up_org(
    cli: Cli,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    user: Annotated[
        str, typer.Option("--user", metavar="USERNAME", help="Who gets the permission set.", show_default="whose login it is")
    ] = "",
    change_events: Annotated[
        bool, typer.Option("--change-events", help="Also what `sfsync listen` follows changes by: a channel of their events, and the right to view all records.")
    ] = False,
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
      sfsync org setup --change-events
      sfsync org setup --sfdx salesforce
    """
    from sfsync.cli.org_setup_files import write_setup_files
    from sfsync.cli.wiring import configuration

    if sfdx and package:
        raise UsageError("--sfdx and --package are two forms of the same", hint="Choose one.")
    config = configuration(cli)
    if sfdx or package:
        return write_setup_files(
            config, sfdx, package, _channel(config, change_events), dry_run=dry_run, replace=yes
        )
    return _set_up(cli, config, user, _channel(config, change_events), dry_run=dry_run, yes=yes)


def _channel(config: Config, wanted: bool) -> EventChannel | None:
    """The channel that is asked for.

    Raises:
        UsageError: there is nothing to tell on it.
    """
    from sfsync.provisioning.event_channel import event_channel

    if not wanted:
        return None
    channel = event_channel(config.mapping, config.org.event_channel)
    if channel is None:
        raise UsageError(
            "no object is followed in real time",
            hint="Write frequency: real_time in its rules, and a direction that lets it come down.",
        )
    return channel


def _set_up(
    cli: Cli,
    config: Config,
    user: str,
    channel: EventChannel | None,
    *,
    dry_run: bool,
    yes: bool,
) -> Answer:
    from sfsync.cli.clock import new_run_id
    from sfsync.cli.stored_login import login, token_store
    from sfsync.cli.wiring import connect, open_mirror
    from sfsync.provisioning.blueprint import blueprint, custom_fields, objects_of
    from sfsync.provisioning.by_hand import by_hand
    from sfsync.provisioning.steps import setup_steps, todo
    from sfsync.salesforce.setup_lookup import SetupLookup

    with open_mirror(config) as mirror:
        token = login(cli, config, mirror, token_store(cli, mirror)).current()
        org, _org_id = connect(cli, config, mirror)
        names = objects_of(config.mapping)
        described = _described(org, names)
        lookup = SetupLookup(org.connection)
        with _hint_for_users_without_rights():
            field_ids = lookup.custom_field_ids(custom_fields(config.mapping))
            wanted = blueprint(config.mapping, described, field_ids, channel)
            found = lookup.existing(
                wanted, described, field_ids, username=user, user_id=token.user_id
            )
        steps = setup_steps(wanted, found)
        results: list[Result] = []
        agreed = True
        if todo(steps) and not dry_run:
            refuse_if_paused(mirror)
            agreed = yes or _agreed(cli, steps, wanted, token.instance_url)
        if agreed and not dry_run:
            with mirror.lock(new_run_id(), cli.command):
                results = _carry_out(cli, org.connection, steps, found)
                if results:  # the objects have new fields now
                    described = _described(org, names)
                _remember(mirror, described)
        calls = org.usage().api_calls
    return _answer(
        steps,
        wanted,
        results,
        by_hand(config.mapping, described),
        dry_run=dry_run,
        agreed=agreed,
        calls=calls,
        username=found.username,
    )


def _described(org: SalesforceOrg, names: Sequence[str]) -> dict[str, SObjectFacts]:
    """The org's objects, but for those that this user may not see."""
    described = {}
    for name in names:
        with suppress(OrgRefused):
            described[name] = org.describe(name)
    return described


@contextmanager
def _hint_for_users_without_rights() -> Iterator[None]:
    """Name the ways around it where this login may not look into the org's setup at all."""
    from sfsync.salesforce.setup import NO_RIGHTS

    try:
        yield
    except OrgRefused as error:
        if error.code == "MALFORMED_QUERY":  # a mistake of ours, no lack of rights
            raise
        raise SfsyncError(f"{NO_RIGHTS}. {error.message}", hint=_WAYS_WITHOUT_RIGHTS) from error


_WAYS_WITHOUT_RIGHTS = (
    "Let an admin log in (`sfsync login --profile admin`,"
    " then `sfsync org setup --profile admin --user USERNAME`),"
    " or hand over files: `sfsync org setup --sfdx DIR`, or --package FILE.zip."
)


def _agreed(cli: Cli, steps: Sequence[SetupStep], wanted: Blueprint, instance_url: str) -> bool:
    """Show the plan and ask.

    Raises:
        UsageError: there is nobody to ask.
    """
    if not cli.can_ask:
        raise UsageError(
            "this changes the org's setup, and there is nobody to ask",
            hint="Look at it with --dry-run, then say --yes.",
        )
    _show_plan(cli.err, steps, wanted)
    return typer.confirm(f"Make these changes in {instance_url}?", err=True)


def _carry_out(
    cli: Cli, connection: Connection, steps: Sequence[SetupStep], found: Existing
) -> list[Result]:
    """Do the steps, with a message for each as it ends; field permissions are counted in one."""
    from sfsync.provisioning.steps import Part
    from sfsync.salesforce.setup import Status, carry_out

    def inform(result: Result) -> None:
        line = f"{result.status.value}: {_title(result.step)}"
        if result.message:
            line += f": {result.message}"
        if result.status is Status.FAILED:
            cli.inform(one_line(line), style="red")
        elif result.status is Status.DONE and result.step.part is not Part.GRANT:
            cli.inform(one_line(line))

    results = carry_out(connection, steps, found, inform)
    granted = sum(each.step.part is Part.GRANT and each.status is Status.DONE for each in results)
    if granted:
        cli.inform(f"done: {counted(granted, 'field permission')}")
    return results


def _remember(mirror: SqliteMirror, described: Mapping[str, SObjectFacts]) -> None:
    for facts in described.values():
        if mirror.state.facts(facts.name) != facts:
            mirror.state.keep_facts(facts)


def _answer(
    steps: Sequence[SetupStep],
    wanted: Blueprint,
    results: Sequence[Result],
    left_to_admin: Sequence[ByHand],
    *,
    dry_run: bool,
    agreed: bool,
    calls: int,
    username: str,
) -> Answer:
    from sfsync.salesforce.setup import Status

    done = [each for each in results if each.status is Status.DONE]
    undone = [each for each in results if each.status is not Status.DONE]
    data = {
        "plan": [step.as_dict() for step in steps],
        "results": [result.as_dict() for result in results],
        "changed": len(done),
        "username": username,
        "by_hand": [each.as_dict() for each in left_to_admin],
        "dry_run": dry_run,
        "api_calls": calls,
    }
    exit_code, outcome = 0, ""
    if not agreed:
        exit_code, outcome = 1, "declined"
    elif undone:
        exit_code = 1

    def show(console: Console) -> None:
        if dry_run:
            _show_plan(console, steps, wanted)
        elif not agreed:
            console.print("Nothing was changed.")
        elif not results:
            console.print("Everything is there already: nothing was changed.")
        else:
            _show_results(console, done, undone, username)
        show_by_hand(console, left_to_admin)
        if results:
            console.print(
                "Then `sfsync org check`; in another profile's mirror: `sfsync org check --fix`.",
                soft_wrap=True,
            )

    return Answer(
        data,
        show,
        exit_code=exit_code,
        warnings=tuple(_warnings(steps, wanted)),
        errors=tuple(_errors(undone)),
        reason=_reason(undone, agreed=agreed),
        outcome=outcome,
    )


def _reason(undone: Sequence[Result], *, agreed: bool) -> str:
    if not agreed:
        return "declined: nothing was changed"
    return f"{counted(len(undone), 'step')} could not be done" if undone else ""


def _warnings(steps: Sequence[SetupStep], wanted: Blueprint) -> Iterator[str]:
    from sfsync.provisioning.steps import Act

    for step in steps:
        if step.act is Act.DIFFERS:
            yield f"{step.name}: {step.detail}. {step.remedy}"
    for name in wanted.unknown_fields:
        yield (
            f"{name}: this org has no such field, and its name is not one of the platform's:"
            " sfsync does not make it"
        )


def _errors(undone: Sequence[Result]) -> Iterator[dict[str, str]]:
    for each in undone:
        message = f"{_title(each.step)}: {each.message}"
        yield {"slug": each.status.value, "message": message, "hint": ""}
    if any(each.denied for each in undone):
        yield {
            "slug": "no-rights",
            "message": "some of it takes an administrator",
            "hint": _WAYS_WITHOUT_RIGHTS,
        }


def _show_results(
    console: Console, done: Sequence[Result], undone: Sequence[Result], username: str
) -> None:
    from sfsync.salesforce.setup import Status

    if not undone:
        console.print(f"{len(done)} done; {username} has the permission set.")
        return
    failed = [each for each in undone if each.status is Status.FAILED]
    left_out = len(undone) - len(failed)
    console.print(f"{len(done)} done, {len(failed)} failed, {left_out} left out because of that.")
    for each in failed:
        console.print(one_line(f"failed: {_title(each.step)}: {each.message}"), soft_wrap=True)
    if any(each.denied for each in failed):
        console.print(f"try: {_WAYS_WITHOUT_RIGHTS}", soft_wrap=True)


_VERBS = {"create": "make", "update": "open", "keep": "keep", "differs": "leave"}
"""An act -> the word for it in the plan."""


def _title(step: SetupStep) -> str:
    return f"{step.part.value} {step.name}"


def _show_plan(console: Console, steps: Sequence[SetupStep], wanted: Blueprint) -> None:
    """Print what is to be made, part by part; what is there already is counted."""
    from rich.text import Text

    from sfsync.provisioning.steps import Act, Part

    part = ""
    for step in steps:
        if step.act is Act.KEEP or step.part is Part.GRANT:
            continue
        if step.part is Part.ASSIGNMENT:  # the last step; field permissions stand before it
            _show_grants(console, steps)
        if step.part != part:
            part = step.part
            console.print(Text(_heading(step.part), style="bold"))
        print_beside(console, Text(f"{_VERBS[step.act]:<{INDENT}}"), f"{step.name}: {step.detail}")
    if steps[-1].act is Act.KEEP:  # the assignment is there already, so it was passed over
        _show_grants(console, steps)
    kept = sum(step.act is Act.KEEP for step in steps)
    if kept:
        console.print(f"{kept} of {len(steps)} parts are there already and stay as they are.")
    for name in wanted.unknown_fields:
        console.print(
            f"{name} is not one of the platform's fields and not in this org: not made",
            soft_wrap=True,
        )


def _heading(part: Part) -> str:
    from sfsync.provisioning.steps import Part

    if part in (Part.SET, Part.ASSIGNMENT):  # there is one of each
        return part.value
    return f"{part.value}s"


def _show_grants(console: Console, steps: Sequence[SetupStep]) -> None:
    """Print field permissions: a line for each object and right."""
    from rich.text import Text

    from sfsync.provisioning.steps import Part, todo

    lines: dict[tuple[str, str], list[str]] = {}
    for step in todo(steps):
        if step.part is Part.GRANT:
            sobject, _, name = step.name.partition(".")
            lines.setdefault((sobject, step.detail), []).append(name)
    if lines:
        console.print(Text("field permissions", style="bold"))
    for (sobject, right), names in lines.items():
        print_beside(
            console, Text(f"{'open':<{INDENT}}"), f"{sobject}, {right}: {', '.join(names)}"
        )


def show_by_hand(console: Console, tasks: Sequence[ByHand]) -> None:
    """Print what only an admin can do, each with where and why."""
    from rich.text import Text

    if tasks:
        console.print("Left for an admin, in Salesforce's own pages:")
    for each in tasks:
        print_beside(
            console, Text(f"{'-':>{INDENT - 1}} "), f"{each.what}: {each.where} ({each.why})"
        )
