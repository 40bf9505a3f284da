"""login: in the browser, or on a server by a private key or the app's secret."""

from __future__ import annotations

import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sfsync.cli import completion
from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli
from sfsync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from sfsync.auth.login import Login
    from sfsync.auth.unattended import Way
    from sfsync.config.sections import Config
    from sfsync.model.token import Token


def login(
    cli: Cli,
    *,
    no_browser: Annotated[
        bool,
        typer.Option(
            "--no-browser",
            help="Print the address instead of opening it; the one it ends on can be pasted.",
        ),
    ] = False,
    jwt_key: Annotated[
        Path | None,
        typer.Option(
            "--jwt-key", metavar="FILE", help="Log in without a browser, by this private key."
        ),
    ] = None,
    username: Annotated[
        str, typer.Option(metavar="NAME", help="With --jwt-key: the Salesforce user to act as.")
    ] = "",
    audience: Annotated[
        str,
        typer.Option(
            metavar="URL", help="With --jwt-key: where the login host's own audience does not fit."
        ),
    ] = "",
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help="With --jwt-key: make the key and its certificate, tell an admin, and stop.",
        ),
    ] = False,
    client_credentials: Annotated[
        bool,
        typer.Option("--client-credentials", help="Log in without a browser, by the app's secret."),
    ] = False,
    token_store: Annotated[
        str | None,
        typer.Option(
            metavar="keyring|database",
            envvar="SFSYNC_TOKEN_STORE",
            help="Where the login is kept; else the first that works.",
            autocompletion=completion.token_stores,
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for the browser.")
    ] = 180,
) -> Answer:
    """Log in to Salesforce: in the browser, or on a server by a private key or the app's secret.

    The login is kept in the keyring, or encrypted in the mirror. A private key stays in its file,
    which is read again at each renewal. The app's secret comes from $SFSYNC_CLIENT_SECRET, from the
    file that $SFSYNC_CLIENT_SECRET_FILE names, or from systemd's credential sfsync-client-secret.

    Examples:
      sfsync login
      sfsync login --no-browser
      sfsync login --jwt-key sync.pem --new
      sfsync login --jwt-key sync.pem --username sync@example.com
      sfsync login --client-credentials
    """
    _check_options(
        {
            "--jwt-key": bool(jwt_key),
            "--client-credentials": client_credentials,
            "--no-browser": no_browser,
        },
        {"--username": bool(username), "--audience": bool(audience), "--new": new},
    )
    if jwt_key and new:
        return _new_key(jwt_key)
    if jwt_key and not username:
        raise UsageError(
            "--jwt-key needs --username: the Salesforce user to act as",
            hint="Or --new to make a key.",
        )
    from sfsync.auth.unattended import Kind, Way

    if jwt_key:
        key = str(jwt_key.expanduser().absolute())
        way = Way(Kind.JWT, key, username.strip(), _address(audience))
    elif client_credentials:
        way = Way(Kind.CLIENT_CREDENTIALS)
    else:
        way = Way(Kind.BROWSER)

    def by_browser(config: Config, held: Login) -> Token:
        return _by_browser(cli, config, held, no_browser=no_browser, timeout=timeout)

    return _log_in(cli, way, token_store, by_browser)


def _check_options(ways: dict[str, bool], of_the_key: dict[str, bool]) -> None:
    """Stop where two ways to log in are asked for, or a key's option without a key.

    Args:
        ways, of_the_key: option -> whether it was given.
    """
    named = [option for option, given in ways.items() if given]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} are different ways to log in", hint="Choose one.")
    stray = [option for option, given in of_the_key.items() if given]
    if stray and not ways["--jwt-key"]:
        raise UsageError(
            f"{stray[0]} goes with --jwt-key", hint="Name the key's file: --jwt-key FILE."
        )


def _address(audience: str) -> str:
    from sfsync.auth.hosts import is_loopback

    address = audience.strip()
    if address and not address.startswith("https://") and not is_loopback(address):
        raise UsageError(
            f"--audience {address!r} is no address", hint="Such as https://login.salesforce.com."
        )
    return address


