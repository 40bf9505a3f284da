"""local-org: serve a small Salesforce on this machine."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import UsageError

SECRET_VARIABLE = "PENGUINMAILS_SECRET"  # noqa: S105  where a secret is, not one


def local_org(
    cli: Cli,
    *,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Where to listen; 0 for any free port."
        ),
    ] = 8700,
    seed: Annotated[
        int, typer.Option(help="The sample people; the same number gives the same ones.")
    ] = 7,
    contacts: Annotated[int, typer.Option(min=0, help="How many sample contacts.")] = 60,
    leads: Annotated[
        int | None,
        typer.Option(
            min=0, help="How many sample leads.", show_default="five twelfths of the contacts"
        ),
    ] = None,
    latency: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long each answer waits.")
    ] = 0.0,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A fault plan, as JSON (docs/local-org.md).")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the org in this file between runs.")
    ] = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Skip the login and Allow pages.")
    ] = False,
    no_custom_fields: Annotated[
        bool, typer.Option("--no-custom-fields", help="An org without PenguinMails' fields.")
    ] = False,
    no_task_external_id: Annotated[
        bool, typer.Option("--no-task-external-id", help="An org without the Task's external id.")
    ] = False,
    hide_opt_out: Annotated[
        bool,
        typer.Option("--hide-opt-out", help="An org that hides HasOptedOutOfEmail from this user."),
    ] = False,
    bare: Annotated[
        bool,
        typer.Option(
            "--bare", help="An org nobody has prepared: no fields, no permissions for them."
        ),
    ] = False,
    rotate_refresh_tokens: Annotated[
        bool,
        typer.Option("--rotate-refresh-tokens", help="Each refresh gives a new refresh token."),
    ] = False,
    pubsub_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Serve the Pub/Sub API (gRPC) there; 0 for any free port.",
            show_default="not at all",
        ),
    ] = None,
    change_events: Annotated[
        str | None,
        typer.Option(
            metavar="OBJECTS",
            help="Objects whose changes it tells, such as Contact,Lead.",
            show_default="none",
        ),
    ] = None,
    tls: Annotated[
        bool,
        typer.Option(
            "--tls", help="The Pub/Sub API under a certificate of its own, which is told."
        ),
    ] = False,
    webhooks: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Play the email platform, too, and send signed webhooks there: on this machine alone.",
        ),
    ] = None,
    webhooks_secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What signs them; made where it is missing.",
            show_default=f"${SECRET_VARIABLE}",
        ),
    ] = None,
    webhooks_speed: Annotated[
        float,
        typer.Option(
            min=0.001, metavar="TIMES", help="How much faster than in earnest a webhook is retried."
        ),
    ] = 60.0,
    traffic: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="N",
            help="How many events a minute happen by themselves, some doubled, overtaken or late.",
        ),
    ] = 0.0,
) -> Answer:
    """Serve a small Salesforce on this machine, for trying things and for tests. Ctrl-C ends it.

    With `--webhooks` it is the email platform as well: it sends what you ask for at `/_local/platform/send`, and `--traffic` of its own.

    Examples:
      sfsync local-org
      sfsync local-org --webhooks http://127.0.0.1:8788/webhooks/penguinmails --webhooks-secret-file penguinmails.secret --traffic 30
      sfsync local-org --port 0 --contacts 5000 --auto-approve
      sfsync local-org --pubsub-port 7443 --change-events Contact,Lead
      sfsync local-org --bare
    """
    from local_org.server import LocalOrg, LocalOrgConfig, MissingExtra, WebhookConfig

    config = LocalOrgConfig(
        port=port, seed=seed, contacts=contacts, leads=leads, latency_seconds=latency, faults=_plan(faults),
        state_file=state, auto_approve=auto_approve, custom_fields=not no_custom_fields,
        task_external_id=not no_task_external_id, hide_opt_out=hide_opt_out, bare=bare,
        rotate_refresh_tokens=rotate_refresh_tokens, tls=tls,
        pubsub_port=_pubsub_port(pubsub_port, change_events, tls=tls), change_events=_names(change_events),
    )  # fmt: skip
    secret = _Secret()
    if webhooks is not None:
        secret = _secret(cli, webhooks_secret_file)
        sender = WebhookConfig(webhooks, secret.value, traffic, webhooks_speed, seed)
        config = replace(config, webhooks=sender)
    elif traffic or webhooks_secret_file:
        raise UsageError(
            "nobody is named whom the email platform should send to",
            hint="Name them: --webhooks URL.",
        )
    try:
        org = LocalOrg(config)
    except ValueError as error:
        raise UsageError(
            str(error), hint="See --webhooks and --change-events in sfsync local-org --help."
        ) from error
    except MissingExtra as error:
        raise UsageError(str(error), hint="pip install 'sfsync[realtime]'") from error
    try:
        pubsub = org.pubsub
    except OSError as error:
        raise _unusable(pubsub_port, "--pubsub-port", error) from error
    try:
        with org:
            _tell(cli, _Serving(org.url, pubsub, org.certificate), webhooks, secret)
            while True:  # an Event broken off by a signal can be between two states of its lock
                time.sleep(0.5)
    except OSError as error:
        raise _unusable(port, "--port", error) from error


def _unusable(port: int | None, option: str, error: OSError) -> UsageError:
    return UsageError(
        f"port {port} cannot be used: {error.strerror}", hint=f"Take another with {option}."
    )


def _pubsub_port(port: int | None, change_events: str | None, *, tls: bool) -> int | None:
    if port is None and change_events:
        return 0
    if port is None and tls:
        raise UsageError(
            "--tls is for the Pub/Sub API, which is not served", hint="Add --pubsub-port 0."
        )
    return port


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class _Secret:
    """What the email platform signs with, and where it is, for people."""

    value: str = field(default="", repr=False)
    place: str = ""


def _secret(cli: Cli, file: Path | None) -> _Secret:
    """The secret of a file, which is made where it is missing, or of the environment."""
    from sfsync.auth.own_file import UnusableFileError, read_own

    if file is None:
        value = cli.environ.get(SECRET_VARIABLE, "").strip()
        if not value:
            raise UsageError(
                f"the email platform has nothing to sign with: ${SECRET_VARIABLE} is not set",
                hint="Set it, or name a file with --webhooks-secret-file; it is made where it is missing.",
            )
        return _Secret(value, f"${SECRET_VARIABLE}")
    made = _made(file)
    try:
        value = read_own(file).strip()
    except UnusableFileError as error:
        raise UsageError(f"{file} {error.reason}", hint=error.hint) from None
    if not value:
        raise UsageError(f"{file} is empty", hint="It has to hold the secret alone; or remove it.")
    return _Secret(value, f"{file}, new" if made else str(file))


def _made(file: Path) -> bool:
    """Make the file with a new secret, unless it is there."""
    from local_org.email_platform.signing import new_secret

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError(f"{file} cannot be made: {error.strerror}") from error
    with open(descriptor, "w", encoding="utf-8") as opened:  # noqa: PTH123  a descriptor
        opened.write(new_secret() + "\n")
    return True


@dataclass(frozen=True, slots=True)
class _Serving:
    """Where the org is."""

    url: str
    pubsub: str | None
    certificate: Path | None


def _tell(cli: Cli, org: _Serving, webhooks: str | None, secret: _Secret) -> None:
    url = org.url
    if cli.as_json:
        told = {"url": url}
        if org.pubsub is not None:
            told["pubsub"] = org.pubsub
        if org.certificate is not None:
            told["certificate"] = str(org.certificate)
        if webhooks is not None:
            told |= {"webhooks": webhooks, "secret_in": secret.place}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        return
    cli.out.print(f"A local Salesforce org at {url} (Ctrl-C ends it)")
    line = f"  sfsync init --login-url {url} --client-id sfsync-local && sfsync login"
    cli.out.print(line, soft_wrap=True)
    if org.pubsub is not None:
        line = f"Its Pub/Sub API at {org.pubsub}, {_trust(org.certificate)}"
        cli.out.print(line, soft_wrap=True)
    if webhooks is not None:
        line = f"The email platform sends to {webhooks}, signed with the secret in {secret.place}"
        cli.out.print(line, soft_wrap=True)


def _trust(certificate: Path | None) -> str:
    return f"under the certificate {certificate}" if certificate else "without TLS"


def _plan(path: Path | None) -> tuple[dict[str, Any], ...]:
    if path is None:
        return ()
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no fault plan: {error}") from error
    return tuple(plan if isinstance(plan, list) else [plan])
