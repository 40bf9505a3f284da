"""consent: what is known of a person's consent, and why; an explicit consent that ends an opt-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sfsync.mirror.store import SqliteMirror
    from sfsync.model.consent import Statement

WORDS = {
    "opted_out": "opted out",
    "consented": "consented again",
    "unknown": "no opt-out is known",
}


def consent(
    cli: Cli,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whose consent.")],
    *,
    given: Annotated[
        bool, typer.Option("--given", help="Record that the person has consented again.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="WHEN", help="When the consent was given; now by default."),
    ] = None,
    source: Annotated[
        str,
        typer.Option("--source", metavar="WHY", help="How it was given: a form, a letter, a call."),
    ] = "",
    dry_run: DryRun = False,
) -> Answer:
    """Tell what is known of a person's consent to emails, since when and why; record an explicit new consent.

    An opt-out holds for every contact and lead that has the address, had it, or survived one that
    had. --given ends it, and has to be dated later than the opt-out.

    Examples:
      sfsync consent ada@example.com
      sfsync consent ada@example.com --given --at 2026-03-01 --source "form on the web site"
    """
    from sfsync.cli.clock import local_now, new_run_id
    from sfsync.cli.since import parse_when
    from sfsync.cli.wiring import configuration, open_mirror
    from sfsync.intake.event_values import checked_address
    from sfsync.model.consent import ConsentSource, ConsentState, Statement

    address = _checked(email, checked_address)
    if given and not source.strip():
        raise UsageError(
            "a consent needs its source: how was it given?",
            hint='Say it: --given --source "form on the web site".',
        )
    if not given and (at or source):
        raise UsageError("--at and --source go with --given")
    since = parse_when(at or "0m", local_now())
    config = configuration(cli)
    with open_mirror(config) as mirror:
        if given:
            _refuse_earlier(mirror, address, since)
            keys = mirror.consent.keys_of_person(address)
            said = [
                Statement(key, ConsentState.CONSENTED, since, ConsentSource.COMMAND, source.strip())
                for key in keys
            ]
            if not dry_run:
                with mirror.lock(new_run_id(), cli.command):
                    mirror.consent.record(said)
                    mirror.consent.settle(
                        {name: each.opt_out for name, each in config.mapping.objects.items()}
                    )
        records, statements = mirror.consent.of_person(address)
    told = _as_document(address, records, statements)
    return Answer({**told, "dry_run": dry_run}, lambda console: _show(console, told))


def _as_document(
    address: str, records: list[dict[str, Any]], statements: list[Statement]
) -> dict[str, Any]:
    """``state`` is ``opted_out``, ``consented`` or ``unknown``: of the address, else of the person's records."""
    from dataclasses import asdict

    from sfsync.model.address import match_key
    from sfsync.planning.consent import standing

    held = standing(one for one in statements if one.address_key == match_key(address))
    if held is None and any(record["opted_out"] for record in records):
        held = standing(statements)
    return {
        "email": address,
        "state": held.state.value if held else "unknown",
        "since": held.since if held else None,
        "records": records,
        "statements": [asdict(one) for one in statements],
    }


def _checked(email: str, check: Any) -> str:
    from sfsync.intake.event_values import BadValueError

    try:
        return str(check(email.strip()))
    except BadValueError as error:
        raise UsageError(f"{email!r} is no address: {error}") from error


def _refuse_earlier(mirror: SqliteMirror, address: str, since: str) -> None:
    """A consent that is dated before the opt-out would be recorded and change nothing: better told."""
    last = mirror.consent.last_opt_out(address)
    if last and since <= last:
        raise UsageError(
            f"{address} opted out at {last}; a consent of {since} is not later and ends nothing",
            hint="Say with --at when the consent was given, if that was later.",
        )


def _show(console: Console, told: Mapping[str, Any]) -> None:
    from rich.text import Text

    from sfsync.cli.text import one_line

    since = f" since {told['since']}" if told["since"] else ""
    console.print(Text(one_line(f"{told['email']}: {WORDS[told['state']]}{since}"), style="bold"))
    for row in told["records"]:
        name = f"{row['object']} {row['id']}  {row['salesforce_id'] or 'not in Salesforce'}"
        here = "opted out" if row["opted_out"] else "mailable"
        waits = ", waits to be sent" if row["waits"] else ""
        ended = f", deleted {row['deleted_at']}" if row["deleted_at"] else ""
        console.print(Text(one_line(f"  {name}: {here}{waits}{ended}")))
    for said in told["statements"]:
        console.print(Text(one_line(statement_line(said))))


def statement_line(said: Mapping[str, Any]) -> str:
    """What was said of consent, when, and from where: one line for people."""
    words = f"{said['since']}  consent: {said['state'].replace('_', ' ')} ({said['source']})"
    return f"{words} {said['reason']}, for {said['address_key']}".replace(" ,", ",")