def _log_in(
    cli: Cli, way: Way, wanted_store: str | None, by_browser: Callable[[Config, Login], Token]
) -> Answer:
    """Log in; keep the token in its store and the way in the mirror, which is that org's now."""
    from dataclasses import replace

    from sfsync.auth.unattended import Kind, unattended
    from sfsync.cli.clock import local_now
    from sfsync.cli.stored_login import LOGIN_HOST, LOGIN_WAY, TOKEN_STORE, app_grants, note_key
    from sfsync.cli.stored_login import login as login_for
    from sfsync.cli.stored_login import token_store as choose
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli, begins_profile=True)
    with open_mirror(config) as mirror:
        store = choose(cli, mirror, wanted_store, probe=True)
        held = login_for(cli, config, mirror, store)
        if way.kind is Kind.BROWSER:
            token = by_browser(config, held)
        else:
            grants = app_grants(cli, config)
            token = held.server_login(lambda: unattended(way, grants, local_now()))
        mirror.state.keep_note(LOGIN_WAY, replace(way, instance_url=token.instance_url).as_note())
        mirror.state.keep_note(TOKEN_STORE, store.name)
        note_key(mirror, store)
        mirror.state.keep_note(LOGIN_HOST, config.org.login_url)
        if not mirror.state.pinned_org():
            mirror.state.pin_org(token.org_id)
    data = {
        "org_id": token.org_id,
        "user_id": token.user_id,
        "instance_url": token.instance_url,
        "scope": token.scope,
        "login": way.kind.value,
        "token_store": store.name,
    }

    def show(console: Console) -> None:
        console.print(
            f"Logged in to {token.instance_url} (org {token.org_id}); kept in the {store.name}.",
            soft_wrap=True,
        )

    return Answer(data, show)


def _by_browser(
    cli: Cli, config: Config, held: Login, *, no_browser: bool, timeout: float
) -> Token:
    import webbrowser

    def announce(url: str) -> None:
        cli.to_stderr("Open this address in a browser:")
        cli.to_stderr(url)

    open_browser: Callable[[str], bool] | None = cli.open_browser or webbrowser.open
    paste = None
    if no_browser:
        open_browser = None
        # a browser on another machine ends on an address that does not reach this one
        paste = _pasted if sys.stdin.isatty() else None
    cli.inform(f"Waiting for the browser to come back ({timeout:.0f} s at most) …")
    return held.interactive_login(
        ports=config.org.redirect_ports,
        scopes=config.org.scopes,
        announce=announce,
        open_browser=open_browser,
        paste=paste,
        deadline_seconds=timeout,
    )


MAX_TYPED = 64 * 1024
"""Characters that are read of a pasted line: standard input may be a device without an end."""


def _pasted(seconds: float) -> str | None:
    """The line that a person pasted within so many seconds, if any."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    if not ready:
        return None
    return sys.stdin.readline(MAX_TYPED) or None  # empty where stdin has ended


def _new_key(path: Path) -> Answer:
    """Make a key and its certificate, and say what an admin does with it."""
    from sfsync.auth.unattended import new_key
    from sfsync.cli.clock import local_now

    certificate = new_key(path.expanduser(), "sfsync", local_now())
    for_an_admin = (
        f"Give {certificate} to a Salesforce admin; it is not secret."
        " In the app's OAuth settings the admin enables the JWT bearer flow and uploads it,"
        " and permits the app for the user: permitted users 'admin approved',"
        " and a permission set or profile that the user has."
    )
    steps = [for_an_admin, f"Then: `sfsync login --jwt-key {path} --username USER`"]

    def show(console: Console) -> None:
        console.print(
            f"Wrote {path}, the private key, readable by you alone, and {certificate}.",
            soft_wrap=True,
        )
        for number, step in enumerate(steps, 1):
            console.print(f"{number}. {step}")

    return Answer({"key": str(path), "certificate": str(certificate), "next": steps}, show)
