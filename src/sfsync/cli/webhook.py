"""webhook: trying webhooks without guessing. Signs a sample, looks at a signature, hands deliveries in again."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli import completion
from sfsync.cli.answer import FAILED, Answer
from sfsync.cli.arrivals import inbox_state, open_inbox
from sfsync.cli.invocation import Cli
from sfsync.cli.options import DryRun
from sfsync.cli.text import counted
from sfsync.errors import OrgUnavailable, UsageError

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.intake.receiver import Sender

PATIENCE_SECONDS = 15

Source = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="The email service.", autocompletion=completion.sources),
]


def send(
    cli: Cli,
    source: Source,
    *,
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="Whose event it is.")],
    kind: Annotated[
        str,
        typer.Option("--type", metavar="TYPE", help="What happened: email.sent, email.opened, …"),
    ] = "email.sent",
    event_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The event's id; a new one if not given."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to, instead of the own listener.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show headers and body, and send nothing.")
    ] = False,
) -> Answer:
    """Sign a sample delivery as the service would, and post it to the own listener.

    Examples:
      sfsync webhook send penguinmails --email ada@example.com
      sfsync webhook send penguinmails --email ada@example.com --type email.clicked --dry-run
    """
    from sfsync.cli.clock import now
    from sfsync.cli.wiring import configuration
    from sfsync.intake.sources.signing import SIGNED, sample, signed

    config = configuration(cli)
    sender = _sender(cli, config, source)
    if source not in SIGNED:
        raise UsageError(
            f"a sample of {source} cannot be signed here",
            hint=f"Samples can be made of {' and '.join(SIGNED)}; look at a real one with `sfsync webhook verify {source}`.",
        )
    event_id = event_id or f"evt_test_{secrets.token_hex(6)}"
    body = sample(source, event_id=event_id, kind=kind, email=email, now=now())
    delivery_id = f"del_{secrets.token_hex(8)}"
    try:
        headers = signed(source, body, sender.secrets[0], delivery_id=delivery_id, now=now())
    except ValueError as error:
        raise UsageError(
            f"the secret of {source} has not the form that it needs", hint="Copy it whole."
        ) from error
    url = url or f"{_own_listener(config)}/webhooks/{source}"
    if dry_run:
        return _shown(url, headers, body)
    return _answered(url, event_id, *_posted(url, headers, body))


def _own_listener(config: Config) -> str:
    """Where the own listener is; one with any free port has said which it took."""
    if not config.listen.bind.endswith(":0"):
        return f"http://{config.listen.bind}"
    listener = inbox_state(config)["listener"] or {}
    if not (listener.get("pid") and listener.get("webhooks_at")):
        raise UsageError(
            "`sfsync listen` is not running, and listen.bind has any free port",
            hint="Start it, or say where to: --url.",
        )
    return str(listener["webhooks_at"])


def _shown(url: str, headers: dict[str, str], body: bytes) -> Answer:
    lines = [
        f"POST {url}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        body.decode(),
    ]
    return Answer(
        {"url": url, "headers": headers, "body": body.decode()},
        lambda console: console.print("\n".join(lines), soft_wrap=True),
    )


def _posted(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    import requests

    try:
        answer = requests.post(
            url, data=body, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise OrgUnavailable(
            f"{url} cannot be reached", hint="Is `sfsync listen` running? See listen.bind."
        ) from error
    return answer.status_code, answer.text[:200]


def _answered(url: str, event_id: str, status: int, text: str) -> Answer:
    sentence = f"{event_id}: HTTP {status} {text}"
    return Answer(
        {"url": url, "event_id": event_id, "status": status, "answer": text},
        lambda console: console.print(sentence, soft_wrap=True),
        exit_code=0 if status == 200 else FAILED,
        reason="" if status == 200 else sentence,
    )


def verify(
    cli: Cli,
    source: Source,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="The raw body, as it came.")],
    *,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", "-H", metavar="'NAME: VALUE'", help="A header of it; may be repeated."
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When it came; now if not given.")
    ] = None,
) -> Answer:
    """Look whether a delivery is proved by the configured secrets, and what it says.

    Examples:
      sfsync webhook verify penguinmails body.json -H 'X-PenguinMails-Signature: sha256=…'
    """
    from sfsync.cli.clock import local_now, now
    from sfsync.cli.since import parse_when
    from sfsync.cli.wiring import configuration
    from sfsync.intake.service_files import arrival_of_delivery
    from sfsync.intake.sources.proof import ForgedError, Reception

    sender = _sender(cli, configuration(cli), source)
    body = sys.stdin.buffer.read() if str(file) == "-" else _read(file)
    came = parse_when(at, local_now()) if at else now()
    given = sender.reception
    reception = Reception(came, given.public_url, given.topics, given.certificate)
    try:
        sender.source.verify(_headers(header or ()), body, sender.secrets, reception)
    except ForgedError as error:
        told = f"nothing proves that {sender.source.title} sent it: {error.reason}"
        return Answer(
            {"proved": False, "reason": error.reason},
            exit_code=FAILED,
            reason=told,
        )
    arrival = arrival_of_delivery(body, sender.source, now=came)
    events = [
        {"id": each.id, "type": each.type.value, "email": each.email, "timestamp": each.timestamp}
        for each in arrival.events
    ]
    unreadable = [str(each) for each in arrival.unreadable]
    contacts = [{"id": each.id, "columns": sorted(each.columns)} for each in arrival.contacts]
    told = f", {counted(len(contacts), 'change')} of people" if contacts else ""
    sentence = f"Proved. {counted(len(events), 'event')}{told}, {arrival.skipped} skipped"
    lines = [sentence, *(f"  {' '.join(each.values())}" for each in events), *unreadable]
    return Answer(
        {
            "proved": True,
            "events": events,
            "contacts": contacts,
            "skipped": arrival.skipped,
            "unreadable": unreadable,
        },
        lambda console: console.print("\n".join(lines), soft_wrap=True),
    )


def replay(
    cli: Cli,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Only those of this email service.",
            autocompletion=completion.sources,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Only those that came since: 2h, 7d, 2026-01-20."),
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Hand in again what came by webhook: the next run reads it anew. What is known does not count twice.

    Examples:
      sfsync webhook replay --since 2h
      sfsync webhook replay --from penguinmails
    """
    from sfsync.cli.clock import local_now
    from sfsync.cli.since import parse_when
    from sfsync.cli.wiring import configuration

    config = configuration(cli)
    if source is not None:
        _known(source)
    oldest = parse_when(since, local_now()) if since else ""
    with open_inbox(config) as inbox:
        count = inbox.hand_in_again(source=source or "", since=oldest, dry_run=dry_run)
    verb = "would wait" if dry_run else "wait"
    sentence = f"{counted(count, 'delivery')} {verb} for the next run: `sfsync push-activity`."
    return Answer({"deliveries": count}, lambda console: console.print(sentence))


def _sender(cli: Cli, config: Config, source: str) -> Sender:
    """A service that is configured, with its secrets.

    Raises:
        UsageError: it is not.
        ConfigError: a secret is not where the configuration says.
    """
    from sfsync.cli.listen_senders import senders_of

    _known(source)
    if source not in config.listen.sources:
        raise UsageError(
            f"{source} is not configured",
            hint=f"listen: {{sources: {{{source}: {{secret_env: NAME}}}}}} in {config.source.name}.",
        )
    return senders_of(config.listen, cli.environ, config.source.parent)[source]


def _known(source: str) -> None:
    from sfsync.document.problems import suggestion
    from sfsync.intake.sources.registry import NAMES

    if source not in NAMES:
        raise UsageError(
            f"{source}: no such email service{suggestion(source, NAMES)}",
            hint=f"There are: {', '.join(NAMES)}.",
        )


def _headers(lines: Sequence[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not (name.strip() and colon):
            raise UsageError(
                f"--header {line!r} has no name and value", hint="Write it as 'Name: value'."
            )
        found[name.strip()] = value.strip()
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
