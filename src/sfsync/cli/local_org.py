"""local-org: serve a small Salesforce on this machine."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import UsageError


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
) -> Answer:
    """Serve a small Salesforce on this machine, for trying things and for tests. Ctrl-C ends it.

    Examples:
      sfsync local-org
      sfsync local-org --port 0 --contacts 5000 --auto-approve
      sfsync local-org --bare
    """
    from local_org.server import LocalOrg, LocalOrgConfig

    org = LocalOrg(
        LocalOrgConfig(
            port=port, seed=seed, contacts=contacts, leads=leads, latency_seconds=latency, faults=_plan(faults),
            state_file=state, auto_approve=auto_approve, custom_fields=not no_custom_fields,
            task_external_id=not no_task_external_id, hide_opt_out=hide_opt_out, bare=bare,
            rotate_refresh_tokens=rotate_refresh_tokens,
        )
    )  # fmt: skip
    try:
        with org:
            if cli.as_json:
                sys.stdout.write(json.dumps({"url": org.url}) + "\n")
                sys.stdout.flush()
            else:
                cli.out.print(f"A local Salesforce org at {org.url} (Ctrl-C ends it)")
                line = (
                    f"  sfsync init --login-url {org.url} --client-id sfsync-local && sfsync login"
                )
                cli.out.print(line, soft_wrap=True)
            while True:  # an Event broken off by a signal can be between two states of its lock
                time.sleep(0.5)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used: {error.strerror}", hint="Take another with --port."
        ) from error


def _plan(path: Path | None) -> tuple[dict[str, Any], ...]:
    if path is None:
        return ()
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no fault plan: {error}") from error
    return tuple(plan if isinstance(plan, list) else [plan])
