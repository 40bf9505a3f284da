"""login, logout, whoami."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli.command import Answer, Cli, command

if TYPE_CHECKING:
    from rich.console import Console

PANEL = "Login"


def login(
    cli: Cli,
    *,
    no_browser: Annotated[
        bool,
        typer.Option(
            "--no-browser", help="Print the address instead of opening it; the one it ends on can be pasted."
        ),
    ] = False,
    token_store: Annotated[
        str | None,
        typer.Option(
            metavar="keyring|database",
            envvar="SFSYNC_TOKEN_STORE",
            help="Where the login is kept; else the first that works.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for the browser.")
    ] = 180,
) -> Answer:
    """Log in to Salesforce with the browser. The login is kept in the keyring, or encrypted in the mirror.

    Examples:
      sfsync login
      sfsync login --no-browser
      sfsync login --token-store database
    """
    import webbrowser

    from sfsync.cli.wiring import TOKEN_STORE, configuration, open_mirror
    from sfsync.cli.wiring import login as login_for
    from sfsync.cli.wiring import token_store as choose

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        store = choose(cli, mirror, token_store, probe=True)
        held = login_for(cli, config, mirror, store)

        def announce(url: str) -> None:
            cli.tell("Open this address in a browser:")
            cli.tell(url)

        cli.say(f"Waiting for the browser to come back ({timeout:.0f} s at most) …")
        token = held.interactive_login(
            ports=config.org.redirect_ports,
            scopes=config.org.scopes,
            announce=announce,
            open_browser=None if no_browser else cli.open_browser or webbrowser.open,
            paste=_pasted if no_browser and sys.stdin.isatty() else None,
            deadline_seconds=timeout,
        )
        mirror.keep_note(TOKEN_STORE, store.name)
        if not mirror.pinned_org():
            mirror.pin_org(token.org_id)
    data = {
        "org_id": token.org_id,
        "user_id": token.user_id,
        "instance_url": token.instance_url,
        "scope": token.scope,
        "token_store": store.name,
    }

    def show(console: Console) -> None:
        console.print(
            f"Logged in to {token.instance_url} (org {token.org_id}); kept in the {store.name}.",
            soft_wrap=True,
        )

    return Answer(data, show)


def _pasted(seconds: float) -> str | None:
    """What somebody pasted within so many seconds; ``None`` where nobody did."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return (sys.stdin.readline() or None) if ready else None


def logout(cli: Cli) -> Answer:
    """End the login at Salesforce and forget it here."""
    from sfsync.cli.wiring import configuration, open_mirror, token_store
    from sfsync.cli.wiring import login as login_for

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        revoked = login_for(cli, config, mirror, token_store(cli, mirror)).logout()
    warning = "Salesforce could not be asked: the login may live on there until it expires"
    return Answer(
        {"revoked": revoked},
        lambda console: console.print("Logged out."),
        warnings=() if revoked else (warning,),
    )


def whoami(cli: Cli) -> Answer:
    """Show who is logged in, to which org, and where the login is kept."""
    from sfsync.cli.wiring import configuration, open_mirror, token_store
    from sfsync.cli.wiring import login as login_for

    config = configuration(cli)
    with open_mirror(cli, config) as mirror:
        store = token_store(cli, mirror)
        held = login_for(cli, config, mirror, store)
        who = held.whoami()
        instance = held.current().instance_url
    data = {
        "username": who.username,
        "display_name": who.display_name,
        "user_id": who.user_id,
        "org_id": who.org_id,
        "instance_url": instance,
        "token_store": store.name,
    }

    def show(console: Console) -> None:
        console.print(f"{who.display_name} <{who.username}>")
        console.print(f"org {who.org_id} at {instance}; login kept in the {store.name}", soft_wrap=True)

    return Answer(data, show)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "login", panel=PANEL)(login)
    command(app, "logout", panel=PANEL)(logout)
    command(app, "whoami", panel=PANEL)(whoami)
