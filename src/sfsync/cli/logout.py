"""logout: end the login at Salesforce and forget it here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sfsync.cli.answer import Answer
from sfsync.cli.invocation import Cli

if TYPE_CHECKING:
    from sfsync.config.sections import Config
    from sfsync.mirror.store import SqliteMirror


def logout(cli: Cli) -> Answer:
    """End the login at Salesforce and forget it here."""
    from sfsync.cli.wiring import configuration, open_mirror

    config = configuration(cli)
    with open_mirror(config) as mirror:
        revoked = end_login(cli, config, mirror)
    warnings: tuple[str, ...] = ()
    if not revoked:
        warnings = ("Salesforce could not be asked: the login may live on there until it expires",)
    return Answer(
        {"revoked": revoked}, lambda console: console.print("Logged out."), warnings=warnings
    )


def end_login(cli: Cli, config: Config, mirror: SqliteMirror) -> bool:
    """End the profile's login and forget how it was made; returns whether Salesforce confirmed.

    Raises:
        NotLoggedIn: there is none.
    """
    from sfsync.cli.stored_login import LOGIN_RENEWED, LOGIN_WAY, token_store
    from sfsync.cli.stored_login import login as login_for

    revoked = login_for(cli, config, mirror, token_store(cli, mirror)).logout()
    for note in (LOGIN_WAY, LOGIN_RENEWED):
        mirror.state.keep_note(note, "")
    return revoked
